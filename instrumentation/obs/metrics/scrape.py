"""Everything that one scrape of a target shows, whichever of its workers answers."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from obs.metrics import facts, merge, process, worker_files
from obs.metrics.exposition import shown_name
from obs.metrics.instruments import instrument
from obs.metrics.joined import JoinedRegistry
from obs.metrics.records import Family, parse
from obs.metrics.store import STORE
from obs.runtime.guard import Guard, swallow
from obs.runtime.target import Target, living, shared_in
from obs.signals import own_health

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


# A conflict lasts as long as the process, and is told of once.
_told: set[tuple[Family, Family]] = set()


class Scrape:
    """Collects the families of a target.

    Args:
        target: The target; None before `obs.init()` and after `obs.shutdown()`: this process's own numbers.
        joined: prometheus_client's registry.
    """

    def __init__(self, target: Target | None = None, joined: JoinedRegistry | None = None) -> None:
        self.target = target
        self._joined = joined
        self._broken: set[tuple[str, int]] = set()

    def families(self) -> list[Metric]:
        """The families of this moment, each once.

        Raises:
            TimeoutError: A worker that is starting keeps the files locked; a part of them would show counts that
                fall.
        """
        sources, workers = self._read()
        for shown, left_out in set(merge.conflicts(sources)) - _told:
            _told.add((shown, left_out))
            swallow("metrics.merge", ValueError(f"{shown.name} is declared in two ways: {shown} and {left_out}"))
        own = list(self._facts)
        with Guard("metrics.process"):
            own += process.families(workers)
        names = set(map(shown_name, own))
        found = [family for family in merge.families(merge.add_up(sources)) if shown_name(family) not in names] + own
        if self._joined:
            found = self._joined.add_local(found)
        return found

    def _read(self) -> tuple[list[merge.Source], dict[int, int]]:
        directory = self.target.directory if self.target else None
        if directory is None:
            return [_own()], {0: os.getpid()}
        try:
            with shared_in(directory):
                found = worker_files.read(directory)
                workers = {worker: claim.pid for worker, claim in living(directory).items()}
        except FileNotFoundError:  # somebody removed the directory
            return [_own()], {0: os.getpid()}
        for broken in set(found.broken) - self._broken:
            self._broken.add(broken)
            instrument(own_health.BROKEN_FILES).add()
        sources = list(found.sources)
        if not any(source.parsed.file_id == STORE.file_id for source in sources):
            sources.append(_own())
        return sources, workers

    @cached_property
    def _facts(self) -> list[Metric]:
        return facts.families(self.target) if self.target else []


def _own() -> merge.Source:
    return merge.Source(parse(STORE.copy()), living=True)
