"""What is wrong with a manifest: every fault with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Args:
        file: The manifest.
        line: The line, from 1; 0 when the fault has none.
        key: The key's path, such as `services[1].slos[0].threshold`; empty when the fault is of the whole file.
        problem: What is wrong.
        remedy: What to do.
    """

    file: Path
    line: int
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return ": ".join(part for part in (place, self.key, self.problem) if part) + f"; {self.remedy}"


class ManifestError(ValueError):
    """A manifest that cannot be used.

    Args:
        faults: Everything that is wrong with it, in the order of the file.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))
