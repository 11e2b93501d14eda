"""What the metrics have become since a moment, read as a scrape would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from obs.metrics import room
from obs.metrics.instruments import Counter, Gauge, Histogram
from obs.nearest_name import nearest_name

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_Key = tuple[str, frozenset[tuple[str, str]]]
# They change by themselves.
_OF_THE_PROCESS = ("process_", "python_")

Named = str | Counter | Gauge | Histogram


class Metrics:
    """The metrics of obs, of the application and of prometheus_client, as differences since the capture began.

    A metric is named as a scrape shows it (`orders_total`, `orders`), or given as what `obs.counter` and its like
    return. Labels that are not named are added up over.
    """

    def __init__(self) -> None:
        self._before: dict[_Key, float] = {}
        self.begin()

    def begin(self) -> None:
        """Count from now on."""
        self._before = dict(_numbers(_families()))

    def value(self, metric: Named, **labels: object) -> float:
        """How much a counter has grown since the capture began, or what a gauge is now.

        Args:
            metric: Which.
            labels: Labels with their values; values are compared as text.

        Raises:
            AssertionError: There is no such metric or label, or it is a histogram.
        """
        __tracebackhide__ = True
        return self._sum(metric, "", labels)

    def count(self, metric: Named, **labels: object) -> float:
        """How many observations a histogram got since the capture began; the arguments are those of `value`."""
        __tracebackhide__ = True
        return self._sum(metric, "_count", labels)

    def sum(self, metric: Named, **labels: object) -> float:
        """What the observations of a histogram add up to since the capture began; the arguments are as ever."""
        __tracebackhide__ = True
        return self._sum(metric, "_sum", labels)

    def _sum(self, metric: Named, suffix: str, labels: Mapping[str, object]) -> float:
        __tracebackhide__ = True
        families = _families()
        family = _find(families, metric if isinstance(metric, str) else metric.signal.family)
        distribution = family.type in {"histogram", "summary"}
        if distribution != bool(suffix):
            advice = "ask for its count() or sum()" if distribution else "ask for its value()"
            raise AssertionError(f"{family.name} is a {family.type}; {advice}")
        shown = f"{family.name}{'_total' if family.type == 'counter' else suffix}"
        wanted = {(name, str(value)) for name, value in labels.items()}
        numbers = dict(_numbers([family]))
        self._check_labels(shown, numbers, labels)
        before = {} if family.type == "gauge" else self._before
        return sum(
            number - before.get((name, values), 0.0)
            for (name, values), number in numbers.items()
            if name == shown and wanted <= values
        )

    def _check_labels(self, shown: str, numbers: Iterable[_Key], labels: Mapping[str, object]) -> None:
        __tracebackhide__ = True
        known = {label for name, values in numbers if name == shown for label, _ in values}
        unknown = [name for name in labels if name not in known]
        if known and unknown:
            raise AssertionError(f"{shown} has no label {unknown[0]!r}; it has {', '.join(sorted(known))}")

    def __repr__(self) -> str:
        changed = []
        for (name, labels), number in sorted(_numbers(_families()), key=str):
            by = number - self._before.get((name, labels), 0.0)
            if by and not name.endswith("_bucket") and not name.startswith(_OF_THE_PROCESS):
                shown = ", ".join(f"{label}={value!r}" for label, value in sorted(labels))
                changed.append(f"  {name}({shown}) {by:+g}")
        return "\n".join(["metrics that changed:", *changed])


def _families() -> list[Metric]:
    live = room._room
    return (live.scrape if live else room._unstarted).families()


def _numbers(families: Iterable[Metric]) -> Iterable[tuple[_Key, float]]:
    for family in families:
        for sample in family.samples:
            yield (sample.name, frozenset(sample.labels.items())), sample.value


def _find(families: Iterable[Metric], name: str) -> Metric:
    __tracebackhide__ = True
    known = {family.name: family for family in families}
    for wanted in (name, name.removesuffix("_total")):
        if wanted in known:
            return known[wanted]
    shown = [f"{family.name}_total" if family.type == "counter" else family.name for family in known.values()]
    near = nearest_name(name, shown)
    advice = f"did you mean {near}?" if near else f"there are {', '.join(sorted(shown))}"
    raise AssertionError(f"there is no metric {name}; {advice}")
