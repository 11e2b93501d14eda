"""Questions to the programs on this machine, never by way of a proxy."""

from __future__ import annotations

import json
import urllib.request
from http.client import HTTPException
from typing import Any

_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, *, seconds: float = 2.0) -> bool:
    """Whether a URL answers 200 within so many seconds."""
    try:
        with _DIRECTLY.open(url, timeout=seconds) as answer:
            return int(answer.status) == 200
    except (OSError, HTTPException):
        return False


def ask(url: str, *, seconds: float = 5.0) -> Any:
    """The JSON that a URL answers; None when it does not answer with JSON within so many seconds."""
    try:
        with _DIRECTLY.open(url, timeout=seconds) as answer:
            return json.load(answer)
    except (OSError, HTTPException, ValueError):
        return None
