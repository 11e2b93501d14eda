"""`obs down`: stop local mode, and with `--purge` remove what it kept."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from obs.cli_command import Command, Refusal
from obs_stack.commands import data_option

if TYPE_CHECKING:
    from obs_stack.local.folders import Folders

_SUPERVISOR_SECONDS = 30.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `obs down`."""
    parser.add_argument("--purge", action="store_true", help="remove the metrics, logs and traces that were kept, too")
    data_option.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop everything.

    Returns:
        0 when nothing runs any more, 1 when something could not be stopped.

    Raises:
        Refusal: The data cannot be removed.
    """
    from obs_stack.local.folders import NotOurs

    folders = data_option.folders(arguments)
    if not _stop(folders):
        sys.stderr.write("obs down: not everything could be stopped; see obs status\n")
        return 1
    if arguments.purge:
        try:
            folders.purge()
        except (NotOurs, OSError) as error:
            raise Refusal(f"obs down: {error}") from error
        sys.stdout.write(f"{folders.root} is removed\n")
    return 0


def _stop(folders: Folders) -> bool:
    """Ask the supervisor, which stops its programs; then end what it left."""
    from obs.runtime import filelock
    from obs_stack.local import processes, state

    found = state.read(folders.state)
    if found is None:
        if filelock.is_held(folders.lock):
            return False
        sys.stdout.write("obs is not up\n")
        return True
    if filelock.is_held(folders.lock):
        found.supervisor.send(signal.SIGTERM)
        if not found.supervisor.wait(_SUPERVISOR_SECONDS):
            found.supervisor.send(signal.SIGKILL)
            found.supervisor.wait(_SUPERVISOR_SECONDS)
    processes.stop_strangers(running.identity for running in found.programs)
    if filelock.is_held(folders.lock) or any(running.identity.alive for running in found.programs):
        return False
    folders.state.unlink(missing_ok=True)
    sys.stdout.write("obs is down\n")
    return True


COMMAND = Command("down", "stop what obs up started", configure, run)
