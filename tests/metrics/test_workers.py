"""Several workers of one target: their numbers add up, also when they end, are killed, or leave a damaged file."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from obs import metrics
from obs.metrics.room import MetricsRoom
from obs.signals import model

Scraped = Callable[..., str]
Start = Callable[..., MetricsRoom]


def value(text: str, sample: str) -> float | None:
    """The value of one sample; None when it is not there."""
    for line in text.splitlines():
        if line.startswith(sample + " "):
            return float(line.split(" ")[1])
    return None


class Worker:
    """A forked child that does something and then waits to be told to end."""

    def __init__(self, work: Callable[[], None]) -> None:
        done_read, done_write = os.pipe()
        self._go_read, self._go_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                work()
                os.write(done_write, b"x")
                os.close(self._go_write)
                os.read(self._go_read, 1)
            finally:
                os._exit(0)
        os.close(done_write)
        assert os.read(done_read, 1) == b"x"
        os.close(done_read)

    def end(self) -> None:
        """End it the way a worker ends that calls no exit handler."""
        os.close(self._go_write)
        os.waitpid(self.pid, 0)

    def kill(self) -> None:
        """End it by SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._go_write)


def test_counts_add_up_over_workers(start: Start, scraped: Scraped, name: str) -> None:
    """One scrape shows what all workers have counted; a child starts from zero."""
    start()
    total = metrics.counter(name)
    total.add(10)
    worker = Worker(lambda: total.add(5))
    assert value(scraped(), f"{name}_total") == 15
    worker.end()


def test_counts_of_a_killed_worker_stay(start: Start, scraped: Scraped, name: str) -> None:
    """SIGKILL loses no count, nor does the worker that takes the number of the dead one."""
    start()
    total, took = metrics.counter(name), metrics.histogram(f"{name}_took", buckets=(1,))
    total.add(1)

    def work() -> None:
        total.add(2)
        took.record(0.5)

    for _ in range(3):
        Worker(work).kill()
        assert value(scraped(), f"{name}_total") is not None
    assert value(scraped(), f"{name}_total") == 7
    assert value(scraped(), f'{name}_took_bucket{{le="1.0"}}') == 3
    assert value(scraped(), f"{name}_took_sum") == 1.5


def test_files_of_ended_workers_are_folded_into_one(start: Start, scraped: Scraped, name: str) -> None:
    """However many workers come and go, the directory stays as small as those that live."""
    room = start()
    total = metrics.counter(name)
    for _ in range(10):
        Worker(total.add).end()
    directory = room.target.directory
    assert directory is not None
    assert len(list(directory.glob("worker-*.metrics"))) <= 2
    assert value(scraped(), f"{name}_total") == 10


def test_fold_that_was_cut_off_counts_nothing_twice(
    start: Start, scraped: Scraped, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may stop between writing the folded file and removing those that went into it."""
    start()
    total = metrics.counter(name)
    Worker(lambda: total.add(3)).end()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: os._exit(0))
        cut_off = os.fork()
        assert cut_off, "the child ends while it folds the first worker's file"
        os.waitpid(cut_off, 0)
    assert value(scraped(), f"{name}_total") == 3
    Worker(lambda: total.add(5)).end()
    assert value(scraped(), f"{name}_total") == 8


@pytest.mark.parametrize(("across", "expected"), [("sum", 15.0), ("max", 10.0), ("min", 5.0), ("last", 5.0)])
def test_gauges_of_workers_become_one(
    across: model.Across, expected: float, start: Start, scraped: Scraped, name: str
) -> None:
    """Each gauge says how its workers' values become one; only the living count."""
    start()
    gauge = metrics.gauge(name, across=across)
    gauge.set(10)
    worker = Worker(lambda: gauge.set(5))
    assert value(scraped(), name) == expected
    worker.end()
    assert value(scraped(), name) == 10


def test_each_gauge_has_a_series_a_worker(start: Start, scraped: Scraped, name: str) -> None:
    """`each` keeps the workers apart by a label, and shows the living."""
    start()
    gauge = metrics.gauge(name, across="each")
    gauge.set(10)
    worker = Worker(lambda: gauge.set(5))
    assert value(scraped(), f'{name}{{worker="0"}}') == 10
    assert value(scraped(), f'{name}{{worker="1"}}') == 5
    worker.end()
    assert value(scraped(), f'{name}{{worker="1"}}') is None


def test_gauge_that_a_worker_never_set_does_not_count(start: Start, scraped: Scraped, name: str) -> None:
    """A fresh worker's zero is no minimum."""
    start()
    gauge = metrics.gauge(name, across="min")
    gauge.set(3)
    worker = Worker(lambda: None)
    assert value(scraped(), name) == 3
    worker.end()


@pytest.mark.parametrize("content", [b"", b"OBSMETR1", b"\xff" * 5000])
def test_damaged_file_is_left_out_and_counted(content: bytes, start: Start, scraped: Scraped, name: str) -> None:
    """An empty, truncated or garbage file breaks no scrape; it is counted once."""
    room = start()
    metrics.counter(name).add(2)
    assert room.target.directory is not None
    before = value(scraped(), "obs_metrics_broken_files_total") or 0
    (room.target.directory / "worker-7.metrics").write_bytes(content)
    scraped()
    scraped()
    assert value(scraped(), f"{name}_total") == 2
    assert value(scraped(), "obs_metrics_broken_files_total") == before + 1


def test_removed_directory_breaks_no_scrape(start: Start, scraped: Scraped, name: str) -> None:
    """When somebody cleans up the state directory, the worker that is asked still shows its own numbers."""
    room = start()
    metrics.counter(name).add(2)
    directory = room.target.directory
    assert directory is not None
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    assert value(scraped(), f"{name}_total") == 2


def test_counters_are_exact_over_forks_while_threads_count(start: Start, scraped: Scraped, name: str) -> None:
    """Forking in the middle of counting loses nothing, doubles nothing and hangs nobody."""
    start()
    total = metrics.counter(name, labels=("who",))
    stop = threading.Event()
    counted = [0] * 4

    def count(thread: int) -> None:
        child = total.child("parent")
        while not stop.is_set():
            child.add()
            counted[thread] += 1

    threads = [threading.Thread(target=count, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()

    def work() -> None:
        for _ in range(100):
            total.add(who="child")

    for _ in range(20):
        Worker(work).end()
    stop.set()
    for thread in threads:
        thread.join()
    assert value(scraped(), f'{name}_total{{who="child"}}') == 2000
    assert value(scraped(), f'{name}_total{{who="parent"}}') == sum(counted)


def test_values_before_start_are_kept(start: Start, scraped: Scraped, name: str) -> None:
    """What is counted while modules are imported is there after `init()`."""
    total = metrics.counter(name)
    total.add(3)
    start()
    total.add(4)
    assert value(scraped(), f"{name}_total") == 7


def test_instruments_stay_usable_over_stop_and_start(start: Start, scraped: Scraped, name: str) -> None:
    """A target that is stopped and started again goes on counting; nothing is counted twice."""
    room = start()
    total, depth = metrics.counter(name), metrics.gauge(f"{name}_depth")
    total.add(3)
    depth.set(8)
    room.stop()
    total.add(4)
    start()
    assert value(scraped(), f"{name}_total") == 7
    assert value(scraped(), f"{name}_depth") == 8


def test_store_grows_and_keeps_everything(start: Start, scraped: Scraped, name: str) -> None:
    """More series than one piece of memory holds are all there, before and after the file is attached."""
    took = metrics.histogram(name, labels=("id",), buckets=tuple(range(1, 30)))
    for number in range(300):
        took.record(1, id=number)
    start()
    for number in range(600):
        took.record(1, id=number)
    text = scraped()
    assert value(text, f'{name}_count{{id="0"}}') == 2
    assert value(text, f'{name}_count{{id="599"}}') == 1
    assert sum(line.startswith(f"{name}_count") for line in text.splitlines()) == 600


def test_process_metrics_of_every_living_worker(start: Start, scraped: Scraped) -> None:
    """Memory, CPU, files and threads are shown for each worker, whoever answers."""
    start()
    worker = Worker(lambda: None)
    text = scraped()
    for sample in ("resident_memory_bytes", "open_fds", "max_fds", "threads", "cpu_seconds_total"):
        for number in ("0", "1"):
            assert value(text, f'process_{sample}{{worker="{number}"}}') is not None, sample
    worker.end()
    assert value(scraped(), 'process_threads{worker="1"}') is None


def test_garbage_collections_are_counted_and_timed(start: Start, scraped: Scraped) -> None:
    """Each run of the collector counts for its worker and generation, and its pause is recorded."""
    start()
    count = 'python_gc_collections_total{generation="2",worker="0"}'
    pauses = 'python_gc_pause_seconds_count{generation="2"}'
    before = scraped()
    gc.collect()
    after = scraped()
    for sample in (count, pauses):
        assert (value(after, sample) or 0) > (value(before, sample) or 0)


def test_signal_handler_may_count_while_counting(start: Start, scraped: Scraped, name: str) -> None:
    """A handler that interrupts an update neither hangs nor loses a count."""
    start()
    total = metrics.counter(name)
    interrupted = 0

    def handle(*_: object) -> None:
        nonlocal interrupted
        interrupted += 1
        total.add()

    previous = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        added = 0
        while interrupted < 100:
            total.add()
            added += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert value(scraped(), f"{name}_total") == added + interrupted
