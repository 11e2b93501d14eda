"""Starting obs in a program that knows nothing of it, before its first line: what `obs run` does."""

from __future__ import annotations

import sys
from pathlib import Path

from obs.runtime.start import start
from obs.settings import SettingError


def start_program(service: str) -> str:
    """Start obs with the settings of the environment; what is wrong is told, and the program goes on without.

    Args:
        service: The service's name where it is known; empty where the program tells.

    Returns:
        The service's name; empty where nothing was started.
    """
    arguments = sys.argv
    # Nothing has said yet which module `-m` runs, and the service may be called after it.
    sys.argv = _told(arguments)
    try:
        return start({"service": service} if service else {}).settings.service
    except SettingError as error:
        sys.stderr.write(f"obs run: nothing of this program is seen: {error}\n")
        return ""
    finally:
        sys.argv = arguments


def _told(arguments: list[str]) -> list[str]:
    """The arguments with the module in the place of `-m`, as the path that it would be."""
    if arguments[:1] != ["-m"]:
        return arguments
    module = sys.orig_argv[-len(arguments)].removeprefix("-m")
    return [str(Path(*module.split("."))), *arguments[1:]]
