r"""Regular expressions that a setting may hold: those that read any text in linear time.

Python's `re` tries every way in which a pattern can match. A pattern is let in when the number of ways from one place
is small whatever the text is: no open repeat (`+`, `*`, `{2,}`), no reference to an earlier group, and few ways in all.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

# Ways from one place of the text; two repeats of up to 64 characters next to each other are allowed.
_MOST_WAYS = 5000
_LONGEST = 1000

_parser: Any = importlib.import_module("re._parser")
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_GROUPS = {"SUBPATTERN", "ATOMIC_GROUP", "ASSERT", "ASSERT_NOT"}
_REFUSED = {"GROUPREF", "GROUPREF_EXISTS", "GROUPREF_IGNORE"}
# `\A` and `\Z`: texts are looked at together, so that a text's ends are those of a line, `^` and `$`.
_ENDS = {"AT_BEGINNING_STRING", "AT_END_STRING"}


def checked_pattern(text: str) -> str:
    r"""The pattern, when it reads any text in linear time and matches something.

    Args:
        text: A regular expression of Python.

    Raises:
        ValueError: It is none, it matches nothing at all, or it could take long.

    Example:
        >>> checked_pattern(r"CUST-\d{6,12}")
        'CUST-\\d{6,12}'
    """
    if not 0 < len(text) <= _LONGEST:
        raise ValueError
    try:
        compiled = re.compile(text)
        tree = _parser.parse(text)
    except (re.error, RecursionError, OverflowError):
        raise ValueError from None
    if compiled.match("") or _ways(tree) > _MOST_WAYS:
        raise ValueError
    return text


def _ways(items: Any) -> int:
    """In how many ways a sequence can match from one place, at most; one beyond the limit when there is no limit."""
    ways = 1
    for operation, argument in items:
        ways *= _ways_of_one(str(operation), argument)
        if ways > _MOST_WAYS:
            return _MOST_WAYS + 1
    return ways


def _ways_of_one(operation: str, argument: Any) -> int:
    if operation in _REFUSED or (operation == "AT" and str(argument) in _ENDS):
        return _MOST_WAYS + 1
    if operation in _REPEATS:
        least, most, inner = argument
        return _ways_of_a_repeat(least, most, _ways(inner))
    if operation == "BRANCH":
        return sum(_ways(branch) for branch in argument[1])
    if operation in _GROUPS:
        return _ways(argument if operation == "ATOMIC_GROUP" else argument[-1])
    return 1


def _ways_of_a_repeat(least: int, most: int, inner: int) -> int:
    ways = 0
    if most > _MOST_WAYS:
        return _MOST_WAYS + 1
    for times in range(least, most + 1):
        ways += min(inner ** min(times, 13), _MOST_WAYS + 1) if inner > 1 else 1
        if ways > _MOST_WAYS:
            break
    return ways
