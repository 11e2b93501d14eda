"""The numbers of this process: each series points at its doubles, wherever they live at the moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from obs.metrics.memory import FileMemory, Log, PlainMemory
from obs.metrics.records import EXEMPLAR, Family, family_record, series_record
from obs.runtime.guard import swallow

# One lock for every update and every move of the numbers. It is re-entrant because a signal handler or the garbage
# collector can count in the middle of counting; no update loses a step to that, since the interpreter runs neither
# between reading a number and writing it back (no call and no jump lies between).
LOCK = threading.RLock()

_LOW = 0xFFFFFFFFFFFFFFFF

# A gauge's second number: set (or when, for `last`), not set by this process, taken away.
SET, UNSET, REMOVED = 1.0, 0.0, -1.0


class Series:
    """The numbers of one metric and one combination of label values.

    Args:
        family: What is measured.
        labels: The label values.
    """

    __slots__ = ("cells", "family", "labels", "slots")

    cells: memoryview[float]
    slots: memoryview[int]

    def __init__(self, family: Family, labels: tuple[str, ...]) -> None:
        self.family = family
        self.labels = labels

    def example(self, slot: int, value: float, trace_id: int, span_id: int) -> None:
        """Remember an observation with its trace as the newest of a slot; call it with the lock held."""
        EXEMPLAR.pack_into(
            self.slots, slot * EXEMPLAR.size, value, time.time(), trace_id >> 64 & _LOW, trace_id & _LOW, span_id & _LOW
        )


class Store:
    """All series of the process, in plain memory or in one file."""

    def __init__(self) -> None:
        self._log = Log(PlainMemory())
        self._families: dict[Family, int] = {}
        self._series: dict[tuple[Family, tuple[str, ...]], Series] = {}

    def declare(self, family: Family) -> None:
        """Make a family known, so that a scrape shows it even without a series."""
        with LOCK:
            try:
                self._declare(family)
            except OSError as error:
                swallow("metrics.store", error)

    def add(self, series: Series) -> Series:
        """Give a series its numbers, at zero; one that is there already is returned instead.

        Where the file cannot grow, the series counts in memory that no scrape sees.
        """
        with LOCK:
            found = self._series.get((series.family, series.labels))
            if found is not None:
                return found
            try:
                self._declare(series.family)
                series.cells, series.slots = self._numbers(self._log, series)
            except OSError as error:
                swallow("metrics.store", error)
                series.cells, series.slots = self._numbers(Log(PlainMemory()), series)
                return series
            self._series[series.family, series.labels] = series
            return series

    @property
    def file_id(self) -> int:
        """Tells the file of the numbers from all others; 0 in plain memory."""
        return self._log.file_id

    def copy(self) -> bytes:
        """The bytes of this moment, as a file would hold them."""
        with LOCK:
            return self._log.copy()

    def attach(self, path: Path, worker: int, file_id: int) -> None:
        """Move the numbers into a new file, which outlives the process.

        Raises:
            OSError: The file cannot be written; the numbers stay where they are.
        """
        with LOCK:
            self._move(Log(FileMemory(path), os.getpid(), worker, file_id), keep=self._series.values())

    def detach(self) -> None:
        """Leave the file and its counts behind, for the other workers to add up; gauges go on in plain memory."""
        with LOCK:
            gauges = [series for series in self._series.values() if series.family.kind == "gauge"]
            self._move(Log(PlainMemory()), keep=gauges)

    def restart(self) -> None:
        """Start at zero in plain memory: a child of fork, whose parent keeps what was counted so far."""
        with LOCK:
            self._move(Log(PlainMemory()), keep=())

    def _declare(self, family: Family) -> None:
        if family not in self._families:
            self._log.append(family_record(family))
            self._families[family] = len(self._families)

    def _move(self, log: Log, keep: Iterable[Series]) -> None:
        for family in self._families:
            log.append(family_record(family))
        kept = {id(series) for series in keep}
        places = [(series, *self._numbers(log, series)) for series in self._series.values()]
        for series, cells, slots in places:
            if id(series) in kept:
                cells[:] = series.cells
                slots[:] = series.slots
            series.cells, series.slots = cells, slots
        self._log = log

    def _numbers(self, log: Log, series: Series) -> tuple[memoryview[float], memoryview[int]]:
        record, start = series_record(series.family, self._families.get(series.family, 0), series.labels)
        place = log.append(record)
        end = start + series.family.cells * 8
        return place[start:end].cast("d"), place[end:]


STORE = Store()


def _restart_in_child() -> None:
    try:
        STORE.restart()
    finally:
        LOCK.release()


if hasattr(os, "register_at_fork"):
    # Taken by the forking thread, so that no other thread is half-way through a change when the child is copied.
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=_restart_in_child)
