"""One guard around obs's own work: what fails in it is counted and told, never raised into the application."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

# Tests set this to collect what was swallowed; the autouse fixture raises it again at the end of each test.
observed: list[BaseException] | None = None

# How a failure is counted; the runtime points it at the catalogue's counter.
count: Callable[[str], None] | None = None

_TELL_EVERY_SECONDS = 60.0
_told: dict[str, float] = {}


class Guard:
    """A context manager that keeps an error of one part of obs from the application.

    `KeyboardInterrupt`, `SystemExit` and `GeneratorExit` pass, for they belong to the application; an exception that a
    caller's own `__repr__` raises is contained where it is called.

    Args:
        where: The part of obs, as the label `where` shows it.

    Example:
        >>> with Guard("example"):
        ...     1 / 0
    """

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            return False
        if not isinstance(error, Exception):
            return False
        swallow(self.where, error)
        return True


def swallow(where: str, error: BaseException) -> None:
    """Count an error inside obs and tell of it on stderr, at most once a minute for each place."""
    try:
        if observed is not None:
            observed.append(error)
        if count is not None:
            count(where)
        now = time.monotonic()
        if now - _told.get(where, -_TELL_EVERY_SECONDS) >= _TELL_EVERY_SECONDS:
            _told[where] = now
            sys.stderr.write(f"obs: internal error in {where}: {type(error).__name__}: {error}\n")
    except Exception:  # noqa: BLE001, S110 - the last line of defence has nobody to tell
        pass
