"""Which process a noted process id stands for."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from signal import SIGKILL, SIGTERM

from obs_stack.local import processes
from obs_stack.local.identity import Identity

_SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_process_is_known_until_it_ends() -> None:
    """A running process is alive, an ended one is not, whether or not somebody has asked for its exit code."""
    with subprocess.Popen(_SLEEPS) as process:
        identity = Identity.of(process.pid)
        assert identity.alive
        process.kill()
        assert identity.wait(10)
    assert not identity.alive


def test_later_process_with_the_same_id_is_left_alone() -> None:
    """A process that started at another time than was noted is a stranger: it gets no signal."""
    with subprocess.Popen(_SLEEPS, start_new_session=True) as process:
        stranger = replace(Identity.of(process.pid), started="another time")
        stranger.send(SIGKILL)
        stranger.send_to_group(SIGTERM)
        processes.stop_strangers([stranger])
        assert process.poll() is None
        process.kill()


def test_id_that_nobody_has_is_not_alive() -> None:
    """An identity that was noted after its process had ended never comes alive."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not Identity.of(process.pid).alive
    assert Identity.of(os.getpid()).alive
