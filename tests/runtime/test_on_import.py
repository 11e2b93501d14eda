"""What waits for a library begins when it is imported, however it was looked for before."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

from obs.runtime.on_import import after_import
from obs.runtime.patcher import Patcher


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a library that nobody has imported."""
    (tmp_path / "tea_library.py").write_text("ready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tea_library", raising=False)
    return "tea_library"


def test_looking_for_a_library_is_no_import(library: str) -> None:
    """`find_spec`, by which `python -m` and many a program look first, begins nothing and spoils nothing."""
    patch, begun = Patcher(), []
    after_import(patch, library, lambda: begun.append(sys.modules[library].ready))
    assert importlib.util.find_spec(library) is not None
    assert begun == []
    module = importlib.import_module(library)
    importlib.reload(module)
    assert begun == [True]
    assert type(module.__loader__).__module__ == "_frozen_importlib_external"
    patch.restore()


def test_nothing_begins_after_it_was_undone(library: str) -> None:
    """A library that is imported after the end of obs is left alone."""
    patch, begun = Patcher(), []
    after_import(patch, library, lambda: begun.append(True))
    importlib.util.find_spec(library)
    before = list(sys.meta_path)
    patch.restore()
    assert len(sys.meta_path) == len(before) - 1
    importlib.import_module(library)
    assert begun == []
