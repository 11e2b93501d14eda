"""Grafana's variables in a query's text: which there are, and the text with values in their place."""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{(?P<braced>\w+)(?::\w+)?\}|\$(?P<plain>\w+)|\[\[(?P<old>\w+)(?::\w+)?\]\]")


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables; one without a value stays as it is.

    Args:
        text: A query, a URL or a legend.
        values: Value by variable name, without the dollar sign.

    Example:
        >>> substitute('up{job=~"$job"}[${__range}]', {"job": ".+", "__range": "1h"})
        'up{job=~".+"}[1h]'
    """

    def put(found: re.Match[str]) -> str:
        return values.get(_name(found), found.group())

    return _VARIABLE.sub(put, text)


def variables_of(text: str) -> frozenset[str]:
    """The names of the variables in a text."""
    return frozenset(_name(found) for found in _VARIABLE.finditer(text))


def _name(found: re.Match[str]) -> str:
    return found["braced"] or found["plain"] or found["old"]
