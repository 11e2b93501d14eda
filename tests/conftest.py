"""What every test shares: a clean environment, and a failure for each error that obs kept from the application."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs.runtime import guard


@pytest.fixture(autouse=True)
def swallowed() -> Iterator[list[BaseException]]:
    """What obs swallowed during the test; anything that the test leaves in it fails the test.

    A test that provokes an internal error takes it out with `swallowed.clear()` once it has looked at it.
    """
    kept: list[BaseException] = []
    guard.observed = kept
    yield kept
    guard.observed = None
    if kept:
        raise AssertionError(f"obs swallowed {len(kept)} error(s)") from kept[0]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no test leaves anything in the user's folders."""
    for name in os.environ:
        if name.startswith(("OBS_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OBS_LOCAL_DIR", str(tmp_path / "state"))


@pytest.fixture
def initialised() -> Iterator[None]:
    """Shuts obs down after a test that calls `obs.init()`."""
    import obs

    yield
    obs.shutdown()
