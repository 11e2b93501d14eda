"""One /metrics a target, under the servers that people run: exact, never falling, whatever happens to a worker."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

APP = """
import os
import obs

obs.init(service="orders")
served = obs.counter("served", "Requests.")

from flask import Flask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

flask = Flask("orders")

@flask.get("/")
def index():
    served.add()
    return str(os.getpid())

async def home(request):
    served.add()
    return PlainTextResponse(str(os.getpid()))

starlette = Starlette(routes=[Route("/", home)])
"""

GUNICORN = ("gunicorn", "app:flask", "-w2", "-b", "127.0.0.1:{port}", "--graceful-timeout", "5")
UVICORN = ("uvicorn", "app:starlette", "--workers", "2", "--port", "{port}", "--log-level", "warning")


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(find: Callable[[], object], seconds: float = 30.0) -> None:
    """The first thing that is found, or a failure in the end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError, ValueError, http.client.HTTPException):
            if find():
                return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


class Server:
    """A server that runs the application with two workers."""

    def __init__(self, folder: Path, command: tuple[str, ...], metrics_port: int) -> None:
        (folder / "app.py").write_text(APP)
        self.port = free_port()
        self.state = folder / "state"
        self.address = ""
        program = Path(sys.executable).parent / command[0]
        self.process = subprocess.Popen(
            [str(program), *(part.format(port=self.port) for part in command[1:])],
            cwd=folder,
            env={**os.environ, "OBS_LOCAL_DIR": str(self.state), "OBS_METRICS_PORT": str(metrics_port)},
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr.txt").open("wb"),
            start_new_session=True,
        )

    def get(self) -> int:
        """One request; the process id of the worker that served it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return int(answer.read())

    def targets(self) -> list[tuple[str, str]]:
        """The address and the instance of each discovered target of the state directory."""
        found = [json.loads(path.read_text())[0] for path in self.state.glob("targets/*.json")]
        return [(one["targets"][0], one["labels"]["instance"]) for one in found]

    def exposition(self, accept: str = "text/plain") -> str:
        """The text of one scrape."""
        if not self.address:
            ((self.address, _),) = self.targets()
        request = urllib.request.Request(f"http://{self.address}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def scrape(self) -> dict[str, float]:
        """The samples of one scrape."""
        lines = [line for line in self.exposition().splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def workers(self) -> int:
        """How many workers live."""
        return sum(sample.startswith("process_threads") for sample in self.scrape())

    def end(self) -> None:
        """End it and all its workers."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            raise


@contextmanager
def serving(folder: Path, command: tuple[str, ...], processes: int = 2) -> Iterator[Server]:
    """A server that is up: its workers, and its master where that has loaded the application."""
    server = Server(folder, command, free_port())
    try:
        until(lambda: server.workers() == processes)
        until(server.get)
        yield server
    finally:
        server.end()


class Scraper(threading.Thread):
    """Scrapes all the time, with a pause in seconds, and remembers every total that it saw."""

    def __init__(self, server: Server, pause: float = 0.0) -> None:
        super().__init__()
        self._pause = pause
        self.seen: list[float] = []
        self.failed: list[str] = []
        self._reset = False
        self._server = server
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._pause):
            try:
                self.seen.append(self._server.scrape()["served_total"])
            except (OSError, http.client.HTTPException) as error:
                # Refused: in this moment no worker lives. Reset: the kernel gave the connection to a worker between
                # its last accept and its close; no program can close that gap, and the next scrape finds another.
                if "refused" not in repr(error) and ("reset" not in repr(error) or self._reset):
                    self.failed.append(repr(error))
                self._reset = "reset" in repr(error)
            else:
                self._reset = False

    def end(self) -> None:
        """Stop scraping."""
        self._ended.set()
        self.join()


@pytest.mark.parametrize(
    "command",
    [GUNICORN, (*GUNICORN, "--max-requests", "50"), (*GUNICORN, "--preload"), UVICORN],
    ids=["gunicorn", "gunicorn recycling its workers", "gunicorn preloading", "uvicorn"],
)
def test_every_scrape_is_monotonic_and_the_sum_exact(command: tuple[str, ...], tmp_path: Path) -> None:
    """Two workers, 200 requests or more: no scrape fails or shows less than one before, and the last shows them all."""
    with serving(tmp_path, command, 3 if "--preload" in command else 2) as server:
        sent = server.scrape()["served_total"]
        scraper = Scraper(server)
        scraper.start()
        answers = [server.get() for _ in range(200)]
        while len(scraper.seen) <= 5:
            answers.append(server.get())
        served_by = set(answers)
        scraper.end()
        until(lambda: server.scrape()["served_total"] == sent + len(answers))
        assert scraper.seen == sorted(scraper.seen)
        assert scraper.failed == []
        if "--max-requests" in command:
            assert len(served_by) > 2


def load(server: Server, requests: int, clients: int = 4) -> None:
    """Send so many requests from several threads; each is answered."""
    answered: list[int] = []

    def ask() -> None:
        answered.extend(server.get() for _ in range(requests // clients))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answered) == requests


RECYCLING = ("gunicorn", "app:flask", "-w4", "-b", "127.0.0.1:{port}", "--max-requests", "50", "--preload")
UVICORN_OF_FOUR = ("uvicorn", "app:starlette", "--workers", "4", "--port", "{port}", "--log-level", "warning")


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("command", "processes"),
    [(RECYCLING, 5), (UVICORN_OF_FOUR, 4)],
    ids=["gunicorn recycling its workers", "uvicorn"],
)
def test_ten_thousand_requests_are_counted_exactly(command: tuple[str, ...], processes: int, tmp_path: Path) -> None:
    """Four workers, which gunicorn replaces two hundred times: every scrape is monotonic, and the sum is exact."""
    with serving(tmp_path, command, processes) as server:
        sent = server.scrape()["served_total"]
        scraper = Scraper(server, pause=0.1)
        scraper.start()
        load(server, 10_000)
        scraper.end()
        until(lambda: server.scrape()["served_total"] == sent + 10_000)
        assert scraper.seen == sorted(scraper.seen)
        assert scraper.failed == []
        until(lambda: server.workers() == processes)
        samples = server.scrape()
        for worker in range(processes):
            # A worker that has just begun has used less than the ten milliseconds in which the system counts.
            assert f'process_cpu_seconds_total{{worker="{worker}"}}' in samples
            assert f'python_gc_collections_total{{generation="0",worker="{worker}"}}' in samples
        assert samples["obs_metrics_broken_files_total"] == 0
        exposition = server.exposition("application/openmetrics-text")
        assert re.search(r"^http_server_request_duration_seconds_bucket.*trace_id=", exposition, re.MULTILINE)
        # The counts of workers that have ended stand in one file.
        assert len(list(server.state.rglob("*.metrics"))) <= 2 * processes + 1


@pytest.mark.long
def test_a_damaged_file_breaks_no_scrape_of_a_server(tmp_path: Path) -> None:
    """What a killed machine leaves in the directory is left out, is counted once, and goes when workers come."""
    with serving(tmp_path, GUNICORN) as server:
        before = server.scrape()["served_total"]
        (directory,) = [path for path in server.state.glob("targets/*") if path.is_dir()]
        (directory / "worker-7.metrics").write_bytes(b"\xff" * 5000)
        until(lambda: server.scrape()["obs_metrics_broken_files_total"] >= 1)
        assert server.scrape()["served_total"] == before
        os.kill(server.get(), signal.SIGKILL)
        until(lambda: not (directory / "worker-7.metrics").exists())
        assert server.scrape()["served_total"] == before + 1


@pytest.mark.parametrize("command", [GUNICORN, UVICORN], ids=["gunicorn", "uvicorn"])
def test_counts_of_a_killed_worker_stay(command: tuple[str, ...], tmp_path: Path) -> None:
    """SIGKILL of a worker loses no count, neither at once nor after the server has replaced it."""
    with serving(tmp_path, command) as server:
        before = server.scrape()["served_total"]
        killed = {server.get() for _ in range(40)}.pop()
        os.kill(killed, signal.SIGKILL)
        until(lambda: server.scrape()["served_total"] == before + 40)
        until(lambda: len({server.get() for _ in range(20)} - {killed}) == 2)
        until(lambda: server.workers() == 2)
        assert server.scrape()["served_total"] >= before + 60


def test_two_starts_are_two_targets(tmp_path: Path) -> None:
    """Two starts of one service, and a script beside them, share no numbers, port or instance; each is discovered."""
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    for folder in (first_folder, second_folder):
        folder.mkdir()
        (folder / "state").symlink_to(tmp_path / "state")
    (tmp_path / "state").mkdir()
    with serving(first_folder, GUNICORN) as first:
        second = Server(second_folder, UVICORN, int(first.targets()[0][0].rpartition(":")[2]))
        script = subprocess.Popen(
            [sys.executable, "-c", "import obs, sys; obs.init(service='orders'); sys.stdin.read()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OBS_LOCAL_DIR": str(tmp_path / "state")},
        )
        try:
            until(lambda: len(first.targets()) == 3)
            until(second.get)
            addresses, instances = zip(*first.targets(), strict=True)
            assert len(set(addresses)) == len(set(instances)) == 3
        finally:
            script.communicate(timeout=20)
            second.end()
        assert len(first.targets()) == 1
        assert first.scrape()["served_total"] >= 1
    assert first.targets() == []
