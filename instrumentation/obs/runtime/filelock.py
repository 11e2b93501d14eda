"""File locks that the kernel drops with their process, however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: one process a target, so that nothing is shared
    fcntl = None  # type: ignore[assignment]

SUPPORTED = fcntl is not None

_RETRY_SECONDS = 0.005
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

# A child of fork shares the locks of its parent, and would hold them beyond the parent's death.
_open: set[int] = set()


def _try(descriptor: int, *, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _close(descriptor: int) -> None:
    # Unlocked by name: closing alone leaves the lock to a child that was forked meanwhile.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    _open.discard(descriptor)
    with suppress(OSError):
        os.close(descriptor)


@contextmanager
def locked(path: Path, *, shared: bool = False, timeout: float = 5.0) -> Iterator[None]:
    """Hold a lock for the time of a block.

    Args:
        path: The lock's file; it is created and never removed.
        shared: Several may read at once; a writer waits for all of them.
        timeout: Seconds to wait for the lock.

    Raises:
        OSError: The file cannot be opened, or `TimeoutError`: the lock was not free in time.
    """
    descriptor = os.open(path, _FLAGS, 0o600)
    _open.add(descriptor)
    try:
        deadline = time.monotonic() + timeout
        while not _try(descriptor, shared=shared):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} stayed locked for {timeout:g} s")
            time.sleep(_RETRY_SECONDS)
        yield
    finally:
        _close(descriptor)


def hold(path: Path) -> int | None:
    """Take a lock until `let_go` or the end of the process; None when another process has it."""
    descriptor = os.open(path, _FLAGS, 0o600)
    _open.add(descriptor)
    if _try(descriptor, shared=False):
        return descriptor
    _open.discard(descriptor)
    os.close(descriptor)
    return None


def let_go(descriptor: int) -> None:
    """Give back what `hold` took."""
    _close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        return not _try(descriptor, shared=True)
    finally:
        os.close(descriptor)


def forget_in_child() -> None:
    """Close what a child of fork inherited; the parent keeps its locks."""
    for descriptor in tuple(_open):
        _open.discard(descriptor)
        with suppress(OSError):
            os.close(descriptor)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_in_child)
