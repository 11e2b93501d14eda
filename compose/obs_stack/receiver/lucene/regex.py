"""Lucene's regular expressions, limited to what takes a time that grows gently with the value's length."""

from __future__ import annotations

import re
from functools import lru_cache

# A keyword longer than this has no match, as in Elasticsearch with its usual `ignore_above`.
LONGEST_VALUE = 1024
_MOST_OPEN_REPEATS = 3
_MOST_SIGNS = 500
_UNSUPPORTED = '~&<>@#"'
_CLASSES = "dDwWsS"
_BOUNDS = re.compile(r"\{(\d{1,3})(,?)(\d{0,3})\}")
_CLASS = re.compile(r"\[\^?(?:\\.|[^\]\\])+\]", re.DOTALL)


def python_pattern(lucene: str) -> str:
    r"""The pattern of Python's `re` for one of Lucene's; both match a whole value.

    Supported are ``.``, ``|``, ``( )``, ``[ ]``, ``?``, ``*``, ``+``, ``{n,m}`` and ``\``. A group cannot be repeated,
    and at most three repetitions may be open-ended, so that no pattern takes for ever.

    Raises:
        ValueError: It is no such pattern; the message says what is not supported.

    Example:
        >>> python_pattern("gate.*|a-b")
        'gate.*|a\\-b'
    """
    if len(lucene) > _MOST_SIGNS:
        raise ValueError(f"a regular expression may have {_MOST_SIGNS} characters")
    out: list[str] = []
    position, open_repeats, repeatable = 0, 0, ""
    while position < len(lucene):
        piece, translated, kind = _piece(lucene, position)
        if kind == "repeat":
            if repeatable != "one":
                raise ValueError(f"{piece!r} can only follow a single character or a [class]")
            open_repeats += piece in "*+" or piece.endswith(",}")
        out.append(translated)
        position += len(piece)
        repeatable = kind
    if open_repeats > _MOST_OPEN_REPEATS:
        raise ValueError(f"more than {_MOST_OPEN_REPEATS} open-ended repetitions")
    pattern = "".join(out)
    try:
        re.compile(pattern)
    except (re.error, OverflowError) as error:
        raise ValueError(f"the regular expression is broken: {error}") from None
    return pattern


def matches(pattern: str, value: object) -> bool:
    """Whether a whole value matches a pattern of Python's; what SQLite calls REGEXP."""
    return isinstance(value, str) and len(value) <= LONGEST_VALUE and _matches(pattern, value)


@lru_cache(maxsize=4096)
def _matches(pattern: str, value: str) -> bool:
    return re.fullmatch(pattern, value, re.DOTALL) is not None


def _piece(lucene: str, position: int) -> tuple[str, str, str]:
    """The next piece as it stands, in Python's form, and what it is: ``one``, ``repeat`` or ``other``."""
    character = lucene[position]
    if character == "\\":
        following = lucene[position + 1 : position + 2]
        if not following:
            raise ValueError("the regular expression ends in a backslash")
        return character + following, ("\\" + following if following in _CLASSES else re.escape(following)), "one"
    if character == "[":
        found = _CLASS.match(lucene, position)
        if not found:
            raise ValueError("a [class] has no end")
        return found[0], _class(found[0]), "one"
    if character == "{":
        bounds = _BOUNDS.match(lucene, position)
        if not bounds:
            raise ValueError("a repetition is written {n}, {n,} or {n,m}")
        return bounds[0], bounds[0], "repeat"
    if character in "*+?":
        return character, character, "repeat"
    if character in _UNSUPPORTED:
        raise ValueError(f"{character!r} in a regular expression is not supported; write \\{character} for the sign")
    if character in "|()":
        return character, character, "other"
    return character, "." if character == "." else re.escape(character), "one"


def _class(written: str) -> str:
    # `[`, `&&`, `||`, `--` and `~~` in a class are reserved by Python for set operations.
    if "--" in written:
        raise ValueError("'--' in a [class] is not supported; write the signs one by one")
    return "[" + re.sub(r"(?<!\\)[\[&|~]", lambda found: "\\" + found[0], written[1:])
