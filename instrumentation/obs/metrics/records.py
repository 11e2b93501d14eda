"""The bytes in which a process keeps its numbers, and how they are read back.

A header is followed by records that are only ever appended. Each starts with its kind and its length, a multiple of 8:

- family: JSON that declares a metric;
- series: the family's number, the label values as JSON, doubles that are updated in place, one exemplar a slot;
- padding: skips to where the next piece of memory starts;
- folded: the ids of files whose counts this file holds already.

`used` in the header is moved on after a record is complete, so that a reader never meets half of one.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import orjson

MAGIC = b"OBSMETR1"
HEADER = struct.Struct("<8sQQqQ16x")  # magic, bytes used, process id, worker, file id
RECORD = struct.Struct("<II")  # kind, length
SERIES = struct.Struct("<IIII")  # kind, length, number of the family, bytes of labels
EXEMPLAR = struct.Struct("<ddQQQ")  # value, seconds since 1970, trace id high, trace id low, span id

FAMILY, LABELLED, PADDING, FOLDED = 1, 2, 3, 4

Kind = Literal["counter", "gauge", "histogram", "summary"]


class BrokenFile(ValueError):  # noqa: N818 - it is a finding, not a fault of the caller
    """A file of numbers is empty, truncated or damaged."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric, as its numbers are kept.

    Args:
        name: The family's name in Prometheus, without the suffix of a kind.
        kind: Which numbers a series has: counter: the total; gauge: the value and when it was set; histogram: one count
            a bucket (not cumulative, infinity last) and the sum; summary: the count and the sum.
        help: What is measured.
        unit: The unit's suffix.
        labels: The labels' names.
        bounds: A histogram's upper bounds without infinity.
        across: How a gauge of several workers becomes one.
        joined: Whether it was made by prometheus_client and not by obs.
    """

    name: str
    kind: Kind
    help: str = ""
    unit: str = ""
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    across: str = "sum"
    joined: bool = False

    @property
    def cells(self) -> int:
        """How many doubles a series has."""
        return {"counter": 1, "gauge": 2, "histogram": len(self.bounds) + 2, "summary": 2}[self.kind]

    @property
    def slots(self) -> int:
        """How many exemplars a series has."""
        return {"counter": 1, "gauge": 0, "histogram": len(self.bounds) + 1, "summary": 0}[self.kind]


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation and the trace it was made in."""

    value: float
    seconds: float
    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """The numbers of one series.

    Args:
        family: What they measure.
        labels: The label values.
        cells: The numbers, in the order of `Family.kind`.
        exemplars: The newest exemplar of each slot.
    """

    family: Family
    labels: tuple[str, ...]
    cells: tuple[float, ...]
    exemplars: tuple[Exemplar | None, ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file of numbers that was read.

    Args:
        pid: The process that wrote it.
        worker: Its number in the target.
        file_id: Tells the file from all others.
        families: What was declared, with or without series.
        series: The numbers.
        folded: The ids of files whose counts it holds already.
    """

    pid: int
    worker: int
    file_id: int
    families: tuple[Family, ...]
    series: tuple[SeriesRecord, ...]
    folded: frozenset[int]


def family_record(family: Family) -> bytes:
    """The record that declares a family."""
    declared = {
        "name": family.name,
        "kind": family.kind,
        "help": family.help,
        "unit": family.unit,
        "labels": family.labels,
        "bounds": family.bounds,
        "across": family.across,
        "joined": family.joined,
    }
    return _record(FAMILY, json.dumps(declared).encode())


def series_record(family: Family, number: int, labels: tuple[str, ...]) -> tuple[bytes, int]:
    """The record of a series with all its numbers at zero, and where in it the numbers start."""
    text = json.dumps(labels).encode()
    start = SERIES.size + _padded(len(text))
    length = start + family.cells * 8 + family.slots * EXEMPLAR.size
    head = SERIES.pack(LABELLED, length, number, len(text)) + text
    return head.ljust(length, b"\0"), start


def folded_record(file_ids: frozenset[int]) -> bytes:
    """The record that names the files whose counts are in this one."""
    return _record(FOLDED, json.dumps(sorted(file_ids)).encode())


def parse(data: bytes) -> Parsed:
    """Read a file of numbers.

    Args:
        data: The file's bytes.

    Raises:
        BrokenFile: It is empty, truncated or damaged.
    """
    try:
        return _parse(data)
    except (struct.error, ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError) as error:
        raise BrokenFile(str(error)) from error


def _parse(data: bytes) -> Parsed:
    magic, used, pid, worker, file_id = HEADER.unpack_from(data)
    if magic != MAGIC or not HEADER.size <= used <= len(data):
        raise BrokenFile(f"{used} bytes are said to be used, of {len(data)}")
    families: list[Family] = []
    series: list[SeriesRecord] = []
    folded: frozenset[int] = frozenset()
    for kind, start, end in _records(data, used):
        if kind == FAMILY:
            families.append(_family(data[start + RECORD.size : end]))
        elif kind == LABELLED:
            series.append(_series(data, start, end, families))
        elif kind == FOLDED:
            folded = frozenset(map(int, json.loads(data[start + RECORD.size : end])))
    return Parsed(pid, worker, file_id, tuple(families), tuple(series), folded)


def _records(data: bytes, used: int) -> Iterator[tuple[int, int, int]]:
    place = HEADER.size
    while place < used:
        kind, length = RECORD.unpack_from(data, place)
        if kind not in (FAMILY, LABELLED, PADDING, FOLDED) or length < RECORD.size or length % 8:
            raise BrokenFile(f"no record starts at byte {place}")
        if place + length > used:
            raise BrokenFile(f"the record at byte {place} ends after the used bytes")
        yield kind, place, place + length
        place += length


def _family(text: bytes) -> Family:
    declared = json.loads(text)
    family = Family(
        name=str(declared["name"]),
        kind=declared["kind"],
        help=str(declared["help"]),
        unit=str(declared["unit"]),
        labels=tuple(map(str, declared["labels"])),
        bounds=tuple(map(float, declared["bounds"])),
        across=str(declared["across"]),
        joined=bool(declared["joined"]),
    )
    family.cells  # noqa: B018 - an unknown kind has none and raises
    return family


def _series(data: bytes, start: int, end: int, families: list[Family]) -> SeriesRecord:
    _, _, number, size = SERIES.unpack_from(data, start)
    family = families[number]
    labels = tuple(map(str, orjson.loads(data[start + SERIES.size : start + SERIES.size + size])))
    numbers = start + SERIES.size + _padded(size)
    cells = family.cells
    slots = numbers + cells * 8
    if slots + family.slots * EXEMPLAR.size != end or len(labels) != len(family.labels):
        raise BrokenFile(f"the series at byte {start} does not fit its family {family.name}")
    return SeriesRecord(
        family,
        labels,
        struct.unpack_from(f"={cells}d", data, numbers),
        _exemplars(data, slots, end),
    )


def _exemplars(data: bytes, start: int, end: int) -> tuple[Exemplar | None, ...]:
    if not data[start:end].strip(b"\0"):  # nearly always, and much quicker than to unpack them
        return (None,) * ((end - start) // EXEMPLAR.size)
    return tuple(_exemplar(data, place) for place in range(start, end, EXEMPLAR.size))


def _exemplar(data: bytes, place: int) -> Exemplar | None:
    value, seconds, high, low, span_id = EXEMPLAR.unpack_from(data, place)
    return Exemplar(value, seconds, high << 64 | low, span_id) if seconds > 0 else None


def _record(kind: int, payload: bytes) -> bytes:
    length = RECORD.size + _padded(len(payload))
    return (RECORD.pack(kind, length) + payload).ljust(length)


def _padded(size: int) -> int:
    return -(-size // 8) * 8
