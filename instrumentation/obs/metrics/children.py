"""One series of a counter, gauge or histogram: found once, then updated in well under a microsecond, never raising."""

from __future__ import annotations

import time
from bisect import bisect_left

from obs.metrics.records import Family
from obs.metrics.store import LOCK, SET, Series
from obs.runtime.guard import swallow

_INFINITY = float("inf")


class CounterChild(Series):
    """One series of a counter."""

    __slots__ = ()

    def add(self, amount: float = 1.0, trace_id: int = 0, span_id: int = 0) -> None:
        """Count; never raises.

        Args:
            amount: How much, finite and not negative; anything else is refused and counted as an internal error.
            trace_id: The trace it happened in; 0: none.
            span_id: The span it happened in.
        """
        try:
            if not 0.0 <= amount < _INFINITY:
                _refuse(self, amount)
                return
            with LOCK:
                self.cells[0] += amount
                if trace_id:
                    self.example(0, amount, trace_id, span_id)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.add", error)


class GaugeChild(Series):
    """One series of a gauge."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:
        """Move the value up, or down by a negative amount; never raises.

        Args:
            amount: How far, finite; anything else is refused and counted as an internal error.
        """
        try:
            if not -_INFINITY < amount < _INFINITY:
                _refuse(self, amount)
                return
            with LOCK:
                cells = self.cells
                cells[0] += amount
                cells[1] = time.time() if self.family.across == "last" else SET
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.add", error)

    def set(self, value: float) -> None:
        """Replace the value; never raises.

        Args:
            value: The new one; NaN is refused and counted as an internal error.
        """
        try:
            if value != value:  # noqa: PLR0124 - only NaN is not itself
                _refuse(self, value)
                return
            with LOCK:
                cells = self.cells
                cells[0] = value
                cells[1] = time.time() if self.family.across == "last" else SET
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.set", error)


class HistogramChild(Series):
    """One series of a histogram."""

    __slots__ = ("_bounds",)

    def __init__(self, family: Family, labels: tuple[str, ...]) -> None:
        super().__init__(family, labels)
        self._bounds = family.bounds

    def record(self, value: float, trace_id: int = 0, span_id: int = 0) -> None:
        """Record an observation; never raises.

        Args:
            value: What was measured, in the metric's unit, finite and not negative; anything else is refused and
                counted as an internal error.
            trace_id: The trace it happened in; 0: none.
            span_id: The span it happened in.
        """
        try:
            if not 0.0 <= value < _INFINITY:
                _refuse(self, value)
                return
            bucket = bisect_left(self._bounds, value)
            with LOCK:
                cells = self.cells
                cells[bucket] += 1.0
                cells[-1] += value
                if trace_id:
                    self.example(bucket, value, trace_id, span_id)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.record", error)


def _refuse(series: Series, value: float) -> None:
    swallow("metrics.value", ValueError(f"{series.family.name} takes no {value!r}"))
