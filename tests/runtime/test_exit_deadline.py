"""One end of a process waits once, in however many steps it comes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from obs.runtime import exit_deadline
from obs.runtime.exit_deadline import ExitDeadline


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until it is moved."""
    found = SimpleNamespace(now=100.0)
    monkeypatch.setattr(exit_deadline, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


def wait(deadline: ExitDeadline, clock: SimpleNamespace, seconds: float) -> float:
    """A step that waits so long; how long it might have."""
    with deadline.step() as until:
        allowed: float = until - clock.now
        clock.now += seconds
    return allowed


def test_a_later_step_has_what_the_earlier_ones_left(clock: SimpleNamespace) -> None:
    """The steps of one end wait no longer together than the deadline."""
    deadline = ExitDeadline(2.0)
    assert [wait(deadline, clock, seconds) for seconds in (0.5, 1.5, 0.0)] == [2.0, 1.5, 0.0]


def test_another_end_has_the_whole_deadline(clock: SimpleNamespace) -> None:
    """A process that lived on after a step that waited in vain may wait again when it really ends."""
    deadline = ExitDeadline(2.0)
    wait(deadline, clock, 2.0)
    clock.now += 60.0
    assert wait(deadline, clock, 0.0) == 2.0


def test_a_signal_in_the_midst_of_a_step_waits_no_longer_than_that_step(clock: SimpleNamespace) -> None:
    """A step that begins within another one is over when that one is."""
    deadline = ExitDeadline(2.0)
    with deadline.step() as until:
        clock.now += 1.0
        with deadline.step() as inner:
            assert inner == until
