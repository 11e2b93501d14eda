"""The memory that numbers live in: a mapped file that outlives the process, or plain memory until there is one."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Protocol

from obs.metrics.records import HEADER, MAGIC, PADDING, RECORD

_FIRST_BYTES = 64 * 1024  # a multiple of every page size in use, as are its doublings


class Memory(Protocol):
    """Grows by adding pieces, so that what points into an earlier piece stays valid."""

    def piece(self, start: int, size: int) -> memoryview:
        """Add zeroed bytes at the end."""
        ...


class PlainMemory:
    """Memory of this process alone; a child of fork gets a copy."""

    def piece(self, start: int, size: int) -> memoryview:  # noqa: ARG002
        """Add zeroed bytes at the end."""
        return memoryview(bytearray(size))


class FileMemory:
    """A new file, mapped piece by piece.

    Args:
        path: The file; one that is there is replaced.
    """

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._path = path
        self._create = os.O_CREAT | os.O_EXCL
        self._inode = 0

    def piece(self, start: int, size: int) -> memoryview:
        """Add zeroed bytes at the end.

        Raises:
            OSError: The disk is full, say, or the file is another worker's by now.
        """
        flags = os.O_RDWR | self._create | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self._path, flags, 0o600)
        self._create = 0
        try:
            inode = os.fstat(descriptor).st_ino
            if self._inode not in (0, inode):
                raise OSError(f"{self._path} was replaced")
            self._inode = inode
            # Written and not only extended: a store into a hole of a full disk would end the process by SIGBUS.
            written = os.pwrite(descriptor, bytes(size), start)
            if written != size:
                raise OSError(f"only {written} of {size} bytes could be written to {self._path}")
            return memoryview(mmap.mmap(descriptor, size, offset=start))
        finally:
            os.close(descriptor)


class Log:
    """Records appended to memory, with a header that says how much of it is used.

    Args:
        memory: Where the bytes live.
        pid: The process that writes.
        worker: Its number in the target.
        file_id: Tells the file from all others.
    """

    def __init__(self, memory: Memory, pid: int = 0, worker: int = 0, file_id: int = 0) -> None:
        self._memory = memory
        self._pieces = [memory.piece(0, _FIRST_BYTES)]
        self._size = _FIRST_BYTES
        self._used = HEADER.size
        self._header = (pid, worker, file_id)
        self.file_id = file_id
        self._publish()

    def append(self, record: bytes) -> memoryview:
        """Add a record; returns the bytes it lives in from now on."""
        if self._used + len(record) > self._size:
            self._grow(len(record))
        piece = self._pieces[-1]
        start = self._used - (self._size - len(piece))
        piece[start : start + len(record)] = record
        self._used += len(record)
        self._publish()
        return piece[start : start + len(record)]

    def copy(self) -> bytes:
        """The bytes that are used."""
        return b"".join(self._pieces)[: self._used]

    def _grow(self, needed: int) -> None:
        size = self._size
        while size < needed:
            size *= 2
        added = self._memory.piece(self._size, size)
        left = self._size - self._used
        if left:
            start = len(self._pieces[-1]) - left
            RECORD.pack_into(self._pieces[-1], start, PADDING, left)
            self._used += left
        self._pieces.append(added)
        self._size += size

    def _publish(self) -> None:
        HEADER.pack_into(self._pieces[0], 0, MAGIC, self._used, *self._header)
