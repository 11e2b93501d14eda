"""The pytest plugin is found by other people's suites, and costs those that do not use it nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import sys

def test_nothing_is_loaded_before_the_fixture():
    assert [name for name in sys.modules if name.partition(".")[0] in {"obs", "opentelemetry"}] == []

def test_the_fixture(observed, caplog):
    import obs
    with obs.span("work"):
        obs.get_logger().info("done", tea=1)
    assert observed.logs.one("done", tea=1).span_id == observed.spans.one("work").span_id
    import logging
    logging.getLogger("old").warning("seen twice")
    assert (caplog.messages, len(observed.logs.where("seen twice"))) == (["seen twice"], 1)

def test_a_failure(observed):
    observed.logs.one("never")

def test_an_error_that_is_kept(observed):
    import obs
    obs.counter("teas", "Teas.", labels=("status",)).add(state="ok")
"""
APART = """
import sys
import obs, obs.testing
assert "pytest" not in sys.modules
"""
LIGHT = """
import sys
import obs_pytest
assert {"obs", "opentelemetry"}.isdisjoint(sys.modules)
"""


@pytest.mark.long
def test_a_suite_elsewhere_uses_it(tmp_path: Path) -> None:
    """A suite without any configuration has the fixture, and its plugin loads nothing until then."""
    (tmp_path / "test_shop.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "."]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 3 passed, 1 error" in done.stdout, done.stdout
    assert f"unknown ['state'], missing ['status'] (at {tmp_path / 'test_shop.py'}:" in done.stdout
    assert "AssertionError: no log has message='never'" in done.stdout


@pytest.mark.parametrize("program", [APART, LIGHT])
def test_neither_loads_the_other(program: str) -> None:
    """The runtime and its testing package need no pytest, and the plugin loads nothing of obs at pytest's start."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
