"""The one directory in which local mode keeps everything, and how it goes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

_MARKER = ".obs-local-mode"


class NotOurs(RuntimeError):  # noqa: N818 - it names what is the matter
    """A directory that local mode did not make, and so does not remove."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where local mode keeps what it runs on.

    Args:
        local_dir: The setting `local_dir`: below it services leave their discovery files, and local mode its data.
    """

    local_dir: Path

    @property
    def targets(self) -> Path:
        """Where services leave the files by which Prometheus discovers them."""
        return self.local_dir / "targets"

    @property
    def root(self) -> Path:
        """Everything that local mode itself writes."""
        return self.local_dir / "local"

    @property
    def generated(self) -> Path:
        """The generated files with the ports, links and speed of this run."""
        return self.root / "generated"

    @property
    def state(self) -> Path:
        """The file that says what runs."""
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        """The file that the running stack holds locked."""
        return self.root / "lock"

    def data(self, program: str) -> Path:
        """Where a program keeps its data."""
        return self.root / program

    def log(self, program: str) -> Path:
        """What a program printed in this run."""
        return self.root / f"{program}.log"

    def prepare(self) -> None:
        """Create the directories for the user alone.

        Raises:
            NotOurs: The directory is there with somebody else's files in it.
            OSError: It cannot be created.
        """
        self.targets.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.root.is_dir() and any(self.root.iterdir()):
            self._refuse_strangers()
        self.root.mkdir(exist_ok=True, mode=0o700)
        self.root.chmod(0o700)
        (self.root / _MARKER).touch(mode=0o600)

    def purge(self) -> None:
        """Remove everything that local mode wrote.

        Raises:
            NotOurs: Local mode did not make the directory.
            OSError: It cannot be removed.
        """
        if self.root.exists():
            self._refuse_strangers()
            shutil.rmtree(self.root)

    def _refuse_strangers(self) -> None:
        if self.root.is_symlink() or not (self.root / _MARKER).is_file():
            raise NotOurs(f"{self.root} was not made by obs: it has no {_MARKER}; move it away, or choose --data")
