"""The kinds of value that options take: how each is read from text, checked, and shown in a fault."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from obs.settings.patterns import checked_pattern
from obs.settings.routes import read_route

_LONGEST_SHOWN = 80
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_PAIRS = "a table of texts by name (in the environment key=value,key=value)"
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def shown(value: object) -> str:
    """A value as a fault shows it: short, and never by calling a caller's own `__repr__`."""
    if value is None or type(value) in {bool, float} or (type(value) is int and abs(value) < 10**20):
        return repr(value)
    if isinstance(value, str):
        return repr(str.__str__(value) if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "...")
    return f"a value of type {type(value).__name__}"


def _shown_url(value: object) -> str:
    """A URL without what may be a password: the part before an `@`, and the query."""
    if not isinstance(value, str):
        return shown(value)
    text = value.partition("?")[0] + ("?***" if "?" in value else "")
    return shown("***@" + text.rpartition("@")[2] if "@" in text else text)


@dataclass(frozen=True, slots=True)
class Kind:
    """How an option's value is read and checked.

    Args:
        allowed: What the option takes, in words that follow "it takes".
        check: Gives the value in its final type, or raises ValueError; it sees arguments and TOML as they are.
        parse: Turns a variable's text into what `check` sees, or raises ValueError.
        choices: The words it takes, where there are only a few; the nearest is offered when another is given.
        secret: The value is never printed.
        show: How a fault prints a refused value.
    """

    allowed: str
    check: Callable[[object], object]
    parse: Callable[[str], object] = str
    choices: tuple[str, ...] = ()
    secret: bool = False
    show: Callable[[object], str] = shown


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError


def _boolean_text(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError


def _printable(value: object) -> str:
    if isinstance(value, str) and value.isprintable():
        return value.strip()
    raise ValueError


def _name(value: object) -> str:
    if text := _printable(value):
        return text
    raise ValueError


def _words(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise ValueError  # noqa: TRY004 - one kind of refusal for every value
    words = [_name(word) for word in value]
    return tuple(sorted(words) if isinstance(value, (set, frozenset)) else words)


def _patterns(value: object) -> tuple[str, ...]:
    return tuple(map(checked_pattern, _words(value)))


def _shown_patterns(value: object) -> str:
    """The first pattern that is refused."""
    if isinstance(value, str):
        value = _lines(value)
    for pattern in value if isinstance(value, (list, tuple)) else ():
        try:
            _patterns([pattern])
        except ValueError:
            return shown(pattern)
    return shown(value)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _split(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _pairs(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {_name(key): _printable(text) for key, text in value.items()}
    raise ValueError


def pairs_text(text: str) -> dict[str, str]:
    """Read `key=value,key=value` with percent-encoding, as OpenTelemetry writes headers and resource attributes.

    Args:
        text: The variable's text; empty items are skipped, a later key replaces an earlier one.

    Raises:
        ValueError: An item has no key or no `=`.

    Example:
        >>> pairs_text("team=a%20b,api-key=x=y")
        {'team': 'a b', 'api-key': 'x=y'}
    """
    pairs: dict[str, str] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise ValueError
        pairs[unquote(key.strip())] = unquote(value.strip())
    return pairs


def _headers(value: object) -> dict[str, str]:
    headers = {key.lower(): text for key, text in _pairs(value).items()}
    if all(_HEADER_NAME.fullmatch(key) for key in headers):
        return headers
    raise ValueError


def _url(value: object) -> str:
    text = _printable(value)
    if not text:
        return ""
    parts = urlsplit(text)
    bare = not (parts.query or parts.fragment or "@" in parts.netloc or " " in text)
    if parts.scheme in {"http", "https"} and parts.hostname and bare and parts.port != 0:
        return text.rstrip("/")
    raise ValueError


def _url_path(value: object) -> str:
    text = _name(value)
    if text.startswith("/") and not set(text) & set(" ?#"):
        return text
    raise ValueError


def _path(value: object) -> Path:
    if isinstance(value, (str, os.PathLike)) and (text := os.fspath(value)) and isinstance(text, str):
        return Path(text).expanduser()
    raise ValueError


def _shares(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004 - one kind of refusal for every value
    shares = {_name(route): _SHARE.check(share) for route, share in value.items()}
    for route in shares:
        read_route(route)
    return shares  # type: ignore[return-value]


def _shares_text(text: str) -> dict[str, float]:
    return {route: float(share) for route, share in pairs_text(text).items()}


def _shown_shares(value: object) -> str:
    """The first route that is refused."""
    for route, share in value.items() if isinstance(value, Mapping) else ():
        try:
            _shares({route: share})
        except ValueError:
            return f"{shown(route)} with {shown(share)}"
    return shown(value)


def choice(*words: str) -> Kind:
    """One of a few words, in any case."""

    def check(value: object) -> str:
        if isinstance(value, str) and value.lower() in words:
            return value.lower()
        raise ValueError

    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", check, choices=words)


def whole_number(low: int, high: int) -> Kind:
    """An integer from `low` to `high`."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError

    return Kind(f"a whole number from {low} to {high}", check, parse=int)


def number(low: float, high: float, meaning: str = "a number") -> Kind:
    """A number from `low` to `high`."""

    def check(value: object) -> float:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        raise ValueError

    return Kind(f"{meaning} from {low:g} to {high:g}", check, parse=float)


def pairs_without(own: Mapping[str, str]) -> Kind:
    """Texts by name, without the names that have an option of their own.

    Args:
        own: The refused names, each with its option.
    """

    def check(value: object) -> dict[str, str]:
        pairs = _pairs(value)
        if own.keys() & pairs.keys():
            raise ValueError
        return pairs

    options = ", ".join(dict.fromkeys(own.values()))
    return Kind(f"{_PAIRS}; {options} are options of their own", check, pairs_text)


_SHARE = number(0, 1)
BOOLEAN = Kind("true or false (in the environment also 1, 0, yes, no, on, off)", _boolean, parse=_boolean_text)
TEXT = Kind("a text of printable characters", _printable)
NAME = Kind("a text of printable characters, not empty", _name)
WORDS = Kind("a list of texts (in the environment separated by commas)", _words, parse=_split)
PATTERNS = Kind(
    "a list of regular expressions (in the environment one a line) that read any text in linear time: repeats within "
    "bounds as in `[A-Z]{2,20}`, not `+`, `*` and `{2,}`, few of them in a row, and no back-references",
    _patterns,
    parse=_lines,
    show=_shown_patterns,
)
SHARES = Kind(
    "a table of shares from 0 to 1 by route, such as `GET /items/{item_id}` or `/static/*` (in the environment "
    "route=share,route=share)",
    _shares,
    parse=_shares_text,
    show=_shown_shares,
)
HEADERS = Kind(_PAIRS, _headers, pairs_text, secret=True)
URL = Kind("an http:// or https:// URL without user, password, query and fragment", _url, show=_shown_url)
URL_PATH = Kind("a path that starts with /, without query", _url_path)
PATH = Kind("a path", _path)
