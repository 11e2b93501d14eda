"""Discovery files of ended targets."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from obs.runtime import filelock
from obs_stack.local import discovery


def _leave(folder: Path, name: str, port: int) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": {"job": name}}]))
    return path


def test_file_of_a_target_that_listens_stays_and_that_of_an_ended_one_goes(tmp_path: Path) -> None:
    """Nobody is called at night for a process that was stopped yesterday."""
    with socket.socket() as ended, socket.socket() as living:
        for each in (ended, living):
            each.bind(("127.0.0.1", 0))
        living.listen()
        old = _leave(tmp_path, "old", ended.getsockname()[1])
        new = _leave(tmp_path, "new", living.getsockname()[1])
        assert discovery.remove_dead(tmp_path) == ["old.json"]
    assert not old.exists()
    assert new.exists()


def test_target_whose_worker_lives_stays_while_it_does_not_listen(tmp_path: Path) -> None:
    """A worker that holds its lock is alive, even at the moment before it listens."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        path = _leave(tmp_path, "shop-00000000", silent.getsockname()[1])
        path.with_suffix("").mkdir()
        lock = path.with_suffix("") / "worker-0.lock"
        held = filelock.hold(lock)
        assert held is not None
        lock.write_text("0 1 1")
        assert discovery.remove_dead(tmp_path) == []
        filelock.let_go(held)
        assert discovery.remove_dead(tmp_path) == [path.name]


def test_file_that_is_no_discovery_file_goes(tmp_path: Path) -> None:
    """Prometheus would complain about it for ever."""
    (tmp_path / "broken.json").write_text("{")
    assert discovery.remove_dead(tmp_path) == ["broken.json"]
