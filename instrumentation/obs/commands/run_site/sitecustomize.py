"""Starts obs in the Python program below `obs run`: Python imports this before anything of the program.

It may be run by an interpreter that has no obs, and whatever happens here, the program starts. Programs that the
observed one starts are left alone, and load nothing of obs, unless they share its work: a line of logs in their output
would surprise who reads it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from importlib.machinery import PathFinder

_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - each Python program starts through here

# Tells what a program starts of the program: its process id, what it runs, and its service's name.
_PROGRAM = "_OBS_RUN_PROGRAM"

# In the command lines of children; that of the tracker of resources, which works for nobody, has neither.
_OF_MULTIPROCESSING = ("--multiprocessing-fork", "from multiprocessing.forkserver import")


def _run_the_other() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [entry for entry in sys.path if entry != _FOLDER]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def _is_child() -> bool:
    """Whether this process was made by multiprocessing to share the work of another."""
    return any(mark in argument for mark in _OF_MULTIPROCESSING for argument in sys.orig_argv[1:])


def _names() -> list[str]:
    """What this process runs; a reloader starts it again by other paths, and by another name of Python."""
    return [os.path.basename(argument) for argument in sys.orig_argv[1:]]  # noqa: PTH119


def _start() -> None:
    known = json.loads(os.environ.get(_PROGRAM, "{}"))
    names = known["names"] if known and _is_child() else _names()
    shares_work = bool(known) and names == known["names"]
    # It may also have taken the place of the program that was observed.
    if known and not shares_work and known["pid"] != os.getpid():
        _leave_alone()
        return
    try:
        from obs.runtime.program import start_program
    except ImportError as error:
        sys.stderr.write(f"obs run: nothing of this program is seen: {sys.executable} cannot load obs: {error}\n")
        return
    # A child's command line does not tell what it does, so neither would the name that it would give itself.
    service = start_program(known["service"] if shares_work else "")
    if service:
        os.environ[_PROGRAM] = json.dumps({"pid": os.getpid(), "names": names, "service": service})


def _leave_alone() -> None:
    """Have what this process starts be left alone as well, its children of multiprocessing among it."""
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path != _FOLDER)


try:
    _run_the_other()
finally:
    _start()
