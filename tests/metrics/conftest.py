"""What the tests of the metrics room share: a room in a directory of its own, and names that no other test uses."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs import metrics
from obs.metrics.room import MetricsRoom
from obs.runtime.target import find_target
from obs.settings import Settings, resolve

Start = Callable[..., MetricsRoom]

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A metric's name that no other test uses: the numbers of the process outlive a test."""
    return f"tested_{next(_numbers):04d}"


@pytest.fixture
def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a service whose targets live under the test's directory, without a server."""

    def made(**arguments: object) -> Settings:
        return resolve({"service": "shop", "local_dir": tmp_path / "state", "metrics_port": 0, **arguments}).settings

    return made


@pytest.fixture
def start(settings: Callable[..., Settings]) -> Iterator[Start]:
    """Starts the metrics room; it is stopped after the test."""
    rooms: list[MetricsRoom] = []

    def started(**arguments: object) -> MetricsRoom:
        chosen = settings(**arguments)
        rooms.append(metrics.start(chosen, find_target(chosen)))
        return rooms[-1]

    yield started
    for room in rooms:
        room.stop()


@pytest.fixture
def scraped() -> Callable[..., str]:
    """What `metrics_app()` answers to a scraper, by WSGI."""

    def asked(accept: str = "") -> str:
        body = metrics.metrics_app()({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": accept}, lambda *_: None)
        return b"".join(body).decode()

    return asked
