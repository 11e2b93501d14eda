"""The store of log records: rows by time, trace and service, and a full-text index of what they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from obs_stack.receiver.storage.database import open_for_writing

FILE = "logs.db"
_VERSION = 1
_MERGED_PAGES = 500

# The full-text index keeps no copy of the texts; its triggers see to it that rows and index change in one transaction.
_SCHEMA = """
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    time_unix_nano INTEGER NOT NULL,
    event_id TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    error_message TEXT NOT NULL,
    stack_trace TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    span_id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    record TEXT NOT NULL
);
CREATE INDEX logs_by_time ON logs (time_unix_nano);
CREATE INDEX logs_by_service ON logs (service, time_unix_nano);
CREATE INDEX logs_by_trace ON logs (trace_id) WHERE trace_id != '';
CREATE VIRTUAL TABLE logs_text USING fts5 (
    message, error_message, stack_trace, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'"
);
CREATE VIRTUAL TABLE logs_words USING fts5vocab (logs_text, instance);
CREATE TRIGGER logs_added AFTER INSERT ON logs BEGIN
    INSERT INTO logs_text (rowid, message, error_message, stack_trace)
    VALUES (new.id, new.message, new.error_message, new.stack_trace);
END;
CREATE TRIGGER logs_removed AFTER DELETE ON logs BEGIN
    INSERT INTO logs_text (logs_text, rowid, message, error_message, stack_trace)
    VALUES ('delete', old.id, old.message, old.error_message, old.stack_trace);
END;
"""

_INSERT = """
INSERT INTO logs (time_unix_nano, event_id, service, level, message, error_message, stack_trace, trace_id, span_id,
    dataset, record)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""


class LogRow(NamedTuple):
    """A log record as it is stored; the record is its ECS document as flat JSON."""

    time_unix_nano: int
    event_id: str
    service: str
    level: str
    message: str
    error_message: str
    stack_trace: str
    trace_id: str
    span_id: str
    dataset: str
    record: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the rows of the store, with its values bound and never part of the text.

    Args:
        sql: An expression of SQL.
        parameters: The value of each question mark in it.
    """

    sql: str = "1"
    parameters: tuple[str | int | float, ...] = ()


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which log records are asked for; an empty field asks for all.

    Args:
        condition: What a query in Lucene's language became.
        trace_id: 32 hexadecimal digits.
        service: The service's name.
        levels: The levels, any of which a record has.
        since: The earliest time, in nanoseconds since 1970; 0 is no limit.
        until: The latest time, in nanoseconds since 1970; 0 is no limit.
    """

    condition: Condition = Condition()
    trace_id: str = ""
    service: str = ""
    levels: tuple[str, ...] = ()
    since: int = 0
    until: int = 0

    def where(self) -> Condition:
        """All of it as one condition; cheap ones first."""
        parts = [
            Condition("trace_id = ? AND trace_id != ''", (self.trace_id,)) if self.trace_id else None,
            Condition("service = ?", (self.service,)) if self.service else None,
            Condition(f"level IN ({', '.join('?' * len(self.levels))})", self.levels) if self.levels else None,
            Condition("time_unix_nano >= ?", (self.since,)) if self.since else None,
            Condition("time_unix_nano <= ?", (self.until,)) if self.until else None,
            self.condition,
        ]
        present = [part for part in parts if part is not None]
        return Condition(
            " AND ".join(f"({part.sql})" for part in present),
            tuple(value for part in present for value in part.parameters),
        )


@dataclass(frozen=True, slots=True)
class LogPage:
    """An answer: the records' flat JSON, and how many there are in all."""

    records: tuple[str, ...]
    total: int


class LogStore:
    """The writer's side of the store."""

    signal = "logs"

    def __init__(self, directory: Path) -> None:
        self.connection = open_for_writing(directory / FILE, _SCHEMA, _VERSION)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> int:
        """Add rows whose event id is not there yet; returns how many were."""
        return self.connection.executemany(_INSERT, rows).rowcount

    def delete_oldest(self, count: int) -> int:
        """Remove the oldest records; returns how many."""
        gone = self.connection.execute(
            "DELETE FROM logs WHERE id IN (SELECT id FROM logs ORDER BY time_unix_nano LIMIT ?)", (count,)
        ).rowcount
        # What was removed from the full-text index takes space until its segments are merged.
        self.connection.execute("INSERT INTO logs_text (logs_text, rank) VALUES ('merge', ?)", (_MERGED_PAGES,))
        return gone

    def delete_before(self, unix_nano: int, count: int) -> int:
        """Remove at most so many records that are older than a time; returns how many."""
        return self.connection.execute(
            "DELETE FROM logs WHERE id IN (SELECT id FROM logs WHERE time_unix_nano < ? LIMIT ?)", (unix_nano, count)
        ).rowcount


def find_logs(
    connection: sqlite3.Connection, wanted: LogFilter, limit: int, order: Literal["asc", "desc"] = "desc"
) -> LogPage:
    """The records that a filter lets through, by time."""
    where = wanted.where()
    direction = "ASC" if order == "asc" else "DESC"
    rows = connection.execute(
        f"SELECT record FROM logs WHERE {where.sql} ORDER BY time_unix_nano {direction}, id {direction} LIMIT ?",  # noqa: S608
        (*where.parameters, limit),
    ).fetchall()
    total = len(rows) if len(rows) < limit else count_logs(connection, wanted)
    return LogPage(tuple(row[0] for row in rows), total)


def count_logs(connection: sqlite3.Connection, wanted: LogFilter) -> int:
    """How many records a filter lets through."""
    where = wanted.where()
    found = connection.execute(f"SELECT count(*) FROM logs WHERE {where.sql}", where.parameters)  # noqa: S608
    return int(found.fetchone()[0])


def log_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many records there are of each service."""
    return dict(connection.execute("SELECT service, count(*) FROM logs GROUP BY service").fetchall())
