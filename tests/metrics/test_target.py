"""Targets: one start of a server is one target, found again by each of its workers."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from obs.runtime.target import Target, find_target, leave
from obs.settings import Settings

SCRIPT = """
import sys
from obs.runtime.target import find_target
from obs.settings import resolve
found = find_target(resolve({"service": "shop", "local_dir": sys.argv[1]}).settings)
print(found.instance_id, found.worker, found.directory)
"""


WORKERS = """
import multiprocessing, sys
from obs.runtime.target import find_target
from obs.settings import resolve

def found(queue, done):
    target = find_target(resolve({"service": "shop", "local_dir": sys.argv[1]}).settings)
    queue.put((target.instance_id, target.worker))
    done.wait()

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    queue, done = context.Queue(), context.Event()
    workers = [context.Process(target=found, args=(queue, done)) for _ in range(2)]
    for worker in workers:
        worker.start()
    seen = [queue.get() for _ in workers]
    done.set()
    for worker in workers:
        worker.join()
    print(len({instance for instance, _ in seen}), sorted(number for _, number in seen))
"""


@pytest.fixture
def target(settings: Callable[..., Settings]) -> Iterator[Target]:
    """This process's target."""
    found = find_target(settings())
    yield found
    leave(found)


def test_the_process_finds_the_same_target_again(target: Target, settings: Callable[..., Settings]) -> None:
    """Every part of obs names the same target and worker."""
    assert find_target(settings()) == target
    assert target.worker == 0
    assert target.root_pid == os.getpid()


def test_directory_is_the_users_own(target: Target) -> None:
    """Nobody else may read or write what workers share."""
    assert target.directory is not None
    assert stat.S_IMODE(target.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(target.directory.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers_of_multiprocessing_are_one_target(method: str, tmp_path: Path) -> None:
    """Workers lead to the process that started them, however they were made, and take a number each."""
    script = tmp_path / "server.py"
    script.write_text(WORKERS)
    command = [sys.executable, str(script), str(tmp_path / "state"), method]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.strip() == "1 [0, 1]"


NESTED = """
import multiprocessing, sys
from obs.runtime.target import find_target
from obs.settings import resolve

def found():
    print(find_target(resolve({"service": "shop", "local_dir": sys.argv[1]}).settings).root_pid, flush=True)

def start(depth):
    found()
    if depth:
        worker = multiprocessing.get_context("spawn").Process(target=start, args=(depth - 1,))
        worker.start()
        worker.join()

if __name__ == "__main__":
    start(2)
"""


def test_worker_of_a_worker_leads_to_the_first_process(tmp_path: Path) -> None:
    """A pool inside a worker is part of the server, however deep it is."""
    script = tmp_path / "nested.py"
    script.write_text(NESTED)
    command = [sys.executable, str(script), str(tmp_path / "state")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    roots = ran.stdout.split()
    assert len(roots) == 3
    assert len(set(roots)) == 1


def test_script_that_is_launched_is_a_target_of_its_own(target: Target, tmp_path: Path) -> None:
    """A subprocess that uses obs is another start, and two of them are two."""
    ran = [
        subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "state"], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    instances = {run.stdout.split()[0] for run in ran} | {target.instance_id}
    assert len(instances) == 3
    assert {run.stdout.split()[1] for run in ran} == {"0"}


def test_services_of_one_process_are_two_targets(target: Target, settings: Callable[..., Settings]) -> None:
    """Another service name is another target."""
    assert find_target(settings(service="other")).instance_id != target.instance_id


def test_directory_of_an_ended_target_is_removed_by_the_next_start(target: Target, tmp_path: Path) -> None:
    """Nothing piles up in the state directory; what lives stays."""
    run = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "state"], capture_output=True, text=True, check=True)
    ended = Path(run.stdout.split()[2])
    discovery = ended.with_name(ended.name + ".json")
    discovery.write_text("[]")
    assert ended.exists()
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "state"], capture_output=True, check=True)
    assert not ended.exists()
    assert not discovery.exists()
    assert target.directory is not None
    assert target.directory.exists()


def test_pid_that_is_used_again_is_another_target(target: Target, settings: Callable[..., Settings]) -> None:
    """A directory whose process has this pid but another start is taken for what it is: ended."""
    assert target.directory is not None
    old = target.directory.with_name("shop-00000000")
    old.mkdir()
    record = json.loads((target.directory / "root.json").read_text())
    (old / "root.json").write_text(json.dumps({**record, "started": record["started"] - 1}))
    find_target(settings(service="other"))
    assert not old.exists()


def test_unusable_local_dir_is_a_warning(settings: Callable[..., Settings]) -> None:
    """The service runs on alone and says why."""
    target = find_target(settings(local_dir="/proc/no/such"))
    assert target.directory is None
    assert "local_dir /proc/no/such cannot be used" in target.warnings[0]


def test_directory_of_somebody_else_is_not_used(
    settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another user owns could hold anything, and a link could lead anywhere."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "targets").symlink_to(tmp_path)
    assert find_target(settings()).directory is None


def test_number_of_a_worker_that_left_is_used_again(target: Target, settings: Callable[..., Settings]) -> None:
    """Numbers stay low, so that per-worker series stay few."""
    leave(target)
    assert find_target(settings()).worker == 0
