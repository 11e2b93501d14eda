"""Ports on the loopback address: the usual ones, or free ones where those are taken."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from obs.runtime.filelock import locked

# Twice as long as a program may take to start.
_PATIENCE_SECONDS = 120.0

LOOPBACK = "127.0.0.1"
USUAL = {"prometheus": 9090, "alertmanager": 9093, "receiver": 4318}
ANY = {"prometheus": 0, "alertmanager": 0, "receiver": 0}


def choose(wanted: Mapping[str, int]) -> dict[str, int]:
    """Find a port for each program.

    Args:
        wanted: The port that each would like; 0 is any free one.

    Returns:
        That port where it is free, else another free one; no two the same.
    """
    with ExitStack() as held:
        return {name: _hold(port, held) for name, port in wanted.items()}


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep other local stacks of this user waiting until this one's programs answer on the ports that it chose.

    Of two that chose the same port the slower one would take the other's answer for its own program's.

    Raises:
        OSError: The file that is held locked cannot be opened, or `TimeoutError`: another one starts for too long.
    """
    with locked(Path(tempfile.gettempdir()) / f"obs-ports-{os.getuid()}.lock", timeout=_PATIENCE_SECONDS):
        yield


def _hold(port: int, held: ExitStack) -> int:
    probe = held.enter_context(socket.socket())
    # As the programs do: a connection that has just ended does not keep its port from them.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((LOOPBACK, port))
    except OSError:
        probe.bind((LOOPBACK, 0))
    probe.listen(1)
    return int(probe.getsockname()[1])
