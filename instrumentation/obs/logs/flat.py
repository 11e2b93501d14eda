"""Nested fields as one level of dotted names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def flattened(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each field with its dotted name; an empty object is left out.

    Example:
        >>> dict(flattened({"http": {"request": {"method": "GET"}}, "tags": ["a"]}))
        {'http.request.method': 'GET', 'tags': ['a']}
    """
    for name, value in fields.items():
        if type(value) is dict:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
