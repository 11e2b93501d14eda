"""What ends a running stack, and what does not."""

from __future__ import annotations

import signal

import pytest

from obs_stack.local.supervisor import until_asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_block(number: signal.Signals) -> None:
    """Whatever comes after the signal is not reached, and nothing is raised."""
    went_on = False
    with until_asked():
        signal.raise_signal(number)
        went_on = True
    assert not went_on


def test_who_started_it_with_nohup_may_leave() -> None:
    """A hang-up that was ignored before is ignored still, and afterwards too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    went_on = False
    try:
        with until_asked():
            signal.raise_signal(signal.SIGHUP)
            went_on = True
        assert went_on
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
