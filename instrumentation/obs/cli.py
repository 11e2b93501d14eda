"""The command `obs`: its sub-commands are entry points of the group `obs.commands`, each loaded when it is needed."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import NoReturn

from obs.cli_command import Command, Refusal
from obs.manifest import ManifestError
from obs.nearest_name import nearest_name
from obs.settings import SettingError
from obs.terminal import bold, columns

GROUP = "obs.commands"
DISTRIBUTION = "obs-kit"

# What the distribution itself brings: a fault in one of these is no missing extra.
_ROOTS = ("obs", "obs_alerts", "obs_dashboards", "obs_stack")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command.

    Args:
        argv: What follows `obs`; by default what the process was started with.

    Returns:
        0 when it is done, 1 when a check failed, 2 for wrong input, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except (SettingError, ManifestError, Refusal) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who read our output has left; the interpreter must not fail on it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def _dispatch(arguments: list[str]) -> int:
    commands = {entry.name: entry for entry in importlib.metadata.entry_points(group=GROUP)}
    if not arguments:
        sys.stderr.write(_overview(commands))
        return 2
    name, *rest = arguments
    if name in {"-h", "--help", "help"}:
        sys.stdout.write(_overview(commands))
        return 0
    if name == "--version":
        sys.stdout.write(f"obs {importlib.metadata.version(DISTRIBUTION)}\n")
        return 0
    if name not in commands:
        what = "option" if name.startswith("-") else "command"
        near = nearest_name(name, commands)
        advice = f"did you mean `obs {near}`?" if near else f"there are {', '.join(sorted(commands))}"
        raise Refusal(f"obs: there is no {what} {name!r}; {advice}")
    return _run(commands[name], rest)


def _run(entry: EntryPoint, arguments: list[str]) -> int:
    command = _loaded(entry)
    description = f"{command.help[:1].upper()}{command.help[1:]}."
    parser = _Parser(prog=f"obs {entry.name}", description=description)
    command.configure(parser)
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit as end:  # argparse has printed its help or what is wrong
        return end.code if isinstance(end.code, int) else 2
    try:
        return command.run(parsed)
    except ModuleNotFoundError as error:
        if _lacks_extra(entry, error):
            raise Refusal(f"obs {entry.name}: {_remedy(entry, error)}") from error
        raise


class _Parser(argparse.ArgumentParser):
    """A parser that offers the nearest option for one that is unknown."""

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").split(" ", 1)[0].split("=", 1)[0]
        near = nearest_name(unknown, self._option_string_actions) if unknown.startswith("--") else ""
        super().error(f"{message}; did you mean {near}?" if near else message)


def _loaded(entry: EntryPoint) -> Command:
    """The command of an entry point.

    Raises:
        Refusal: Something that it imports is missing; the text says how to get it.
    """
    try:
        command = entry.load()
    except (ImportError, AttributeError) as error:
        raise Refusal(f"obs {entry.name}: {_remedy(entry, error)}") from error
    if not isinstance(command, Command):
        raise Refusal(f"obs {entry.name}: {entry.value} is no obs.cli_command.Command")
    return command


def _lacks_extra(entry: EntryPoint, error: Exception) -> bool:
    missing = error.name if isinstance(error, ModuleNotFoundError) and error.name else ""
    own = entry.dist is not None and entry.dist.name == DISTRIBUTION
    return bool(missing) and own and missing.partition(".")[0] not in _ROOTS


def _remedy(entry: EntryPoint, error: Exception) -> str:
    if _lacks_extra(entry, error):
        return f'needs more than a service does: pip install "{DISTRIBUTION}[kit]"'
    return f"cannot be loaded: {error}"


def _overview(commands: dict[str, EntryPoint]) -> str:
    rows = [(f"  {name}", _help(entry)) for name, entry in sorted(commands.items())]
    return "\n".join(
        [
            f"{bold('usage:', sys.stdout)} obs COMMAND [OPTIONS]",
            "",
            "Logs, metrics and traces of any service; dashboards, alerts and the stack to go with them.",
            "",
            bold("commands:", sys.stdout),
            *columns(rows),
            "",
            "`obs COMMAND --help` tells a command's options, `obs --version` the version.",
            "",
        ]
    )


def _help(entry: EntryPoint) -> str:
    try:
        return _loaded(entry).help
    except Refusal as refusal:
        return f"({str(refusal).removeprefix(f'obs {entry.name}: ')})"
