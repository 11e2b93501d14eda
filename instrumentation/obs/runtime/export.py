"""Delivery of traces and logs: a bounded queue for each, and one thread that never gives up and is never waited for.

- `put` never blocks. A queue that is full, by the number of its records or by their bytes, drops the newest and counts
  it.
- A batch goes out when 2048 records wait, or a second after the first one came; it is tried again until it is accepted
  or refused. While the backend is away, records wait in the queue up to its bound.
- Nothing starts without an endpoint, and the thread starts with the first record.
- A forked child has empty queues and a thread of its own; what the parent held, the parent alone delivers.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY, Context

from obs import metrics
from obs.runtime.delivery import Endpoint, Outcome
from obs.runtime.export_queue import BATCH, DROPPED, NEVER, Encode, Item, Put, Queue, Relieve, joined
from obs.runtime.guard import Guard
from obs.signals import own_health

if TYPE_CHECKING:
    from obs.settings import Settings

CAPACITY = 8192
INTERVAL_SECONDS = 1.0

# A batch is closed early at this many bytes.
_LARGE_BODY = 4 * 1024 * 1024

_FIRST_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 15.0
_TELL_EVERY_SECONDS = 60.0
_POLL_SECONDS = 0.005
_RESTART_SECONDS = 1.0
_GRACE_SECONDS = 0.1

_exported = metrics.instrument(own_health.EXPORTED)
_failures = metrics.instrument(own_health.EXPORT_FAILURES)
_last = metrics.instrument(own_health.LAST_EXPORT)
_faults = metrics.instrument(own_health.INTERNAL_ERRORS)


class Exporter:
    """Delivers what is put, from one thread for all signals.

    Args:
        settings: `endpoint` and the `otlp_*` options; without an endpoint nothing is taken and nothing starts.
        capacity: The most records of a signal that may wait.
        interval: The most seconds that a record waits for others to go with.
    """

    def __init__(self, settings: Settings, *, capacity: int = CAPACITY, interval: float = INTERVAL_SECONDS) -> None:
        self._url = settings.endpoint
        self._endpoint = Endpoint(settings) if settings.endpoint else None
        self._timeout = settings.otlp_timeout
        self._capacity = capacity
        self._interval = interval
        self._queues: dict[str, Queue] = {}
        self._told = 0.0
        self._fresh()

    def _fresh(self) -> None:
        """What a new process needs anew."""
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        # A binary semaphore: releasing it never blocks, whatever it interrupts.
        self._alarm = threading.Lock()
        self._alarm.acquire()
        self._stopped = False
        # While several flushes wait, the latest of their deadlines.
        self._flush_until = 0.0

    def register(self, signal: str, path: str, encode: Encode) -> Put:
        """Make the queue of a signal.

        Args:
            signal: `traces` or `logs`.
            path: Where it goes, below the endpoint, such as `/v1/traces`.
            encode: Makes the bytes of a record, in the thread that puts it. A record at which it raises is dropped and
                counted.

        Returns:
            The shortest way to `put` of this signal.
        """
        if self._endpoint is None:
            return _ignore
        queue = Queue(signal, path, encode, self._capacity, self._wake, self._running, self._tell)
        # The thread goes through them meanwhile.
        self._queues = {**self._queues, signal: queue}
        queue.show()
        _exported.zero(signal)
        for signals, reasons in ((DROPPED, own_health.DROP_REASONS), (_failures, own_health.FAILURE_REASONS)):
            for reason in reasons:
                signals.zero(signal, reason)
        return queue.put

    def relieve(self, signal: str, relieve: Relieve) -> None:
        """Say who makes fewer records of a signal when its queue fills up.

        Args:
            signal: `traces` or `logs`.
            relieve: Called with the share of records to make from now on, 0 to 1, whenever it changes.
        """
        queue = self._queues.get(signal)
        if queue is not None:
            queue.relieved_by(relieve)

    def put(self, signal: str, item: Any) -> None:
        """Take a record; never blocks and never raises."""
        queue = self._queues.get(signal)
        if queue is not None:
            queue.put(item)

    def flush(self, deadline: float) -> bool:
        """Deliver what waits.

        Args:
            deadline: The most seconds it may last, for all signals together.

        Returns:
            Whether nothing waits any more.
        """
        until = time.monotonic() + deadline
        self._flush_until = max(self._flush_until, until)
        for queue in self._queues.values():
            queue.not_before = 0.0
        if self.held and not self._stopped and not self._running():
            # At the end of the interpreter no thread can start.
            self._drain(until)
        self._ring()
        while self.held and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        if self._flush_until == until:
            self._flush_until = 0.0
        return not self.held

    def stop(self, deadline: float) -> None:
        """Deliver what waits, then take nothing any more; what is left then is counted as undelivered.

        Args:
            deadline: The most seconds it may last.
        """
        until = time.monotonic() + deadline
        self.flush(deadline)
        self._stopped = True
        self._ring()
        for queue in self._queues.values():
            if left := queue.held:
                DROPPED.child(queue.signal, "undelivered").add(left)
            queue.capacity = 0
            queue.clear()
            queue.show()
        if self._endpoint is not None:
            self._endpoint.end()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(_GRACE_SECONDS, until - time.monotonic()))

    def after_fork_in_child(self) -> None:
        """Start empty in a forked child: the parent delivers what was the parent's."""
        self._fresh()
        if self._endpoint is not None:
            self._endpoint.forget()
        for queue in self._queues.values():
            queue.clear()
            queue.show()

    @property
    def held(self) -> int:
        """How many records of all signals are neither delivered nor given up."""
        return sum(queue.held for queue in self._queues.values())

    def _ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._alarm.release()

    def _wake(self) -> None:
        self._running()
        self._ring()

    def _running(self) -> bool:
        """Have the thread run; False when it cannot."""
        thread = self._thread
        if thread is not None and thread.is_alive():
            return True
        if self._stopped or not self._starting.acquire(blocking=False):
            return not self._stopped
        try:
            self._thread = threading.Thread(target=self._live, name="obs-export", daemon=True)
            self._thread.start()
        except RuntimeError:
            self._thread = None
            return False
        finally:
            self._starting.release()
        return True

    # From here on: the thread.

    def _live(self) -> None:
        context_api.attach(_untraced())
        while not self._stopped:
            try:
                self._alarm.acquire(timeout=self._rest())
                self._work()
            except BaseException as error:  # noqa: BLE001 - whatever it is, records come in behind it
                with Guard("export"):
                    _faults.child("export").add(1)
                    self._tell(f"the exporting thread failed and goes on: {type(error).__name__}: {error}")
                time.sleep(_RESTART_SECONDS)

    def _rest(self) -> float:
        """How many seconds nothing is to be done, unless somebody rings; -1 is for ever."""
        now = time.monotonic()
        interval = 0.0 if now < self._flush_until else self._interval
        due = [moment for queue in self._queues.values() if (moment := queue.due(now, interval)) is not None]
        return max(0.0, min(due) - now) if due else -1

    def _work(self) -> None:
        """Send what is due, one batch of each signal in turn."""
        for queue in self._queues.values():
            now = time.monotonic()
            moment = queue.due(now, 0.0 if now < self._flush_until else self._interval)
            if moment is not None and moment <= now and not self._stopped:
                queue.wake_at = NEVER
                if not queue.batches:
                    self._take(queue)
                if queue.batches:
                    self._send(queue)
            queue.show()

    def _drain(self, until: float) -> None:
        """Do the thread's work in the caller's, until a moment."""
        token = context_api.attach(_untraced())
        try:
            while self.held and time.monotonic() < until:
                with Guard("export"):
                    self._work()
                time.sleep(_POLL_SECONDS)
        finally:
            context_api.detach(token)

    def _take(self, queue: Queue) -> None:
        """Make a batch of what waits."""
        size = 0
        while queue.items and len(queue.taken) < BATCH and size < _LARGE_BODY:
            size += len(queue.take().record)
        queue.since = 0.0
        queue.batches += self._packed(queue.taken)
        queue.taken = []

    def _packed(self, *batches: list[Item]) -> list[tuple[list[Item], bytes]]:
        """Batches with the bodies of their requests."""
        endpoint = self._endpoint
        return [(records, endpoint.pack(joined(records))) for records in batches if records and endpoint is not None]

    def _send(self, queue: Queue) -> None:
        endpoint = self._endpoint
        if endpoint is None:
            return
        records, body = queue.batches[-1]
        now = time.monotonic()
        timeout = self._flush_until - now if now < self._flush_until else self._timeout
        outcome = endpoint.post(queue.path, body, timeout)
        if self._stopped or not queue.batches:
            return
        self._settle(queue, records, outcome)

    def _settle(self, queue: Queue, records: list[Item], outcome: Outcome) -> None:
        """Do with a batch what its outcome asks for."""
        if outcome.verdict != "accepted":
            _failures.child(queue.signal, outcome.reason).add(1)
            self._tell(f"cannot deliver {queue.signal} to {self._url}: {outcome.detail}")
        if outcome.verdict == "again":
            queue.failed += 1
            queue.not_before = time.monotonic() + self._pause(queue.failed, outcome.wait)
            return
        queue.failed, queue.not_before = 0, 0.0
        halves = []
        if outcome.verdict == "too_large" and len(records) > 1:
            middle = len(records) // 2
            halves = self._packed(records[middle:], records[:middle])
        queue.batches = [*queue.batches[:-1], *halves]
        if outcome.verdict == "accepted":
            _exported.child(queue.signal).add(max(0, len(records) - outcome.rejected))
            _last.child(queue.signal).set(time.time())
        refused = len(records) if outcome.verdict != "accepted" and not halves else min(outcome.rejected, len(records))
        if refused:
            DROPPED.child(queue.signal, "rejected").add(refused)

    def _pause(self, failed: int, asked: float) -> float:
        """Full jitter on a doubling bound, so that services do not return all at once; short while a flush waits.

        Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
        """
        if asked:
            return asked
        most = min(_LONGEST_BACKOFF_SECONDS, _FIRST_BACKOFF_SECONDS * 2.0 ** min(failed - 1, 10))
        if time.monotonic() < self._flush_until:
            most = min(most, _FIRST_BACKOFF_SECONDS)
        return random.uniform(0.05, most)  # noqa: S311 - no secret

    def _tell(self, what: str) -> None:
        now = time.monotonic()
        if not self._told or now - self._told >= _TELL_EVERY_SECONDS:
            self._told = now
            sys.stderr.write(f"obs: {what}; {self.held} records wait\n")


def _ignore(_: Any) -> None:
    """Take a record when there is no endpoint."""


def _untraced() -> Context:
    """A context in which no instrumentation makes spans of what obs itself does."""
    return Context(
        {
            _SUPPRESS_INSTRUMENTATION_KEY: True,
            _SUPPRESS_HTTP_INSTRUMENTATION_KEY: True,
            "suppress_instrumentation": True,
        }
    )
