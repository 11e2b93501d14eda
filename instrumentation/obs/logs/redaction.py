"""Taking secrets out of records before any output sees them: by the words of a key, and by the shape of a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from obs.logs import redaction_keys, redaction_rules
from obs.logs.redaction_keys import Keys, words
from obs.logs.redaction_rules import MARKER
from obs.logs.redaction_text import is_card, redacted

__all__ = ["MARKER", "Redactor", "redact", "redact_field", "redact_text", "use"]

# The members of an object that hold a name and, beside it, the value of that name.
_NAMES = ("name", "key", "field")


class Redactor:
    """Knows the secrets of one configuration.

    Args:
        keys: Further keys whose values are secrets, such as ``iban``; compared word by word.
        patterns: Further shapes of secrets, as regular expressions without open repeats.
        safe: Keys whose values are shown as they are.
    """

    def __init__(self, keys: Iterable[str] = (), patterns: Iterable[str] = (), safe: Iterable[str] = ()) -> None:
        self._keys = Keys(keys, safe)
        # A record's texts are looked at together, one a line.
        self._patterns = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
        self.sensitive = self._keys.sensitive
        self.safe = self._keys.safe

    def text(self, text: str) -> str:
        """The text with each secret in it replaced; a text without one is looked at for about a microsecond."""
        for pattern in self._patterns:
            text = pattern.sub(MARKER, text)
        return redacted(text, self._keys)

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Plain data with its secrets replaced, at every depth.

        Args:
            value: None, bool, int, float, str, list, tuple or dict.
            path: The words of the keys that it stands under.
        """
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is dict:
            named = self._named(value)
            return {
                key: MARKER if named and key.lower() == "value" and item else self.under(key, item, path)
                for key, item in value.items()
            }
        if kind is list:
            return self._header(value) or [self.value(item, path) for item in value]
        if kind is tuple:
            return tuple(self.value(list(value), path))
        if kind is int and value > 10**12 and is_card(str(value)):
            return MARKER
        return value

    def under(self, key: str, value: Any, path: tuple[str, ...] = ()) -> Any:
        """The value that stands under this key, with its secrets replaced."""
        if self.safe(key, path):
            return value
        parts = (*path, *words(key))
        if not self.sensitive(key) and not (path and self._keys.follow_one_another(parts)):
            return self.value(value, parts)
        if value is None or value is True or value is False or value in ("", [], {}):
            return value
        if isinstance(value, (int, float)) and not redaction_rules.PLURALS.isdisjoint(words(key)):
            return value
        return MARKER

    def _named(self, pair: Mapping[str, Any]) -> bool:
        """Whether one member says of another, `value`, that it is a secret, as in a container's environment."""
        return any(type(pair.get(name)) is str and self.sensitive(pair[name]) for name in _NAMES)

    def _header(self, pair: list[Any]) -> list[Any] | None:
        """Headers are often a list of pairs; the first says what the second is."""
        if (
            len(pair) == 2
            and type(pair[0]) is str
            and len(pair[0]) <= redaction_keys.LONGEST
            and self.sensitive(pair[0])
        ):
            return [self.text(pair[0]), self.under(pair[0], pair[1])]
        return None

    def mapping(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields with their secrets replaced."""
        return {key: self.under(key, value) for key, value in fields.items()}


_current = Redactor()


def use(redactor: Redactor) -> None:
    """Make this the redactor of `redact` and `redact_text`."""
    global _current
    _current = redactor


def redact(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with their secrets replaced by `[redacted]`, by the rules of the running configuration.

    Example:
        >>> redact({"user": "bob", "api_key": "9f8e7d", "note": "password=hunter2"})
        {'user': 'bob', 'api_key': '[redacted]', 'note': 'password=[redacted]'}
    """
    return _current.mapping(fields)


def redact_field(key: str, value: str) -> str:
    """The text that stands under a key, with its secrets replaced by `[redacted]`.

    Example:
        >>> redact_field("url.path", "/reset?token=hunter2"), redact_field("api_key", "x")
        ('/reset?token=[redacted]', '[redacted]')
    """
    return str(_current.under(key, value))


def redact_text(text: str) -> str:
    """The text with each secret in it replaced by `[redacted]`.

    Example:
        >>> redact_text("GET https://bob:hunter2@example.com/ failed")
        'GET https://[redacted]@example.com/ failed'
    """
    return _current.text(text)
