"""The shop's orders in one SQLite file that its processes share."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

_SCHEMA = (
    'CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT, amount REAL, state TEXT DEFAULT "paid")'
)


@contextmanager
def _connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ.get("SHOP_DATABASE", "shop.sqlite"), timeout=10)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(_SCHEMA)
        with connection:
            yield connection
    finally:
        connection.close()


def insert(item: str, amount: float) -> int:
    """Keep a paid order and return its number."""
    with _connection() as connection:
        return int(connection.execute("INSERT INTO orders (item, amount) VALUES (?, ?)", (item, amount)).lastrowid or 0)


def state(order: int) -> str | None:
    """The state of an order, or None when there is no such order."""
    with _connection() as connection:
        row = connection.execute("SELECT state FROM orders WHERE id = ?", (order,)).fetchone()
        return str(row[0]) if row else None


def paid() -> list[int]:
    """The orders that are paid and not shipped."""
    with _connection() as connection:
        return [int(row[0]) for row in connection.execute("SELECT id FROM orders WHERE state = 'paid' LIMIT 100")]


def mark_shipped(order: int) -> None:
    """Note that an order has left the house."""
    with _connection() as connection:
        connection.execute("UPDATE orders SET state = 'shipped' WHERE id = ?", (order,))
