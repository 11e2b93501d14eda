"""`obs signals` lists what obs emits and writes down what an application declares."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from obs.cli import main
from obs.signals import catalogue, log_fields, span_attributes
from obs.signals.model import Counter, Label
from obs.signals_file import Exported, import_signals

APPLICATION = """
import obs

print("hello from the application")
obs.init(service="shop", metrics_port=0)
placed = obs.counter("orders_placed", "Orders that were placed.", labels=("method",))


class app:
    inner = None
"""

PLACED = Counter(name="orders_placed", help="Orders that were placed.", labels=(Label("method", ""),))


def export(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `obs signals export` in a folder, as a user does."""
    command = [sys.executable, "-m", "obs", "signals", "export", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with an application in it."""
    (tmp_path / "shop_app.py").write_text(APPLICATION)
    return tmp_path


def test_the_catalogue_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Every metric, log field and span attribute has a line."""
    assert main(["signals"]) == 0
    first_words = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line}
    names = {metric.family for metric in catalogue()}
    names |= {field.name for field in log_fields()} | {attribute.name for attribute in span_attributes()}
    assert names <= first_words


def test_the_catalogue_is_there_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` holds names, kinds, units, labels and meaning."""
    assert main(["signals", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [metric["family"] for metric in found["metrics"]] == [metric.family for metric in catalogue()]
    duration = next(metric for metric in found["metrics"] if metric["name"] == "http.server.request.duration")
    assert (duration["kind"], duration["unit"]["ucum"], duration["buckets"][0]) == ("histogram", "s", 0.005)


@pytest.mark.parametrize("target", ["shop_app", "shop_app:app", "shop_app:app.inner"])
def test_an_applications_own_metrics_are_written(target: str, folder: Path) -> None:
    """The file holds the declarations; what the application prints is not mixed into it."""
    done = export(folder, target, "--service", "shop")
    assert done.returncode == 0
    assert import_signals(done.stdout) == Exported("shop", (PLACED,))
    assert done.stderr == "hello from the application\n"


def test_the_application_is_not_started(folder: Path) -> None:
    """While it is imported obs is turned off: no target file, no port, no log line."""
    (folder / "shop_app.py").write_text(APPLICATION + "import os; assert os.environ['OBS_ENABLED'] == 'false'\n")
    assert export(folder, "shop_app", "--service", "shop").returncode == 0
    assert [path.name for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"] == []


def test_a_committed_file_is_checked(folder: Path) -> None:
    """`--check` is silent while the file is up to date, and exits 1 with the difference once it is not."""
    arguments = ("shop_app", "--service", "shop", "-o", "signals.json")
    assert export(folder, *arguments, "--check").returncode == 1
    assert export(folder, *arguments).returncode == 0
    committed = (folder / "signals.json").read_text()
    fresh = export(folder, *arguments, "--check")
    assert (fresh.returncode, fresh.stdout) == (0, "")
    (folder / "shop_app.py").write_text(APPLICATION.replace("orders_placed", "orders_taken"))
    stale = export(folder, *arguments, "--check")
    assert stale.returncode == 1
    assert '-      "name": "orders_placed",\n+      "name": "orders_taken",' in stale.stdout
    assert (folder / "signals.json").read_text() == committed


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        (["shop_app:x"], "shop_app:x cannot be imported: AttributeError: module 'shop_app' has no attribute 'x'"),
        (["fails"], "fails cannot be imported: RuntimeError: no database"),
        (["leaves"], "leaves cannot be imported: SystemExit: 3"),
        ([""], " cannot be imported: ValueError: Empty module name"),
        (["shop_app", "--check"], "--check needs -o FILE, the file to check"),
        (["shop_app", "-o", "no/such/folder.json"], "no/such/folder.json cannot be written: No such file or directory"),
    ],
)
def test_what_goes_wrong_is_one_line(arguments: list[str], expected: str, folder: Path) -> None:
    """Whatever an application does when it is imported, the user reads one line and the exit code is 2."""
    (folder / "fails.py").write_text("raise RuntimeError('no database\\nreally')\n")
    (folder / "leaves.py").write_text("raise SystemExit(3)\n")
    done = export(folder, *arguments, "--service", "shop")
    lines = [line for line in done.stderr.splitlines() if line != "hello from the application"]
    assert (done.returncode, lines) == (2, [f"obs signals export: {expected}"])


def test_an_application_without_metrics_is_told(folder: Path) -> None:
    """The wrong module named by mistake does not pass in silence."""
    (folder / "empty.py").touch()
    done = export(folder, "empty", "--service", "shop")
    assert (done.returncode, done.stderr) == (0, "warning: empty declares no metric of its own\n")
