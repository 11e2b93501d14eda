"""One start of a server with all its workers: who it is, and the directory that its workers share."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from obs.runtime import filelock, origin
from obs.runtime.guard import Guard

if TYPE_CHECKING:
    from obs.settings import Settings

_ROOT_FILE = "root.json"
_LOCK_FILE = "lock"
_WORKER_LOCK = "worker-{}.lock"
_MOST_WORKERS = 4096


@dataclass(frozen=True, slots=True)
class Target:
    """This start of a service, as every signal names it.

    Args:
        service: The service's name.
        version: Its version.
        environment: Where it is deployed.
        owner: The team that is called when it breaks.
        instance_id: This start, unique over hosts and restarts; the same in all its workers.
        root_pid: The process that was started when the server was started.
        directory: What its workers share; None when nothing is shared, because no directory can be written.
        worker: This process's number within the target, from 0; a number is used again after its worker ended.
        warnings: What the user should know.
    """

    service: str
    version: str
    environment: str
    owner: str
    instance_id: str
    root_pid: int
    directory: Path | None
    worker: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The hold of one process on its worker's number.

    Args:
        worker: The number.
        pid: The process.
        token: Tells this claim from every other one on the same number.
        leaving: Whether the process has said that it is about to end.
    """

    worker: int
    pid: int
    token: int
    leaving: bool = field(default=False, compare=False)

    def __bytes__(self) -> bytes:
        """How it stands in the file that is locked: always as long, so that it can be written over."""
        return b"%d %d %d %d" % (self.worker, self.pid, self.token, self.leaving)


_claims: dict[Path, tuple[Claim, int]] = {}


def find_target(settings: Settings) -> Target:
    """Find the target that this process is a worker of, and take a worker's number in it.

    Directories of targets that have ended are removed on the way. Never raises: where `local_dir` cannot be used, the
    target has no directory and says so in `warnings`.

    Args:
        settings: Who the service is, and `local_dir`.

    Returns:
        The target, the same at every call of a process.
    """
    root = origin.root()
    host = socket.gethostname() or "localhost"
    identity = json.dumps([settings.service, host, root.pid, root.started, root.boot])
    number = hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest()[:8]
    target = Target(
        service=settings.service,
        version=settings.version,
        environment=settings.environment,
        owner=settings.owner,
        instance_id=f"{host}-{number}",
        root_pid=root.pid,
        directory=None,
    )
    if not filelock.SUPPORTED:
        return target
    name = re.sub(r"[^A-Za-z0-9._-]", "_", settings.service)[:64].lstrip(".")
    directory = settings.local_dir / "targets" / f"{name}-{number}"
    try:
        _prepare(directory, root)
        return join(replace(target, directory=directory))
    except OSError as error:
        warning = f"local_dir {settings.local_dir} cannot be used ({error}); this process's metrics stand alone"
        return replace(target, warnings=(warning,))


def join(target: Target) -> Target:
    """Take a worker's number in a target, unless this process has one.

    Returns:
        The target with the number.

    Raises:
        OSError: The directory cannot be used.
    """
    directory = target.directory
    if directory is None:
        return target
    _claim_once(directory)
    return replace(target, worker=_claims[directory][0].worker)


def leave(target: Target) -> None:
    """Give the worker's number back."""
    if target.directory in _claims:
        filelock.let_go(_claims.pop(target.directory)[1])


def say_leaving(target: Target, *, leaving: bool) -> None:
    """Tell the target's other workers that this one is about to end, or that it lives on after all."""
    if target.directory in _claims:
        claim, descriptor = _claims[target.directory]
        os.pwrite(descriptor, bytes(replace(claim, leaving=leaving)), 0)


def claim_of(target: Target) -> Claim | None:
    """This process's claim in a target; None without a directory."""
    found = _claims.get(target.directory) if target.directory else None
    return found[0] if found else None


def living(directory: Path) -> dict[int, Claim]:
    """The claims of the living workers of a target, by number."""
    found = {}
    for path in sorted(directory.glob(_WORKER_LOCK.format("*"))):
        if filelock.is_held(path):
            with suppress(OSError, ValueError):
                # Versions beside this one write less or more behind the first three.
                worker, pid, token, *leaving = map(int, path.read_text().split())
                found[worker] = Claim(worker, pid, token, leaving[:1] == [1])
    return found


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Change a target's directory while no other worker reads or changes it."""
    with filelock.locked(directory / _LOCK_FILE):
        yield


@contextmanager
def shared_in(directory: Path) -> Iterator[None]:
    """Read a target's directory while nobody changes which files it holds."""
    with filelock.locked(directory / _LOCK_FILE, shared=True):
        yield


@contextmanager
def alone_on_host(targets: Path) -> Iterator[None]:
    """Do what only one target of a `local_dir` may do at a time, such as finding a free port."""
    with filelock.locked(targets / _LOCK_FILE):
        yield


def discovery_file(directory: Path) -> Path:
    """The file by which Prometheus discovers a target."""
    return directory.with_name(directory.name + ".json")


def _prepare(directory: Path, root: origin.Root) -> None:
    targets = directory.parent
    targets.mkdir(mode=0o700, parents=True, exist_ok=True)
    _refuse_strangers(targets)
    with alone_on_host(targets):
        for other in targets.iterdir():
            with Guard("target.clean"):
                if other.is_dir() and _has_ended(other, root):
                    shutil.rmtree(other, ignore_errors=True)
                    discovery_file(other).unlink(missing_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        _refuse_strangers(directory)
        record = directory / _ROOT_FILE
        if not record.exists():
            record.write_text(json.dumps({"pid": root.pid, "started": root.started, "boot": root.boot}))
        # A number is claimed before another start can take the new directory for one that has ended.
        _claim_once(directory)


def _has_ended(directory: Path, root: origin.Root) -> bool:
    """Whether no worker of a target lives and none can come any more."""
    if directory in _claims or living(directory):
        return False
    try:
        saved = json.loads((directory / _ROOT_FILE).read_text())
        owner = origin.Root(saved["pid"], saved["started"], saved["boot"])
    except (OSError, ValueError, TypeError, KeyError):
        return True
    return owner != root and not owner.alive


def _refuse_strangers(directory: Path) -> None:
    """What another user can write could hold anything."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(f"{directory} is not a directory of this user")


def _claim_once(directory: Path) -> None:
    if directory not in _claims:
        with alone_in(directory):
            _claims[directory] = _claim(directory)


def _claim(directory: Path) -> tuple[Claim, int]:
    for worker in range(_MOST_WORKERS):
        path = directory / _WORKER_LOCK.format(worker)
        descriptor = filelock.hold(path)
        if descriptor is not None:
            claim = Claim(worker, os.getpid(), secrets.randbits(62) + 1)
            path.write_bytes(bytes(claim))
            return claim, descriptor
    raise OSError(f"{directory} has more than {_MOST_WORKERS} workers")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_claims.clear)
