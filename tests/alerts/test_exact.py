"""Numbers and durations as text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from obs_alerts.exact import Clock, duration, milliseconds, number


@pytest.mark.parametrize(("value", "text"), [("1E+2", "100"), ("0.00001", "0.00001"), ("14.40", "14.4"), ("0", "0")])
def test_a_number_has_all_digits_and_no_exponent(value: str, text: str) -> None:
    """Prometheus and people read the same digits."""
    assert number(Decimal(value)) == text


@pytest.mark.parametrize(
    ("length", "written"), [("5m", "5m"), ("1h30m", "90m"), ("1d", "1d"), ("24h", "1d"), ("1w", "7d"), ("0m", "0s")]
)
def test_a_duration_is_written_in_the_largest_unit_that_divides_it(length: str, written: str) -> None:
    """No remainder is lost on the way."""
    assert duration(milliseconds(length)) == written


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1.5h", "5m!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The message shows how to write one."""
    with pytest.raises(ValueError, match="is no duration"):
        milliseconds(text)


def test_a_clock_divides_windows_exactly_and_leaves_names_alone() -> None:
    """At speed 60 five minutes are five seconds, in range selectors only."""
    assert Clock(60).ranges('sum(rate(a:rate5m{x="5m"}[5m]))') == 'sum(rate(a:rate5m{x="5m"}[5s]))'


@pytest.mark.parametrize(("speed", "said"), [(7, "no whole number"), (0, "from 1")])
def test_a_speed_that_cannot_be_exact_is_refused(speed: int, said: str) -> None:
    """A window is never rounded."""
    with pytest.raises(ValueError, match=said):
        Clock(speed)("5m")
