"""Metrics that an application makes with prometheus_client appear on /metrics and add up like obs's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

import prometheus_client as prometheus
import pytest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from obs import metrics
from obs.metrics.room import MetricsRoom

Scraped = Callable[..., str]
Start = Callable[..., MetricsRoom]


@pytest.fixture(autouse=True)
def _clean_registry() -> Iterator[None]:
    """No metric of a test stays in prometheus_client's registry."""
    before = set(prometheus.REGISTRY._collector_to_names)
    yield
    for collector in set(prometheus.REGISTRY._collector_to_names) - before:
        prometheus.REGISTRY.unregister(collector)


def value(text: str, sample: str) -> float | None:
    """The value of one sample; None when it is not there."""
    for line in text.splitlines():
        if line.startswith(sample + " "):
            return float(line.split(" ")[1])
    return None


def in_child(work: Callable[[], object]) -> None:
    """Do something in a forked child that ends without exit handlers."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_metrics_made_before_and_after_start_add_up_over_workers(start: Start, scraped: Scraped, name: str) -> None:
    """All four kinds keep what they had, and a child's counts are added."""
    counter = prometheus.Counter(name, "c", ["k"])
    counter.labels("a").inc(3)
    start()
    histogram = prometheus.Histogram(f"{name}_h", "h", buckets=(1, 2))
    summary = prometheus.Summary(f"{name}_s", "s")
    gauge = prometheus.Gauge(f"{name}_g", "g")
    gauge.set(5)

    def work() -> None:
        counter.labels("a").inc()
        counter.labels("b").inc()
        histogram.observe(1.5)
        summary.observe(4)
        gauge.set(100)

    work()
    in_child(work)
    text = scraped()
    assert value(text, f'{name}_total{{k="a"}}') == 5
    assert value(text, f'{name}_total{{k="b"}}') == 2
    assert value(text, f'{name}_h_bucket{{le="1.0"}}') == 0
    assert value(text, f'{name}_h_bucket{{le="2.0"}}') == 2
    assert value(text, f"{name}_h_sum") == 3
    assert value(text, f"{name}_s_count") == 2
    assert value(text, f"{name}_s_sum") == 8
    assert value(text, f"{name}_g") == 100, "the child's gauge went with it"


def test_metrics_keep_their_values_over_stop_and_start(start: Start, scraped: Scraped, name: str) -> None:
    """After stop a metric is prometheus_client's own again with its count, and a new start counts nothing twice."""
    counter = prometheus.Counter(name, "c")
    gauge = prometheus.Gauge(f"{name}_g", "g")
    counter.inc(2)
    room = start()
    counter.inc()
    gauge.set(7)
    room.stop()
    assert prometheus.REGISTRY.get_sample_value(f"{name}_total") == 3
    assert type(counter._value) is prometheus.values.MutexValue
    counter.inc()
    start()
    assert value(scraped(), f"{name}_total") == 4
    assert value(scraped(), f"{name}_g") == 7
    assert prometheus.REGISTRY.get_sample_value(f"{name}_total") == 4


def test_metrics_keep_their_values_without_a_directory(
    start: Start, scraped: Scraped, name: str, tmp_path: object
) -> None:
    """Where nothing can be shared, stop and start count nothing twice either."""
    counter = prometheus.Counter(name, "c")
    for _ in range(3):
        room = start(local_dir="/proc/no/such")
        assert room.target.directory is None
        counter.inc()
        room.stop()
    start(local_dir="/proc/no/such")
    assert value(scraped(), f"{name}_total") == 3


def test_other_registries_are_left_alone(start: Start, scraped: Scraped, name: str) -> None:
    """A registry of the application's own is not on obs's /metrics, not even under a name that is."""
    shown = prometheus.Counter(name, "c", ["k"])
    start()
    own = prometheus.CollectorRegistry()
    hidden = prometheus.Counter(name, "c", ["k"], registry=own)
    hidden.labels("a").inc(10)
    shown.labels("a").inc()
    assert value(scraped(), f'{name}_total{{k="a"}}') == 1
    assert own.get_sample_value(f"{name}_total", {"k": "a"}) == 10


def test_custom_collector_is_shown(start: Start, scraped: Scraped, name: str) -> None:
    """Any object with collect() is asked, whenever it was registered."""
    start()

    class Collector:
        def collect(self) -> Iterable[Metric]:
            yield GaugeMetricFamily(name, "g", value=3)

    prometheus.REGISTRY.register(Collector())
    assert value(scraped(), name) == 3


def test_collector_that_raises_loses_only_itself(
    start: Start, scraped: Scraped, name: str, swallowed: list[BaseException]
) -> None:
    """The others are shown, and the failure is told of."""
    start()

    class Broken:
        def collect(self) -> Iterable[Metric]:
            raise RuntimeError("no")

    # Registering asks a collector once, so that it may not fail yet.
    broken = Broken()
    broken.describe = list  # type: ignore[attr-defined]
    prometheus.REGISTRY.register(broken)
    prometheus.Counter(name, "c").inc()
    assert value(scraped(), f"{name}_total") == 1
    assert str(swallowed.pop()) == "no"


def test_family_that_cannot_be_encoded_is_cleaned(start: Start, scraped: Scraped, name: str) -> None:
    """A lone surrogate in a collector's label, which would break every scrape of prometheus_client, is replaced."""
    start()

    class Collector:
        def collect(self) -> Iterable[Metric]:
            family = GaugeMetricFamily(name, "g", labels=["who"])
            family.add_metric(["a\ud800"], 3)
            yield family

    prometheus.REGISTRY.register(Collector())
    prometheus.Counter(f"{name}_c", "c", ["who"]).labels("b\ud800").inc()
    text = scraped()
    assert value(text, f'{name}{{who="a\ufffd"}}') == 3
    assert value(text, f'{name}_c_total{{who="b\ufffd"}}') == 1


def test_no_family_appears_twice(start: Start, scraped: Scraped) -> None:
    """Obs's process, platform and garbage collector metrics replace prometheus_client's."""
    start()
    for accept in ("", "application/openmetrics-text"):
        types = [line.split(" ")[2] for line in scraped(accept).splitlines() if line.startswith("# TYPE")]
        assert len(types) == len(set(types))


def test_a_name_that_is_shown_otherwise_than_it_is_declared_appears_once(start: Start, scraped: Scraped) -> None:
    """A gauge `target_info` and obs's info `target` are one name in the text; obs's own is shown."""

    class Others(Collector):
        def describe(self) -> Iterable[Metric]:
            return ()

        def collect(self) -> Iterable[Metric]:
            yield GaugeMetricFamily("python_info", "p", value=2)

    prometheus.REGISTRY.register(Others())
    prometheus.Gauge("target_info", "t").set(2)
    prometheus.Gauge("service_build_info", "b").set_function(lambda: 2)
    start()
    for accept in ("", "application/openmetrics-text"):
        samples = [line for line in scraped(accept).splitlines() if not line.startswith("#")]
        for name in ("target_info", "service_build_info", "python_info"):
            (sample,) = [line for line in samples if line.startswith(name)]
            assert sample.endswith("} 1.0")


def test_gauge_that_asks_a_function(start: Start, scraped: Scraped, name: str) -> None:
    """A gauge with a function shows what the function says at the scrape, once."""
    gauge = prometheus.Gauge(name, "g", ["k"])
    start()
    gauge.labels("a").set_function(lambda: 42.0)
    gauge.labels("b").set(1)
    text = scraped()
    assert value(text, f'{name}{{k="a"}}') == 42
    assert value(text, f'{name}{{k="b"}}') == 1
    assert text.count(f'{name}{{k="a"}}') == 1


def test_removed_gauge_series_is_gone_and_counts_never_fall(start: Start, scraped: Scraped, name: str) -> None:
    """remove() and clear() take gauges away; a counter that is made again goes on."""
    start()
    gauge, counter = prometheus.Gauge(name, "g", ["k"]), prometheus.Counter(f"{name}_c", "c", ["k"])
    for key in ("a", "b"):
        gauge.labels(key).set(1)
        counter.labels(key).inc(2)
    gauge.remove("a")
    counter.remove("a")
    assert value(scraped(), f'{name}{{k="a"}}') is None
    assert value(scraped(), f'{name}{{k="b"}}') == 1
    gauge.clear()
    counter.labels("a").inc()
    gauge.labels("c").set(3)
    text = scraped()
    assert value(text, f'{name}{{k="b"}}') is None
    assert value(text, f'{name}{{k="c"}}') == 3
    assert value(text, f'{name}_c_total{{k="a"}}') == 3


def test_info_and_enum_are_shown(start: Start, scraped: Scraped, name: str) -> None:
    """Kinds that have no number of their own are asked in the process that answers."""
    prometheus.Info(name, "i").info({"version": "1"})
    prometheus.Enum(f"{name}_e", "e", states=["up", "down"]).state("down")
    start()
    text = scraped()
    assert value(text, f'{name}_info{{version="1"}}') == 1
    assert value(text, f'{name}_e{{{name}_e="down"}}') == 1


def test_exemplar_that_names_a_trace_is_shown(start: Start, scraped: Scraped, name: str) -> None:
    """An exemplar given to prometheus_client leads to its trace on obs's /metrics too."""
    start()
    histogram = prometheus.Histogram(name, "h", buckets=(1,))
    histogram.observe(0.5, {"trace_id": f"{0xABC:032x}", "span_id": f"{0xDEF:016x}"})
    assert f'trace_id="{0xABC:032x}"}} 0.5' in scraped("application/openmetrics-text")


def test_created_series_are_left_out(start: Start, scraped: Scraped, name: str) -> None:
    """When a series was made doubles the series and is shown nowhere."""
    prometheus.Counter(name, "c").inc()
    prometheus.Info(f"{name}_i", "i").info({"a": "b"})
    start()
    assert "_created" not in scraped()
    assert "_created" not in scraped("application/openmetrics-text")


def test_obs_own_metric_wins_over_one_of_the_same_name(
    start: Start, scraped: Scraped, name: str, swallowed: list[BaseException]
) -> None:
    """A name that both declare is shown once, as obs declares it."""
    start()
    metrics.counter(name, labels=("k",)).add(k="obs")
    prometheus.Counter(name, "c").inc(5)
    text = scraped()
    assert value(text, f'{name}_total{{k="obs"}}') == 1
    assert value(text, f"{name}_total") is None
    scraped()
    assert "declared in two ways" in str(swallowed.pop()), "told once"
