"""Durations are read and written exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs.manifest import duration_seconds, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", "0.25"),
        ("2s", "2"),
        ("2.5s", "2.5"),
        ("5m", "300"),
        ("1h", "3600"),
        ("30d", "2592000"),
        ("1h30m", "5400"),
        ("0.1ms", "0.0001"),
        ("0s", "0"),
    ],
)
def test_a_duration_becomes_exact_seconds(text: str, seconds: str) -> None:
    """No unit and no fraction is rounded."""
    assert str(duration_seconds(text)) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1S", "1w", "1y", "1e3s", "1.s", "\uff11s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number needs a known unit, and nothing else may stand beside it."""
    with pytest.raises(ValueError, match="is no duration"):
        duration_seconds(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_written_reads_back_as_the_same(milliseconds: int) -> None:
    """Writing picks the largest whole unit and loses nothing."""
    seconds = Decimal(milliseconds) / 1000
    assert duration_seconds(duration_text(seconds)) == seconds


def test_the_largest_whole_unit_is_written() -> None:
    """A person reads `7d` and not `604800s`."""
    assert [duration_text(Decimal(value)) for value in ("604800", "5400", "61", "0.25", "0.0005")] == [
        "7d",
        "90m",
        "61s",
        "250ms",
        "0.5ms",
    ]
