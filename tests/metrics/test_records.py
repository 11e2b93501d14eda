"""The format of the numbers: what is written is read back, and damage is found and never raises anything else."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs.metrics.merge import Source, Sum, Totals, add_up, conflicts, encode, families
from obs.metrics.records import HEADER, BrokenFile, Exemplar, Family, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FAMILIES = (
    Family("orders", "counter", "What ‰ counts", labels=("method", "route")),
    Family("took_seconds", "histogram", "Time", "seconds", labels=("method", "route"), bounds=(0.1, 1.0)),
    Family("sizes", "summary", labels=("method", "route")),
)
AMOUNTS = st.integers(0, 2**40)


@st.composite
def totals(draw: st.DrawFn) -> Totals:
    """Some series of some families with whole numbers, whose sums are exact."""
    found: Totals = {}
    for family in draw(st.lists(st.sampled_from(FAMILIES), unique=True)):
        labels = draw(st.lists(st.tuples(TEXT, TEXT), unique=True, max_size=4))
        cells = st.lists(AMOUNTS.map(float), min_size=family.cells, max_size=family.cells)
        found[family] = {pair: Sum(draw(cells), [None] * family.slots) for pair in labels}
    return found


def file_of(counted: Totals) -> bytes:
    """The file of one process that has counted this."""
    return encode(counted, frozenset())


@given(totals())
def test_what_is_written_is_read_back(counted: Totals) -> None:
    """Every family, label value and number survives the file."""
    assert add_up([Source(parse(file_of(counted)), living=False)]) == counted


@given(st.lists(totals(), max_size=5))
def test_sum_over_files_is_exact(parts: list[Totals]) -> None:
    """Each number of the target is the sum of that number over all its processes, dead or alive."""
    expected: dict[tuple[Family, tuple[str, ...], int], float] = {}
    for part in parts:
        for family, sums in part.items():
            for labels, total in sums.items():
                for index, value in enumerate(total.cells):
                    key = (family, labels, index)
                    expected[key] = expected.get(key, 0.0) + value
    added = add_up([Source(parse(file_of(part)), living=number % 2 == 0) for number, part in enumerate(parts)])
    found = {
        (family, labels, index): value
        for family, sums in added.items()
        for labels, total in sums.items()
        for index, value in enumerate(total.cells)
    }
    assert found == expected


@given(totals(), st.data())
def test_truncated_file_is_broken(counted: Totals, data: st.DataObject) -> None:
    """A file that ends before its used bytes is found out."""
    whole = file_of(counted)
    with pytest.raises(BrokenFile):
        parse(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=400))
def test_garbage_is_broken(garbage: bytes) -> None:
    """Bytes that are no file of numbers are found out."""
    with pytest.raises(BrokenFile):
        parse(garbage)


@given(totals(), st.data())
def test_damage_never_raises_anything_else(counted: Totals, data: st.DataObject) -> None:
    """Whatever is overwritten, a file is either readable and shown, or broken."""
    damaged = bytearray(file_of(counted))
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BrokenFile):
        parse(bytes(damaged))


@given(st.binary(max_size=300))
def test_garbage_behind_a_good_header_never_raises_anything_else(garbage: bytes) -> None:
    """A header that survived does not make the rest trusted."""
    header = struct.pack("<8sQQqQ16x", b"OBSMETR1", HEADER.size + len(garbage), 1, 0, 1)
    with suppress(BrokenFile):
        parse(header + garbage)


def test_newest_exemplar_of_a_bucket_wins() -> None:
    """Of several workers' exemplars, the newest leads to a trace that is most likely still kept."""
    family = FAMILIES[1]

    def source(seconds: float, trace_id: int) -> Source:
        exemplars: list[Exemplar | None] = [Exemplar(0.05, seconds, trace_id, 1), None, None]
        counted: Totals = {family: {("GET", "/"): Sum([1.0, 0.0, 0.0, 0.05], exemplars)}}
        return Source(parse(encode(counted, frozenset())), living=True)

    added = add_up([source(10.0, 1), source(30.0, 3), source(20.0, 2)])
    assert added[family]["GET", "/"].exemplars == [Exemplar(0.05, 30.0, 3, 1), None, None]


def test_two_declarations_of_a_name_keep_the_first() -> None:
    """Workers of two code versions do not break the scrape: what does not fit is left out and named."""
    other = Family("orders", "counter", labels=("kind",))
    files: list[Totals] = [{FAMILIES[0]: {("GET", "/"): Sum([1.0], [None])}}, {other: {("k",): Sum([5.0], [None])}}]
    sources = [Source(parse(file_of(part)), living=True) for part in files]
    (shown,) = families(add_up(sources))
    assert [(sample.labels, sample.value) for sample in shown.samples] == [({"method": "GET", "route": "/"}, 1.0)]
    assert conflicts(sources) == ((FAMILIES[0], other),)
