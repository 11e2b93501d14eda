"""A number of a prometheus_client metric that lives in obs's store."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from obs.metrics.store import LOCK, SET, Series

# What a value had counted when it was taken out of a target's file, where that count still is.
_handed: WeakKeyDictionary[Any, tuple[Path | None, float]] = WeakKeyDictionary()


class JoinedValue:
    """A number of a prometheus_client metric that lives in obs's store.

    Args:
        series: Where it lives.
        index: Which of the series's numbers it is.
        original: The value that it stands in for.
        directory: The target's directory.
    """

    _multiprocess = False

    def __init__(self, series: Series, index: int, original: Any, directory: Path | None) -> None:
        self.series = series
        self.original = original
        self._index = index
        self._gauge = series.family.kind == "gauge"
        self._exemplar: Any = None
        where, amount = _handed.get(original, (None, 0.0))
        # What an earlier stop left in this target's files is not counted into them again.
        self._before = amount if where is not None and where == directory and not self._gauge else 0.0
        if self._gauge:
            self._store(original.get())
        else:
            # A series that was removed and is made again goes on: a count never falls.
            with LOCK:
                series.cells[index] += original.get() - self._before
        self.set_exemplar(original.get_exemplar())

    def inc(self, amount: float) -> None:
        """Add an amount."""
        with LOCK:
            cells = self.series.cells
            cells[self._index] += amount
            if self._gauge:
                cells[1] = SET

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Replace the number."""
        self._before = 0.0
        self._store(value, timestamp)

    def get(self) -> float:
        """The number, as this process alone has counted it."""
        with LOCK:
            return self._before + self.series.cells[self._index]

    def set_exemplar(self, exemplar: Any) -> None:
        """Remember an exemplar; one that names a trace is also shown by obs."""
        self._exemplar = exemplar
        if exemplar is None or self._gauge or not self.series.family.slots:
            return
        try:
            trace_id = int(exemplar.labels["trace_id"], 16)
            span_id = int(exemplar.labels.get("span_id") or "0", 16)
        except (KeyError, ValueError):
            return
        with LOCK:
            self.series.example(self._index, exemplar.value, trace_id, span_id)

    def get_exemplar(self) -> Any:
        """The exemplar that was set last."""
        return self._exemplar

    def restart(self) -> None:
        """Count from zero: after a fork."""
        self._before = 0.0
        self._exemplar = None

    def give_back(self, directory: Path | None) -> Any:
        """The original value, holding this number again."""
        self.original.set(self.get())
        if self._exemplar is not None:
            self.original.set_exemplar(self._exemplar)
        _handed[self.original] = (directory, self.get())
        if directory is None:
            # No file keeps the count, so that it is in the original alone from now on.
            with LOCK:
                self.series.cells[self._index] = 0.0
        return self.original

    def _store(self, value: float, timestamp: float | None = None) -> None:
        with LOCK:
            cells = self.series.cells
            cells[self._index] = value - self._before
            if self._gauge:
                # A gauge that still has its first value may never have been set in this process.
                cells[1] = timestamp or (SET if value or cells[1] else 0.0)
