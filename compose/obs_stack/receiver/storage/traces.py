"""The store of spans, with one summary a trace that is kept up to date as they arrive."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from obs_stack.receiver.storage.database import open_for_writing

FILE = "traces.db"
_VERSION = 1

# A trace is called what its root is called; until the root arrives, what its earliest span is called.
_SCHEMA = """
CREATE TABLE spans (
    id INTEGER PRIMARY KEY,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    parent_span_id TEXT NOT NULL,
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_unix_nano INTEGER NOT NULL,
    end_unix_nano INTEGER NOT NULL,
    status TEXT NOT NULL,
    status_message TEXT NOT NULL,
    attributes TEXT NOT NULL,
    events TEXT NOT NULL,
    links TEXT NOT NULL,
    resource TEXT NOT NULL,
    UNIQUE (trace_id, span_id)
);
CREATE INDEX spans_by_service ON spans (service, trace_id);
CREATE TABLE traces (
    trace_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    service TEXT NOT NULL,
    has_root INTEGER NOT NULL,
    start_unix_nano INTEGER NOT NULL,
    end_unix_nano INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX traces_by_time ON traces (start_unix_nano);
CREATE TRIGGER spans_added AFTER INSERT ON spans BEGIN
    INSERT INTO traces VALUES (new.trace_id, new.name, new.service, new.parent_span_id = '', new.start_unix_nano,
        new.end_unix_nano, 1, new.status = 'error')
    ON CONFLICT (trace_id) DO UPDATE SET
        name = CASE WHEN excluded.has_root > has_root
            OR (excluded.has_root = has_root AND excluded.start_unix_nano < start_unix_nano)
            THEN excluded.name ELSE name END,
        service = CASE WHEN excluded.has_root > has_root
            OR (excluded.has_root = has_root AND excluded.start_unix_nano < start_unix_nano)
            THEN excluded.service ELSE service END,
        has_root = max(has_root, excluded.has_root),
        start_unix_nano = min(start_unix_nano, excluded.start_unix_nano),
        end_unix_nano = max(end_unix_nano, excluded.end_unix_nano),
        spans = spans + 1,
        errors = errors + excluded.errors;
END;
CREATE TRIGGER traces_removed AFTER DELETE ON traces BEGIN
    DELETE FROM spans WHERE trace_id = old.trace_id;
END;
"""

_INSERT = """
INSERT INTO spans (trace_id, span_id, parent_span_id, service, name, kind, start_unix_nano, end_unix_nano, status,
    status_message, attributes, events, links, resource)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


class SpanRow(NamedTuple):
    """A span as it is stored; attributes, events, links and resource are JSON."""

    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    name: str
    kind: str
    start_unix_nano: int
    end_unix_nano: int
    status: str
    status_message: str
    attributes: str
    events: str
    links: str
    resource: str


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces are asked for; an empty field asks for all.

    Args:
        service: A service that has a span in it.
        name: The name of a span in it.
        min_duration_ms: The least time from its first start to its last end, in milliseconds.
        error: Whether a span failed; None asks for both.
        since: The earliest start, in nanoseconds since 1970.
    """

    service: str = ""
    name: str = ""
    min_duration_ms: float = 0.0
    error: bool | None = None
    since: int = 0


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A trace in a list: durations in milliseconds, times in nanoseconds since 1970."""

    trace_id: str
    name: str
    service: str
    start_unix_nano: int
    duration_ms: float
    spans: int
    errors: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracePage:
    """An answer: the newest traces, and how many there are in all."""

    traces: tuple[TraceSummary, ...]
    total: int


class TraceStore:
    """The writer's side of the store."""

    signal = "traces"

    def __init__(self, directory: Path) -> None:
        self.connection = open_for_writing(directory / FILE, _SCHEMA, _VERSION)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> int:
        """Add spans that are not there yet; returns how many were."""
        return self.connection.executemany(_INSERT, rows).rowcount

    def delete_oldest(self, count: int) -> int:
        """Remove the oldest traces, so many that about `count` spans go; returns how many spans."""
        return self._delete("1", (), count)

    def delete_before(self, unix_nano: int, count: int) -> int:
        """Remove about so many spans of traces that ended before a time; returns how many."""
        return self._delete("end_unix_nano < ?", (unix_nano,), count)

    def _delete(self, condition: str, parameters: tuple[int, ...], count: int) -> int:
        oldest = self.connection.execute(
            f"SELECT trace_id, spans FROM traces WHERE {condition} ORDER BY start_unix_nano LIMIT ?",  # noqa: S608
            (*parameters, count),
        ).fetchall()
        gone = 0
        for trace_id, spans in oldest:
            self.connection.execute("DELETE FROM traces WHERE trace_id = ?", (trace_id,))
            gone += spans
            if gone >= count:
                break
        return gone


def find_traces(connection: sqlite3.Connection, wanted: TraceFilter, limit: int) -> TracePage:
    """The newest traces that a filter lets through."""
    conditions, parameters = ["1"], []
    if wanted.service:
        conditions.append("trace_id IN (SELECT trace_id FROM spans WHERE service = ?)")
        parameters.append(wanted.service)
    if wanted.name:
        conditions.append("EXISTS (SELECT 1 FROM spans WHERE spans.trace_id = traces.trace_id AND spans.name = ?)")
        parameters.append(wanted.name)
    if wanted.error is not None:
        conditions.append("errors > 0" if wanted.error else "errors = 0")
    numbers = (int(wanted.min_duration_ms * 1e6), wanted.since)
    where = " AND ".join((*conditions, "end_unix_nano - start_unix_nano >= ?", "start_unix_nano >= ?"))
    rows = connection.execute(
        f"SELECT trace_id, name, service, start_unix_nano, end_unix_nano, spans, errors FROM traces WHERE {where} "  # noqa: S608
        "ORDER BY start_unix_nano DESC LIMIT ?",
        (*parameters, *numbers, limit),
    ).fetchall()
    total = len(rows)
    if total == limit:
        sql = f"SELECT count(*) FROM traces WHERE {where}"  # noqa: S608
        total = connection.execute(sql, (*parameters, *numbers)).fetchone()[0]
    return TracePage(tuple(_summary(connection, row) for row in rows), total)


def find_spans(connection: sqlite3.Connection, trace_id: str, limit: int) -> tuple[SpanRow, ...]:
    """The spans of one trace by their start, at most so many."""
    rows = connection.execute(
        f"SELECT {', '.join(SpanRow._fields)} FROM spans WHERE trace_id = ? ORDER BY start_unix_nano, id LIMIT ?",  # noqa: S608
        (trace_id, limit),
    )
    return tuple(SpanRow._make(row) for row in rows)


def span_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many spans there are of each service."""
    return dict(connection.execute("SELECT service, count(*) FROM spans GROUP BY service").fetchall())


def _summary(connection: sqlite3.Connection, row: tuple[str, str, str, int, int, int, int]) -> TraceSummary:
    trace_id, name, service, start, end, spans, errors = row
    services = connection.execute("SELECT DISTINCT service FROM spans WHERE trace_id = ? ORDER BY service", (trace_id,))
    return TraceSummary(
        trace_id, name, service, start, (end - start) / 1e6, spans, errors, tuple(found[0] for found in services)
    )
