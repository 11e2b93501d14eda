"""From an event to the JSON of its fields: total, bounded, with its secrets taken out.

`encode` tries the shortest way first: every value is a small scalar, no key is sensitive and no text looks like a
secret. Whatever does not pass takes the long way, where values are made plain, redacted and cut.

orjson writes NaN and the infinities as null, which would turn a fault of the application into a missing value; they
are written as the texts `NaN`, `Infinity` and `-Infinity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from obs.logs.record import Place, Placing, place_of
from obs.logs.redaction import Redactor
from obs.logs.values import INT64_MAX, INT64_MIN, MAX_ITEMS, MAX_KEY, MAX_TEXT, Plainer, cut, represent, well_formed

MAX_LINE = 256 * 1024

# What the texts of one record may take together; the rest of the line is keys, numbers, ids and the service.
_BUDGET = 160 * 1024
_PLACES_KEPT = 4096
# A card number has at least thirteen digits.
_LONG_NUMBER = 10**12

Fields = dict[str, Any]


class Encoder:
    """Turns events into fields; keeps what it has learned about names.

    Args:
        redactor: Knows what is a secret.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._places: dict[str, Place] = {}
        # Names that need nothing but their value: no group of ECS, no dot, not sensitive.
        self._simple: set[str] = set()

    def encode(self, message: object, event: Mapping[Any, Any], error: Fields | None = None) -> tuple[bytes, Fields]:
        """The fields of a record and their JSON, in one line; never raises.

        Args:
            message: What happened, in the caller's words.
            event: The caller's fields.
            error: `type`, `message` and `stack_trace` of an exception.

        Returns:
            The JSON object, and the same as a dict.
        """
        try:
            fields = self._short_way(message, event) if error is None else None
            if fields is not None:
                body = orjson.dumps(fields)
                if len(body) <= MAX_LINE:
                    return body, fields
        except (TypeError, ValueError):
            pass  # a lone surrogate, a key that is no text
        return self._long_way(message, event, error)

    def _short_way(self, message: object, event: Mapping[Any, Any]) -> Fields | None:  # noqa: C901, PLR0911, PLR0912
        # One loop without a call: every record goes through it.
        if type(message) is not str or len(message) > MAX_TEXT or len(event) > MAX_ITEMS:
            return None
        fields: Fields = {"message": message}
        texts = [message]
        placed: list[tuple[str, Any]] = []
        simple = self._simple
        for name, value in event.items():
            kind = type(value)
            if kind is str:
                if len(value) > MAX_TEXT:
                    return None
                texts.append(value)
            elif kind is int:
                if value > _LONG_NUMBER or value < INT64_MIN:
                    if not INT64_MIN <= value <= INT64_MAX:
                        return None
                    texts.append(str(value))
            elif kind is float:
                if value - value != 0.0:
                    return None
            elif kind is not bool and value is not None:
                return None
            if name in simple:
                fields[name] = value
                continue
            place = self._learn(name)
            if place is None:
                return None
            if place.simple:
                fields[name] = value
            else:
                placed.append((name, value))
        text = "\n".join(texts)
        if self._redactor.text(text) != text:
            return None
        if placed:
            placing = Placing(fields, self._place)
            for name, value in placed:
                placing.put(name, value)
        return fields

    def _learn(self, name: Any) -> Place | None:
        """The place of a name that is not known as simple; None when its field cannot go the short way."""
        if type(name) is not str or len(name) > MAX_KEY or self._redactor.sensitive(name) or self._redactor.safe(name):
            return None
        place = self._place(name)
        if place.simple and len(self._simple) < _PLACES_KEPT:
            self._simple.add(name)
        return place

    def _place(self, name: str) -> Place:
        place = self._places.get(name)
        if place is None:
            place = place_of(name)
            if len(self._places) < _PLACES_KEPT:
                self._places[name] = place
        return place

    def _long_way(self, message: object, event: Mapping[Any, Any], error: Fields | None) -> tuple[bytes, Fields]:
        plainer = Plainer(_BUDGET)
        redactor = self._redactor
        fields: Fields = {"message": redactor.text(plainer.text(_as_text(message)))}
        placing = Placing(fields, self._place)
        if error is not None:
            fields["error"] = redactor.value(plainer.plain(error))
        pairs = list(event.items())
        for name, value in sorted(pairs[:MAX_ITEMS], key=_dotted_last):
            key = well_formed(_as_text(name)[:MAX_KEY])
            placing.put(key, redactor.under(key, plainer.plain(value)))
        if len(pairs) > MAX_ITEMS:
            rest = redactor.value(plainer.plain(dict(pairs[MAX_ITEMS : 2 * MAX_ITEMS])))
            fields.setdefault("obs", {})["extra"] = cut(orjson.dumps(rest).decode())
        if plainer.cut or len(pairs) > MAX_ITEMS:
            fields.setdefault("obs", {})["truncated"] = True
        if plainer.partial:
            fields.setdefault("obs", {})["partial"] = True
        return self._within_the_line(fields)

    def _within_the_line(self, fields: Fields) -> tuple[bytes, Fields]:
        body = orjson.dumps(fields)
        while len(body) > MAX_LINE:
            # The budget counts texts; a record that is still too long has thousands of keys or numbers.
            fields.setdefault("obs", {})["truncated"] = True
            sizes = {name: len(orjson.dumps(value)) for name, value in fields.items() if name != "obs"}
            largest = max(sizes, key=sizes.__getitem__)
            if largest == "message":
                fields["message"] = fields["message"][:MAX_KEY]
            else:
                del fields[largest]
            body = orjson.dumps(fields)
        return body, fields


def _dotted_last(pair: tuple[Any, Any]) -> bool:
    """So that it does not depend on the caller's order which of `a` and `a.b` keeps its name."""
    return type(pair[0]) is str and "." in pair[0]


def _as_text(value: object) -> str:
    return value if type(value) is str else represent(value, str)
