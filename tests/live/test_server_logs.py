"""The logs of real servers: every line is a record, none is doubled, and each request has one access line."""

from __future__ import annotations

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
from collections import Counter
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

ASGI = """
import logging, obs
{before}
from fastapi import FastAPI
app = FastAPI()
{after}
@app.get("/items/{{item}}")
async def read(item: int):
    logging.getLogger("shop").info("read %d", item)
    return item
"""
WSGI = """
import logging, obs
{before}
from flask import Flask
app = Flask("shop")
{after}
@app.get("/items/<int:item>")
def read(item):
    logging.getLogger("shop").info("read %d", item)
    return str(item)
"""
# gunicorn loses a SIGTERM that reaches a worker before its own handlers, and then waits half a minute.
GUNICORN_SETTINGS = """
import os
def post_worker_init(worker):
    open(f"worker-{os.getpid()}", "w").close()
"""
INIT = "obs.init(service='shop', metrics_port=0)"
# As people copy it: the servers' loggers with a handler and a text format of their own.
CONFIGURED = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "PLAIN %(message)s"}},
    "handlers": {"own": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stdout"}},
    "loggers": {
        "uvicorn": {"handlers": ["own"], "level": "INFO", "propagate": False},
        "uvicorn.access": {"level": "INFO"},
    },
    "root": {"handlers": ["own"], "level": "INFO"},
}
LATER = """obs.init(service='shop', metrics_port=0)
import json, logging.config
logging.config.dictConfig(json.load(open("log.json")))
logging.basicConfig(level=logging.INFO, force=True)"""
UVICORN = ["uvicorn", "app:app", "--port", "0"]
GUNICORN = ["gunicorn", "app:app", "-b", "127.0.0.1:0", "--access-logfile", "-"]


def wait_for(address: str) -> None:
    """Wait until somebody listens: uvicorn tells its address before its workers are there."""
    host, port = address.removeprefix("http://").split(":")
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((host, int(port))).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def wait_for_workers(folder: Path, number: int) -> None:
    """Wait until so many workers of gunicorn handle signals."""
    until = time.monotonic() + 60
    while len(list(folder.glob("worker-*"))) < number:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_configurations_of_logging_that_come_later_change_nothing(tmp_path: Path) -> None:
    """A server's own `--log-config`, and `dictConfig` and `basicConfig(force=True)` after `obs.init()`."""
    server_writes_records(ASGI, [*UVICORN, "--log-config", "log.json"], "after", LATER, tmp_path)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    ("app", "command"),
    [
        (ASGI, UVICORN),
        (ASGI, [*UVICORN, "--workers", "2"]),
        (WSGI, [*GUNICORN, "-w", "2"]),
        (WSGI, [*GUNICORN, "-w", "2", "--preload"]),
        (WSGI, [*GUNICORN, "-k", "gthread", "--threads", "2"]),
    ],
    ids=["uvicorn", "uvicorn-workers", "gunicorn", "gunicorn-preload", "gunicorn-gthread"],
)
def test_lines_of_a_server(app: str, command: list[str], place: str, tmp_path: Path) -> None:
    """What the application logs stands once, what the server says once a process, and a line for each request."""
    server_writes_records(app, command, place, INIT, tmp_path)


def server_writes_records(app: str, command: list[str], place: str, init: str, tmp_path: Path) -> None:
    """Run a server, ask it ten times, and look at every line that it wrote."""
    (tmp_path / "log.json").write_text(json.dumps(CONFIGURED))
    (tmp_path / "app.py").write_text(app.format(**{"before": "", "after": "", place: init}))
    (tmp_path / "gunicorn.conf.py").write_text(GUNICORN_SETTINGS)
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    shown: dict[str, list[str]] = {"out": [], "err": []}
    address: list[str] = []
    listening = threading.Event()

    def follow(name: str, stream: object) -> None:
        for line in stream:  # type: ignore[attr-defined]
            shown[name].append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found and not address:
                address.append(found[0])
                listening.set()

    readers = [
        threading.Thread(target=follow, args=("out", process.stdout)),
        threading.Thread(target=follow, args=("err", process.stderr)),
    ]
    for reader in readers:
        reader.start()
    try:
        assert listening.wait(60), shown
        wait_for(address[0])
        for item in range(10):
            with urllib.request.urlopen(f"{address[0]}/items/{item}", timeout=30) as answer:
                assert answer.read() == str(item).encode()
        if "gunicorn" in command:
            wait_for_workers(tmp_path, 2 if "-w" in command else 1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        for reader in readers:
            reader.join()
    records = [json.loads(line) for line in shown["out"] if line.startswith("{")]
    plain = [line for line in shown["out"] if not line.startswith("{")]
    assert plain == []
    messages = Counter(record["message"] for record in records)
    assert [messages[f"read {item}"] for item in range(10)] == [1] * 10
    access = [record for record in records if "url" in record]
    assert sorted(record["url"]["path"] for record in access) == [f"/items/{item}" for item in range(10)]
    assert len({record["trace"]["id"] for record in access}) == 10
    # Before a process has loaded the application, nobody can know that obs is in it.
    assert "GET /items" not in "".join(shown["err"])
    assert not any("read " in line for line in shown["err"])
    for (message, pid), times in Counter((one["message"], one["process"]["pid"]) for one in records).items():
        assert times == 1 or message.startswith("GET"), (message, pid)
