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
from obs.runtime.target import Target, alone_on_host, discovery_file, living

if TYPE_CHECKING:
    from obs.settings import Settings

_TRIES = 100
_PORT_FILE = "port.json"
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - they are looked for, not bound


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


def listen(settings: Settings, target: Target) -> Port:
    """Listen on the target's port, and leave the file by which Prometheus discovers it.

    Raises:
        OSError: No port is free, or the host is none of this machine's.
    """
    if target.directory is None:
        return _first_free(settings, shared=False)
    with alone_on_host(target.directory.parent):
        port = _of_siblings(settings, target.directory) or _first_free(settings, shared=True)
        wanted = [settings.metrics_host, settings.metrics_port, port.number]
        _write(target.directory / _PORT_FILE, wanted)
        host = _WILDCARDS.get(settings.metrics_host, settings.metrics_host)
        labels = {
            "job": settings.service,
            "instance": target.instance_id,
            "__metrics_path__": settings.metrics_path,
        }
        _write(discovery_file(target.directory), [{"targets": [f"{host}:{port.number}"], "labels": labels}])
    return port


def withdraw(target: Target) -> None:
    """Remove what `listen` left, unless another worker of the target lives."""
    directory = target.directory
    if directory is None or not directory.parent.exists():
        return
    with alone_on_host(directory.parent):
        if not living(directory):
            discovery_file(directory).unlink(missing_ok=True)
            (directory / _PORT_FILE).unlink(missing_ok=True)


def _of_siblings(settings: Settings, directory: Path) -> Port | None:
    try:
        host, wanted, number = json.loads((directory / _PORT_FILE).read_text())
        if (host, wanted) != (settings.metrics_host, settings.metrics_port):
            return None
        return Port(bind(host, number, shared=True), number, _warning(wanted, number))
    except (OSError, ValueError, TypeError):
        return None


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
