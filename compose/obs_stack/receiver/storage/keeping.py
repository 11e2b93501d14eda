"""Everything that is kept, as one thing that is opened and closed: stores, writer, caps and readers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from obs_stack.receiver.options import Options
from obs_stack.receiver.storage import logs, traces
from obs_stack.receiver.storage.caps import Caps, Store
from obs_stack.receiver.storage.readers import Readers
from obs_stack.receiver.storage.writer import Writer
from obs_stack.receiver.telemetry import Telemetry


class InUseError(RuntimeError):
    """Another receiver keeps its data in the same directory."""


class Keeping:
    """What the receiver keeps.

    Args:
        options: Where, how much and for how long.
        telemetry: Where records are counted.

    Raises:
        InUseError: Another process has the directory.
        OSError: The directory cannot be made or written.
    """

    def __init__(self, options: Options, telemetry: Telemetry) -> None:
        options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        options.data.chmod(0o700)
        self._lock = _lock(options.data)
        stores: dict[str, Store] = {"logs": logs.LogStore(options.data), "traces": traces.TraceStore(options.data)}
        caps = Caps(tuple(stores.values()), options.max_bytes, options.max_age, telemetry)
        self.writer = Writer(stores, caps, telemetry, options.max_waiting)
        self.logs = Readers(options.data / logs.FILE)
        self.traces = Readers(options.data / traces.FILE)
        self.writer.start()

    def close(self) -> None:
        """Write what waits and let go of everything."""
        # The writer's connections are the last, so that SQLite folds the write-ahead logs into the files.
        self.logs.close()
        self.traces.close()
        self.writer.stop()
        os.close(self._lock)


def _lock(directory: Path) -> int:
    handle = os.open(directory / "receiver.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise InUseError(f"another receiver keeps its data in {directory}; stop it or choose another --data") from None
    return handle
