"""A query in Lucene's language to a condition of SQL: a walk over the tree that the parser makes of it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from luqum import tree
from luqum.exceptions import ParseError
from luqum.thread import parse

from obs_stack.receiver.lucene import fields
from obs_stack.receiver.lucene.errors import LuceneError
from obs_stack.receiver.lucene.regex import python_pattern
from obs_stack.receiver.lucene.words import Text, phrase, word
from obs_stack.receiver.moments import moment
from obs_stack.receiver.storage.logs import Condition

LONGEST = 2000
MOST_TERMS = 200
DEEPEST = 50
MOST_WILDCARDS = 4

_POSITION = re.compile(r"at position (\d+)")
_UNEXPECTED = re.compile(r"(?:Illegal character|unexpected) +'(.)", re.DOTALL)
_SIGNS = {"&&": "AND", "||": "OR", "!": "NOT"}


def translate(query: str, *, now: int | None = None) -> Condition:
    """Translate a query.

    Understood are ``field:value``, ``field:"a phrase"``, ``field:/a regular expression/``, ranges
    (``field:[500 TO 599]``, ``{`` and ``}`` for open ends, ``*`` for no end, ``field:>=500``), ``field:(a OR b)``,
    ``_exists_:field``, ``AND``, ``OR``, ``NOT``, ``+``, ``-``, brackets, the wildcards ``*`` and ``?``, and bare words,
    which are looked for in what the record says. Terms with nothing between them are joined by OR, as in Elasticsearch.

    Args:
        query: The query; an empty one is met by every record.
        now: The present in nanoseconds since 1970, for times such as ``now-15m``; by default the clock's.

    Raises:
        LuceneError: It is not understood.

    Example:
        >>> translate("service.name:shop").parameters
        ('shop',)
    """
    if not query.strip():
        return Condition()
    if len(query) > LONGEST:
        raise LuceneError(f"a query may have {LONGEST} characters, this one has {len(query)}")
    if any("\ud800" <= character <= "\udfff" for character in query):
        raise LuceneError("a query must be valid Unicode")
    # The store has no NUL either.
    parsed = _parsed(query.replace("\0", "\ufffd"))
    return _Walk(time.time_ns() if now is None else now).condition(parsed, None, 0)


def _parsed(query: str) -> tree.Item:
    try:
        return parse(query)
    except ParseError as error:
        said = str(error)
        place = _POSITION.search(said)
        if place is None:
            raise LuceneError(
                "the query ends too early; close the bracket or write a value", len(query.rstrip())
            ) from None
        sign = _UNEXPECTED.search(said)
        what = f"unexpected {sign[1]!r}" if sign else "not understood"
        hint = "close the quotation mark" if sign and sign[1] == '"' else "put a value with special signs in quotes"
        raise LuceneError(f"{what}; {hint}", int(place[1]) + 1) from None


class _Walk:
    """Goes through one query; `field` is the field whose brackets it is in, if any."""

    def __init__(self, now: int) -> None:
        self._now = now
        self._terms = 0

    def condition(self, node: tree.Item, field: str | None, depth: int) -> Condition:
        """The condition that a part of the query stands for."""
        if depth > DEEPEST:
            raise LuceneError(f"brackets are nested deeper than {DEEPEST}", _at(node))
        match node:
            case tree.UnknownOperation():
                return self._loose(node.children, field, depth)
            case tree.AndOperation() | tree.OrOperation():
                joined = " AND " if isinstance(node, tree.AndOperation) else " OR "
                return _join(joined, [self.condition(child, field, depth + 1) for child in node.children])
            case tree.Not() | tree.Prohibit():
                return _negated(self.condition(node.a, field, depth + 1))
            case tree.Plus() | tree.Group() | tree.FieldGroup():
                return self.condition(node.children[0], field, depth + 1)
            case tree.SearchField():
                return self._of_field(node, field, depth)
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise LuceneError(f"a query may have {MOST_TERMS} terms", _at(node))
        return self._term(node, field)

    def _loose(self, children: Sequence[tree.Item], field: str | None, depth: int) -> Condition:
        """Terms with nothing between them: `+` must, `-` must not, and one of the others should when nothing must."""
        must, must_not, should = [], [], []
        for child in children:
            condition = self.condition(child, field, depth + 1)
            if isinstance(child, tree.Plus):
                must.append(condition)
            elif isinstance(child, (tree.Not, tree.Prohibit)):
                must_not.append(condition)
            else:
                should.append(condition)
        if should and not must:
            must.append(_join(" OR ", should))
        return _join(" AND ", must + must_not)

    def _of_field(self, node: tree.SearchField, outer: str | None, depth: int) -> Condition:
        field = word(node.name)
        if outer is not None:
            raise LuceneError("a field stands inside another field's brackets", _at(node))
        if field.wildcards or any(sign in '"\\\0' for sign in field.literal):
            raise LuceneError("a field's name has no wildcards or quotes; name one field", _at(node))
        value = node.expr
        if field.literal == "_exists_":
            if not isinstance(value, (tree.Word, tree.Phrase)):
                raise LuceneError("write _exists_:field", _at(value))
            return fields.exists(_text(value).literal)
        if isinstance(value, tree.Prohibit) and isinstance(value.a, tree.Word):
            return self.condition(tree.Word("-" + value.a.value, pos=value.pos), field.literal, depth + 1)
        return self.condition(value, field.literal, depth + 1)

    def _term(self, node: tree.Item, field: str | None) -> Condition:
        match node:
            case tree.Word() | tree.Phrase():
                return _valued(node, field)
            case tree.Range() | tree.From() | tree.To():
                return self._range(node, field)
            case tree.Regex():
                return _regex(node, field)
            case tree.Fuzzy() | tree.Proximity():
                raise LuceneError("fuzzy search with ~ is not supported; use * and ?", _at(node))
            case tree.Boost():
                raise LuceneError("a boost with ^ is not supported: results are in order of time", _at(node))
        raise LuceneError("not understood", _at(node))

    def _range(self, node: tree.Range | tree.From | tree.To, field: str | None) -> Condition:
        if field is None:
            raise LuceneError("a range needs a field, such as http.response.status_code:[500 TO 599]", _at(node))
        if field in fields.TEXTS:
            raise LuceneError(f"{field} is text and has no order; use words", _at(node))
        bounds = []
        for comparison, end in _ends(node):
            text = _bound_text(end)
            if text != "*":
                bounds.append(fields.Bound(comparison, text))
        if field != fields.TIME:
            return fields.within(field, tuple(bounds))
        try:
            return fields.in_time(tuple((bound.comparison, moment(bound.value, self._now)) for bound in bounds))
        except ValueError as error:
            raise LuceneError(str(error), _at(node)) from None


def _valued(node: tree.Word | tree.Phrase, field: str | None) -> Condition:
    text = _text(node)
    if isinstance(node, tree.Word):
        written = _SIGNS.get(node.value) or _SIGNS.get(node.value[:1])
        if written:
            raise LuceneError(f"{node.value[:2]!r} is not an operator here; write {written}", _at(node))
    if text.wildcards > MOST_WILDCARDS:
        raise LuceneError(f"a term may have {MOST_WILDCARDS} wildcards", _at(node))
    if field is None:
        return fields.says(fields.EVERY_TEXT, text)
    if field == fields.TIME and not text.anything:
        raise LuceneError('a time is asked for by a range, such as @timestamp:["2026-01-31" TO now]', _at(node))
    return fields.equals(field, text)


def _regex(node: tree.Regex, field: str | None) -> Condition:
    if field is None or field in fields.TEXTS or field == fields.TIME:
        raise LuceneError("a regular expression needs a keyword field, such as service.name:/a.*/", _at(node))
    try:
        return fields.matches(field, python_pattern(node.value[1:-1].replace("\\/", "/")))
    except ValueError as error:
        raise LuceneError(str(error), _at(node)) from None


def _ends(node: tree.Range | tree.From | tree.To) -> list[tuple[str, tree.Item]]:
    match node:
        case tree.From():
            return [(">=" if node.include else ">", node.a)]
        case tree.To():
            return [("<=" if node.include else "<", node.a)]
    return [(">=" if node.include_low else ">", node.low), ("<=" if node.include_high else "<", node.high)]


def _bound_text(end: tree.Item) -> str:
    if isinstance(end, tree.Prohibit):
        return "-" + _text(end.a).literal
    text = _text(end)
    if text.wildcards and not text.anything:
        raise LuceneError("an end of a range is a value or a lone *", _at(end))
    return text.literal


def _text(node: tree.Word | tree.Phrase) -> Text:
    return phrase(node.value) if isinstance(node, tree.Phrase) else word(node.value)


def _join(word_between: str, conditions: Sequence[Condition]) -> Condition:
    return Condition(
        word_between.join(f"({condition.sql})" for condition in conditions),
        tuple(value for condition in conditions for value in condition.parameters),
    )


def _negated(condition: Condition) -> Condition:
    return Condition(f"NOT ({condition.sql})", condition.parameters)


def _at(node: tree.Item) -> int:
    position: int | None = getattr(node, "pos", None)
    return 0 if position is None else position + 1
