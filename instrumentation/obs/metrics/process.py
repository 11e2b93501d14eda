"""Memory, CPU, files and threads of every living worker, from /proc."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from obs.runtime import origin
from obs.signals import model, process

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

Facts = dict[model.Metric, float]


def families(workers: dict[int, int]) -> list[Metric]:
    """The process metrics of a target.

    Args:
        workers: The process id of each living worker, by its number.
    """
    from prometheus_client.metrics_core import Metric

    shown: dict[model.Metric, Metric] = {}
    for worker, pid in sorted(workers.items()):
        for signal, value in _facts(pid).items():
            if signal not in shown:
                kind = "counter" if isinstance(signal, model.Counter) else "gauge"
                shown[signal] = Metric(signal.family, signal.help, kind, signal.unit.suffix)
            shown[signal].add_sample(signal.samples[0], {process.WORKER.name: str(worker)}, value)
    return list(shown.values())


def _facts(pid: int) -> Facts:
    if sys.platform == "linux":
        return _from_proc(pid)
    return _of_self() if pid == os.getpid() else {}


def _from_proc(pid: int) -> Facts:
    fields = origin.stat(pid)
    if not fields:
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    # Places in /proc/<pid>/stat, counted from its third field: man proc.
    facts: Facts = {
        process.CPU: (int(fields[11]) + int(fields[12])) / ticks,
        process.THREADS: float(fields[17]),
        process.START_TIME: _booted() + int(fields[19]) / ticks,
        process.VIRTUAL_MEMORY: float(fields[20]),
        process.RESIDENT_MEMORY: float(int(fields[21]) * os.sysconf("SC_PAGESIZE")),
    }
    directory = Path("/proc") / str(pid)
    # Another user's worker keeps these to itself.
    with suppress(OSError):
        facts[process.OPEN_FDS] = float(len(os.listdir(directory / "fd")))  # noqa: PTH208 - five times as quick
    with suppress(OSError, StopIteration, ValueError):
        lines = (directory / "limits").read_text().splitlines()
        limit = next(line for line in lines if line.startswith("Max open files")).split()[3]
        facts[process.MAX_FDS] = float("inf") if limit == "unlimited" else float(limit)
    return facts


def _booted() -> float:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/stat").read_text().splitlines()
        return float(next(line for line in lines if line.startswith("btime ")).split()[1])
    return 0.0


def _of_self() -> Facts:
    facts: Facts = {process.THREADS: float(threading.active_count())}
    with suppress(ImportError):  # Windows
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        facts[process.CPU] = used.ru_utime + used.ru_stime
        facts[process.MAX_FDS] = float(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return facts
