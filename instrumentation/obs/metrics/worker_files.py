"""The files of a target's workers: read together for a scrape, and folded into one when their workers have ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from obs.metrics import merge
from obs.metrics.records import BrokenFile, Parsed, parse
from obs.runtime.target import living

_ARCHIVE = "ended.metrics"
_PATTERN = "worker-*.metrics"


@dataclass(frozen=True, slots=True)
class Found:
    """What a target's directory holds.

    Args:
        sources: The numbers of every worker, living or not.
        broken: The files that could not be read, and when each was last changed.
    """

    sources: tuple[merge.Source, ...]
    broken: tuple[tuple[str, int], ...]


def worker_file(directory: Path, worker: int) -> Path:
    """The file of a worker."""
    return directory / f"worker-{worker}.metrics"


def read(directory: Path) -> Found:
    """Read the files of all workers; call it inside `shared_in` or `alone_in`."""
    alive = {claim.token for claim in living(directory).values()}
    broken: list[tuple[str, int]] = []
    archive = _read(directory / _ARCHIVE, broken)
    folded = archive.folded if archive else frozenset()
    sources = [merge.Source(archive, living=False)] if archive else []
    for path in _files(directory):
        parsed = _read(path, broken)
        if parsed is not None and parsed.file_id not in folded:
            sources.append(merge.Source(parsed, living=parsed.file_id in alive))
    return Found(tuple(sources), tuple(broken))


def fold(directory: Path) -> None:
    """Move the counts of workers that have ended into one file; call it inside `alone_in`.

    The archive names the files whose counts it holds, so that none is counted twice when the machine stops between
    writing the archive and removing them.
    """
    claims = living(directory)
    alive = {claim.token for claim in claims.values()}
    broken: list[tuple[str, int]] = []
    archive = _read(directory / _ARCHIVE, broken)
    ended, done = [], []
    for path in _files(directory):
        parsed = _read(path, broken)
        if parsed is None and not any(path == worker_file(directory, worker) for worker in claims):
            done.append(path)
        elif parsed is not None and parsed.file_id not in alive:
            done.append(path)
            if archive is None or parsed.file_id not in archive.folded:
                ended.append(parsed)
    if ended:
        _write(directory / _ARCHIVE, [*([archive] if archive else []), *ended], {parsed.file_id for parsed in ended})
    for path in done:
        path.unlink(missing_ok=True)


def _write(archive: Path, parts: Iterable[Parsed], folded: set[int]) -> None:
    totals = merge.add_up([merge.Source(part, living=False) for part in parts])
    fresh = archive.with_suffix(".new")
    fresh.write_bytes(merge.encode(totals, frozenset(folded)))
    fresh.replace(archive)


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob(_PATTERN))


def _read(path: Path, broken: list[tuple[str, int]]) -> Parsed | None:
    # Read and not mapped: a file that shrinks under a mapping would end the process by SIGBUS.
    try:
        return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, BrokenFile):
        broken.append((path.name, _changed(path)))
        return None


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
