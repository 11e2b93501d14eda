"""Where a process comes from: the root of the server that it is a worker of."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LONGEST_CHAIN = 16


@dataclass(frozen=True, slots=True)
class Root:
    """The process that was started when the server was started.

    Args:
        pid: Its process id.
        started: Its start in clock ticks since boot (Linux), so that a reused pid is another root; else 0.
        boot: The machine's boot and the pid namespace; empty where they are not known.
    """

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether it runs, as far as this process can see."""
        if self.boot:
            return self.boot == boot() and started(self.pid) == self.started != 0
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True


def root() -> Root:
    """Find the root of this process.

    The worker of a server leads to the server: through multiprocessing (uvicorn, hypercorn), gunicorn's arbiter, or a
    plain fork, which keeps the command line. A program that was launched as another one is its own root.
    """
    pid = os.getpid()
    for _ in range(_LONGEST_CHAIN):
        parent = _server_of_self() if pid == os.getpid() else _server_of(pid)
        if parent in (0, pid):
            break
        pid = parent
    return Root(pid, started(pid), boot())


def started(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when it is gone or the system does not tell."""
    fields = stat(pid)
    return int(fields[19]) if fields else 0


def stat(pid: int) -> list[bytes]:
    """The fields of /proc/<pid>/stat from the third on (`man proc`); empty when the process is gone."""
    try:
        return (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


def boot() -> str:
    """What tells this boot of this machine, and this pid namespace, from another."""
    try:
        namespace = (_PROC / "self/ns/pid").readlink()
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}/{namespace}"
    except OSError:
        return ""


def _server_of_self() -> int:
    multiprocessing = sys.modules.get("multiprocessing.process")
    parent = multiprocessing.parent_process() if multiprocessing else None
    if parent is not None and parent.pid is not None:
        return int(parent.pid)
    if "gunicorn.arbiter" in sys.modules:
        return _arbiter() or _server_of(os.getpid())
    return _server_of(os.getpid())


def _arbiter() -> int:
    """The arbiter's pid when this is a gunicorn worker: it has its own handler for SIGUSR1, and knows its parent."""
    workers = sys.modules.get("gunicorn.workers.base")
    worker = getattr(signal.getsignal(signal.SIGUSR1), "__self__", None)
    if workers is None or not isinstance(worker, workers.Worker):
        return 0
    return int(worker.ppid)


def _server_of(pid: int) -> int:
    """The parent of a process that was forked or spawned to share its work, else 0."""
    fields = stat(pid)
    if not fields:
        return 0
    parent = int(fields[1])
    command = _command(pid)
    spawned = b"--multiprocessing-fork" in command or b"multiprocessing.forkserver" in command
    forked = bool(command) and command == _command(parent)
    return parent if spawned or forked else 0


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
