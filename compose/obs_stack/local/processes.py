"""Start programs as plain processes and stop them, so that none is ever left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from obs_stack.local.asking import answers
from obs_stack.local.identity import Identity

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.05
_TAIL_LINES = 15

# Asks the kernel to end the program when its supervisor ends, however that happens, and becomes the program.
_ATTACHED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)  # PR_SET_PDEATHSIG, SIGTERM
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class DidNotStart(RuntimeError):  # noqa: N818 - it names what happened
    """A program ended, or did not answer, before it was ready.

    Args:
        name: The program.
        reason: What it did instead.
        output: The last lines that it printed.
    """

    def __init__(self, name: str, reason: str, output: str) -> None:
        self.output = output
        super().__init__(f"{name} {reason}; it printed:\n{output}" if output else f"{name} {reason}")


@dataclass(frozen=True, slots=True)
class Child:
    """A program that this process started, as the leader of a process group of its own.

    Args:
        name: What it is called.
        process: Its process.
        identity: The same for those who read it from a file.
        log: What it printed.
    """

    name: str
    process: subprocess.Popen[bytes]
    identity: Identity
    log: Path

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self.process.poll() is not None

    def tail(self) -> str:
        """The last lines that it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


def start(
    name: str, command: Sequence[str | Path], log: Path, *, environment: Mapping[str, str] | None = None
) -> Child:
    """Start a program in a process group of its own, so that Ctrl-C reaches its supervisor alone.

    On Linux the program ends with the process that starts it even when that is killed. The kernel goes by the thread
    that started it, so this holds for the main thread, which lives as long as its process.

    Args:
        name: What it is called.
        command: The absolute path of its executable and the arguments.
        log: The file that gets its output; it is emptied.
        environment: All that it has in its environment; this process's where it is None.
    """
    argv = [str(part) for part in command]
    if sys.platform == "linux" and threading.current_thread() is threading.main_thread():
        argv = [sys.executable, "-I", "-S", "-c", _ATTACHED, str(os.getpid()), *argv]
    with log.open("wb") as output:
        log.chmod(0o600)
        process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, Identity.of(process.pid), log)


def await_ready(child: Child, health: str, *, seconds: float = START_SECONDS) -> None:
    """Wait until a program answers.

    Args:
        child: The program.
        health: The URL that answers 200 when it is ready.
        seconds: The longest wait.

    Raises:
        DidNotStart: It ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not answers(health):
        if child.ended:
            raise DidNotStart(child.name, f"ended with exit code {child.process.returncode}", child.tail())
        if time.monotonic() > deadline:
            raise DidNotStart(child.name, f"did not answer on {health} within {seconds:g} s", child.tail())
        time.sleep(_LOOK_AGAIN_SECONDS)


def stop(children: Iterable[Child]) -> None:
    """End programs and their children: asked first, then forced."""
    running = list(children)
    for child in running:
        child.identity.send_to_group(signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for child in running:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.identity.send_to_group(signal.SIGKILL)
            child.process.wait()


def stop_strangers(identities: Iterable[Identity]) -> None:
    """End programs that another process started, as far as they still are the ones that were noted."""
    running = [identity for identity in identities if identity.alive]
    for identity in running:
        identity.send_to_group(signal.SIGTERM)
    for identity in running:
        if not identity.wait(STOP_SECONDS):
            identity.send_to_group(signal.SIGKILL)
            identity.wait(STOP_SECONDS)
