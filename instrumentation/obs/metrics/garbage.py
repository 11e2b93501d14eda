"""How often and how long the garbage collector held the process."""

from __future__ import annotations

import gc
from time import perf_counter

from obs.metrics.children import CounterChild, HistogramChild
from obs.metrics.instruments import instrument
from obs.runtime.guard import Guard
from obs.signals import runtime

_GENERATIONS = tuple(runtime.GENERATION.values)


class GarbageWatch:
    """Counts the collector's runs and times their pauses, from `start` to `stop`.

    Args:
        worker: This process's number in the target.
    """

    def __init__(self, worker: int) -> None:
        self._began = 0.0
        self._pauses: dict[int, HistogramChild] = {}
        self._runs: dict[int, CounterChild] = {}
        self._collected: dict[int, CounterChild] = {}
        self._uncollectable: dict[int, CounterChild] = {}
        self.rename(worker)

    def rename(self, worker: int) -> None:
        """Count under another number from now on: after a fork."""
        for index, generation in enumerate(_GENERATIONS):
            self._pauses[index] = instrument(runtime.GC_PAUSE).child(generation)
            self._runs[index] = instrument(runtime.GC_COLLECTIONS).child(str(worker), generation)
            self._collected[index] = instrument(runtime.GC_COLLECTED).child(str(worker), generation)
            self._uncollectable[index] = instrument(runtime.GC_UNCOLLECTABLE).child(str(worker), generation)

    def start(self) -> None:
        """Watch every run of the collector."""
        gc.callbacks.append(self._seen)

    def stop(self) -> None:
        """Watch no more."""
        if self._seen in gc.callbacks:
            gc.callbacks.remove(self._seen)

    def _seen(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = perf_counter()
            return
        with Guard("metrics.garbage"):
            generation = info["generation"]
            self._pauses[generation].record(perf_counter() - self._began)
            self._runs[generation].add()
            if info["collected"]:
                self._collected[generation].add(info["collected"])
            if info["uncollectable"]:
                self._uncollectable[generation].add(info["uncollectable"])
