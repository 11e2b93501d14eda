"""Instruments: what they record, what they refuse, and that they never raise."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import obs
from obs import metrics
from obs.metrics.instruments import MOST_OWN_SERIES
from obs.signals import model

Scraped = Callable[..., str]


def samples(text: str, name: str) -> dict[str, float]:
    """The samples of a family, by name with labels."""
    found = {}
    for line in text.splitlines():
        if line.startswith(name):
            sample, _, value = line.split(" # ")[0].rpartition(" ")
            found[sample] = float(value)
    return found


def test_counter_adds_by_label(name: str, scraped: Scraped) -> None:
    """Each combination of label values has a total of its own."""
    orders = metrics.counter(name, "Orders.", labels=("method",))
    orders.add(method="card")
    orders.add(2, method="card")
    orders.add(5, method="cash")
    assert samples(scraped(), name) == {f'{name}_total{{method="card"}}': 3, f'{name}_total{{method="cash"}}': 5}


def test_gauge_is_set_and_moved(name: str, scraped: Scraped) -> None:
    """A gauge shows what was set last, moved by what was added."""
    depth = metrics.gauge(name)
    depth.set(7)
    depth.add(-2.5)
    assert samples(scraped(), name) == {name: 4.5}


def test_histogram_counts_into_the_first_bucket_that_holds_the_value(name: str, scraped: Scraped) -> None:
    """A value on a bound belongs to that bound's bucket, one above the last bound to infinity."""
    sizes = metrics.histogram(name, buckets=(1, 10))
    for value in (1, 5, 10, 11):
        sizes.record(value)
    assert samples(scraped(), name) == {
        f'{name}_bucket{{le="1.0"}}': 1,
        f'{name}_bucket{{le="10.0"}}': 3,
        f'{name}_bucket{{le="+Inf"}}': 4,
        f"{name}_count": 4,
        f"{name}_sum": 27,
    }


def test_unlabelled_counter_is_shown_before_it_counts(name: str, scraped: Scraped) -> None:
    """The first increase must start from a visible zero."""
    metrics.counter(name)
    assert samples(scraped(), name) == {f"{name}_total": 0}


def test_zero_shows_a_series_before_it_counts(name: str, scraped: Scraped) -> None:
    """A labelled series can be shown at zero."""
    metrics.counter(name, labels=("status",)).zero("500")
    assert samples(scraped(), name) == {f'{name}_total{{status="500"}}': 0}


def test_unit_is_in_the_name(name: str, scraped: Scraped) -> None:
    """A unit's suffix is appended, as Prometheus wants it."""
    metrics.histogram(name, unit="s").record(0.1)
    assert f"# UNIT {name}_seconds seconds" in scraped("application/openmetrics-text")


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf, -math.inf])
def test_impossible_amounts_are_refused(
    amount: float, name: str, scraped: Scraped, swallowed: list[BaseException]
) -> None:
    """What would make a counter fall or poison it is refused, and counted as an internal error."""
    total = metrics.counter(name)
    total.add(1)
    total.add(amount)
    assert samples(scraped(), name) == {f"{name}_total": 1}
    assert len(swallowed) == 1
    swallowed.clear()


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_impossible_observations_are_refused(
    value: float, name: str, scraped: Scraped, swallowed: list[BaseException]
) -> None:
    """One NaN would make the sum NaN for good."""
    took = metrics.histogram(name)
    took.record(0.2)
    took.record(value)
    assert samples(scraped(), name)[f"{name}_sum"] == 0.2
    assert samples(scraped(), name)[f"{name}_count"] == 1
    assert len(swallowed) == 1
    swallowed.clear()


class Hostile:
    """A label value that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_hostile_label_values_are_counted_and_shown(
    name: str, scraped: Scraped, swallowed: list[BaseException]
) -> None:
    """A value that raises, is too long, holds a lone surrogate or is no text breaks neither the call nor a scrape."""
    seen = metrics.counter(name, labels=("who",))
    seen.add(who=Hostile())
    seen.add(who="x" * 10_000)
    seen.add(who="a\ud800b")
    seen.add(who=404)
    seen.add(who=["unhashable"])
    shown = samples(scraped(), name)
    assert set(shown) == {
        f'{name}_total{{who="<unrepresentable>"}}',
        f'{name}_total{{who="{"x" * 256}"}}',
        f'{name}_total{{who="a\ufffdb"}}',
        f'{name}_total{{who="404"}}',
        f"{name}_total{{who=\"['unhashable']\"}}",
    }
    assert [type(error) for error in swallowed] == [RuntimeError]
    swallowed.clear()


class Ends:
    """A label value that ends the program."""

    def __hash__(self) -> int:
        raise SystemExit("no hash")

    def __str__(self) -> str:
        raise SystemExit("no text")


class Liar(str):
    """A text that says that it is another one."""

    __slots__ = ()

    def isascii(self) -> bool:
        return True

    def __str__(self) -> Liar:
        return self

    def __getitem__(self, _: object) -> Liar:
        return self


class Lies:
    """A label value whose text is a liar."""

    def __str__(self) -> str:
        return Liar("a\ud800" * 1000)


def test_label_values_that_end_the_program_or_lie_are_contained(
    name: str, scraped: Scraped, swallowed: list[BaseException]
) -> None:
    """Neither reaches the caller, and what they leave can be scraped."""
    seen = metrics.counter(name, labels=("who",))
    seen.add(who=Ends())
    seen.add(who=Lies())
    shown = samples(scraped(), name)
    replaced = "a\ufffd" * 128
    assert shown == {f'{name}_total{{who="<unrepresentable>"}}': 1, f'{name}_total{{who="{replaced}"}}': 1}
    assert [type(error) for error in swallowed] == [SystemExit]
    swallowed.clear()


def test_not_a_number_leaves_a_gauge_as_it_is(name: str, scraped: Scraped, swallowed: list[BaseException]) -> None:
    """One NaN would stay for good in whatever is added up; what moves a gauge is finite."""
    depth = metrics.gauge(name)
    depth.set(7)
    depth.set(math.nan)
    for amount in (math.nan, math.inf, -math.inf):
        depth.add(amount)
    assert samples(scraped(), name) == {name: 7}
    assert len(swallowed) == 4
    swallowed.clear()


def test_wrong_labels_are_counted_and_the_value_is_kept(
    name: str, scraped: Scraped, swallowed: list[BaseException]
) -> None:
    """A missing label is the empty text, an unknown one is left out, and both are told of."""
    seen = metrics.counter(name, labels=("a",))
    seen.add(b="x")
    assert samples(scraped(), name) == {f'{name}_total{{a=""}}': 1}
    assert "unknown ['b'], missing ['a']" in str(swallowed.pop())


def test_values_of_another_type_never_raise(name: str, swallowed: list[BaseException]) -> None:
    """A text is no number, and is told of."""
    metrics.counter(name).add("many")  # type: ignore[arg-type]
    metrics.gauge(f"{name}_g").set("many")  # type: ignore[arg-type]
    metrics.histogram(f"{name}_h").record("many")  # type: ignore[arg-type]
    assert len(swallowed) == 3
    swallowed.clear()


def test_series_are_capped_and_nothing_is_lost(name: str, scraped: Scraped) -> None:
    """Beyond the cap everything counts into one overflow series, and the overflow is counted itself."""
    seen = metrics.counter(name, labels=("id", "kind"))
    for number in range(MOST_OWN_SERIES + 500):
        seen.add(id=number, kind="k")
    shown = samples(scraped(), name)
    assert len(shown) == MOST_OWN_SERIES + 1
    assert shown[f'{name}_total{{id="_other_",kind="_other_"}}'] == 500
    assert samples(scraped(), "obs_series_dropped_total")[f'obs_series_dropped_total{{metric="{name}"}}'] == 500


def test_cap_is_set_and_told_once(name: str, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One line names the metric, the cap and what to do, whatever the number of records that went over it."""
    obs.init(service="shop", metrics_port=0, log_format="json", max_series=3, local_dir=tmp_path)
    seen = obs.counter(name, labels=("id",))
    for number in range(10):
        seen.add(id=number)
    obs.shutdown()
    (line,) = [line for line in capfd.readouterr().out.splitlines() if name in line]
    assert f"{name} has 3 combinations of label values" in line
    assert "`max_series`" in line


def test_same_declaration_gives_the_same_instrument(name: str) -> None:
    """A module that is imported twice gets the one instrument."""
    assert metrics.counter(name, "One.", labels=("a",)) is metrics.counter(name, "One.", labels=("a",))


def test_another_declaration_of_a_name_is_an_error(name: str) -> None:
    """Two meanings of one name would add up to nonsense."""
    metrics.counter(name, labels=("a",))
    with pytest.raises(ValueError, match=f"{name} is declared already"):
        metrics.counter(name, labels=("b",))


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: metrics.counter("no name"), "'no name' is no name of a metric"),
        (lambda: metrics.counter("x", labels=("le",)), "'le' cannot be a label"),
        (lambda: metrics.counter("x", labels=("a", "a")), "'a' cannot be a label"),
        (lambda: metrics.counter("x", labels="abc"), "labels is a list of names"),
        (lambda: metrics.counter("x", unit="ms"), "unit 'ms' is unknown; one of"),
        (lambda: metrics.histogram("x", buckets=(2, 1)), "ascending order"),
        (lambda: metrics.gauge("x", across="avg"), "across is one of"),  # type: ignore[arg-type]
    ],
)
def test_impossible_declaration_is_an_error_that_says_what_is_allowed(
    declare: Callable[[], object], message: str
) -> None:
    """A fault in a declaration is found where it is made."""
    with pytest.raises(ValueError, match=message):
        declare()


def test_declared_are_the_applications_own_metrics(name: str) -> None:
    """What the application declares is exported for its dashboard; `_total` is not part of the name."""
    metrics.counter(f"{name}_total", "What.", labels=("a",))
    expected = model.Counter(name=name, help="What.", labels=(model.Label("a", ""),))
    assert metrics.declared()[-1] == expected


def test_public_record_takes_the_current_trace(name: str, scraped: Scraped, monkeypatch: pytest.MonkeyPatch) -> None:
    """An observation inside a trace leads to that trace."""
    monkeypatch.setattr(metrics, "current_trace", lambda: (0xABC, 0xDEF))
    metrics.histogram(name, buckets=(1,)).record(0.5)
    (line,) = [
        line for line in scraped("application/openmetrics-text").splitlines() if f'{name}_bucket{{le="1.0"}}' in line
    ]
    assert f'# {{span_id="{0xDEF:016x}",trace_id="{0xABC:032x}"}} 0.5 ' in line
