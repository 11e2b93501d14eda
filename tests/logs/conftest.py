"""Logs started for one test, and the lines that they wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from obs import logs
from obs.runtime.export import Exporter
from obs.runtime.target import Target
from obs.settings import resolve

TARGET = Target("shop", "1.2.3", "test", "storefront", "instance-1", 1, None)

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


def strict(line: str) -> dict[str, Any]:
    """The record of one line; fails on NaN, on equal keys, and on text that is not UTF-8."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in items]
        assert len(names) == len(set(names)), f"equal keys in {names}"
        return dict(items)

    def constant(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    line.encode()
    record: dict[str, Any] = json.loads(line, object_pairs_hook=pairs, parse_constant=constant)
    return record


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts logs with settings of `obs.init()`; stopped after the test."""
    rooms: list[logs.LogsRoom] = []

    def start_logs(exporter: Any = None, handlers: tuple[logging.Handler, ...] = (), **options: Any) -> logs.LogsRoom:
        # pytest's own handlers raise at values that obs must take.
        monkeypatch.setattr(logging.getLogger(), "handlers", list(handlers))
        settings = replace(resolve({"service": "shop"}).settings, **{"log_format": "json", **options})
        rooms.append(logs.start(settings, TARGET, exporter or Exporter(settings)))
        return rooms[-1]

    yield start_logs
    for room in reversed(rooms):
        room.stop(1)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Reads the records that were written since the last call."""

    def read() -> list[dict[str, Any]]:
        return [strict(line) for line in capsys.readouterr().out.split("\n") if line]

    return read
