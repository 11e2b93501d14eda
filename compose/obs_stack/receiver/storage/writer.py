"""The one thread that writes: it takes what has gathered, commits it as one transaction a store, then answers."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from obs_stack.receiver.storage.caps import Caps, Store
from obs_stack.receiver.storage.database import transaction
from obs_stack.receiver.telemetry import Telemetry

_AGE_EVERY_SECONDS = 30.0
_IDLE_SECONDS = 1.0
_ROWS_A_TRANSACTION = 10_000
_TELL_EVERY_SECONDS = 10.0


class OverloadedError(Exception):
    """More records wait than may, or the disk does not take them; the sender should try again."""


@dataclass(slots=True)
class _Job:
    signal: str
    rows: Sequence[tuple[object, ...]]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[int] = field(repr=False)


class Writer:
    """Writes rows and keeps the caps.

    Args:
        stores: The store of each signal; they belong to the writer's thread from `start()` on.
        caps: What removes too much and too old.
        telemetry: Where records are counted.
        max_waiting: The most records that may wait.
    """

    def __init__(self, stores: Mapping[str, Store], caps: Caps, telemetry: Telemetry, max_waiting: int) -> None:
        self._stores = stores
        self._caps = caps
        self._telemetry = telemetry
        self._max_waiting = max_waiting
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._told = -_TELL_EVERY_SECONDS
        self._thread = threading.Thread(target=self._run, name="obs-write", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    async def write(self, signal: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Store rows; returns after they are committed.

        Raises:
            OverloadedError: They were not stored.
        """
        if not rows:
            return
        if self._waiting and self._waiting + len(rows) > self._max_waiting:
            self._telemetry.dropped.labels(signal, "overload").inc(len(rows))
            raise OverloadedError(f"{self._waiting} records wait to be written")
        loop = asyncio.get_running_loop()
        job = _Job(signal, rows, loop, loop.create_future())
        self._note_waiting(len(rows))
        self._queue.put(job)
        try:
            stored = await asyncio.shield(job.done)
        finally:
            self._note_waiting(-len(rows))
        self._telemetry.records.labels(signal).inc(stored)
        self._telemetry.duplicates.labels(signal).inc(len(rows) - stored)

    def stop(self) -> None:
        """Write what waits, then close the stores."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
        for store in self._stores.values():
            store.connection.close()

    def _note_waiting(self, change: int) -> None:
        self._waiting += change
        self._telemetry.waiting.set(self._waiting)

    def _run(self) -> None:
        busy, settled, next_age = True, True, 0.0
        while True:
            jobs, ended = self._take(wait=0.0 if busy else _IDLE_SECONDS)
            for signal, group in groupby(sorted(jobs, key=lambda job: job.signal), key=lambda job: job.signal):
                self._commit(self._stores[signal], list(group))
            if ended:
                break
            try:
                busy = self._caps.trim_size(sum(len(job.rows) for job in jobs))
                if time.monotonic() >= next_age:
                    more = self._caps.trim_age(time.time_ns())
                    busy = busy or more
                    next_age = time.monotonic() + (0.0 if more else _AGE_EVERY_SECONDS)
                idle = not jobs and not busy
                if idle and not settled:
                    self._caps.settle()
                settled = idle
            except sqlite3.Error as error:
                busy = False
                self._tell(f"old records cannot be removed: {error}")
        self._settle_at_the_end()

    def _settle_at_the_end(self) -> None:
        try:
            self._caps.settle()
        except sqlite3.Error as error:
            self._tell(f"the write-ahead log cannot be folded in: {error}")

    def _take(self, wait: float) -> tuple[list[_Job], bool]:
        """What has gathered, up to one transaction's worth, and whether the end has come."""
        jobs: list[_Job] = []
        rows = 0
        while rows < _ROWS_A_TRANSACTION:
            try:
                job = self._queue.get(timeout=wait) if wait and not jobs else self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                return jobs, True
            jobs.append(job)
            rows += len(job.rows)
        return jobs, False

    def _commit(self, store: Store, jobs: list[_Job]) -> None:
        try:
            with transaction(store.connection):
                stored = [store.insert(job.rows) for job in jobs]
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            self._tell(f"{store.signal} cannot be written: {error}")
            for job in jobs:
                self._telemetry.dropped.labels(store.signal, "overload").inc(len(job.rows))
                _answer(job, OverloadedError(f"the store does not take them: {error}"))
        else:
            for job, count in zip(jobs, stored, strict=True):
                _answer(job, count)

    def _tell(self, message: str) -> None:
        if time.monotonic() - self._told >= _TELL_EVERY_SECONDS:
            self._told = time.monotonic()
            sys.stderr.write(f"obs receiver: {message}\n")


def _answer(job: _Job, outcome: int | Exception) -> None:
    def set_outcome() -> None:
        if job.done.done():
            return
        if isinstance(outcome, Exception):
            job.done.set_exception(outcome)
        else:
            job.done.set_result(outcome)

    try:
        job.loop.call_soon_threadsafe(set_outcome)
    except RuntimeError:
        # The loop is closed: nobody waits any more, and the rows are stored all the same.
        return
