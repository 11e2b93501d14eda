"""Nothing is lost when a server or a script is told to end: every span and every access line has arrived."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live

APP = """
    import obs
    obs.init(service="shop", metrics_port=0, log_format="json")
    from fastapi import FastAPI
    from flask import Flask

    asgi = FastAPI()

    @asgi.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    wsgi = Flask("shop")

    @wsgi.get("/items/<int:item_id>")
    def show(item_id: int) -> str:
        return str(item_id)
"""

GUNICORN = """
    def post_worker_init(worker):
        worker.log.info("ready for signals")
"""

# What runs the application, and how the server ends at SIGTERM without obs.
SERVERS = {
    "uvicorn": ("uvicorn app:asgi --port {port}", -signal.SIGTERM),
    "uvicorn, no lifespan": ("uvicorn app:asgi --port {port} --lifespan off", -signal.SIGTERM),
    "uvicorn, 2 workers": ("uvicorn app:asgi --port {port} --workers 2", 0),
    "uvicorn, 2 workers, no lifespan": ("uvicorn app:asgi --port {port} --workers 2 --lifespan off", 0),
    "gunicorn, sync": ("gunicorn app:wsgi -b 127.0.0.1:{port} -w 2", 0),
    "gunicorn, gthread": ("gunicorn app:wsgi -b 127.0.0.1:{port} -w 2 --threads 2", 0),
    "gunicorn, sync, preload": ("gunicorn app:wsgi -b 127.0.0.1:{port} -w 2 --preload", 0),
    "gunicorn, uvicorn": ("gunicorn app:asgi -b 127.0.0.1:{port} -w 2 -k uvicorn_worker.UvicornWorker", 0),
    "gunicorn, uvicorn, preload": (
        "gunicorn app:asgi -b 127.0.0.1:{port} -w 2 -k uvicorn_worker.UvicornWorker --preload",
        0,
    ),
    "gunicorn, asgi": ("gunicorn app:asgi -b 127.0.0.1:{port} -w 2 -k asgi", 0),
    "hypercorn": ("hypercorn app:asgi -b 127.0.0.1:{port}", 0),
    "hypercorn, 2 workers": ("hypercorn app:asgi -b 127.0.0.1:{port} -w 2", 0),
    "hypercorn, wsgi": ("hypercorn wsgi:app:wsgi -b 127.0.0.1:{port}", 0),
    "granian, asgi": ("granian --interface asgi app:asgi --port {port} --workers 2", 0),
    "granian, wsgi": ("granian --interface wsgi app:wsgi --port {port} --workers 2", 0),
}

# gunicorn and granian lose a SIGTERM that reaches a worker before its own handlers: it is sent when each has said this.
READY = {"gunicorn": "ready for signals", "granian": "Started worker-"}


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an application in it."""
    (tmp_path / "app.py").write_text(textwrap.dedent(APP))
    (tmp_path / "gunicorn.conf.py").write_text(textwrap.dedent(GUNICORN))
    return tmp_path


def run(command: list[str], folder: Path, sink: Any, output: Path) -> subprocess.Popen[bytes]:
    """Start a program of the virtual environment in a folder, with its output in a file."""
    environment = {**os.environ, "OBS_ENDPOINT": sink.url, "PYTHONPATH": str(folder)}
    program = str(Path(sys.executable).parent / command[0])
    with output.open("wb") as file:
        return subprocess.Popen([program, *command[1:]], cwd=folder, env=environment, stdout=file, stderr=file)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are killed when a test fails before they have ended."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def ask(url: str) -> None:
    """Ask once, waiting for the server to listen."""
    deadline = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def await_text(output: Path, text: str, times: int = 1) -> None:
    """Wait until a program has written a text so many times."""
    deadline = time.monotonic() + 30
    while output.read_text().count(text) < times:
        assert time.monotonic() < deadline, f"{text!r} was not written: {output.read_text()}"
        time.sleep(0.02)


def each(*always: str) -> list[Any]:
    """Every server; all but these are for the long tests."""
    return [pytest.param(name, marks=() if name in always else pytest.mark.long) for name in SERVERS]


def serve(name: str, folder: Path, port: int, sink: Any, started: list[subprocess.Popen[bytes]]) -> Path:
    """Start a server and send it one hundred requests; the file of its output, once it can be ended."""
    output = folder / "output"
    command = SERVERS[name][0].format(port=port).split()
    started.append(run(command, folder, sink, output))
    for number in range(100):
        ask(f"http://127.0.0.1:{port}/items/{number}")
    if command[0] in READY:
        await_text(output, READY[command[0]], times=2)
    return output


@pytest.mark.parametrize("server", each("uvicorn", "gunicorn, sync"))
def test_sigterm_right_after_the_last_answer_loses_nothing(
    server: str, folder: Path, port: int, sink: Any, started: list[subprocess.Popen[bytes]]
) -> None:
    """One hundred requests, SIGTERM at once: one hundred spans and access lines, and the server's own exit status."""
    output = serve(server, folder, port, sink, started)
    started[0].send_signal(signal.SIGTERM)
    assert started[0].wait(30) == SERVERS[server][1]
    assert len(sink.server_spans()) == 100
    lines = [json.loads(line) for line in output.read_text().splitlines() if line.startswith("{")]
    assert sum(1 for line in lines if line.get("http", {}).get("response")) == 100


def test_a_script_ends_by_sigterm_as_it_would_without_obs(
    folder: Path, sink: Any, started: list[subprocess.Popen[bytes]]
) -> None:
    """Its span arrives, and its exit status is the signal's."""
    (folder / "script.py").write_text(
        textwrap.dedent(
            """
            import time
            import obs
            obs.init(service="script", metrics_port=0)
            with obs.span("work"):
                pass
            print("ready", flush=True)
            time.sleep(60)
            """
        )
    )
    output = folder / "output"
    process = run(["python", "script.py"], folder, sink, output)
    started.append(process)
    await_text(output, "ready")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    assert [span.name for span in sink.spans] == ["work"]


def test_a_script_that_ends_by_itself_delivers_its_last_span(
    folder: Path, sink: Any, started: list[subprocess.Popen[bytes]]
) -> None:
    """A span that ends right before the end of the script arrives."""
    (folder / "script.py").write_text(
        'import obs\nobs.init(service="script", metrics_port=0)\nwith obs.span("work"):\n    pass\n'
    )
    process = run(["python", "script.py"], folder, sink, folder / "output")
    started.append(process)
    assert process.wait(30) == 0
    assert [span.name for span in sink.spans] == ["work"]


@dataclass
class Backend:
    """A backend that delivers nothing.

    Args:
        url: Where it is.
    """

    url: str


@pytest.fixture
def silent() -> Iterator[Backend]:
    """A backend that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Backend(f"http://127.0.0.1:{listener.getsockname()[1]}")


@pytest.fixture
def dead() -> Backend:
    """A backend that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Backend(f"http://127.0.0.1:{free.getsockname()[1]}")


@pytest.mark.parametrize("backend", ["dead", pytest.param("silent", marks=pytest.mark.long)])
@pytest.mark.parametrize("ending", ["by itself", "SIGTERM"])
def test_a_backend_that_takes_nothing_does_not_hold_the_exit_of_a_script(
    ending: str, backend: str, folder: Path, started: list[subprocess.Popen[bytes]], request: pytest.FixtureRequest
) -> None:
    """Whether nobody listens or nobody answers, the process ends, long before the half minute that others take."""
    (folder / "script.py").write_text(
        textwrap.dedent(
            """
            import sys, time
            import obs
            obs.init(service="script", metrics_port=0, logs_to="both", exit_deadline=0.5)
            for _ in range(1000):
                with obs.span("work"):
                    obs.get_logger().info("working")
            print("ready", flush=True)
            time.sleep(float(sys.argv[1]))
            """
        )
    )
    output = folder / "output"
    seconds = "0" if ending == "by itself" else "60"
    process = run(["python", "script.py", seconds], folder, request.getfixturevalue(backend), output)
    started.append(process)
    await_text(output, "ready")
    if ending == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    assert process.wait(15) == (0 if ending == "by itself" else -signal.SIGTERM)


@pytest.mark.long
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn, sync", "gunicorn, uvicorn"])
def test_a_backend_that_never_answers_does_not_hold_the_exit_of_a_server(
    server: str, folder: Path, port: int, silent: Backend, started: list[subprocess.Popen[bytes]]
) -> None:
    """All steps of its end share one deadline, and every access line is out."""
    output = serve(server, folder, port, silent, started)
    started[0].send_signal(signal.SIGTERM)
    assert started[0].wait(15) == SERVERS[server][1]
    assert sum("event" in line and '"duration"' in line for line in output.read_text().splitlines()) == 100
