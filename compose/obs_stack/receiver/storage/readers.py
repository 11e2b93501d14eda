"""A few threads that answer questions about one store, each with its own connection and a limit of time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from obs_stack.receiver.lucene.regex import matches
from obs_stack.receiver.storage.database import open_for_reading

Answer = TypeVar("Answer")

_STEPS_BETWEEN_LOOKS = 20_000


class TooSlowError(Exception):
    """A question took longer than its limit."""


class Readers:
    """Asks one store.

    Args:
        path: The store's file.
        threads: How many questions are answered at once.
        seconds: How long one may take.
    """

    def __init__(self, path: Path, threads: int = 2, seconds: float = 10.0) -> None:
        self._path = path
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"obs-read-{path.stem}")
        self._own = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Answer a question on one of the threads.

        Raises:
            TooSlowError: It took longer than the limit.
        """
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)

    def close(self) -> None:
        """Wait for the questions under way and close the connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for connection in self._opened:
            connection.close()

    def _answer(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        connection = self._connection()
        deadline = time.monotonic() + self._seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
        try:
            return question(connection)
        except sqlite3.OperationalError as error:
            if time.monotonic() > deadline:
                raise TooSlowError(
                    f"it took longer than {self._seconds:g} s; ask for a shorter time or one service"
                ) from error
            raise
        finally:
            connection.set_progress_handler(None, 0)

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if found is None:
            found = self._own.connection = open_for_reading(self._path)
            found.create_function("regexp", 2, matches, deterministic=True)
            self._opened.append(found)
        return found
