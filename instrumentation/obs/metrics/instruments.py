"""What records a metric: counters, gauges and histograms whose series are found once and then cost a microsecond."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar, overload

import obs.metrics
from obs.metrics.children import CounterChild, GaugeChild, HistogramChild
from obs.metrics.labels import clean
from obs.metrics.records import Family, Kind
from obs.metrics.store import LOCK, STORE, Series
from obs.runtime.guard import swallow
from obs.signals import model, own_health

# Of a metric of obs's own, which has a series for each method, route and status.
MOST_SERIES = 2000
# Of a metric of the application; the setting `max_series`.
MOST_OWN_SERIES = 1000
OVERFLOW = "_other_"

_most_own = MOST_OWN_SERIES


Child = TypeVar("Child", bound=Series)


class _Instrument(Generic[Child]):
    """A metric with its series by label values.

    Args:
        signal: What the metric is declared as.
        family: How its numbers are kept.
        make: Makes a series.
        own: It is the application's.
    """

    def __init__(
        self,
        signal: model.Metric,
        family: Family,
        make: Callable[[Family, tuple[str, ...]], Child],
        *,
        own: bool,
    ) -> None:
        self.signal = signal
        self._family = family
        self._make = make
        self._own = own
        self._told = False
        self._children: dict[tuple[object, ...], Child] = {}
        STORE.declare(family)
        if not family.labels:
            self.child()

    def child(self, *label_values: str) -> Child:
        """The series of these label values, in the order of the declaration; made at zero the first time.

        Never raises: a value too few is the empty text, one too many is left out; both are counted as internal errors.
        """
        found = self._children.get(label_values)
        return found if found is not None else self._find(label_values)

    def zero(self, *label_values: str) -> None:
        """Show a series at 0 before anything happens, so that the first increase is seen as one."""
        self.child(*label_values)

    def _of(self, labels: Mapping[str, object]) -> Child:
        names = self._family.labels
        if len(labels) == len(names):
            try:
                found = self._children.get(tuple([labels[name] for name in names]))
                if found is not None:
                    return found
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001, S110 - an unknown name or a value that cannot be hashed: see below
                pass
        unknown = [name for name in labels if name not in names]
        missing = [name for name in names if name not in labels]
        if unknown or missing:
            text = f"{self._family.name} has the labels {names}: unknown {unknown}, missing {missing}"
            swallow("metrics.labels", ValueError(text))
        return self._find(tuple(clean(labels.get(name, "")) for name in names))

    def _find(self, label_values: tuple[str, ...]) -> Child:
        names = self._family.labels
        if len(label_values) != len(names):
            text = f"{self._family.name} takes {len(names)} label values, not {len(label_values)}"
            swallow("metrics.labels", ValueError(text))
        values = tuple(clean(value) for value in (*label_values, *[""] * len(names))[: len(names)])
        with LOCK:
            found = self._children.get(values)
            if found is not None:
                return found
            most = _most_own if self._own else MOST_SERIES
            if len(self._children) < most:
                return self._create(values)
        instrument(own_health.SERIES_DROPPED).child(self._family.name).add()
        self._tell(most)
        overflow = (OVERFLOW,) * len(names)
        with LOCK:
            return self._children.get(overflow) or self._create(overflow)

    def _tell(self, most: int) -> None:
        if not self._told:
            self._told = True
            what = f"{self._family.name} has {most} combinations of label values, the most it may have"
            advice = "an id must not be a label" + ("; the setting `max_series` allows more" if self._own else "")
            obs.metrics.warn(f"{what}: further ones are counted in the series `{OVERFLOW}`; {advice}")

    def _create(self, values: tuple[str, ...]) -> Child:
        made = self._make(self._family, values)
        STORE.add(made)
        self._children[values] = made
        return made


class Counter(_Instrument[CounterChild]):
    """A number that only grows."""

    def add(self, amount: float = 1.0, **labels: object) -> None:
        """Count; never raises.

        Args:
            amount: How much, finite and not negative.
            labels: One value for each label of the declaration.

        Example:
            >>> from obs.metrics import counter
            >>> orders = counter("doc_orders_placed", "Orders that customers placed.", labels=("method",))
            >>> orders.add(method="card")
        """
        try:
            self._of(labels).add(amount, *obs.metrics.current_trace())
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.add", error)


class Gauge(_Instrument[GaugeChild]):
    """A number that goes up and down."""

    def add(self, amount: float = 1.0, **labels: object) -> None:
        """Move the value up, or down by a negative amount; never raises."""
        try:
            self._of(labels).add(amount)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.add", error)

    def set(self, value: float, **labels: object) -> None:
        """Replace the value; never raises."""
        try:
            self._of(labels).set(value)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.set", error)

    def zero(self, *label_values: str) -> None:
        """Set a series to 0."""
        self.child(*label_values).set(0.0)


class Histogram(_Instrument[HistogramChild]):
    """A distribution."""

    def record(self, value: float, **labels: object) -> None:
        """Record an observation; never raises.

        Args:
            value: What was measured, in the metric's unit, finite and not negative.
            labels: One value for each label of the declaration.
        """
        try:
            self._of(labels).record(value, *obs.metrics.current_trace())
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("metrics.record", error)


Instrument = Counter | Gauge | Histogram

_instruments: dict[str, Instrument] = {}


@overload
def instrument(signal: model.Counter, *, own: bool = False) -> Counter: ...
@overload
def instrument(signal: model.Gauge, *, own: bool = False) -> Gauge: ...
@overload
def instrument(signal: model.Histogram, *, own: bool = False) -> Histogram: ...
def instrument(signal: model.Metric, *, own: bool = False) -> Instrument:
    """The instrument that records a declared signal, the same object at every call; usable before `obs.init()`.

    Args:
        signal: The declaration.
        own: It is a metric of the application.

    Raises:
        ValueError: Another declaration has the same name.
        TypeError: The signal is no counter, gauge or histogram.
    """
    with LOCK:
        found = _instruments.get(signal.family)
        if found is None:
            found = _instruments[signal.family] = _made(signal, own)
    if found.signal != signal:
        raise ValueError(f"the metric {signal.family} is declared already, as {found.signal}; this one is {signal}")
    return found


def limit_own_series(most: int) -> None:
    """Let each metric of the application have so many combinations of label values from now on."""
    global _most_own
    _most_own = most


def _made(signal: model.Metric, own: bool) -> Instrument:
    if isinstance(signal, model.Counter):
        return Counter(signal, _family(signal, "counter", signal.label_names), CounterChild, own=own)
    if isinstance(signal, model.Gauge):
        # The worker's number is added where the values of several workers meet.
        names = tuple(name for name in signal.label_names if name != "worker" or signal.across != "each")
        return Gauge(signal, _family(signal, "gauge", names), GaugeChild, own=own)
    if isinstance(signal, model.Histogram):
        return Histogram(signal, _family(signal, "histogram", signal.label_names), HistogramChild, own=own)
    raise TypeError(f"{signal.name} is no counter, gauge or histogram: {type(signal).__name__}")


def _family(signal: model.Metric, kind: Kind, labels: tuple[str, ...]) -> Family:
    return Family(
        name=signal.family,
        kind=kind,
        help=signal.help,
        unit=signal.unit.suffix,
        labels=labels,
        bounds=signal.buckets if isinstance(signal, model.Histogram) else (),
        across=signal.across if isinstance(signal, model.Gauge) else "sum",
    )
