"""The pytest plugin of obs: the fixture `observed`.

It stands beside the package `obs`, since pytest imports a plugin at every start: importing anything of `obs` would load
OpenTelemetry, and what a service measures of its own imports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from obs.testing import Observed

__all__ = ["observed"]


@pytest.fixture
def observed() -> Iterator[Observed]:
    """The logs, spans and metrics that the test causes, captured: no port, no network, nothing printed."""
    from obs.testing import observe

    with observe() as captured:
        yield captured
