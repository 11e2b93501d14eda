"""The numbers of several processes become those of their target; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from obs.metrics.memory import Log, PlainMemory
from obs.metrics.records import (
    EXEMPLAR,
    Exemplar,
    Family,
    Parsed,
    SeriesRecord,
    family_record,
    folded_record,
    series_record,
)
from obs.runtime.guard import Guard

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Exemplar as ShownExemplar


@dataclass(frozen=True, slots=True)
class Source:
    """What one process has counted.

    Args:
        parsed: Its numbers.
        living: Whether it runs; the counts of one that has ended stay, its gauges do not.
    """

    parsed: Parsed
    living: bool


@dataclass(slots=True)
class Sum:
    """One series over all processes.

    Args:
        cells: The numbers, in the order of `Family.kind`.
        exemplars: The newest exemplar of each slot.
    """

    cells: list[float]
    exemplars: list[Exemplar | None] = field(default_factory=list)


Totals = dict[Family, dict[tuple[str, ...], Sum]]


def add_up(sources: Sequence[Source]) -> Totals:
    """Add the numbers of several processes up.

    Counts and distributions are summed over all of them; gauges become one by `Family.across` over the living ones. A
    family that is declared in two ways keeps the first one, obs's before prometheus_client's.
    """
    chosen = _chosen(sources)
    totals: Totals = {_shown(family): {} for family in chosen.values()}
    for source in sources:
        for record in source.parsed.series:
            family = chosen[record.family.name]
            if not _same(family, record.family):
                continue
            if family.kind != "gauge":
                _add(totals[family], record)
            elif source.living:
                _add_gauge(totals[_shown(family)], family, record, source.parsed.worker)
    return totals


def conflicts(sources: Sequence[Source]) -> tuple[tuple[Family, Family], ...]:
    """The declarations that are shown and those that are left out, because they do not fit one of the same name."""
    chosen = _chosen(sources)
    declared = dict.fromkeys(family for source in sources for family in source.parsed.families)
    return tuple((chosen[other.name], other) for other in declared if not _same(chosen[other.name], other))


def _chosen(sources: Sequence[Source]) -> dict[str, Family]:
    chosen: dict[str, Family] = {}
    declared = [family for source in sources for family in source.parsed.families]
    for family in sorted(declared, key=lambda family: family.joined):
        chosen.setdefault(family.name, family)
    return chosen


def encode(totals: Totals, folded: frozenset[int]) -> bytes:
    """The counts and distributions as a file, with the ids of the files that they were taken from."""
    log = Log(PlainMemory())
    log.append(folded_record(folded))
    kept = [(family, sums) for family, sums in totals.items() if family.kind != "gauge"]
    for number, (family, sums) in enumerate(kept):
        log.append(family_record(family))
        for labels, total in sums.items():
            record, start = series_record(family, number, labels)
            place = log.append(record)
            end = start + family.cells * 8
            numbers = place[start:end].cast("d")
            for index, value in enumerate(total.cells):
                numbers[index] = value
            for slot, example in enumerate(total.exemplars):
                if example is not None:
                    high, low = divmod(example.trace_id, 1 << 64)
                    EXEMPLAR.pack_into(
                        place, end + slot * EXEMPLAR.size, example.value, example.seconds, high, low, example.span_id
                    )
    return log.copy()


def families(totals: Totals) -> list[Metric]:
    """The totals as prometheus_client's families, by name; one that cannot be shown is left out and counted."""
    from prometheus_client.metrics_core import Metric

    shown = []
    for family in sorted(totals, key=lambda family: family.name):
        with Guard("metrics.family"):
            metric = Metric(family.name, family.help, family.kind, family.unit.rpartition("_")[2])
            for labels, total in totals[family].items():
                _samples(metric, family, dict(zip(family.labels, labels, strict=True)), total)
            shown.append(metric)
    return shown


def _same(one: Family, other: Family) -> bool:
    return (one.kind, one.labels, one.bounds, one.across) == (other.kind, other.labels, other.bounds, other.across)


def _shown(family: Family) -> Family:
    if family.kind == "gauge" and family.across == "each":
        return replace(family, labels=(*family.labels, "worker"))
    return family


def _add(sums: dict[tuple[str, ...], Sum], record: SeriesRecord) -> None:
    total = sums.get(record.labels)
    if total is None:
        sums[record.labels] = Sum(list(record.cells), list(record.exemplars))
        return
    for index, value in enumerate(record.cells):
        total.cells[index] += value
    for slot, example in enumerate(record.exemplars):
        newest = total.exemplars[slot]
        if example is not None and (newest is None or example.seconds > newest.seconds):
            total.exemplars[slot] = example


def _add_gauge(sums: dict[tuple[str, ...], Sum], family: Family, record: SeriesRecord, worker: int) -> None:
    value, stamp = record.cells
    # A sum shows a series that nobody has set yet as 0; for every other way only a value that was set counts.
    if stamp < 0 or (stamp == 0 and family.across != "sum"):
        return
    labels = (*record.labels, str(worker)) if family.across == "each" else record.labels
    total = sums.get(labels)
    if total is None:
        sums[labels] = Sum([value, stamp])
    elif family.across == "sum":
        total.cells[0] += value
    elif _wins(family.across, value, stamp, total):
        total.cells = [value, stamp]


def _wins(across: str, value: float, stamp: float, total: Sum) -> bool:
    if across == "max":
        return value > total.cells[0]
    if across == "min":
        return value < total.cells[0]
    return stamp > total.cells[1]


def _samples(metric: Metric, family: Family, labels: dict[str, str], total: Sum) -> None:
    cells = total.cells
    if family.kind == "counter":
        metric.add_sample(f"{family.name}_total", labels, cells[0], exemplar=_example(total.exemplars[0]))
    elif family.kind == "gauge":
        metric.add_sample(family.name, labels, cells[0])
    elif family.kind == "summary":
        metric.add_sample(f"{family.name}_count", labels, cells[0])
        metric.add_sample(f"{family.name}_sum", labels, cells[1])
    else:
        _distribution(metric, family, labels, total)


def _distribution(metric: Metric, family: Family, labels: dict[str, str], total: Sum) -> None:
    from prometheus_client.utils import floatToGoString

    count = 0.0
    for bound, amount, example in zip(_upper(family.bounds), total.cells, total.exemplars, strict=False):
        count += amount
        le = str(floatToGoString(bound))  # type: ignore[no-untyped-call]
        metric.add_sample(f"{family.name}_bucket", {**labels, "le": le}, count, exemplar=_example(example))
    metric.add_sample(f"{family.name}_count", labels, count)
    if family.bounds[:1] >= (0.0,):  # OpenMetrics: a sum that can fall is not shown
        metric.add_sample(f"{family.name}_sum", labels, total.cells[-1])


def _upper(bounds: tuple[float, ...]) -> Iterable[float]:
    return (*bounds, float("inf"))


def _example(example: Exemplar | None) -> ShownExemplar | None:
    if example is None:
        return None
    from prometheus_client.samples import Exemplar as ShownExemplar

    labels = {"trace_id": f"{example.trace_id:032x}"}
    if example.span_id:
        labels["span_id"] = f"{example.span_id:016x}"
    return ShownExemplar(labels, example.value, round(example.seconds, 3))
