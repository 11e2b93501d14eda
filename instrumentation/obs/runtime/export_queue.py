"""The records of one signal that wait for delivery, in a queue whose `put` costs a fraction of a microsecond."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from obs import metrics
from obs.signals import own_health

BATCH = 512
NEVER = sys.maxsize

DROPPED = metrics.instrument(own_health.DROPPED)
_size = metrics.instrument(own_health.QUEUE_SIZE)
_capacity = metrics.instrument(own_health.QUEUE_CAPACITY)

Encode = Callable[[list[Any]], bytes]
Put = Callable[[Any], None]


class Queue:
    """The records of one signal that wait.

    Args:
        signal: `traces` or `logs`.
        path: Where they go, below the endpoint.
        encode: Makes the body of a request; the bodies of two requests joined must be one of both.
        capacity: The most records that may wait.
        wake: Called by `put` when the thread must look at the queue.
        revive: Called by `put` when the queue is full, in case that the thread has died.
    """

    __slots__ = (
        "_revive",
        "_wake",
        "batches",
        "capacity",
        "encode",
        "encoding",
        "failed",
        "items",
        "not_before",
        "path",
        "signal",
        "since",
        "wake_at",
    )

    def __init__(
        self,
        signal: str,
        path: str,
        encode: Encode,
        capacity: int,
        wake: Callable[[], object],
        revive: Callable[[], object],
    ) -> None:
        self.signal = signal
        self.path = path
        self.encode = encode
        self.capacity = capacity
        self._wake = wake
        self._revive = revive
        self.items: deque[Any] = deque()
        self.clear()

    def clear(self) -> None:
        """Hold nothing, as at the beginning."""
        self.items = deque()
        # What was taken out of `items` and is not accepted yet: records with their body.
        self.batches: list[tuple[list[Any], bytes]] = []
        # How many are between the two.
        self.encoding = 0
        self.failed = 0
        self.not_before = 0.0
        # When the thread first saw what waits; 0 when nothing does.
        self.since = 0.0
        # `put` wakes the thread when this many records waited before: 0 while it sleeps.
        self.wake_at = 0

    def put(self, item: Any) -> None:
        """Take a record; never blocks and never raises."""
        items = self.items
        waiting = len(items)
        if waiting >= self.capacity:
            if self.capacity:
                DROPPED.child(self.signal, "queue_full").add(1)
                self._revive()
            return
        items.append(item)
        if waiting >= self.wake_at:
            self.wake_at = NEVER
            self._wake()

    @property
    def held(self) -> int:
        """How many records are neither delivered nor given up."""
        return len(self.items) + self.encoding + sum(len(records) for records, _ in self.batches)

    def due(self, now: float, interval: float) -> float | None:
        """When the next thing is to be done, and have `put` wake the thread if that changes; None: nothing waits."""
        if self.batches:
            return self.not_before
        if not self.items:
            self.since, self.wake_at = 0.0, 0
            # One that came before `put` could see it was not announced.
            if not self.items:
                return None
        self.since = self.since or now
        self.wake_at = BATCH - 1
        return now if len(self.items) >= BATCH else self.since + interval

    def show(self) -> None:
        """Set the gauges."""
        _size.child(self.signal).set(self.held)
        _capacity.child(self.signal).set(self.capacity)
