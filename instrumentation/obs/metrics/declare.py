"""Metrics of the application, declared in one line and recorded by the same instruments as obs's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite
from typing import TypeVar

from obs.metrics import instruments
from obs.signals import model

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
# Names that the instruments' own arguments have, and that Prometheus or the merge of workers sets.
_TAKEN = ("self", "amount", "value", "le", "quantile", "worker", "job", "instance")

_declared: dict[str, model.Metric] = {}

Made = TypeVar("Made", instruments.Counter, instruments.Gauge, instruments.Histogram)


def counter(name: str, help: str = "", *, labels: Sequence[str] = (), unit: str = "") -> instruments.Counter:  # noqa: A002
    """Declare a number that only grows.

    Args:
        name: Lower case with `_` or `.`, without unit and `_total`; both are appended.
        help: What is counted, one sentence.
        labels: The dimensions' names; each combination of values is a series, so no ids.
        unit: `s` or `seconds`, `By` or `bytes`, `1` for a ratio; empty for a plain count.

    Returns:
        The instrument; the same one when the same metric is declared again.

    Raises:
        ValueError: The declaration cannot be, or another one has the name.

    Example:
        >>> orders = counter("doc_orders", "Orders that customers placed.", labels=("method",))
        >>> orders.add(2, method="card")
    """
    declared = model.Counter(
        name=_name(name.removesuffix("_total")), help=help, labels=_labels(name, labels), unit=_unit(name, unit)
    )
    return _remembered(declared, instruments.instrument(declared, own=True))


def gauge(
    name: str,
    help: str = "",  # noqa: A002 - Prometheus's own word
    *,
    labels: Sequence[str] = (),
    unit: str = "",
    across: model.Across = "sum",
) -> instruments.Gauge:
    """Declare a number that goes up and down.

    Args:
        name: Lower case with `_` or `.`, without unit; it is appended.
        help: What it is, one sentence.
        labels: The dimensions' names.
        unit: `s` or `seconds`, `By` or `bytes`, `1` for a ratio; empty for a plain count.
        across: How several workers' values become one: `sum`, `max`, `min`, `last`, or `each` with a label `worker`.

    Returns:
        The instrument; the same one when the same metric is declared again.

    Raises:
        ValueError: The declaration cannot be, or another one has the name.
    """
    if across not in ("sum", "max", "min", "last", "each"):
        raise ValueError(f"{name}: across is one of sum, max, min, last, each, not {across!r}")
    declared = model.Gauge(
        name=_name(name), help=help, labels=_labels(name, labels), unit=_unit(name, unit), across=across
    )
    return _remembered(declared, instruments.instrument(declared, own=True))


def histogram(
    name: str,
    help: str = "",  # noqa: A002 - Prometheus's own word
    *,
    labels: Sequence[str] = (),
    unit: str = "",
    buckets: Sequence[float] = model.LATENCY_BUCKETS,
) -> instruments.Histogram:
    """Declare a distribution.

    Args:
        name: Lower case with `_` or `.`, without unit; it is appended.
        help: What is measured, one sentence.
        labels: The dimensions' names.
        unit: `s` or `seconds`, `By` or `bytes`, `1` for a ratio; empty for a plain count.
        buckets: The upper bounds in that unit, ascending, without infinity.

    Returns:
        The instrument; the same one when the same metric is declared again.

    Raises:
        ValueError: The declaration cannot be, or another one has the name.
    """
    bounds = tuple(float(bound) for bound in buckets)
    if not bounds or list(bounds) != sorted(set(bounds)) or not all(map(isfinite, bounds)):
        raise ValueError(f"{name}: buckets are finite numbers in ascending order, not {tuple(buckets)}")
    declared = model.Histogram(
        name=_name(name), help=help, labels=_labels(name, labels), unit=_unit(name, unit), buckets=bounds
    )
    return _remembered(declared, instruments.instrument(declared, own=True))


def declared() -> tuple[model.Metric, ...]:
    """The application's own metrics, in the order in which they were declared."""
    return tuple(_declared.values())


def _remembered(signal: model.Metric, made: Made) -> Made:
    _declared.setdefault(signal.family, signal)
    return made


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a metric: letters, digits, `_` and `.`, no digit first")
    return name


def _labels(name: str, labels: Sequence[str]) -> tuple[model.Label, ...]:
    if isinstance(labels, str):
        raise ValueError(f"{name}: labels is a list of names, not the text {labels!r}")  # noqa: TRY004
    for label in labels:
        if not _LABEL.fullmatch(label) or label in _TAKEN or list(labels).count(label) > 1:
            allowed = f"letters, digits and `_`, none twice, none of {', '.join(_TAKEN)}"
            raise ValueError(f"{name}: {label!r} cannot be a label: {allowed}")
    return tuple(model.Label(label, "") for label in labels)


def _unit(name: str, unit: str) -> model.Unit:
    if unit not in model.UNITS:
        raise ValueError(f"{name}: unit {unit!r} is unknown; one of {', '.join(repr(known) for known in model.UNITS)}")
    return model.UNITS[unit]
