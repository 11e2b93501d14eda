"""Starting obs in a program that knows nothing of it, before its first line: what `obs run` does."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from obs.runtime import origin
from obs.runtime.start import start
from obs.settings import SettingError

# Tells what a program starts of the program: its process id and its service's name.
_PROGRAM = "_OBS_RUN_PROGRAM"

# In the command lines of children; that of the tracker of resources, which works for nobody, has neither.
_OF_MULTIPROCESSING = ("--multiprocessing-fork", "from multiprocessing.forkserver import")


def start_program() -> None:
    """Start obs with the settings of the environment; what is wrong is told, and the program goes on without.

    Programs that an observed one starts are left alone, unless they share its work: a line of logs in their output
    would surprise who reads it.
    """
    pid, _, service = os.environ.get(_PROGRAM, "").partition(" ")
    shares_work = _is_child() or origin.root().pid != os.getpid()
    # It may also have taken the place of the program that was observed.
    if pid and not shares_work and pid != str(os.getpid()):
        return
    arguments = sys.argv
    # Nothing has said yet which module `-m` runs, and the service may be called after it.
    sys.argv = _told(arguments)
    try:
        report = start({"service": service} if service and shares_work else {})
        os.environ[_PROGRAM] = f"{os.getpid()} {report.settings.service}"
    except SettingError as error:
        sys.stderr.write(f"obs run: nothing of this program is seen: {error}\n")
    finally:
        sys.argv = arguments


def _is_child() -> bool:
    """Whether this process was made by multiprocessing to share the work of another."""
    return any(mark in argument for mark in _OF_MULTIPROCESSING for argument in sys.orig_argv[1:])


def _told(arguments: list[str]) -> list[str]:
    """The arguments with the module in the place of `-m`, as the path that it would be."""
    if arguments[:1] != ["-m"]:
        return arguments
    module = sys.orig_argv[-len(arguments)].removeprefix("-m")
    return [str(Path(*module.split("."))), *arguments[1:]]
