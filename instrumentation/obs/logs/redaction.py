"""Taking secrets out of records before any output sees them: by the words of a key, and by the shape of a value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from obs.logs import redaction_rules as rules
from obs.logs.redaction_rules import MARKER

__all__ = ["MARKER", "Redactor", "redact", "redact_field", "redact_text", "use"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PART = re.compile(r"[^A-Za-z]+")

# Two ways to see a text at a glance: its long words as runs of `a`, its digits as runs of `0`.
_WORD_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_AS_WORDS = bytes(97 if byte in _WORD_CHARACTERS else 32 for byte in range(256))
_AS_DIGITS = bytes(48 if 48 <= byte < 58 else 97 for byte in range(256))
_LONG_WORD = b"a" * 18
_LONG_NUMBER = b"0" * 13
_SCHEME_HINTS = ("earer", "asic", "oken", "egotiate", "EARER", "ASIC")

_VERDICTS_KEPT = 4096
_KEY_LENGTH = 256


@lru_cache(maxsize=_VERDICTS_KEPT)
def words(key: str) -> tuple[str, ...]:
    """The words of a key, in lower case: `X-Api-Key`, `apiKey` and `API_KEY` are the same two.

    Example:
        >>> words("refreshToken2")
        ('refresh', 'token')
    """
    return tuple(word.lower() for word in _WORD.findall(key[:_KEY_LENGTH]))


class Redactor:
    """Knows the secrets of one configuration.

    Args:
        keys: Further keys whose values are secrets, such as ``iban``; compared word by word.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._own = frozenset(filter(None, map(words, keys)))
        self._sequences = rules.SEQUENCES | self._own
        self._verdicts: dict[str, bool] = {}
        self._nested_verdicts: dict[tuple[str, ...], bool] = {}

    def sensitive(self, key: str) -> bool:
        """Whether a value under this key is a secret by its name."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._judge(words(key))
            if len(self._verdicts) < _VERDICTS_KEPT and len(key) <= _KEY_LENGTH:
                self._verdicts[key] = verdict
        return verdict

    def _judge(self, parts: tuple[str, ...]) -> bool:
        if self._own and any(_contains(parts, own) for own in self._own):
            return True
        if not parts or (parts[-1] in rules.DESCRIPTIONS and len(parts) > 1):
            return False
        if not rules.WORDS.isdisjoint(parts) or "_".join(parts) in rules.WHOLE:
            return True
        if any(len(part) > 6 and part.endswith(rules.ENDINGS) for part in parts):
            return True
        return any(_contains(parts, sequence) for sequence in rules.SEQUENCES)

    def text(self, text: str) -> str:
        """The text with each secret in it replaced; a text without one is looked at for about a microsecond."""
        if (":" in text or "=" in text) and any(self.sensitive(match[1]) for match in rules.KEY.finditer(text)):
            text = rules.AUTHORIZATION.sub(rf"\1{MARKER}", text)
            text = rules.COOKIE.sub(rf"\1{MARKER}", text)
            text = "".join(self._assignments(text))
        if "ig=" in text or "ature=" in text:
            text = rules.URL_SIGNATURE.sub(rf"\1{MARKER}", text)
        if "@" in text and "://" in text:
            text = rules.URL_USER.sub(_url_user, text)
        seen = text.encode("utf-8", "replace")
        if _LONG_WORD in seen.translate(_AS_WORDS):
            text = rules.TOKENS.sub(MARKER, text)
        if _LONG_NUMBER in seen.translate(_AS_DIGITS, b" -"):
            text = rules.CARD.sub(_card, text)
        if "PRIVATE KEY" in text:
            text = rules.PRIVATE_KEY.sub(MARKER, text)
        for hint in _SCHEME_HINTS:
            if hint in text:
                return rules.SCHEME.sub(_scheme, text)
        return text

    def _assignments(self, text: str) -> Iterator[str]:
        """The text in pieces, with the value behind each sensitive key replaced."""
        done = 0
        for match in rules.KEY.finditer(text):
            if match.start() < done or not self.sensitive(match[1]):
                continue
            found = rules.VALUE.match(text, match.end())
            if found is not None and not _tells_nothing(match[0], *found.groups()):
                yield text[done : found.start(2)]
                yield MARKER
                done = found.end()
        yield text[done:]

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
            return {key: self.under(key, item, path) for key, item in value.items()}
        if kind is list:
            return self._header(value) or [self.value(item, path) for item in value]
        if kind is tuple:
            return tuple(self.value(list(value), path))
        if kind is int and value > 10**12 and rules.CARD.sub(_card, str(value)) == MARKER:
            return MARKER
        return value

    def under(self, key: str, value: Any, path: tuple[str, ...] = ()) -> Any:
        """The value that stands under this key, with its secrets replaced."""
        parts = (*path, *words(key))
        if not self.sensitive(key) and not (path and self._follow_one_another(parts)):
            return self.value(value, parts)
        if value is None or value is True or value is False or value in ("", [], {}):
            return value
        if isinstance(value, (int, float)) and not rules.PLURALS.isdisjoint(words(key)):
            return value
        return MARKER

    def _follow_one_another(self, parts: tuple[str, ...]) -> bool:
        """Whether the words of nested keys name a secret together, as in `{"card": {"number": ...}}`."""
        verdict = self._nested_verdicts.get(parts)
        if verdict is None:
            named = any(_contains(parts, sequence) for sequence in self._sequences)
            verdict = named and parts[-1] not in rules.DESCRIPTIONS
            if len(self._nested_verdicts) < _VERDICTS_KEPT:
                self._nested_verdicts[parts] = verdict
        return verdict

    def _header(self, pair: list[Any]) -> list[Any] | None:
        """Headers are often a list of pairs; the first says what the second is."""
        if len(pair) == 2 and type(pair[0]) is str and len(pair[0]) <= _KEY_LENGTH and self.sensitive(pair[0]):
            return [self.text(pair[0]), self.under(pair[0], pair[1])]
        return None

    def mapping(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The fields with their secrets replaced."""
        return {key: self.under(key, value) for key, value in fields.items()}


def _contains(parts: tuple[str, ...], sequence: tuple[str, ...]) -> bool:
    size = len(sequence)
    return any(parts[start : start + size] == sequence for start in range(len(parts) - size + 1))


def _tells_nothing(key: str, quote: str, value: str) -> bool:
    """Whether what follows a sensitive key is no value: nothing, a marker, or prose as in `password: required`."""
    bare = value.strip("\\\"'")
    if not bare or bare.startswith(MARKER[:-1]) or bare.lower() in {"none", "null", "true", "false"}:
        return True
    # Prose follows a colon and a space; an equals sign or a quote makes it a value.
    return not quote and key.endswith((" ", "\t")) and "=" not in key and _is_prose(bare)


def _is_prose(text: str) -> bool:
    return all(part in rules.PROSE for part in _PART.split(text.lower()) if part) and not any(map(str.isdigit, text))


def _url_user(match: re.Match[str]) -> str:
    user = match[1]
    # `ssh://git@host` names an account; a long word without a password is a token.
    if ":" not in user and user.isalpha() and len(user) <= 12:
        return match[0]
    return f"://{MARKER}@"


def _scheme(match: re.Match[str]) -> str:
    scheme, space, value = match.groups()
    kind = scheme.lower()
    if kind == "bearer":
        # `Bearer realm="api"` is what a server asks for.
        secret = not _is_prose(value) and "=" not in value.rstrip("=")
    elif kind == "basic":
        secret = _is_basic(value)
    else:
        secret = len(value) >= 16 and any(map(str.isdigit, value))
    return f"{scheme}{space}{MARKER}" if secret else match[0]


def _is_basic(value: str) -> bool:
    """Whether this is what the Basic scheme sends: a name, a colon and a password in base64."""
    try:
        return b":" in base64.b64decode(value[: len(value) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False


def _card(match: re.Match[str]) -> str:
    digits = match[0].replace(" ", "").replace("-", "")
    return MARKER if rules.CARD_ISSUER.fullmatch(digits) and _luhn(digits) else match[0]


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0


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
