"""`obs run` observes a program that knows nothing of obs, and leaves it what it is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
import venv
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Sink

from obs.cli import main

OBS = [sys.executable, "-m", "obs", "run"]
QUIET = ["--metrics-port", "0"]
SCRIPT = """
import logging, os, sys, where
logging.getLogger("shop").warning("began", extra={"arguments": sys.argv[1:], "where": where.it})
sys.stdout.flush()
sys.exit(7)
"""
OF_PLACE = """
import sys
sys.modules["where"] = sys
sys.it = "from the other sitecustomize"
"""
PARENT = """
import logging, multiprocessing
def work():
    logging.getLogger("shop").warning("child")
if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    lock = context.Lock()  # starts the tracker of resources
    child = context.Process(target=work)
    child.start()
    child.join()
    logging.getLogger("shop").warning("parent")
"""
STARTS_OTHERS = """
import logging, os, subprocess, sys
logging.getLogger("shop").warning("run %s", os.environ.get("AGAIN", ""))
sys.stdout.flush()
if "AGAIN" not in os.environ:
    assert subprocess.check_output([sys.executable, "tool.py"], stderr=subprocess.DEVNULL).split() == [b"False"] * 3
    path = os.path.abspath(sys.argv[0])
    subprocess.run([sys.executable, path, *sys.argv[1:]], env={**os.environ, "AGAIN": "by itself"}, check=True)
    os.environ["AGAIN"] = "in its place"
    os.execv(sys.executable, [sys.executable, *sys.argv, "more"])
"""
TOOL = """
import logging, multiprocessing, subprocess, sys
def work():
    logging.warning("to stderr")
    print("obs" in sys.modules, flush=True)
if __name__ == "__main__":
    work()
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
    subprocess.run([sys.executable, "-c", "import sys; print('obs' in sys.modules)"])
"""
WEB = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/items/{item}")
def read(item: int):
    return item
"""


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`obs run` with these arguments in a folder."""
    return subprocess.run(
        [*OBS, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **more},
        check=False,
        timeout=60,
    )


def records(output: str) -> list[dict[str, Any]]:
    """The lines of logs."""
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "obs run: there is no command; for example: obs run -- python app.py\n"),
        (["--"], 2, "obs run: there is no command; for example: obs run -- python app.py\n"),
        (["--", "no-such-command"], 127, "obs run: there is no command 'no-such-command'\n"),
        (["--", "pyhton3"], 127, "obs run: there is no command 'pyhton3'; did you mean python3?\n"),
        (["--", "app.py"], 127, "obs run: there is no command 'app.py'; did you mean `python app.py`?\n"),
        (["--", "/"], 126, "obs run: /: Permission denied\n"),
        (["--log-levle", "info", "true"], 2, "unrecognized arguments: --log-levle; did you mean --log-level?\n"),
        (["--sample", "2", "true"], 2, "sample (--sample): '2' is not allowed; it takes a number from 0 to 1\n"),
        (["--service", "", "true"], 2, "service (--service): '' is not allowed; it takes"),
        (["--otlp-headers", "key=hunter2", "true"], 2, "unrecognized arguments: --otlp-headers"),
    ],
)
def test_what_is_wrong_is_told_before_anything_starts(
    arguments: list[str],
    code: int,
    told: str,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each fault has its exit code and one line on stderr, and nothing was run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text("")
    assert main(["run", *arguments]) == code
    captured = capfd.readouterr()
    assert captured.out == ""
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_help_shows_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The help has examples to copy."""
    assert main(["run", "--help"]) == 0
    assert "  obs run -- uvicorn app:app --port 8000\n" in capsys.readouterr().out


def test_a_script_is_observed(tmp_path: Path) -> None:
    """Its lines are records of the service, its arguments, sitecustomize and exit status are its own."""
    (tmp_path / "shop.py").write_text(SCRIPT)
    (tmp_path / "place").mkdir()
    (tmp_path / "place/sitecustomize.py").write_text(OF_PLACE)
    arguments = [*QUIET, "--", sys.executable, "shop.py", "--service", "its own"]
    done = run(tmp_path, *arguments, PYTHONPATH=os.pathsep.join([str(tmp_path / "place"), *sys.path]))
    assert (done.returncode, done.stderr) == (7, "")
    (record,) = records(done.stdout)
    assert (record["message"], record["service"]["name"]) == ("began", "shop")
    assert record["arguments"] == ["--service", "its own"]
    assert record["where"] == "from the other sitecustomize"


@pytest.mark.long
def test_the_commands_process_is_its_own(tmp_path: Path) -> None:
    """It has the process that was started, and dies of the signals that it would die of."""
    with subprocess.Popen([*OBS, "--", "sh", "-c", "echo $$; kill -PIPE $$; echo alive"], stdout=subprocess.PIPE) as it:
        assert it.stdout is not None
        output = it.stdout.read().split()
    assert output == [str(it.pid).encode()]
    assert it.returncode == -signal.SIGPIPE


@pytest.mark.long
def test_a_program_that_calls_init_has_its_own_settings(tmp_path: Path) -> None:
    """What it says is stronger, and what it leaves open is what was given to `obs run`."""
    program = """
import logging, obs
logging.warning("not of the level that was given")
logging.error("before")
obs.init(service="own", log_level="debug")
obs.get_logger().debug("after")
"""
    given = [*QUIET, "--service", "given", "--log-level", "error", "--environment", "staging"]
    done = run(tmp_path, *given, "--", sys.executable, "-c", program)
    assert done.stderr == ""
    found = [(record["message"], record["service"]["name"]) for record in records(done.stdout)]
    assert found == [("before", "given"), ("after", "own")]
    assert {record["service"]["environment"] for record in records(done.stdout)} == {"staging"}


@pytest.mark.long
def test_children_of_multiprocessing_are_the_same_service(tmp_path: Path) -> None:
    """A spawned worker, whose command line tells nothing, has its parent's name."""
    (tmp_path / "packing").mkdir()
    (tmp_path / "packing/__init__.py").write_text("")
    (tmp_path / "packing/worker.py").write_text(PARENT)
    done = run(tmp_path, *QUIET, "--", sys.executable, "-m", "packing.worker")
    assert (done.returncode, done.stderr) == (0, "")
    found = {
        (record["message"], record["service"]["name"], record["service"]["node"]["name"])
        for record in records(done.stdout)
    }
    assert {(message, service) for message, service, _ in found} == {("child", "worker"), ("parent", "worker")}
    assert len({node for *_, node in found}) == 1


@pytest.mark.long
def test_what_a_program_starts_is_left_alone_unless_it_is_the_program(tmp_path: Path) -> None:
    """A tool, and whatever it starts, loads no obs; a reloader's process and what takes the program's place do."""
    (tmp_path / "shop.py").write_text(STARTS_OTHERS)
    (tmp_path / "tool.py").write_text(TOOL)
    done = run(tmp_path, *QUIET, "--", sys.executable, "shop.py")
    assert (done.returncode, done.stderr) == (0, "")
    found = [(record["message"], record["service"]["name"]) for record in records(done.stdout)]
    assert found == [("run ", "shop"), ("run by itself", "shop"), ("run in its place", "shop")]


@pytest.mark.long
def test_an_interpreter_without_obs_runs_the_program(tmp_path: Path) -> None:
    """It is told that nothing is seen, and the program does what it does."""
    venv.create(tmp_path / "other", with_pip=False)
    done = run(tmp_path, "--", str(tmp_path / "other/bin/python"), "-c", "print('alive')")
    assert (done.returncode, done.stdout) == (0, "alive\n")
    assert done.stderr.startswith("obs run: nothing of this program is seen: ")


@pytest.mark.long
@pytest.mark.parametrize(
    "launcher",
    [
        ["uvicorn", "--port"],
        ["uvicorn", "--workers", "2", "--port"],
        ["hypercorn", "--bind"],
        ["granian", "--interface", "asgi", "--port"],
        ["gunicorn", "-w", "2", "-k", "uvicorn_worker.UvicornWorker", "-b"],
    ],
    ids=" ".join,
)
def test_each_request_of_a_server_is_observed_once(tmp_path: Path, launcher: list[str], sink: Sink) -> None:
    """An application without any import of obs: one access line and one server span, and SIGTERM ends it as ever."""
    (tmp_path / "shop.py").write_text(textwrap.dedent(WEB))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    place = str(port) if launcher[-1] == "--port" else f"127.0.0.1:{port}"
    program = [str(Path(sys.executable).with_name(launcher[0])), *launcher[1:], place, "shop:app"]
    command = [*OBS, *QUIET, "--endpoint", sink.url, "--", *program]
    with (tmp_path / "out").open("wb") as out, subprocess.Popen(command, cwd=tmp_path, stdout=out) as server:
        try:
            for item in range(3):
                assert _answer(f"http://127.0.0.1:{port}/items/{item}", server) == str(item)
        finally:
            server.terminate()
            server.wait(30)
    assert server.returncode in (0, -signal.SIGTERM)
    lines = [line for line in (tmp_path / "out").read_text().splitlines() if line.startswith("{")]
    access = [record for record in map(json.loads, lines) if "url" in record]
    assert sorted(record["url"]["path"] for record in access) == ["/items/0", "/items/1", "/items/2"]
    assert {(record["message"], record["service"]["name"]) for record in access} == {("GET /items/{item} 200", "shop")}
    spans = sink.server_spans()
    assert [span.name for span in spans] == ["GET /items/{item}"] * 3
    assert {span.trace_id.hex() for span in spans} == {record["trace"]["id"] for record in access}


def _answer(url: str, server: subprocess.Popen[bytes]) -> str:
    """What the server answers, once it does."""
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                return str(response.read().decode())
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None
            time.sleep(0.05)
