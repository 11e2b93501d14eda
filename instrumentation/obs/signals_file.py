"""The file by which a service's own metrics reach dashboards and alerts: written from its code, read by the kit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from obs.signals.model import UNITS, Counter, Gauge, Histogram, Label, Metric

VERSION = 1

_KINDS: dict[str, type[Metric]] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}
_SHARED: dict[str, type] = {"kind": str, "name": str, "unit": str, "help": str, "means": str, "labels": list}
_OWN: dict[str, dict[str, type]] = {"counter": {}, "gauge": {"across": str}, "histogram": {"buckets": list}}
_ACROSS = ("sum", "max", "min", "last", "each")
_METRIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Exported:
    """What a signals file holds.

    Args:
        service: The service that declared the metrics.
        metrics: The metrics, sorted by name.
    """

    service: str
    metrics: tuple[Metric, ...]


def export_signals(service: str, metrics: Iterable[Metric]) -> str:
    r"""The text of a signals file; the same metrics give the same text, in whatever order they were declared.

    Args:
        service: The service's name.
        metrics: Its own counters, gauges and histograms.

    Example:
        >>> export_signals("shop", ()).startswith('{\n  "version": 1,\n  "service": "shop"')
        True
    """
    rows = [_row(metric) for metric in sorted(metrics, key=lambda metric: metric.name)]
    return json.dumps({"version": VERSION, "service": service, "metrics": rows}, indent=2, ensure_ascii=False) + "\n"


def _row(metric: Metric) -> dict[str, object]:
    row: dict[str, object] = {
        "kind": next(kind for kind, made in _KINDS.items() if isinstance(metric, made)),
        "name": metric.name,
        "unit": next(text for text, unit in UNITS.items() if unit == metric.unit),
        "help": metric.help,
        "means": metric.means,
        "labels": [{"name": label.name, "help": label.help} for label in metric.labels],
    }
    if isinstance(metric, Gauge):
        row["across"] = metric.across
    if isinstance(metric, Histogram):
        row["buckets"] = list(metric.buckets)
    return row


def import_signals(text: str) -> Exported:
    """Read a signals file.

    Args:
        text: What `export_signals` gave.

    Raises:
        ValueError: The text is something else; the message names the place.
    """
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno} is no valid JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    _keys(document, "the file", {"version": int, "service": str, "metrics": list})
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']} is unknown; this obs reads version {VERSION}")
    metrics = tuple(_metric(row, f"metrics[{index}]") for index, row in enumerate(document["metrics"]))
    families = [metric.family for metric in metrics]
    if twice := sorted({family for family in families if families.count(family) > 1}):
        raise ValueError(f"{twice[0]} is declared twice")
    return Exported(document["service"], metrics)


def _keys(row: object, where: str, types: Mapping[str, type]) -> None:
    """Hold an object against the keys it must have, and no others."""
    if not isinstance(row, dict):
        raise ValueError(f"{where} is no object")  # noqa: TRY004 - a file's fault, not a caller's
    for key, kind in types.items():
        if type(row.get(key)) is not kind:
            raise ValueError(f"{where}.{key} is missing or not of type {kind.__name__}")
    if unknown := sorted(row.keys() - types.keys()):
        raise ValueError(f"{where} has the unknown key {unknown[0]!r}")


def _metric(row: Any, where: str) -> Metric:
    kind = row.get("kind") if isinstance(row, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"{where}.kind is none of {', '.join(_KINDS)}")
    _keys(row, where, {**_SHARED, **_OWN[kind]})
    if not _METRIC_NAME.fullmatch(row["name"]):
        raise ValueError(f"{where}.name {row['name']!r} is no name of a metric")
    if row["unit"] not in UNITS:
        raise ValueError(f"{where}.unit {row['unit']!r} is none of {', '.join(map(repr, UNITS))}")
    if row.get("across", "sum") not in _ACROSS:
        raise ValueError(f"{where}.across {row['across']!r} is none of {', '.join(_ACROSS)}")
    labels = tuple(_label(label, f"{where}.labels[{index}]") for index, label in enumerate(row["labels"]))
    own: dict[str, Any] = {key: row[key] for key in _OWN[kind]}
    if kind == "histogram":
        own["buckets"] = _buckets(row["buckets"], where)
    shared = {key: row[key] for key in ("name", "help", "means")}
    return _KINDS[kind](**shared, labels=labels, unit=UNITS[row["unit"]], **own)


def _label(row: Any, where: str) -> Label:
    _keys(row, where, {"name": str, "help": str})
    if not _LABEL_NAME.fullmatch(row["name"]):
        raise ValueError(f"{where}.name {row['name']!r} is no name of a label")
    return Label(row["name"], row["help"])


def _buckets(values: list[Any], where: str) -> tuple[float, ...]:
    numbers = bool(values) and all(type(value) in {int, float} and isfinite(value) for value in values)
    if not numbers or values != sorted(set(values)):
        raise ValueError(f"{where}.buckets are not finite numbers in ascending order")
    return tuple(float(value) for value in values)
