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

# gunicorn loses a SIGTERM that reaches a worker between its fork and its own handlers (with or without obs), and
# then waits half a minute: the signal is sent when each has said that it is there.
GUNICORN = """
    def post_worker_init(worker):
        worker.log.info("ready for signals")
"""

SERVERS = {
    "uvicorn": ["uvicorn", "app:asgi", "--port", "{port}"],
    "uvicorn without lifespan": ["uvicorn", "app:asgi", "--port", "{port}", "--lifespan", "off"],
    "uvicorn, two workers": ["uvicorn", "app:asgi", "--port", "{port}", "--workers", "2"],
    "gunicorn sync": ["gunicorn", "app:wsgi", "-b", "127.0.0.1:{port}", "-w", "2"],
    "gunicorn gthread": ["gunicorn", "app:wsgi", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "2"],
    "gunicorn preloaded": ["gunicorn", "app:wsgi", "-b", "127.0.0.1:{port}", "-w", "2", "--preload"],
}


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


@pytest.mark.parametrize("server", list(SERVERS))
def test_sigterm_right_after_the_last_answer_loses_nothing(
    server: str, folder: Path, port: int, sink: Any, started: list[subprocess.Popen[bytes]]
) -> None:
    """One hundred requests and SIGTERM at once: one hundred spans and one hundred access lines."""
    output = folder / "output"
    process = run([part.format(port=port) for part in SERVERS[server]], folder, sink, output)
    started.append(process)
    for number in range(100):
        ask(f"http://127.0.0.1:{port}/items/{number}")
    if "gunicorn" in server:
        await_text(output, "ready for signals", times=2)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
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


@pytest.mark.parametrize("ending", ["by itself", "SIGTERM"])
def test_a_dead_backend_does_not_hold_the_exit(
    folder: Path, port: int, started: list[subprocess.Popen[bytes]], ending: str
) -> None:
    """With nobody listening the process still ends, long before the half minute that others take."""
    (folder / "script.py").write_text(
        textwrap.dedent(
            """
            import sys, time
            import obs
            obs.init(service="script", metrics_port=0)
            for _ in range(1000):
                with obs.span("work"):
                    pass
            print("ready", flush=True)
            time.sleep(float(sys.argv[1]))
            """
        )
    )

    class Dead:
        url = f"http://127.0.0.1:{port}"

    output = folder / "output"
    process = run(["python", "script.py", "0" if ending == "by itself" else "60"], folder, Dead, output)
    started.append(process)
    await_text(output, "ready")
    if ending == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    assert process.wait(15) == (0 if ending == "by itself" else -signal.SIGTERM)
