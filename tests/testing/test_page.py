"""What the page about testing shows works as it stands there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from obs.testing import observe

PAGE = Path(__file__).parents[2] / "docs/testing.md"
EXAMPLES = re.findall(r"^```python test\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_passes(code: str) -> None:
    """Each test of an example passes, with what the fixture gives."""
    page: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec", dont_inherit=True), page)
    tests = [value for name, value in page.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        if inspect.signature(test).parameters:
            with observe() as observed:
                test(observed)
        else:
            test()
