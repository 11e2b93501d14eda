"""What a signal is: a metric, a log field or a span attribute, declared once as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure in the spelling of each tool that shows or stores it.

    Args:
        ucum: OpenTelemetry's spelling (UCUM), such as ``s`` or ``By``.
        suffix: What Prometheus appends to a metric's name; empty for a plain count.
        grafana: Grafana's unit id.
        rate: Grafana's unit id for the amount a second.
    """

    ucum: str
    suffix: str
    grafana: str
    rate: str


SECONDS = Unit("s", "seconds", "s", "short")
BYTES = Unit("By", "bytes", "bytes", "Bps")
RATIO = Unit("1", "ratio", "percentunit", "percentunit")
COUNT = Unit("", "", "short", "cps")
REQUESTS = Unit("{request}", "", "short", "reqps")
TIMESTAMP = Unit("s", "timestamp_seconds", "dateTimeAsIso", "short")

UNITS: dict[str, Unit] = {
    "": COUNT,
    "1": RATIO,
    "s": SECONDS,
    "seconds": SECONDS,
    "By": BYTES,
    "bytes": BYTES,
}


@dataclass(frozen=True, slots=True)
class Label:
    """A dimension of a metric.

    Args:
        name: Its name in Prometheus, such as ``http_request_method``.
        help: What it holds, one sentence.
        values: Every value it can take; empty when the application decides.
    """

    name: str
    help: str
    values: tuple[str, ...] = ()


# How one gauge of several workers becomes one number: the sum or the extreme of the living ones, the value that was
# set last, or each with its own `worker` label.
Across = Literal["sum", "max", "min", "last", "each"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What every metric declares.

    Args:
        name: The dotted OpenTelemetry name (``http.server.request.duration``).
        help: What is measured, one sentence; it becomes ``# HELP``.
        means: What it tells the person on call: what is normal, and what to think of when it is not.
        labels: Its dimensions, in the order in which instruments take their values.
        unit: Its unit; decides the name's suffix and the panel's axis.
        source: ``obs`` when obs emits it, else the program and version that does.
    """

    name: str
    help: str
    means: str = ""
    labels: tuple[Label, ...] = ()
    unit: Unit = COUNT
    source: str = "obs"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels' names, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def family(self) -> str:
        """The name of the family in Prometheus, without the suffix of a kind.

        Source of the rule: OpenTelemetry's "Prometheus and OpenMetrics Compatibility".
        """
        base = self.name.replace(".", "_")
        suffix = self.unit.suffix
        return base if not suffix or base.endswith("_" + suffix) else f"{base}_{suffix}"

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of the series that a scrape shows."""
        return (self.family,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Metric):
    """A number that only grows; shown as a rate."""

    @property
    def samples(self) -> tuple[str, ...]:
        """``NAME_total``."""
        return (f"{self.family}_total",)

    @property
    def total(self) -> str:
        """The name of the counter's series."""
        return f"{self.family}_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Metric):
    """A number that goes up and down; shown as it is.

    Args:
        across: How the values of several workers of one target become one.
    """

    across: Across = "sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Metric):
    """A distribution; shown as quantiles and a heatmap.

    Args:
        buckets: The upper bounds, ascending, without infinity.
    """

    buckets: tuple[float, ...]

    @property
    def samples(self) -> tuple[str, ...]:
        """The bucket, sum and count series."""
        return tuple(f"{self.family}_{part}" for part in ("bucket", "sum", "count"))

    @property
    def bucket(self) -> str:
        """The name of the bucket series."""
        return f"{self.family}_bucket"

    @property
    def count(self) -> str:
        """The name of the count series."""
        return f"{self.family}_count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Info(Metric):
    """Facts in labels with the constant value 1, such as a version."""

    @property
    def family(self) -> str:
        """The family's name, without ``_info``."""
        return self.name.replace(".", "_")

    @property
    def samples(self) -> tuple[str, ...]:
        """``NAME_info``."""
        return (f"{self.family}_info",)


@dataclass(frozen=True, slots=True)
class LogField:
    """A field of a log record, as it is stored.

    Args:
        name: The dotted name in ECS, or obs's own where ECS has none.
        type: The Elasticsearch type it is mapped to.
        help: What it holds, one sentence.
    """

    name: str
    type: Literal["date", "keyword", "text", "long", "double", "boolean", "ip", "flattened"]
    help: str


@dataclass(frozen=True, slots=True)
class SpanAttribute:
    """An attribute of a span.

    Args:
        name: The dotted name in OpenTelemetry's semantic conventions.
        type: The type of its value.
        help: What it holds, one sentence.
    """

    name: str
    type: Literal["string", "int", "double", "boolean"]
    help: str


# Source: OpenTelemetry semantic conventions, http.server.request.duration, advised boundaries.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
