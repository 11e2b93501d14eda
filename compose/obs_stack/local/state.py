"""What runs in local mode, as the file that `obs status` and `obs down` read."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from obs_stack.local.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A program that was started.

    Args:
        name: `prometheus`, `alertmanager` or `receiver`.
        identity: Its process.
        port: Its port on the loopback address.
        url: Where it answers.
        health: The URL that answers 200 when it is ready.
        log: The file that holds what it printed.
    """

    name: str
    identity: Identity
    port: int
    url: str
    health: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One run of local mode.

    Args:
        supervisor: The process that started the programs and stops them.
        speed: By how much windows, holds and intervals are divided.
        programs: What was started, in the order of starting.
        ready: Every program has answered.
    """

    supervisor: Identity
    speed: int
    programs: tuple[Running, ...] = ()
    ready: bool = False


def write(path: Path, state: State) -> None:
    """Replace the file as a whole; only the user can read it."""
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=".state-")  # mkstemp gives mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file, indent=2)
    Path(scratch).replace(path)


def read(path: Path) -> State | None:
    """What the file says; None when there is none, or none that can be used."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        programs = tuple(
            Running(**{**each, "identity": Identity(**each["identity"])}) for each in found.pop("programs")
        )
        return State(**{**found, "supervisor": Identity(**found["supervisor"])}, programs=programs)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
