"""`obs run`: a program with logs, metrics and traces, and no line of obs in it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from obs.cli_command import Command, Refusal
from obs.nearest_name import nearest_name
from obs.settings import OPTIONS, resolve
from obs.settings.resolve import checked_text

_SITE = Path(__file__).with_name("run_site")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_EXAMPLES = """\
examples:
  obs run -- python app.py
  obs run -- uvicorn app:app --port 8000
  obs run --service shop --sample 0.1 --log-level debug -- gunicorn app:app --workers 2

The first Python program that the command is or starts is observed, with its workers, and keeps its process, signals and
exit status. An option is the same as its variable OBS_... in the environment, where alone secrets are given; a program
that calls obs.init() has its own settings from there on, those given here being weaker than its arguments. It needs obs
in the program's own environment, and does nothing for `python -I`, `-E` and `-S`.
"""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "obs run [--OPTION VALUE]... [--] COMMAND [ARGUMENT]..."
    parser.allow_abbrev = False
    parser.epilog = _EXAMPLES
    for name, option in OPTIONS.items():
        if not option.kind.secret:  # a command line can be read by everybody on the machine
            parser.add_argument(_flag(name), dest=name, metavar="VALUE", help=option.help.replace("%", "%%"))
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run, and its arguments")


def _run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise Refusal("obs run: there is no command; for example: obs run -- python app.py")
    given = {name: text for name in OPTIONS if (text := getattr(args, name, None)) is not None}
    environment = {**os.environ, **_variables(given)}
    # A wrong setting is told now, and not by each process of the program.
    resolve(environ=environment)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_SITE), environment.get("PYTHONPATH")]))
    return _become(command, environment)


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _variables(given: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of the environment for options that are given by their names.

    Raises:
        SettingError: A value is not allowed.
    """
    for name, text in given.items():
        checked_text(name, text, _flag(name))
    return {OPTIONS[name].variable: text for name, text in given.items()}


def _advice(name: str) -> str:
    """What was probably meant by a command that is not there."""
    if name.endswith(".py") and Path(name).is_file():
        return f"; did you mean `python {name}`?"
    folders = [Path(folder) for folder in os.get_exec_path() if Path(folder).is_dir()]
    near = nearest_name(name, (path.name for folder in folders for path in folder.iterdir()))
    return f"; did you mean {near}?" if near else ""


def _become(command: list[str], environment: Mapping[str, str]) -> int:
    """Let the command take the place of this process; returns only where it cannot."""
    sys.stdout.flush()
    # Python ignores it, and what is ignored stays so in the program that takes its place.
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - to run it is what was asked for
    except FileNotFoundError:
        sys.stderr.write(f"obs run: there is no command {command[0]!r}{_advice(command[0])}\n")
        return _NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"obs run: {command[0]}: {error.strerror}\n")
        return _NOT_EXECUTABLE
    finally:
        signal.signal(signal.SIGPIPE, before)


COMMAND = Command("run", "run a program with logs, metrics and traces, and no line of obs in it", _configure, _run)
