"""Where in a TOML document its parser stopped, and why."""

from __future__ import annotations

import re
import tomllib

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def toml_fault(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """The line of a fault, from 1, and the parser's reason without the place.

    Args:
        error: What the parser raised.
        text: The document.
    """
    place = _PLACE.search(str(error))
    if place is None:
        return 1, str(error)
    return int(place[1] or text.rstrip("\n").count("\n") + 1), str(error)[: place.start()]
