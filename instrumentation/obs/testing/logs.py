"""Captured log records, as whoever wrote the call thinks of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from obs.logs import ecs
from obs.logs.pipeline import Record
from obs.logs.record import as_keyword
from obs.testing.found import Found


@dataclass(frozen=True, slots=True)
class Log:
    """One record, redacted as every output gets it.

    Args:
        message: What happened.
        level: `debug`, `info`, `warning`, `error` or `critical`.
        logger: The logger's name; empty when it has none.
        fields: The fields of the call and those that were bound. What obs adds has its name in ECS, such as
            `http.route` or `error.type`; what clashed with such a name stands here under its own.
        trace_id: In 32 hexadecimal digits; empty outside of a trace.
        span_id: In 16 hexadecimal digits; empty outside of a trace.
        nanoseconds: When, since 1970.
        as_text: The fields whose names ECS has for groups, such as `user`, and whose values are therefore text; what a
            test looks for is compared as text too.
    """

    message: str
    level: str
    logger: str
    fields: Mapping[str, Any] = field(hash=False)
    trace_id: str
    span_id: str
    nanoseconds: int
    as_text: frozenset[str] = field(default=frozenset(), repr=False)

    def __str__(self) -> str:
        shown = "".join(f" {name}={value!r}" for name, value in self.fields.items() if "stack_trace" not in name)
        return f"{self.level:<8} {self.message!r}{f' ({self.logger})' if self.logger else ''}{shown}"


class Logs(Found[Log]):
    """The captured records."""

    noun = "log"

    def where(
        self, message: str | None = None, *, level: str | None = None, logger: str | None = None, **fields: object
    ) -> Logs:
        """Those that have all of this.

        Args:
            message: The whole message.
            level: The level's name.
            logger: The logger's name.
            fields: Fields with their values; a name with dots goes in as `**{"http.route": "/"}`.
        """
        wanted = {"message": message, "level": level, "logger": logger}
        return Logs(self._matching(wanted, fields))

    def one(
        self, message: str | None = None, *, level: str | None = None, logger: str | None = None, **fields: object
    ) -> Log:
        """The one that has all of this; the arguments are those of `where`.

        Raises:
            AssertionError: There is none, or there are several; it names the nearest and lists what there is.
        """
        __tracebackhide__ = True
        return self._only({"message": message, "level": level, "logger": logger}, fields)

    def _details(self, item: Log) -> Mapping[str, Any]:
        return item.fields

    def _has(self, item: Log, name: str, value: object) -> bool:
        text = name in item.as_text and item.fields[name] == as_keyword(value)
        return text or super()._has(item, name, value)


def log_of(record: Record) -> Log:
    """A finished record as a test reads it."""
    body: dict[str, Any] = orjson.loads(record.body)
    message = body.pop("message", "")
    clashed = body.pop("labels", {})
    return Log(
        message=message,
        level=record.level,
        logger=record.logger,
        fields={**_flat(body), **clashed},
        trace_id=record.trace_id.decode(),
        span_id=record.span_id.decode(),
        nanoseconds=record.nanoseconds,
        as_text=frozenset(clashed),
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Groups of ECS as dotted names; a dictionary that the caller gave stays one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        whole = f"{prefix}{name}"
        if type(value) is dict and whole in ecs.OBJECTS:
            found.update(_flat(value, f"{whole}."))
        else:
            found[whole] = value
    return found
