"""Metrics that are made with prometheus_client: they keep their numbers where obs keeps its own, and so add up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obs.metrics.exposition import shown_name
from obs.metrics.joined_value import JoinedValue
from obs.metrics.labels import clean
from obs.metrics.records import Family
from obs.metrics.store import LOCK, REMOVED, STORE, Series
from obs.runtime.guard import Guard
from obs.runtime.on_import import ImportHook
from obs.runtime.patcher import Patcher

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.samples import Sample

# prometheus_client's ways to make one gauge of several processes. Its default, `all`, gives each process a series of
# its own; one sum keeps the labels that the application declared.
_ACROSS = {"min": "min", "max": "max", "sum": "sum", "mostrecent": "last", "all": "sum", "liveall": "each"}


class _Children(dict[Any, Any]):
    """The children of a metric by label values; each joins when it is made and leaves when it is removed."""

    def __init__(self, join: Callable[[Any], None], children: dict[Any, Any]) -> None:
        super().__init__()
        self._join = join
        for labels, child in children.items():
            self[labels] = child

    def __setitem__(self, labels: Any, child: Any) -> None:
        with Guard("metrics.joined"):
            self._join(child)
        super().__setitem__(labels, child)

    def __delitem__(self, labels: Any) -> None:
        _take_away(self[labels])
        super().__delitem__(labels)

    def pop(self, labels: Any, *default: Any) -> Any:
        """Remove a child."""
        if labels in self:
            _take_away(self[labels])
        return super().pop(labels, *default)


class JoinedRegistry:
    """prometheus_client's default registry, from `join` to `leave`.

    Metrics are joined by object, those of other registries are left alone. Where `PROMETHEUS_MULTIPROC_DIR` is set, the
    application shares its numbers itself, and they are read from there.

    Args:
        directory: The target's directory.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._registry: Any = None
        self._patches = Patcher()
        self._metrics: list[Any] = []

    def join(self) -> None:
        """Take in every metric of the registry, and from now on every one that is registered.

        Where nobody has imported prometheus_client yet, this waits until somebody does.
        """
        if "prometheus_client" in sys.modules:
            self._join_registry()
            return
        hook = ImportHook({"prometheus_client": self._join_registry})
        sys.meta_path.insert(0, hook)
        self._patches.on_restore(lambda: sys.meta_path.remove(hook))

    def leave(self) -> None:
        """Give every metric its own numbers back."""
        self._patches.restore()
        for metric in tuple(self._metrics):
            with Guard("metrics.joined"):
                self._release(metric)

    def after_fork_in_child(self) -> None:
        """Count from zero."""
        for value in self._values():
            value.restart()

    def add_local(self, families: list[Metric]) -> list[Metric]:
        """Add what only this process knows: collectors of the application, and gauges that ask a function.

        Args:
            families: What is shown already; a family of the same name is not shown twice.
        """
        if self._registry is None:
            return families
        from prometheus_client.metrics_core import Metric

        shown = {family.name: family for family in families}
        names = set(map(shown_name, families))
        for metric in self._metrics:
            for sample in _asked(metric):
                family = shown.get(metric._name)
                if family is None:  # obs shows one of its own in its place
                    continue
                others = [other for other in family.samples if other.labels != sample.labels]
                family.samples = [*others, sample]
        for collector in self._foreign():
            with Guard("metrics.collector"):
                for family in collector.collect():
                    if isinstance(family, Metric) and family.name not in shown and shown_name(family) not in names:
                        shown[family.name] = family
                        names.add(shown_name(family))
        return list(shown.values())

    def _join_registry(self) -> None:
        from prometheus_client import REGISTRY
        from prometheus_client.metrics import Gauge, MetricWrapperBase

        self._registry = REGISTRY
        register, unregister = REGISTRY.register, REGISTRY.unregister

        def register_and_join(collector: Any) -> None:
            register(collector)
            with Guard("metrics.joined"):
                self._take(collector)

        def unregister_and_leave(collector: Any) -> None:
            unregister(collector)
            with Guard("metrics.joined"):
                self._release(collector)

        def clear_and_join(original: Callable[[Any], None]) -> Callable[[Any], None]:
            def clear(metric: Any) -> None:
                children = getattr(metric, "_metrics", None)
                original(metric)
                if isinstance(children, _Children):
                    with Guard("metrics.joined"):
                        for child in children.values():
                            _take_away(child)
                        metric._metrics = _Children(self._join, {})

            return clear

        def ask_and_take_away(original: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
            def set_function(metric: Any, function: Any) -> None:
                original(metric, function)
                _take_away(metric)

            return set_function

        self._patches.set(self._registry, "register", register_and_join)
        self._patches.set(self._registry, "unregister", unregister_and_leave)
        self._patches.wrap(MetricWrapperBase, "clear", clear_and_join)
        self._patches.wrap(Gauge, "set_function", ask_and_take_away)
        for collector in self._collectors():
            with Guard("metrics.joined"):
                self._take(collector)

    def _collectors(self) -> tuple[Any, ...]:
        with self._registry._lock:
            return tuple(self._registry._collector_to_names)

    def _foreign(self) -> list[Any]:
        from prometheus_client import CollectorRegistry
        from prometheus_client.gc_collector import GCCollector
        from prometheus_client.multiprocess import MultiProcessCollector
        from prometheus_client.platform_collector import PlatformCollector
        from prometheus_client.process_collector import ProcessCollector

        own = (GCCollector, PlatformCollector, ProcessCollector)
        joined = {id(metric) for metric in self._metrics}
        found = [one for one in self._collectors() if not isinstance(one, own) and id(one) not in joined]
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            with Guard("metrics.collector"):
                found.insert(0, MultiProcessCollector(CollectorRegistry()))  # type: ignore[no-untyped-call]
        return found

    def _take(self, collector: Any) -> None:
        from prometheus_client import Counter, Gauge, Histogram, Summary, values
        from prometheus_client.values import MutexValue

        # Where the application shares its numbers itself, values are of another class.
        if values.ValueClass is not MutexValue or not isinstance(collector, Counter | Gauge | Histogram | Summary):
            return
        metric: Any = collector
        self._metrics.append(metric)
        if metric._is_parent():
            STORE.declare(_family(metric))
            with metric._lock:
                metric._metrics = _Children(self._join, metric._metrics)
        else:
            self._join(metric)

    def _join(self, metric: Any) -> None:
        series = STORE.add(Series(_family(metric), tuple(clean(value) for value in metric._labelvalues)))
        for index, original in _numbers(metric):
            _set_number(metric, index, JoinedValue(series, index, original, self._directory))
        if _asks(metric):
            _take_away(metric)

    def _release(self, metric: Any) -> None:
        self._metrics = [joined for joined in self._metrics if joined is not metric]
        for one in _with_children(metric):
            for index, value in _numbers(one):
                if isinstance(value, JoinedValue):
                    _set_number(one, index, value.give_back(self._directory))
                    if value.series.family.kind == "gauge":
                        with LOCK:
                            value.series.cells[1] = REMOVED
        if isinstance(getattr(metric, "_metrics", None), _Children):
            with metric._lock:
                metric._metrics = dict(metric._metrics)

    def _values(self) -> Iterator[JoinedValue]:
        for metric in self._metrics:
            for one in _with_children(metric):
                yield from (value for _, value in _numbers(one) if isinstance(value, JoinedValue))


def _family(metric: Any) -> Family:
    mode = getattr(metric, "_multiprocess_mode", "all")
    return Family(
        name=metric._name,
        kind=metric._type,
        help=metric._documentation,
        unit=metric._unit,
        labels=tuple(metric._labelnames),
        bounds=tuple(metric._upper_bounds[:-1]) if metric._type == "histogram" else (),
        across=_ACROSS.get(mode) or _ACROSS.get(mode.removeprefix("live"), "sum"),
        joined=True,
    )


def _numbers(metric: Any) -> list[tuple[int, Any]]:
    """The values of one series, each with its place in the store."""
    if metric._type == "histogram":
        return [*enumerate(metric._buckets), (len(metric._buckets), metric._sum)]
    if metric._type == "summary":
        return [(0, metric._count), (1, metric._sum)]
    return [(0, metric._value)]


def _set_number(metric: Any, index: int, value: Any) -> None:
    if metric._type == "histogram" and index < len(metric._buckets):
        metric._buckets[index] = value
    elif metric._type == "histogram" or (metric._type == "summary" and index == 1):
        metric._sum = value
    elif metric._type == "summary":
        metric._count = value
    else:
        metric._value = value


def _with_children(metric: Any) -> list[Any]:
    return list(metric._metrics.values()) if metric._is_parent() else [metric]


def _asked(metric: Any) -> Iterator[Sample]:
    """The samples of a gauge's series whose value a function tells."""
    if metric._type != "gauge":
        return
    for one in _with_children(metric):
        if _asks(one):
            with Guard("metrics.collector"):
                labels = dict(zip(one._labelnames, one._labelvalues, strict=True))
                yield from (sample._replace(name=one._name, labels=labels) for sample in one._child_samples())


def _asks(metric: Any) -> bool:
    return "_child_samples" in vars(metric)


def _take_away(metric: Any) -> None:
    """Show a gauge no more; what was counted stays counted."""
    value = getattr(metric, "_value", None)
    if isinstance(value, JoinedValue) and value.series.family.kind == "gauge":
        with LOCK:
            value.series.cells[1] = REMOVED
