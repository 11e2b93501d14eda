"""The name that a misspelt one was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_name(name: object, names: Iterable[str]) -> str:
    """The most similar of the names, in any case, or empty where none is similar.

    Example:
        >>> nearest_name("log_levle", ["log_level", "logs_to"])
        'log_level'
    """
    if not isinstance(name, str):
        return ""
    by_lower = {known.lower(): known for known in names}
    return next((by_lower[found] for found in difflib.get_close_matches(name.lower(), by_lower, n=1)), "")
