"""One /metrics a target, under the servers that people run: exact, never falling, whatever happens to a worker."""

from __future__ import annotations

import http.client
import json
import os
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

    def scrape(self) -> dict[str, float]:
        """The samples of one scrape."""
        if not self.address:
            ((self.address, _),) = self.targets()
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
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
    """A server that is up: its two workers, and its master where that has loaded the application."""
    server = Server(folder, command, free_port())
    try:
        until(lambda: server.workers() == processes)
        until(server.get)
        yield server
    finally:
        server.end()


class Scraper(threading.Thread):
    """Scrapes all the time and remembers every total that it saw."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.seen: list[float] = []
        self.failed: list[str] = []
        self._reset = False
        self._server = server
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
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
    """Two starts of one service share neither numbers nor port nor instance; each is discovered while it runs."""
    first_folder, second_folder = tmp_path / "first", tmp_path / "second"
    for folder in (first_folder, second_folder):
        folder.mkdir()
        (folder / "state").symlink_to(tmp_path / "state")
    (tmp_path / "state").mkdir()
    with serving(first_folder, GUNICORN) as first:
        second = Server(second_folder, UVICORN, int(first.targets()[0][0].rpartition(":")[2]))
        try:
            until(lambda: len(first.targets()) == 2)
            until(second.get)
            addresses, instances = zip(*first.targets(), strict=True)
            assert len(set(addresses)) == len(set(instances)) == 2
        finally:
            second.end()
        assert len(first.targets()) == 1
        assert first.scrape()["served_total"] >= 1
    assert first.targets() == []
