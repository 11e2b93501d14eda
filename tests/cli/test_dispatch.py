"""What the command `obs` does with what a user types."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from obs.cli import main

OBS = str(Path(sys.executable).parent / "obs")


def group(*entries: EntryPoint) -> object:
    """A stand-in for `importlib.metadata.entry_points` that knows these commands only."""

    def entry_points(**_: str) -> tuple[EntryPoint, ...]:
        return entries

    return entry_points


def entry(name: str, value: str, distribution: str = "obs-kit") -> EntryPoint:
    """The entry point of a command, as an installed distribution declares it."""
    declared = EntryPoint(name, value, "obs.commands")
    vars(declared)["dist"] = importlib.metadata.distribution(distribution)
    return declared


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three commands in files of their own: one that works, one whose extra is missing, one that is broken."""
    sources = {
        "works_command": "def run(args):\n    print('done')\n    return 0\n",
        "lacks_command": "import surely_not_installed\n",
        "late_command": "def run(args):\n    import surely_not_installed\n",
        "broken_command": "import obs.surely_not_there\n",
    }
    tail = "\nfrom obs.cli_command import Command\nCOMMAND = Command('x', 'do it', lambda parser: None, run)\n"
    for module, source in sources.items():
        (tmp_path / f"{module}.py").write_text(source + tail)
    monkeypatch.syspath_prepend(tmp_path)
    entries = [entry(module.removesuffix("_command"), f"{module}:COMMAND") for module in sources]
    monkeypatch.setattr(importlib.metadata, "entry_points", group(*entries))
    yield
    for module in sources:
        sys.modules.pop(module, None)


def test_help_lists_every_command(plugins: None, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing extra is shown with the line that brings it, and one broken command hides no other."""
    assert main(["--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[5:9] == [
        "broken  (cannot be loaded: No module named 'obs.surely_not_there')",
        'lacks   (needs more than a service does: pip install "obs-kit[kit]")',
        "late    do it",
        "works   do it",
    ]


def test_a_command_runs_and_gives_its_exit_code(plugins: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What follows the name goes to the command."""
    assert main(["works"]) == 0
    assert capsys.readouterr().out == "done\n"


@pytest.mark.parametrize("name", ["lacks", "late"])
def test_a_command_without_its_extra_says_how_to_get_it(
    name: str, plugins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether it needs the extra at once or in the middle, the user reads one line and no traceback."""
    assert main([name]) == 2
    assert capsys.readouterr().err == f'obs {name}: needs more than a service does: pip install "obs-kit[kit]"\n'


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["conifg"], "obs: there is no command 'conifg'; did you mean `obs config`?\n"),
        (["--jsno"], "obs: there is no option '--jsno'; there are config, generate\n"),
        (["xyzzy"], "obs: there is no command 'xyzzy'; there are config, generate\n"),
    ],
)
def test_an_unknown_command_is_told_with_the_nearest(
    arguments: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt command exits 2 with one line."""
    commands = [entry("config", "obs.commands.config:COMMAND"), entry("generate", "nowhere:COMMAND")]
    monkeypatch.setattr(importlib.metadata, "entry_points", group(*commands))
    assert main(arguments) == 2
    assert capsys.readouterr().err == expected


def test_without_a_command_the_overview_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    """`obs` alone shows what there is, on stderr."""
    assert main([]) == 2
    assert "usage: obs COMMAND" in capsys.readouterr().err


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """`obs --version` prints what is installed."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"obs {importlib.metadata.version('obs-kit')}\n"


def test_a_wrong_argument_of_a_command_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The command's own usage is shown, and the nearest option."""
    assert main(["config", "--jsno"]) == 2
    told = capsys.readouterr().err
    assert "usage: obs config [-h] [--json]" in told
    assert "unrecognized arguments: --jsno; did you mean --json?" in told


def test_every_installed_command_tells_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Each entry point of this distribution loads and has a sentence."""
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for command in importlib.metadata.entry_points(group="obs.commands"):
        assert f"\n  {command.name} " in listed
    assert "cannot be loaded" not in listed


@pytest.mark.parametrize("program", [[OBS], [sys.executable, "-m", "obs"]], ids=["obs", "python -m obs"])
def test_the_installed_program_answers(program: list[str], tmp_path: Path) -> None:
    """`obs config` and `python -m obs config` run as users run them, without colour in a pipe."""
    output = subprocess.run([*program, "config"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert output.stdout.startswith("OPTION ")
    assert output.stderr == ""


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    """`obs signals | head -1` ends without a traceback."""
    read, write = os.pipe()
    os.close(read)
    output = subprocess.run(
        [OBS, "signals"], stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    os.close(write)
    assert (output.returncode, output.stderr) == (141, "")


@pytest.mark.parametrize(
    ("terminal", "no_color", "expected"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_bold_is_for_terminals(
    terminal: bool,
    no_color: str,
    expected: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Headings are bold on a terminal, and plain elsewhere and where `NO_COLOR` is set."""
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    main(["--help"])
    assert ("\x1b[1m" in capsys.readouterr().out) == expected
