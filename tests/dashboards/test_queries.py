"""Queries are derived from declared signals: the kind decides the query, the unit decides the axis."""

from __future__ import annotations

import pytest

from obs.signals.http import ACTIVE_REQUESTS, ROUTE, SERVER_DURATION, STATUS
from obs.signals.model import Counter, Gauge, Label
from obs.signals.process import CPU, MAX_FDS, OPEN_FDS, START_TIME
from obs.signals.target import BUILD
from obs_dashboards import queries
from obs_dashboards.expressions import Binary, Match, Number, Selector

BOUND = 'job=~"$job", instance=~"$instance"'
REQUESTS = "http_server_request_duration_seconds"


def test_a_counter_is_shown_as_its_rate() -> None:
    """A counter becomes a rate over Grafana's own window, one line for each kept label, on the axis of its unit."""
    orders = Counter(name="orders.placed", help="Orders.", labels=(Label("method", "How it was paid."),))
    shown = queries.rate(orders, by=(queries.JOB, *orders.labels))
    assert str(shown.expression) == f"sum by (job, method) (rate(orders_placed_total{{{BOUND}}}[$__rate_interval]))"
    assert (shown.unit, shown.legend) == ("cps", "{{job}} {{method}}")


def test_the_rate_of_a_histogram_is_that_of_its_observations() -> None:
    """Requests a second come from the count series of the duration."""
    shown = queries.rate(SERVER_DURATION)
    assert str(shown.expression) == f"sum by (job) (rate({REQUESTS}_count{{{BOUND}}}[$__rate_interval]))"


def test_an_increase_counts_over_the_time_in_view() -> None:
    """A table counts events over the dashboard's whole range."""
    assert (
        str(queries.increase(CPU).expression)
        == f"sum by (job) (increase(process_cpu_seconds_total{{{BOUND}}}[$__range]))"
    )


def test_the_share_of_errors_is_filled_with_zeros_from_all_events() -> None:
    """A service that never failed shows 0: the numerator takes its zeros from the denominator, not from a constant."""
    shown = queries.errors(SERVER_DURATION, queries.where(STATUS, "=~", "5.."))
    every = f"sum by (job) (rate({REQUESTS}_count{{{BOUND}}}[$__rate_interval]))"
    failed = f'sum by (job) (rate({REQUESTS}_count{{{BOUND}, http_response_status_code=~"5.."}}[$__rate_interval]))'
    assert str(shown.expression) == f"({failed} or (0 * {every})) / {every}"
    assert shown.unit == "percentunit"


def test_a_quantile_keeps_the_bucket_label_and_shows_its_unit() -> None:
    """p95 by route is the quantile of the buckets' rates, in seconds."""
    shown = queries.quantile(SERVER_DURATION, 0.95, by=(ROUTE,))
    assert str(shown.expression) == (
        f"histogram_quantile(0.95, sum by (le, http_route) (rate({REQUESTS}_bucket{{{BOUND}}}[$__rate_interval])))"
    )
    assert (shown.unit, shown.legend) == ("s", "p95 {{http_route}}")


def test_quantiles_bring_the_exemplars_once() -> None:
    """Of several quantiles in a panel one asks for exemplars, since they are the same for all."""
    assert [query.exemplar for query in queries.quantiles(SERVER_DURATION)] == [False, False, True]


def test_a_heatmap_counts_each_bucket_with_exemplars() -> None:
    """A histogram over time is the growth of each of its buckets."""
    shown = queries.heatmap(SERVER_DURATION)
    assert str(shown.expression) == f"sum by (le) (increase({REQUESTS}_bucket{{{BOUND}}}[$__rate_interval]))"
    assert (shown.format, shown.exemplar) == ("heatmap", True)


@pytest.mark.parametrize(("across", "agg"), [("sum", "sum"), ("min", "min"), ("max", "max"), ("each", "max")])
def test_a_gauge_is_put_together_as_it_declares(across: str, agg: str) -> None:
    """Targets of a service become one line in the way in which workers of a target do."""
    stock = Gauge(name="stock", help="Things left.", across=across)  # type: ignore[arg-type]
    assert str(queries.value(stock).expression) == f"{agg} by (job) (stock{{{BOUND}}})"


def test_a_limit_and_what_is_used_of_it_become_a_share() -> None:
    """File descriptors in use are a part of those allowed, compared process by process."""
    shown = queries.fullness(OPEN_FDS, MAX_FDS)
    assert str(shown.expression) == f"max by (job, instance) (process_open_fds{{{BOUND}}} / process_max_fds{{{BOUND}}})"
    assert shown.unit == "percentunit"


def test_a_moment_is_shown_by_how_long_ago_it_was() -> None:
    """Uptime is the time since the newest start."""
    shown = queries.age(START_TIME, by=(queries.JOB,))
    assert str(shown.expression) == f"time() - max by (job) (process_start_time_seconds{{{BOUND}}})"


def test_facts_keep_all_their_labels() -> None:
    """A table of versions has a column for each fact."""
    shown = str(queries.facts(BUILD).expression)
    assert shown == f"max by (job, instance, version, obs_version, python_version) (service_build_info{{{BOUND}}})"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: queries.rate(ACTIVE_REQUESTS), "http.server.active_requests is a gauge: use value()"),  # type: ignore[arg-type]
        (lambda: queries.value(CPU), "process.cpu is a counter: use rate()"),  # type: ignore[arg-type]
        (lambda: queries.heatmap(CPU), "process.cpu is a counter: use rate()"),  # type: ignore[arg-type]
        (lambda: queries.quantile(CPU, 0.5), "process.cpu is a counter: use rate()"),  # type: ignore[arg-type]
        (lambda: queries.value(SERVER_DURATION), "http.server.request.duration is a histogram: use quantiles()"),  # type: ignore[arg-type]
    ],
)
def test_a_query_that_does_not_fit_the_kind_says_which_does(ask: object, message: str) -> None:
    """Asking a gauge for its rate is refused with the query that fits."""
    with pytest.raises(TypeError, match=message.replace("(", r"\(").replace(")", r"\)")):
        ask()  # type: ignore[operator]


def test_text_in_matchers_is_escaped_and_nested_operations_are_bracketed() -> None:
    """An expression's text is PromQL whatever its values hold."""
    series = Selector("up", (Match("path", "=", 'a"b\\c'),))
    nested = Binary(Binary(series, "+", Number("1")), "*", series)
    assert str(nested) == '(up{path="a\\"b\\\\c"} + 1) * up{path="a\\"b\\\\c"}'
