"""Which process a process id stood for when it was noted, so that nobody else is ever stopped for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from signal import Signals
from typing import Self

from obs.runtime import origin

_ZOMBIE = b"Z"
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told from a later one that got the same id.

    Args:
        pid: Its id.
        started: When it started, as the system tells it; empty when it was gone already.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this id now."""
        return cls(pid, _started(pid))

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return bool(self.started) and _started(self.pid) == self.started

    def send(self, number: Signals) -> None:
        """Send a signal to the process alone, if it still is the one that was noted."""
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, number)

    def send_to_group(self, number: Signals) -> None:
        """Send a signal to the process group that it leads, if it still is the one that was noted."""
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def wait(self, seconds: float) -> bool:
        """Wait until it has ended; False when it has not after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_AGAIN_SECONDS)
        return True


def _started(pid: int) -> str:
    if sys.platform == "linux":
        fields = origin.stat(pid)
        return f"{origin.boot()}/{int(fields[19])}" if fields and fields[0] != _ZOMBIE else ""
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()
