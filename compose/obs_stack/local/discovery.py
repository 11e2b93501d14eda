"""The discovery files of services: those of ended targets go, so that none is watched that nobody can bring back."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from obs.runtime import target

_PROBE_SECONDS = 1.0


def remove_dead(targets: Path) -> list[str]:
    """Remove the discovery files whose targets have ended.

    A target lives while one of its workers holds its lock, or while its port takes connections: not every file is
    written by obs.

    Args:
        targets: The folder of the discovery files.

    Returns:
        The names of the files that were removed.
    """
    removed = []
    for path in sorted(targets.glob("*.json")):
        if not _lives(path):
            with suppress(OSError):
                path.unlink()
                removed.append(path.name)
    return removed


def _lives(path: Path) -> bool:
    return bool(target.living(path.with_suffix(""))) or any(_takes_connections(address) for address in _addresses(path))


def _addresses(path: Path) -> Iterator[str]:
    """Every `host:port` of a discovery file; none when it is no such file."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield from group["targets"]


def _takes_connections(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_PROBE_SECONDS):
            return True
    except ConnectionRefusedError:
        return False
    except (OSError, ValueError):
        return True  # out of reach is not ended
