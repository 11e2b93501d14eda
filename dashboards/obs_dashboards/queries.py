"""Queries derived from declared signals: the kind decides the query, the unit decides the axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from obs.signals.model import COUNT, RATIO, SECONDS, Counter, Gauge, Histogram, Info, Label, Metric
from obs_dashboards.expressions import (
    Aggregate,
    Aggregation,
    Binary,
    Call,
    Expression,
    Match,
    Number,
    Operator,
    Selector,
)

JOB = Label("job", "The service, as Prometheus knows it.")
INSTANCE = Label("instance", "One target of the service.")
LE = Label("le", "The upper bound of a histogram's bucket.")
TARGET_LABELS = (JOB, INSTANCE)

# Every selector is bound to the two variables that all dashboards have.
BOUND = (Match("job", "=~", "$job"), Match("instance", "=~", "$instance"))

RATE_INTERVAL = "$__rate_interval"  # at least four scrapes, however far the reader has zoomed out
RANGE = "$__range"  # the whole time that the dashboard shows

Format = Literal["time_series", "table", "heatmap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a panel asks Prometheus.

    Args:
        expression: What is asked.
        unit: Grafana's id of the answer's unit.
        signals: The declared signals it is derived from.
        legend: Grafana's template of a series' name.
        format: The shape of the answer.
        instant: One value now, instead of one for each step of the time range.
        exemplar: Whether the traces behind the numbers are asked for as well.
    """

    expression: Expression
    unit: str
    signals: tuple[Metric, ...]
    legend: str = "__auto"
    format: Format = "time_series"
    instant: bool = False
    exemplar: bool = False


def where(label: Label, operator: Operator, value: str) -> Match:
    """A condition on a declared label.

    Example:
        >>> str(where(Label("level", "The record's level."), "=", "error"))
        'level="error"'
    """
    return Match(label.name, operator, value)


def rate(signal: Counter | Histogram, *conditions: Match, by: tuple[Label, ...] = (JOB,), legend: str = "") -> Query:
    """Events a second: of a counter, or of a histogram's observations.

    Args:
        signal: A counter or a histogram.
        *conditions: Further matchers.
        by: The labels that are kept; one line for each of their values.
        legend: Name of a line; by default the values of the kept labels.

    Raises:
        TypeError: The signal is of a kind that has no rate.

    Example:
        >>> from obs.signals.http import ROUTE, SERVER_DURATION
        >>> str(rate(SERVER_DURATION, by=(ROUTE,)).expression)[:66]
        'sum by (http_route) (rate(http_server_request_duration_seconds_cou'
    """
    unit = signal.unit.rate if isinstance(signal, Counter) else COUNT.rate
    return Query(
        expression=_growth(signal, conditions, by, "rate", RATE_INTERVAL),
        unit=unit,
        signals=(signal,),
        legend=legend or _legend(by),
    )


def increase(
    signal: Counter | Histogram, *conditions: Match, by: tuple[Label, ...] = (JOB,), over: str = RANGE
) -> Query:
    """Events over a time, for a table or a single number.

    Args:
        signal: A counter or a histogram.
        *conditions: Further matchers.
        by: The labels that are kept.
        over: The time; the dashboard's whole range by default.
    """
    unit = signal.unit.grafana if isinstance(signal, Counter) else COUNT.grafana
    return Query(
        expression=_growth(signal, conditions, by, "increase", over),
        unit=unit,
        signals=(signal,),
        legend=_legend(by),
    )


def errors(
    signal: Counter | Histogram,
    failed: Match,
    *conditions: Match,
    by: tuple[Label, ...] = (JOB,),
    over: str = RATE_INTERVAL,
) -> Query:
    """The share of events that failed, from 0 to 1.

    The numerator is filled with zeros from the denominator, so that a service that never failed shows 0 and not a gap.

    Args:
        signal: A counter or a histogram.
        failed: What makes an event a failure.
        *conditions: Further matchers, on failures and on all.
        by: The labels that are kept.
        over: The time that each share is taken over.
    """
    function = "rate" if over == RATE_INTERVAL else "increase"
    every = _growth(signal, conditions, by, function, over)
    some = _growth(signal, (*conditions, failed), by, function, over)
    zero_filled = Binary(some, "or", Binary(Number("0"), "*", every))
    return Query(expression=Binary(zero_filled, "/", every), unit=RATIO.grafana, signals=(signal,), legend=_legend(by))


def quantile(
    signal: Histogram,
    share: float,
    *conditions: Match,
    by: tuple[Label, ...] = (JOB,),
    over: str = RATE_INTERVAL,
    exemplar: bool = False,
) -> Query:
    """The value below which a share of a histogram's observations lies.

    Args:
        signal: A histogram.
        share: From 0 to 1; 0.95 is the 95th percentile.
        *conditions: Further matchers.
        by: The labels that are kept.
        over: The time that each value is taken over.
        exemplar: Whether to show single traces as points.
    """
    if not isinstance(signal, Histogram):
        raise TypeError(_wrong_kind("quantile", "a histogram", signal))
    growth = Call("rate" if over == RATE_INTERVAL else "increase", (_select(signal.bucket, conditions, over),))
    buckets = Aggregate("sum", (LE.name, *_names(by)), growth)
    return Query(
        expression=Call("histogram_quantile", (Number(f"{share:g}"), buckets)),
        unit=signal.unit.grafana,
        signals=(signal,),
        legend=f"p{share * 100:g} {_legend(by)}".strip(),
        exemplar=exemplar,
    )


def quantiles(
    signal: Histogram,
    *conditions: Match,
    shares: tuple[float, ...] = (0.5, 0.95, 0.99),
    by: tuple[Label, ...] = (JOB,),
) -> tuple[Query, ...]:
    """Several quantiles for one panel; the last one brings the exemplars, which are the same for all.

    Args:
        signal: A histogram.
        *conditions: Further matchers.
        shares: From 0 to 1, ascending.
        by: The labels that are kept.
    """
    return tuple(quantile(signal, share, *conditions, by=by, exemplar=share == shares[-1]) for share in shares)


def heatmap(signal: Histogram, *conditions: Match) -> Query:
    """How many observations fell into each bucket at each time, with exemplars."""
    if not isinstance(signal, Histogram):
        raise TypeError(_wrong_kind("heatmap", "a histogram", signal))
    growth = Call("increase", (_select(signal.bucket, conditions, RATE_INTERVAL),))
    return Query(
        expression=Aggregate("sum", (LE.name,), growth),
        unit=signal.unit.grafana,
        signals=(signal,),
        legend="{{le}}",
        format="heatmap",
        exemplar=True,
    )


def value(signal: Gauge, *conditions: Match, by: tuple[Label, ...] = (JOB,), agg: Aggregation | None = None) -> Query:
    """A gauge as it is.

    Args:
        signal: A gauge.
        *conditions: Further matchers.
        by: The labels that are kept.
        agg: How series become one; by default as the gauge declares for several workers.
    """
    if not isinstance(signal, Gauge):
        raise TypeError(_wrong_kind("value", "a gauge", signal))
    return Query(
        expression=Aggregate(agg or _across(signal), _names(by), _select(signal.family, conditions)),
        unit=signal.unit.grafana,
        signals=(signal,),
        legend=_legend(by),
    )


def fullness(part: Gauge, whole: Gauge, *, by: tuple[Label, ...] = (JOB, INSTANCE)) -> Query:
    """The fullest of several limited things, from 0 to 1: one gauge divided by the gauge of its limit."""
    return Query(
        expression=Aggregate("max", _names(by), Binary(_select(part.family), "/", _select(whole.family))),
        unit=RATIO.grafana,
        signals=(part, whole),
        legend=_legend(by),
    )


def age(moment: Gauge, *, by: tuple[Label, ...] = (JOB, INSTANCE)) -> Query:
    """Seconds since the newest of the moments that a gauge holds as seconds since 1970."""
    return Query(
        expression=Binary(Call("time"), "-", Aggregate("max", _names(by), _select(moment.family))),
        unit=SECONDS.grafana,
        signals=(moment,),
        legend=_legend(by),
    )


def changes(signal: Gauge, *, by: tuple[Label, ...] = (JOB,)) -> Query:
    """How often a gauge took another value."""
    moved = Call("changes", (_select(signal.family, (), RATE_INTERVAL),))
    return Query(
        expression=Aggregate("sum", _names(by), moved), unit=COUNT.grafana, signals=(signal,), legend=_legend(by)
    )


def number_of(info: Info, *, by: tuple[Label, ...] = (JOB,)) -> Query:
    """How many targets carry these facts."""
    return Query(
        expression=Aggregate("count", _names(by), _select(info.samples[0])),
        unit=COUNT.grafana,
        signals=(info,),
        legend=_legend(by),
    )


def facts(info: Info) -> Query:
    """The facts themselves, one row for each target."""
    by = (*TARGET_LABELS, *info.labels)
    return Query(
        expression=Aggregate("max", _names(by), _select(info.samples[0])),
        unit=COUNT.grafana,
        signals=(info,),
    )


def _growth(
    signal: Counter | Histogram, conditions: tuple[Match, ...], by: tuple[Label, ...], function: str, window: str
) -> Aggregate:
    if not isinstance(signal, Counter | Histogram):
        raise TypeError(_wrong_kind(function, "a counter or a histogram", signal))
    name = signal.total if isinstance(signal, Counter) else signal.count
    return Aggregate("sum", _names(by), Call(function, (_select(name, conditions, window),)))


def _select(name: str, conditions: tuple[Match, ...] = (), window: str = "") -> Selector:
    return Selector(name, (*BOUND, *conditions), window)


def _names(labels: tuple[Label, ...]) -> tuple[str, ...]:
    return tuple(label.name for label in labels)


def _legend(by: tuple[Label, ...]) -> str:
    return " ".join(f"{{{{{label.name}}}}}" for label in by)


def _across(signal: Gauge) -> Aggregation:
    """Targets are put together as the workers of one target are; what belongs to one of them shows its highest."""
    return signal.across if signal.across in {"sum", "min"} else "max"


def _wrong_kind(function: str, wanted: str, signal: Metric) -> str:
    kind = type(signal).__name__.lower()
    instead = {"gauge": "value()", "counter": "rate()", "histogram": "quantiles()", "info": "facts()"}.get(kind)
    return f"{function}() shows {wanted}; {signal.name} is a {kind}" + (f": use {instead}" if instead else "")
