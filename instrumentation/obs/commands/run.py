"""`obs run`: a program with logs, metrics and traces, and no line of obs in it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from obs.cli_command import Command, Refusal
from obs.nearest_name import nearest_name
from obs.settings import OPTIONS, resolve

_SITE = Path(__file__).with_name("run_site")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_EXAMPLES = """\
examples:
  obs run -- python app.py
  obs run -- uvicorn app:app --port 8000
  obs run --service shop --set log_level=debug --set metrics_port=0 -- gunicorn app:app --workers 2

The first Python program that the command is or starts is observed, with its workers, and keeps its process, signals and
exit status. `obs config` lists the options; a program that calls obs.init() has its own settings from there on, those
given here being weaker than its arguments. It needs obs in the program's own environment, and does nothing for
`python -I`, `-E` and `-S`.
"""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "obs run [--service NAME] [--set OPTION=VALUE]... [--] COMMAND [ARGUMENT]..."
    parser.epilog = _EXAMPLES
    parser.add_argument("--service", metavar="NAME", help="the service's name, as `--set service=NAME`")
    parser.add_argument(
        "--set",
        metavar="OPTION=VALUE",
        action="append",
        default=[],
        help="an option of obs.init(); the same as its variable OBS_... in the environment",
    )
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="what to run, and its arguments")


def _run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise Refusal("obs run: there is no command; for example: obs run -- python app.py")
    given = [*args.set, f"service={args.service}"] if args.service is not None else args.set
    environment = {**os.environ, **_variables(given)}
    # A wrong setting is told now, and not by each process of the program.
    resolve(environ=environment)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_SITE), environment.get("PYTHONPATH")]))
    return _become(command, environment)


def _variables(given: Iterable[str]) -> Mapping[str, str]:
    """The variables of the environment for options that are given as `name=value`.

    Raises:
        Refusal: There is no such option, or no value.
    """
    found = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not value.strip():
            raise Refusal(f"obs run: --set {pair}: it takes OPTION=VALUE, such as --set log_level=debug")
        if name not in OPTIONS:
            near = nearest_name(name, OPTIONS)
            advice = f"did you mean {near}?" if near else f"there are {', '.join(OPTIONS)}"
            raise Refusal(f"obs run: --set {pair}: there is no option {name!r}; {advice}")
        found[OPTIONS[name].variable] = value
    return found


def _become(command: list[str], environment: Mapping[str, str]) -> int:
    """Let the command take the place of this process; returns only where it cannot."""
    sys.stdout.flush()
    # Python ignores it, and what is ignored stays so in the program that takes its place.
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - to run it is what was asked for
    except FileNotFoundError:
        sys.stderr.write(f"obs run: there is no command {command[0]!r}\n")
        return _NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"obs run: {command[0]}: {error.strerror}\n")
        return _NOT_EXECUTABLE
    finally:
        signal.signal(signal.SIGPIPE, before)


COMMAND = Command("run", "run a program with logs, metrics and traces, and no line of obs in it", _configure, _run)
