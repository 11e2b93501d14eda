"""What `make` does before everything else: a virtual environment, or one clear message."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="make is not usual there")

SCRIPT = Path(__file__).parents[2] / "scripts" / "environment"
# A Python that notes what it is asked, and makes environments whose Python does the same.
PYTHON = """#!/bin/sh
echo "$@" >> {calls}
case "$*" in
  *version_info?:2*) echo 3.12 ;;
  *"-m venv"*) /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python ;;
  {refused}) exit 1 ;;
esac
"""


class Machine:
    """A machine with nothing but a Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"

    def has(self, python: Path, *, refuses: str = "nothing") -> None:
        """Put a Python somewhere, one that fails when it is asked for what a pattern matches."""
        python.parent.mkdir(parents=True, exist_ok=True)
        python.write_text(PYTHON.format(calls=self.calls, refused=refuses))
        python.chmod(0o755)

    def makes(self) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            ["/bin/sh", SCRIPT, ".venv", "lock"],
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without anything."""
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("refuses", "said"),
    [("*version_info\\ *", "Python 3.11 or later is needed"), ("*ensurepip*", "apt-get install python3.12-venv")],
)
def test_what_is_missing_is_one_line(machine: Machine, refuses: str, said: str) -> None:
    """A Python that is too old and a missing venv module are named with the command that brings them."""
    machine.has(machine.folder / "bin" / "python3", refuses=refuses)
    refused = machine.makes()
    assert refused.returncode == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (machine.folder / ".venv").exists()


def test_no_python_is_one_line(machine: Machine) -> None:
    """Without any Python the message is the same as with one that is too old."""
    refused = machine.makes()
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "macOS: brew install python" in refused.stderr


def test_a_half_made_environment_is_made_anew(machine: Machine) -> None:
    """Ctrl-C while the environment is made leaves one without pip; the next call does not stumble over it."""
    machine.has(machine.folder / "bin" / "python3")
    machine.has(machine.folder / ".venv" / "bin" / "python", refuses="*pip*")
    assert machine.makes().returncode == 0
    assert "-m venv --clear .venv" in machine.calls.read_text()


def test_a_whole_environment_is_kept(machine: Machine) -> None:
    """New locked versions go into the environment that is there."""
    machine.has(machine.folder / "bin" / "python3")
    machine.has(machine.folder / ".venv" / "bin" / "python")
    assert machine.makes().returncode == 0
    assert "-m venv" not in machine.calls.read_text()
    assert "--requirement lock" in machine.calls.read_text()
