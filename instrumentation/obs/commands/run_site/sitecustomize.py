"""Starts obs in each Python program below `obs run`: Python imports this before anything of the program.

It may be run by an interpreter that has no obs, and whatever happens here, the program starts.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from importlib.machinery import PathFinder

_FOLDER = os.path.dirname(__file__)  # noqa: PTH120 - each Python program starts through here


def _run_the_other() -> None:
    """Run the sitecustomize that this one hides, if there is one."""
    sys.path[:] = [entry for entry in sys.path if entry != _FOLDER]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def _start() -> None:
    try:
        from obs.runtime.program import start_program
    except ImportError as error:
        sys.stderr.write(f"obs run: nothing of this program is seen: {sys.executable} cannot load obs: {error}\n")
        return
    start_program()


try:
    _run_the_other()
finally:
    _start()
