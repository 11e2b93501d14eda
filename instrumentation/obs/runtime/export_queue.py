"""The records of one signal that wait for delivery, as the bytes that will be sent.

A record is encoded where it ends, by the thread that made it. It is the same work there as in the exporting thread,
but that one would ask for the interpreter over and over beside the requests, which costs both of them more than the
encoding does; and bytes keep nothing of the application alive.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from obs import metrics
from obs.runtime.protobuf import length
from obs.signals import own_health

BATCH = 2048
NEVER = sys.maxsize

# The most bytes that the records of a signal may hold while they wait, whatever their number: a backend that is away
# while every record carries a traceback must not cost the application its memory.
MOST_BYTES = 32 * 1024 * 1024
_ALERT_BYTES = MOST_BYTES * 3 // 4

DROPPED = metrics.instrument(own_health.DROPPED)
_size = metrics.instrument(own_health.QUEUE_SIZE)
_capacity = metrics.instrument(own_health.QUEUE_CAPACITY)


class Item(NamedTuple):
    """An encoded record.

    Args:
        resource: Who made it: the first fields of a `ResourceSpans` or `ResourceLogs`.
        scope: The library that it comes from: the first fields of a `ScopeSpans` or `ScopeLogs`.
        record: The field of the scope that holds the record.
    """

    resource: bytes
    scope: bytes
    record: bytes


# A queue that is fuller than this asks for fewer records, and for none at all when it is as full as the second: the
# rest is for those that nobody may leave out.
RELIEVED_FROM, RELIEVED_TO = 0.75, 0.95

Encode = Callable[[Any], Item]
Relieve = Callable[[float], object]
Put = Callable[[Any], None]


def joined(items: Iterable[Item]) -> bytes:
    r"""The body of a request: an `ExportTraceServiceRequest` or `ExportLogsServiceRequest`, which number fields alike.

    Args:
        items: The records, each of which goes into the group of its resource and scope.

    Example:
        >>> joined([Item(b"", b"", b"a"), Item(b"", b"", b"b")])
        b'\n\x04\x12\x02ab'
    """
    groups: dict[bytes, dict[bytes, list[bytes]]] = {}
    for resource, scope, record in items:
        groups.setdefault(resource, {}).setdefault(scope, []).append(record)
    return b"".join(
        [
            length(1, resource + b"".join([length(2, scope + b"".join(records)) for scope, records in scopes.items()]))
            for resource, scopes in groups.items()
        ]
    )


class Queue:
    """The records of one signal that wait.

    Args:
        signal: `traces` or `logs`.
        path: Where they go, below the endpoint.
        encode: Makes the bytes of a record; one at which it raises is dropped and counted.
        capacity: The most records that may wait.
        wake: Called by `put` when the thread must look at the queue.
        revive: Called by `put` when the queue is full, in case that the thread has died.
        tell: Called by `put` with what is wrong with a record.
    """

    __slots__ = (
        "_factor",
        "_relieve",
        "_revive",
        "_tell",
        "_wake",
        "alert",
        "batches",
        "capacity",
        "encode",
        "failed",
        "items",
        "not_before",
        "path",
        "signal",
        "since",
        "size",
        "taken",
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
        tell: Callable[[str], object],
    ) -> None:
        self.signal = signal
        self.path = path
        self.encode = encode
        self.capacity = capacity
        self._wake = wake
        self._revive = revive
        self._tell = tell
        self._relieve: Relieve | None = None
        self._factor = 1.0
        # From so many waiting records on, `put` asks for fewer.
        self.alert = NEVER
        self.items: deque[Item] = deque()
        self.clear()

    def clear(self) -> None:
        """Hold nothing, as at the beginning."""
        self.items = deque()
        # The bytes of `items`.
        self.size = 0
        # What was taken out of `items` to become a batch.
        self.taken: list[Item] = []
        # What is not accepted yet: records with their body.
        self.batches: list[tuple[list[Item], bytes]] = []
        self.failed = 0
        self.not_before = 0.0
        # When the thread first saw what waits; 0 when nothing does.
        self.since = 0.0
        # `put` wakes the thread when this many records waited before: 0 while it sleeps.
        self.wake_at = 0

    def put(self, record: Any) -> None:
        """Take a record; never blocks and never raises."""
        items = self.items
        waiting = len(items)
        if waiting >= self.alert or self.size >= _ALERT_BYTES:
            self._press()
        if waiting >= self.capacity or self.size >= MOST_BYTES:
            if self.capacity:
                DROPPED.child(self.signal, "queue_full").add(1)
                self._revive()
            return
        try:
            item = self.encode(record)
        except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - any record may be hostile
            DROPPED.child(self.signal, "unencodable").add(1)
            self._tell(f"a record of {self.signal} cannot be encoded: {type(error).__name__}: {error}")
            return
        items.append(item)
        size = len(item.record)
        # Without a call in between no other thread comes in between.
        self.size += size
        if waiting >= self.wake_at:
            self.wake_at = NEVER
            self._wake()

    def relieved_by(self, relieve: Relieve) -> None:
        """Say who makes fewer records when the queue fills up.

        Args:
            relieve: Called with the share of records to make from now on, 0 to 1, whenever it changes.
        """
        self._relieve = relieve
        self.alert = int(self.capacity * RELIEVED_FROM)

    def _press(self) -> None:
        """Ask for as many records as there is room for."""
        relieve = self._relieve
        if relieve is None or not self.capacity:
            return
        fill = max(len(self.items) / self.capacity, self.size / MOST_BYTES)
        room = (RELIEVED_TO - fill) / (RELIEVED_TO - RELIEVED_FROM)
        # In twenty steps: each has the thresholds calculated anew.
        factor = round(min(1.0, max(0.0, room)) * 20) / 20
        if factor != self._factor:
            self._factor = factor
            relieve(factor)

    def take(self) -> Item:
        """Move the oldest record to `taken`; it is always in one of both, so that a flush that looks sees it."""
        item = self.items[0]
        self.taken.append(item)
        self.items.popleft()
        size = len(item.record)
        self.size -= size
        return item

    @property
    def held(self) -> int:
        """How many records are neither delivered nor given up."""
        return len(self.items) + len(self.taken) + sum(len(records) for records, _ in self.batches)

    def due(self, now: float, interval: float) -> float | None:
        """When the next thing is to be done, and have `put` wake the thread if that changes; None: nothing waits."""
        if self.batches:
            return self.not_before
        if not self.items and not self.taken:
            self.since, self.wake_at = 0.0, 0
            # One that came before `put` could see it was not announced.
            if not self.items:
                return None
        self.since = self.since or now
        self.wake_at = BATCH - 1
        return now if len(self.items) >= BATCH else self.since + interval

    def show(self) -> None:
        """Set the gauges, and ask for more records again where there is room."""
        if self._factor < 1.0:
            self._press()
        _size.child(self.signal).set(self.held)
        _capacity.child(self.signal).set(self.capacity)
