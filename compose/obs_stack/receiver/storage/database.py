"""One SQLite file: opened so that readers never wait for the writer, private to its user, and able to shrink."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MIBIBYTE = 1024**2


def open_for_writing(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """Open a store for its one writer; a file that cannot be read is set aside and a new one begun.

    Args:
        path: The file, made with mode 0600.
        schema: The statements that make its tables when it is new.
        version: The schema's version; a file of another one is set aside.

    Raises:
        sqlite3.OperationalError: The disk is full, read-only, or the file is locked.
    """
    try:
        return _open(path, schema, version)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.unreadable")
        path.replace(aside)
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        sys.stderr.write(f"obs receiver: {path} cannot be read ({error}); it is now {aside.name}, a new one is begun\n")
        return _open(path, schema, version)


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a store for one reader, which can change nothing; any thread may close it."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk was full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def used_bytes(connection: sqlite3.Connection) -> int:
    """What the rows and indexes of a store take, without pages that are free."""
    pages, free, width = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * width)


def give_back(connection: sqlite3.Connection) -> None:
    """Return free pages to the file system."""
    connection.execute("PRAGMA incremental_vacuum").fetchall()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _open(path: Path, schema: str, version: int) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        # auto_vacuum counts only before the first table is made.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {8 * _MIBIBYTE}")
        connection.execute("PRAGMA cache_size = -32768")
        _make_tables(connection, schema, version)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, schema: str, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == 0:
        connection.executescript(f"BEGIN; {schema} PRAGMA user_version = {version}; COMMIT;")
    elif found != version:
        raise sqlite3.DatabaseError(f"it has version {found} of the schema, not {version}")
