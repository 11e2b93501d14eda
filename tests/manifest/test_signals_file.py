"""A service's own metrics survive the way from its code to the kit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from obs.signals.model import BYTES, RATIO, SECONDS, Counter, Gauge, Histogram, Label, Metric
from obs.signals_file import Exported, export_signals, import_signals

METRICS: tuple[Metric, ...] = (
    Gauge(name="backlog", help="Waiting.", across="max"),
    Counter(name="orders_placed", help="Ördered.", means="Follows traffic.", labels=(Label("method", "How."),)),
    Histogram(name="parcel.size", help="Size.", unit=BYTES, buckets=(1.0, 2.5)),
    Gauge(name="share", help="Share.", unit=RATIO),
    Histogram(name="wait", help="Wait.", unit=SECONDS, buckets=(0.1,)),
)


def test_what_is_exported_is_imported_unchanged() -> None:
    """Every kind, unit, label, bucket and the way of adding up workers comes back."""
    assert import_signals(export_signals("shop", METRICS)) == Exported("shop", METRICS)


def test_the_order_of_declaration_does_not_change_the_file() -> None:
    """The committed file changes only when a declaration does."""
    assert export_signals("shop", reversed(METRICS)) == export_signals("shop", METRICS)


def test_the_format_is_plain_json() -> None:
    """A service in another language can write the same file."""
    assert json.loads(export_signals("shop", METRICS[1:2])) == {
        "version": 1,
        "service": "shop",
        "metrics": [
            {
                "kind": "counter",
                "name": "orders_placed",
                "unit": "",
                "help": "Ördered.",
                "means": "Follows traffic.",
                "labels": [{"name": "method", "help": "How."}],
            }
        ],
    }


def changed(**changes: Any) -> str:
    """A file with one counter, some of whose keys are replaced; None takes a key away."""
    row = {"kind": "counter", "name": "a", "unit": "", "help": "", "means": "", "labels": []} | changes
    kept = {key: value for key, value in row.items() if value is not None}
    return json.dumps({"version": 1, "service": "s", "metrics": [kept]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1 is no valid JSON: Expecting value"),
        ("[]", "the file is no object"),
        ("{}", "the file.version is missing or not of type int"),
        ('{"version": 2, "service": "s", "metrics": []}', "version 2 is unknown; this obs reads version 1"),
        ('{"version": true, "service": "s", "metrics": []}', "the file.version is missing or not of type int"),
        ('{"version": 1, "service": "s", "metrics": [], "x": 1}', "the file has the unknown key 'x'"),
        ('{"version": 1, "service": "s", "metrics": [5]}', "metrics[0].kind is none of counter, gauge, histogram"),
        ("[" * 100000, "is nested too deeply"),
        (changed(kind="summary"), "metrics[0].kind is none of counter, gauge, histogram"),
        (changed(kind=[]), "metrics[0].kind is none of counter, gauge, histogram"),
        (changed(help=None), "metrics[0].help is missing or not of type str"),
        (changed(name="a b"), "metrics[0].name 'a b' is no name of a metric"),
        (changed(unit="kg"), "metrics[0].unit 'kg' is none of '', '1', 's', 'seconds', 'By', 'bytes'"),
        (changed(labels=[{"name": "a-b", "help": ""}]), "metrics[0].labels[0].name 'a-b' is no name of a label"),
        (changed(labels=["a"]), "metrics[0].labels[0] is no object"),
        (changed(buckets=[1]), "metrics[0] has the unknown key 'buckets'"),
        (changed(kind="histogram", buckets=[2, 1]), "metrics[0].buckets are not finite numbers in ascending order"),
        (changed(kind="histogram", buckets=["1"]), "metrics[0].buckets are not finite numbers in ascending order"),
        (
            changed(kind="histogram", buckets=[1, float("inf")]),
            "metrics[0].buckets are not finite numbers in ascending order",
        ),
        (changed(kind="gauge", across="avg"), "metrics[0].across 'avg' is none of sum, max, min, last, each"),
    ],
)
def test_a_broken_file_is_told_with_its_place(text: str, expected: str) -> None:
    """Whatever stands in the file, one line says where it is wrong."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        import_signals(text)
    assert str(caught.value) == expected


def test_a_metric_that_is_declared_twice_is_told() -> None:
    """Two declarations with one name in Prometheus cannot both be shown."""
    text = export_signals("s", [Gauge(name="a.b", help=""), Gauge(name="a_b", help="")])
    with pytest.raises(ValueError, match="a_b is declared twice"):
        import_signals(text)
