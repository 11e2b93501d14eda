"""The program: how it begins, what it refuses, who may talk to it, and how it ends."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    command = (sys.executable, "-m", "obs_stack.receiver", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_taken_port_is_one_clear_message(tmp_path: Path) -> None:
    """Nothing is begun, and the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("--port", port, "--data", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert ended.stderr == (
        f"obs receiver: cannot listen on 127.0.0.1:{port}: the port is taken; choose another --host or --port\n"
    )
    assert not (tmp_path / "data").exists()


def test_two_receivers_do_not_share_a_directory(receiver: Any) -> None:
    """The second one says which directory is in use."""
    ended = run("--port", "0", "--data", str(receiver.data))
    assert ended.returncode == 2
    assert f"another receiver keeps its data in {receiver.data}" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-bytes", "much"), "'much' is no size; write one such as 512MiB"),
        (("--max-bytes", "1MiB"), "'1MiB' is too small a cap; at least 32MiB are needed"),
        (("--max-age", "3"), "'3' is no duration; write one such as 3d"),
        (("--port", "70000"), "'70000' is no port from 0 to 65535"),
        (("--prometheus", "localhost:9090"), "'localhost:9090' is no URL; write one such as http://127.0.0.1:9090"),
    ],
)
def test_a_wrong_option_is_explained(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """It ends with code 2 and an example of what is right."""
    ended = run("--data", str(tmp_path), *arguments)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_a_broken_manifest_is_told_line_by_line(tmp_path: Path) -> None:
    """The manifest's own faults are what is shown."""
    manifest = tmp_path / "obs.toml"
    manifest.write_text('[project]\nname = "shop"\ncolour = "red"\n')
    ended = run("--data", str(tmp_path / "data"), "--manifest", str(manifest))
    assert ended.returncode == 2
    assert "obs.toml:3" in ended.stderr


def test_what_was_stored_is_there_after_sigterm(start: Callable[..., Any]) -> None:
    """It ends with code 0, quietly, and the next one shows what was acknowledged."""
    first = start()
    first.send_logs({"message": "kept"})
    assert first.stop() == 0
    assert first.errors == ""
    assert sorted(path.name for path in first.data.iterdir()) == ["logs.db", "receiver.lock", "traces.db"]
    assert start(data=first.data).messages() == ["kept"]


def test_what_was_acknowledged_survives_a_kill(start: Callable[..., Any]) -> None:
    """An answer of 200 means that the record is on disk."""
    first = start()
    first.send_logs({"message": "kept"})
    first.process.kill()
    first.process.wait()
    assert start(data=first.data).messages() == ["kept"]


def test_a_store_that_cannot_be_read_is_set_aside(start: Callable[..., Any], tmp_path: Path) -> None:
    """A damaged file keeps nobody from starting, is not deleted, and is told of."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "logs.db").write_bytes(b"this is no database" * 100)
    begun = start(data=data)
    begun.send_logs({"message": "new"})
    assert begun.messages() == ["new"]
    assert (data / "logs.db.unreadable").read_bytes().startswith(b"this is no database")
    begun.stop()
    assert "logs.db cannot be read" in begun.errors


def test_only_its_user_can_read_the_data(receiver: Any) -> None:
    """The directory has mode 0700, every file in it 0600."""
    receiver.send_logs({})
    assert stat.S_IMODE(receiver.data.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in receiver.data.iterdir()} == {0o600}


@pytest.mark.parametrize("path", ["/", "/api/logs", "/metrics"])
def test_a_foreign_host_header_is_refused(receiver: Any, path: str) -> None:
    """A name that an attacker points at this machine (DNS rebinding) reads nothing."""
    refused = receiver.client.get(path, headers={"host": "evil.example:4318"})
    assert (refused.status_code, "127.0.0.1" in refused.text) == (403, True)
    port = httpx.URL(receiver.url).port
    for name in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}"):
        assert receiver.client.get(path, headers={"host": name}).status_code == 200


def test_a_page_of_another_origin_writes_nothing(receiver: Any) -> None:
    """A website that is open in the browser can neither send telemetry nor read any."""
    refused = receiver.post("/v1/logs", receiver.log_body({}), origin="https://evil.example")
    assert refused.status_code == 403
    assert receiver.logs() == []
    read = receiver.client.get("/api/logs", headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in read.headers


def test_every_answer_forbids_scripts(receiver: Any) -> None:
    """The content security policy allows the receiver's own style sheet and nothing else to run or load."""
    for path in ("/", "/logs", "/api/logs", "/nothing-here"):
        policy = receiver.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "script-src" not in policy
