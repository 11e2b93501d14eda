"""A condition on one field: where the field lives in the store, and what equals, matches or exceeds a value there."""

from __future__ import annotations

from dataclasses import dataclass

from obs_stack.receiver.lucene.words import Text, number
from obs_stack.receiver.storage.logs import Condition

NOTHING = Condition("0")

# Fields with a full-text index: its column. Words are found in them whatever their case.
TEXTS = {"message": "message", "error.message": "error_message", "error.stack_trace": "stack_trace"}
# Fields with a column of their own, which is empty where a record lacks the field.
COLUMNS = {
    "service.name": "service",
    "log.level": "level",
    "trace.id": "trace_id",
    "span.id": "span_id",
    "event.id": "event_id",
    "event.dataset": "dataset",
}
TIME = "@timestamp"
EVERY_TEXT = "{message error_message}"

# A value of the JSON record as text, the way Elasticsearch's keyword would hold it.
_JSON_TEXT = "CASE item.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(item.value AS TEXT) END"


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: `>=`, `>`, `<=` or `<` and the value."""

    comparison: str
    value: str


def exists(field: str) -> Condition:
    """The record has the field, or one below it."""
    if field == TIME:
        return Condition()
    if column := COLUMNS.get(field) or TEXTS.get(field):
        return Condition(f"{column} != ''")
    below = field + "."
    return Condition(
        "EXISTS (SELECT 1 FROM json_each(record) AS item WHERE (item.key = ? OR substr(item.key, 1, ?) = ?) "
        "AND item.type != 'null')",
        (field, len(below), below),
    )


def says(columns: str, text: Text) -> Condition:
    """The full-text index has the words, one after the other; a word may have wildcards.

    Args:
        columns: Columns of the index, in its own syntax.
        text: The words.
    """
    if text.anything:
        return Condition()
    if text.wildcards and not text.prefix:
        return _word_like(columns, text)
    words = (text.prefix or text.literal).replace('"', '""')
    star = " *" if text.prefix else ""
    return Condition(
        "id IN (SELECT rowid FROM logs_text WHERE logs_text MATCH ?)",
        (f'{columns} : "{words}"{star}',),
    )


def equals(field: str, text: Text) -> Condition:
    """The field has the value; wildcards stand for any characters."""
    if field in TEXTS:
        return exists(field) if text.anything else says(TEXTS[field], text)
    if text.anything:
        return exists(field)
    if text.wildcards:
        return _compare(field, "GLOB", text.glob)
    if field in COLUMNS:
        return Condition(f"{COLUMNS[field]} = ?", (text.literal,))
    amount = number(text.literal)
    if amount is None:
        return _in_record(field, f"{_JSON_TEXT} = ?", (text.literal,))
    return _in_record(
        field,
        f"{_JSON_TEXT} = ? OR (item.type IN ('integer', 'real') AND item.value = ?)",
        (text.literal, amount),
    )


def matches(field: str, pattern: str) -> Condition:
    """The whole value of the field matches a pattern of Python's."""
    return _compare(field, "REGEXP", pattern)


def within(field: str, bounds: tuple[Bound, ...]) -> Condition:
    """The value of the field is inside bounds: as numbers where they are numbers, else in the order of their text."""
    if not bounds:
        return exists(field)
    texts = tuple(bound.value for bound in bounds)
    if column := COLUMNS.get(field):
        ordered = " AND ".join(f"{column} {bound.comparison} ?" for bound in bounds)
        return Condition(f"{column} != '' AND {ordered}", texts)
    as_text = " AND ".join(f"item.value {bound.comparison} ?" for bound in bounds)
    amounts = [number(text) for text in texts]
    numbers = tuple(amount for amount in amounts if amount is not None)
    if len(numbers) < len(texts):
        return _in_record(field, f"item.type = 'text' AND {as_text}", texts)
    return _in_record(
        field,
        f"(item.type IN ('integer', 'real') AND {as_text}) OR (item.type = 'text' AND {as_text})",
        (*numbers, *texts),
    )


def in_time(bounds: tuple[tuple[str, int], ...]) -> Condition:
    """The record's time is inside bounds, in nanoseconds since 1970."""
    if not bounds:
        return Condition()
    return Condition(
        " AND ".join(f"time_unix_nano {comparison} ?" for comparison, _ in bounds),
        tuple(moment for _, moment in bounds),
    )


def _compare(field: str, operator: str, pattern: str) -> Condition:
    if column := COLUMNS.get(field):
        return Condition(f"({column} {operator} ? AND {column} != '')", (pattern,))
    return _in_record(field, f"{_JSON_TEXT} {operator} ?", (pattern,))


def _in_record(field: str, condition: str, parameters: tuple[str | int | float, ...]) -> Condition:
    """A value of the field, or one of several where it is a list, meets a condition."""
    return Condition(
        f"EXISTS (SELECT 1 FROM json_each(record, ?) AS item WHERE {condition})",  # noqa: S608 - the condition's values are bound
        (f'$."{field}"', *parameters),
    )


def _word_like(columns: str, text: Text) -> Condition:
    """A word of the index is like a pattern; the index holds words in lower case."""
    named = columns.strip("{}").split()
    return Condition(
        f"id IN (SELECT doc FROM logs_words WHERE col IN ({', '.join('?' * len(named))}) AND term GLOB ?)",  # noqa: S608
        (*named, text.glob.lower()),
    )
