"""The caps of the stores: what is too old, or more than fits, goes, oldest first, a chunk at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Protocol

from obs_stack.receiver.moments import NANOSECONDS
from obs_stack.receiver.storage.database import give_back, transaction, used_bytes
from obs_stack.receiver.telemetry import Telemetry

_MEBIBYTE = 1024**2
# What stays free below the cap for the write-ahead logs beside the stores; half of a small cap.
_ROOM = 32 * _MEBIBYTE
# Trimming goes on until there is room for a while.
_END_AT = 0.9
_CHUNK = 2000


class Store(Protocol):
    """The writer's side of one signal's store."""

    signal: str
    connection: sqlite3.Connection

    def insert(self, rows: Sequence[tuple[object, ...]]) -> int:
        """Add rows; returns how many were new."""

    def delete_oldest(self, count: int) -> int:
        """Remove about so many of the oldest rows; returns how many."""

    def delete_before(self, unix_nano: int, count: int) -> int:
        """Remove about so many rows older than a time; returns how many."""


class Caps:
    """Holds stores below a size together, and each below an age; counts what it removes.

    Args:
        stores: The stores.
        max_bytes: The most that they may take together.
        max_age: Seconds by signal.
        telemetry: Where removals are counted.
    """

    def __init__(
        self, stores: Sequence[Store], max_bytes: int, max_age: Mapping[str, float], telemetry: Telemetry
    ) -> None:
        self._stores = stores
        self._begin_at = max_bytes - min(_ROOM, max_bytes // 2)
        self._max_age = max_age
        self._telemetry = telemetry
        self._trimming = False

    def trim_size(self, written: int) -> bool:
        """Remove a chunk of the largest store when there is too much, and more than was just written.

        Returns:
            Whether there is more to remove.
        """
        sizes = {store.signal: used_bytes(store.connection) for store in self._stores}
        for signal, taken in sizes.items():
            self._telemetry.stored.labels(signal).set(taken)
        share = _END_AT if self._trimming else 1
        self._trimming = sum(sizes.values()) > share * self._begin_at
        if not self._trimming:
            return False
        largest = max(self._stores, key=lambda store: sizes[store.signal])
        with transaction(largest.connection):
            gone = largest.delete_oldest(max(_CHUNK, 2 * written))
        self._trimming = self._removed(largest, "size", gone)
        return self._trimming

    def trim_age(self, now: int) -> bool:
        """Remove a chunk of what is too old.

        Args:
            now: The present, in nanoseconds since 1970.

        Returns:
            Whether there may be more to remove.
        """
        more = False
        for store in self._stores:
            oldest = now - int(self._max_age[store.signal] * NANOSECONDS)
            with transaction(store.connection):
                gone = store.delete_before(oldest, _CHUNK)
            self._removed(store, "age", gone)
            more = more or gone >= _CHUNK
        return more

    def settle(self) -> None:
        """Give what is free back to the file system; for moments in which nothing arrives."""
        for store in self._stores:
            give_back(store.connection)

    def _removed(self, store: Store, reason: str, gone: int) -> bool:
        self._telemetry.dropped.labels(store.signal, reason).inc(gone)
        return gone > 0
