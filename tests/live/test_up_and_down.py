"""`obs up`, `obs status` and `obs down` as a user types them; nothing is ever left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from obs_stack.local import ports, state
from obs_stack.local.folders import Folders
from obs_stack.local.identity import Identity

pytestmark = pytest.mark.live

_OBS = [sys.executable, "-c", "import sys; from obs.cli import main; sys.exit(main())"]
_READY = "obs is up in local mode"


class User:
    """Somebody who types `obs` in an empty folder.

    Args:
        folder: The working directory.
        folders: Where local mode keeps its data.
    """

    def __init__(self, folder: Path, folders: Folders) -> None:
        self.folder = folder
        self.folders = folders
        self.started: list[subprocess.Popen[str]] = []
        self.seen: set[Identity] = set()

    def types(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        command = [*_OBS, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=100, check=False)

    def ups(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `obs up` in the foreground and wait until it says that it is ready."""
        process = subprocess.Popen(
            [*_OBS, "up", "--speed=60", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        assert process.stdout is not None
        first = process.stdout.readline()
        assert _READY in first, first + process.communicate()[1]
        self.notes()
        return process

    def notes(self) -> tuple[Identity, ...]:
        """Everything that runs now."""
        found = state.read(self.folders.state)
        assert found is not None
        running = (found.supervisor, *(program.identity for program in found.programs))
        assert all(identity.alive for identity in running)
        assert len(running) == 4
        self.seen.update(running)
        return running

    def left(self) -> list[Identity]:
        """What still runs of everything that was seen to run, after a moment to end."""
        deadline = time.monotonic() + 20
        while any(identity.alive for identity in self.seen) and time.monotonic() < deadline:
            time.sleep(0.05)
        return [identity for identity in self.seen if identity.alive]


def _hold(port: int, held: ExitStack) -> None:
    """Listen on a port; whoever else may have it on this machine is waited for."""
    other = held.enter_context(socket.socket())
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            other.bind(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.1)
    other.listen()


@pytest.fixture
def user(tmp_path: Path) -> Iterator[User]:
    """A user whose programs are ended after the test, whatever happened in it."""
    folder = tmp_path / "empty"
    folder.mkdir()
    somebody = User(folder, Folders(tmp_path / "state"))
    yield somebody
    found = state.read(somebody.folders.state)
    somebody.seen.update(program.identity for program in found.programs) if found else None
    for process in somebody.started:
        process.kill()
        process.communicate()
    for identity in somebody.seen:
        identity.send_to_group(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_everything(user: User, number: signal.Signals) -> None:
    """Ctrl-C, a service manager's stop and a closed terminal all leave no process and no state behind."""
    process = user.ups()
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert output.endswith("obs is down\n")
    assert user.left() == []
    assert not user.folders.state.exists()


def test_impatient_second_signal_does_not_break_the_clean_up(user: User) -> None:
    """Ctrl-C pressed three times stops everything as well as once."""
    process = user.ups()
    for _ in range(3):
        process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert user.left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a killed process's children")
def test_killed_supervisor_takes_its_programs_along(user: User) -> None:
    """Even `kill -9` leaves no process; the next start goes as if nothing had been."""
    user.ups().kill()
    assert user.left() == []
    assert user.types("status").returncode == 1
    assert user.types("up", "--detach").returncode == 0
    user.notes()
    assert user.types("down").returncode == 0


def test_program_that_ends_by_itself_ends_the_rest_and_is_named(user: User) -> None:
    """The user is told which program went, and nothing runs on half blind."""
    process = user.ups()
    found = state.read(user.folders.state)
    assert found is not None
    victim = next(program for program in found.programs if program.name == "alertmanager")
    os.kill(victim.identity.pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "alertmanager ended with exit code -9" in errors
    assert user.left() == []


def test_up_says_where_to_look_and_what_to_set(user: User) -> None:
    """The first words hold the three addresses and the line that a service needs."""
    detached = user.types("up", "--detach")
    assert detached.returncode == 0, detached.stderr
    found = state.read(user.folders.state)
    assert found is not None
    urls = {program.name: program.url for program in found.programs}
    assert all(url in detached.stdout for url in urls.values())
    assert f"OBS_ENDPOINT={urls['receiver']} OBS_LOGS_TO=otlp\n" in detached.stdout
    user.notes()
    assert user.types("down").returncode == 0
    assert user.left() == []


def test_another_directory_is_told_to_services(user: User, tmp_path: Path) -> None:
    """With `--data` a service must know the directory too, and `status` and `down` find it by the same option."""
    there = str(tmp_path / "there")
    user.folders = Folders(Path(there))
    assert f"OBS_LOCAL_DIR={there}\n" in user.types("up", "--detach", "--data", there).stdout
    user.notes()
    assert user.types("status").returncode == 1
    assert user.types("status", "--data", there).returncode == 0
    assert user.types("down", "--data", there).returncode == 0
    assert user.left() == []


def test_second_up_says_so_and_changes_nothing(user: User) -> None:
    """A second start in either form ends with 1, shows the addresses of the first, and leaves it alone."""
    user.ups()
    for form in ([], ["--detach"]):
        second = user.types("up", *form)
        assert second.returncode == 1
        assert second.stdout.startswith("obs is already up by process ")
        assert "  Prometheus " in second.stdout
    user.notes()
    assert user.types("status").returncode == 0


def test_taken_ports_are_replaced(user: User) -> None:
    """Other programs on the usual ports stay undisturbed, and everything runs on free ones."""
    with ExitStack() as held:
        for port in ports.USUAL.values():
            _hold(port, held)
        user.ups()
        shown = json.loads(user.types("status", "--json").stdout)
    assert {program["port"] for program in shown["programs"]}.isdisjoint(ports.USUAL.values())
    assert {program["health"] for program in shown["programs"]} == {"ready"}


def test_two_that_start_together_do_not_take_each_others_ports(user: User, tmp_path: Path) -> None:
    """Neither takes the answer of the other's program for its own, and both run whole."""
    there = [str(tmp_path / name) for name in ("one", "two")]
    with ExitStack() as running:
        for data in there:
            running.callback(user.types, "down", "--data", data)
        command = [*_OBS, "up", "--detach", "--data"]
        starts = [subprocess.Popen([*command, data], cwd=user.folder, stdout=subprocess.DEVNULL) for data in there]
        assert [start.wait(90) for start in starts] == [0, 0]
        shown = [json.loads(user.types("status", "--json", "--data", data).stdout) for data in there]
    assert {program["health"] for found in shown for program in found["programs"]} == {"ready"}
    assert len({program["port"] for found in shown for program in found["programs"]}) == 6


def test_status_shows_each_program_and_its_health(user: User) -> None:
    """A table of name, process, port and health; a program that hangs turns the exit code to 1."""
    user.ups()
    found = state.read(user.folders.state)
    assert found is not None
    well = user.types("status")
    assert well.returncode == 0
    for program in found.programs:
        row = next(line.split() for line in well.stdout.splitlines() if line.startswith(program.name))
        assert row == [program.name, str(program.identity.pid), str(program.port), "ready", program.url]
    assert "0 of 0 targets up" in well.stdout
    hanging = next(program for program in found.programs if program.name == "receiver")
    os.kill(hanging.identity.pid, signal.SIGSTOP)
    ill = user.types("status", "--json")
    os.kill(hanging.identity.pid, signal.SIGCONT)
    assert ill.returncode == 1
    health = {program["name"]: program["health"] for program in json.loads(ill.stdout)["programs"]}
    assert health == {"alertmanager": "ready", "receiver": "not ready", "prometheus": "ready"}


def test_target_that_is_down_is_shown_with_its_reason(user: User) -> None:
    """A discovered service that does not answer has a row with Prometheus' own words, live and in status."""
    process = user.ups()
    gone = ports.choose({"service": 0})["service"]
    labels = {"job": "shop", "instance": "one"}
    file = user.folders.targets / "shop-1.json"
    file.write_text(json.dumps([{"targets": [f"127.0.0.1:{gone}"], "labels": labels}]))
    assert process.stdout is not None
    line = next(line for line in process.stdout if "shop" in line and "Start" not in line)
    assert f"shop does not answer at http://127.0.0.1:{gone}/metrics: " in line
    assert "connection refused" in line
    shown = user.types("status").stdout
    assert "0 of 1 targets up" in shown
    assert "connection refused" in shown


def test_files_of_ended_targets_are_gone_after_the_start(user: User) -> None:
    """A service that was killed yesterday is not down today."""
    user.folders.targets.mkdir(parents=True)
    gone = ports.choose({"service": 0})["service"]
    file = user.folders.targets / "shop-1.json"
    file.write_text(json.dumps([{"targets": [f"127.0.0.1:{gone}"], "labels": {"job": "shop"}}]))
    user.ups()
    assert not file.exists()


def test_down_keeps_the_data_and_purge_removes_it(user: User) -> None:
    """Metrics, logs and traces survive a stop; `--purge` leaves nothing of local mode."""
    assert user.types("up", "--detach").returncode == 0
    user.notes()
    assert user.types("down").stdout == "obs is down\n"
    assert (user.folders.data("prometheus") / "wal").is_dir()
    purged = user.types("down", "--purge")
    assert purged.returncode == 0
    assert purged.stdout == f"obs is not up\n{user.folders.root} is removed\n"
    assert not user.folders.root.exists()


def test_state_is_for_the_user_alone(user: User) -> None:
    """Nobody else reads what runs, nor what it printed."""
    user.ups()
    files = [user.folders.state, *user.folders.root.glob("*.log")]
    assert len(files) == 4
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_missing_program_is_one_message_and_exit_code_2(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Alertmanager anywhere nothing is started, and the message says what to install."""
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for form in ([], ["--detach"]):
        refused = user.types("up", *form)
        assert refused.returncode == 2
        assert "apt-get install prometheus-alertmanager" in refused.stderr
        assert "Traceback" not in refused.stderr
    assert user.types("status").returncode == 1


@pytest.mark.parametrize(
    ("manifest", "arguments", "said"),
    [
        ("[project]\nname = 1\n", [], "obs.toml:2"),
        (None, ["--manifest", "other.toml"], "other.toml"),
        (None, ["--speed", "7"], "speed"),
    ],
)
def test_wrong_input_starts_nothing(user: User, manifest: str | None, arguments: list[str], said: str) -> None:
    """A broken or missing manifest and a speed that does not divide are named, with exit code 2."""
    if manifest:
        (user.folder / "obs.toml").write_text(manifest)
    refused = user.types("up", *arguments)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not user.folders.state.exists()


def test_commands_on_nothing_are_no_faults(user: User) -> None:
    """`status` says that nothing is up and ends with 1; `down`, even twice, ends with 0."""
    assert user.types("status").returncode == 1
    assert json.loads(user.types("status", "--json").stdout)["up"] is False
    assert user.types("down").returncode == 0
    assert user.types("down", "--purge").returncode == 0
