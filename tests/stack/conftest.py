"""What the tests of the stack share: a manifest in an empty folder, and the real programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_stack import programs

Run = Callable[..., subprocess.CompletedProcess[str]]

MANIFEST = """
[project]
name = "shop"

[[services]]
name = "gateway"
owner = "storefront"

[[services.slos]]
name = "availability"
kind = "availability"
objective = 99.9
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds nothing but a manifest, and is the working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "obs.toml").write_text(MANIFEST)
    monkeypatch.chdir(folder)
    return folder


def _runner(name: str) -> Run:
    path = programs.find(name)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture(scope="session")
def promtool() -> Run:
    """Prometheus' own checker."""
    return _runner("promtool")


@pytest.fixture(scope="session")
def amtool() -> Run:
    """Alertmanager's own checker."""
    return _runner("amtool")
