"""The port of a target: found once, shared by its workers and by no other target, and told to Prometheus by a file."""

from __future__ import annotations

import errno
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obs.metrics.server import bind
from obs.runtime.target import Target, alone_on_host, claim_of, discovery_file, living, say_leaving

if TYPE_CHECKING:
    from obs.settings import Settings

_TRIES = 100
_PORT_FILE = "port.json"
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - they are looked for, not bound


@dataclass(frozen=True, slots=True)
class Port:
    """A port that this process listens on.

    Args:
        listener: The socket.
        number: The port.
        warning: What the user should know; empty when it is the wanted port.
    """

    listener: socket.socket
    number: int
    warning: str


@dataclass(frozen=True, slots=True)
class _Saved:
    """What the workers of a target have agreed on: for which wish which port, and the claims of those who listen."""

    host: str
    wanted: int
    number: int
    listening: tuple[int, ...]


def listen(settings: Settings, target: Target) -> Port:
    """Listen on the target's port, and leave the file by which Prometheus discovers it.

    Raises:
        OSError: No port is free, or the host is none of this machine's.
    """
    if target.directory is None:
        return _first_free(settings, shared=False)
    record = target.directory / _PORT_FILE
    claim = claim_of(target)
    with alone_on_host(target.directory.parent):
        alive = {other.token for other in living(target.directory).values() if other != claim}
        saved = _saved(record)
        listening = [token for token in saved.listening if token in alive]
        # Only a sibling that listens keeps the port from being another target's by now.
        port = _of_siblings(settings, saved) if listening else None
        if port is None:
            port, listening = _first_free(settings, shared=True), []
        tokens = [*listening, claim.token] if claim else listening
        _write(record, [settings.metrics_host, settings.metrics_port, port.number, tokens])
        announce(settings, target, port.number)
    return port


def announce(settings: Settings, target: Target, number: int) -> None:
    """Leave the file by which Prometheus discovers the target: `file_sd_configs` in its documentation."""
    if target.directory is None:
        return
    host = url_host(_WILDCARDS.get(settings.metrics_host, settings.metrics_host))
    labels = {"job": settings.service, "instance": target.instance_id, "__metrics_path__": settings.metrics_path}
    _write(discovery_file(target.directory), [{"targets": [f"{host}:{number}"], "labels": labels}])


def url_host(host: str) -> str:
    """A host as it stands before a port.

    Example:
        >>> url_host("::1"), url_host("127.0.0.1")
        ('[::1]', '127.0.0.1')
    """
    return f"[{host}]" if ":" in host else host


def withdraw(target: Target) -> None:
    """Remove that file, unless another worker of the target lives and goes on.

    Workers that end together all find the others alive: the last one that says so removes the file.
    """
    directory = target.directory
    if directory is None or not directory.parent.exists():
        return
    with alone_on_host(directory.parent):
        say_leaving(target, leaving=True)
        if all(claim.leaving for claim in living(directory).values()):
            discovery_file(directory).unlink(missing_ok=True)


def _saved(record: Path) -> _Saved:
    try:
        host, wanted, number, listening = json.loads(record.read_text())
        return _Saved(str(host), int(wanted), int(number), tuple(map(int, listening)))
    except (OSError, ValueError, TypeError):
        return _Saved("", 0, 0, ())


def _of_siblings(settings: Settings, saved: _Saved) -> Port | None:
    if (saved.host, saved.wanted) != (settings.metrics_host, settings.metrics_port):
        return None
    try:
        listener = bind(saved.host, saved.number, shared=True)
    except OSError:
        return None
    return Port(listener, saved.number, _warning(saved.wanted, saved.number))


def _first_free(settings: Settings, *, shared: bool) -> Port:
    wanted = settings.metrics_port
    for number in range(wanted, min(wanted + _TRIES, 65536)):
        try:
            listener = bind(settings.metrics_host, number, shared=False)
            if shared:
                # Bound alone first, for a shared port would also be shared with another target.
                listener.close()
                listener = bind(settings.metrics_host, number, shared=True)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise
        return Port(listener, number, _warning(wanted, number))
    raise OSError(f"no port from {wanted} to {wanted + _TRIES - 1} is free on {settings.metrics_host}")


def _warning(wanted: int, number: int) -> str:
    return "" if wanted == number else f"metrics_port {wanted} is taken; /metrics is on port {number}"


def _write(path: Path, content: object) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
