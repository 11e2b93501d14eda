"""The server of /metrics: its port, what it answers, and that nobody can hold it up."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from obs import metrics
from obs.metrics import room as room_module
from obs.metrics.room import MetricsRoom

Start = Callable[..., MetricsRoom]


def get(port: int | None, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    """One request: status and body."""
    assert port is not None
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_metrics_are_served(start: Start, free_port: int, name: str) -> None:
    """The path answers with or without a query, for GET and HEAD; everything else is refused."""
    room = start(metrics_port=free_port)
    metrics.counter(name).add()
    assert (room.port, room.warnings) == (free_port, [])
    assert f"{name}_total 1.0" in get(free_port)[1]
    assert get(free_port, "/metrics?x=1")[0] == 200
    assert get(free_port, method="HEAD") == (200, "")
    assert get(free_port, "/")[0] == 404
    assert get(free_port, "/metrics/other")[0] == 404
    assert get(free_port, method="POST")[0] == 405


def test_another_path_can_be_set(start: Start, free_port: int) -> None:
    """metrics_path moves /metrics."""
    start(metrics_port=free_port, metrics_path="/internal/numbers")
    assert get(free_port, "/internal/numbers")[0] == 200
    assert get(free_port)[0] == 404


def test_taken_port_gives_the_next_free_one_and_a_warning(start: Start, free_port: int) -> None:
    """A port in use does not keep the service from being seen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        room = start(metrics_port=free_port)
        assert room.port is not None
        assert room.port > free_port
        assert room.warnings == [f"metrics_port {free_port} is taken; /metrics is on port {room.port}"]
        assert get(room.port)[0] == 200


def test_port_of_another_target_is_never_shared(start: Start, free_port: int) -> None:
    """A port that somebody else shares out is taken as well."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", free_port))
        other.listen()
        assert start(metrics_port=free_port).port != free_port


def test_port_that_went_to_another_target_is_not_taken_back(start: Start, free_port: int) -> None:
    """A target that starts again after another one has taken its port finds itself a new one."""
    start(metrics_port=free_port).stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", free_port))
        other.listen()
        assert start(metrics_port=free_port).port != free_port


def test_host_that_is_not_ours_is_a_warning(start: Start, free_port: int) -> None:
    """The application runs on without a server; the warning names what was asked for."""
    room = start(metrics_port=free_port, metrics_host="192.0.2.1")
    assert room.port is None
    assert f"/metrics is not served: metrics_host 192.0.2.1, metrics_port {free_port}: " in room.warnings[0]


def test_port_0_is_no_server(start: Start) -> None:
    """Who mounts metrics_app() needs no port."""
    assert start(metrics_port=0).port is None


def test_discovery_file_comes_and_goes(start: Start, free_port: int) -> None:
    """Prometheus finds the target while it lives, at an address that it can ask."""
    room = start(metrics_port=free_port, metrics_host="0.0.0.0")
    directory = room.target.directory
    assert directory is not None
    found = directory.with_name(directory.name + ".json")
    labels = {"job": "shop", "instance": room.target.instance_id, "__metrics_path__": "/metrics"}
    assert json.loads(found.read_text()) == [{"targets": [f"127.0.0.1:{free_port}"], "labels": labels}]
    room.stop()
    assert not found.exists()


def test_an_address_of_ip_version_6_is_discovered_in_brackets(start: Start, free_port: int) -> None:
    """Prometheus refuses a target whose address has colons beside that of its port."""
    room = start(metrics_port=free_port, metrics_host="::1")
    directory = room.target.directory
    assert directory is not None
    (entry,) = json.loads(directory.with_name(directory.name + ".json").read_text())
    assert entry["targets"] == [f"[::1]:{free_port}"]


def test_discovery_file_stays_while_a_worker_lives(start: Start, free_port: int) -> None:
    """The last worker that stops removes it, not the first."""
    room = start(metrics_port=free_port)
    directory = room.target.directory
    assert directory is not None
    found: Path = directory.with_name(directory.name + ".json")
    started_read, started_write = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        os.write(started_write, b"x")
        os.read(go_read, 1)
        os._exit(0)
    os.read(started_read, 1)
    room.stop()
    assert found.exists()
    assert get(free_port)[0] == 200, "the child answers on the same port"
    os.close(go_write)
    os.waitpid(pid, 0)


def test_workers_that_end_together_leave_no_discovery_file(
    start: Start, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two workers that say that they end still finds the other one alive; the second removes the file."""
    monkeypatch.setattr(room_module, "_STILL_THERE_SECONDS", 600.0)
    room = start(metrics_port=free_port)
    directory = room.target.directory
    assert directory is not None
    found: Path = directory.with_name(directory.name + ".json")
    said_read, said_write = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(go_write)
        room.flush()
        os.write(said_write, b"x")
        os.read(go_read, 1)
        os._exit(0)
    os.read(said_read, 1)
    assert found.exists()
    room.flush()
    assert not found.exists()
    os.close(go_write)
    os.waitpid(pid, 0)


def test_flush_takes_the_target_out_until_the_process_lives_on(start: Start, free_port: int) -> None:
    """A server may end without another word after its shutdown; one that lives on is found again."""
    room = start(metrics_port=free_port)
    directory = room.target.directory
    assert directory is not None
    found: Path = directory.with_name(directory.name + ".json")
    before = found.read_text()
    room.flush()
    assert not found.exists()
    deadline = time.monotonic() + 30
    while not found.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found.read_text() == before
    assert get(free_port)[0] == 200


def test_clients_that_send_nothing_hold_nobody_up(start: Start, free_port: int) -> None:
    """A few idle connections take no place but their own; beyond the bound the answer is 503, at once."""
    room = start(metrics_port=free_port)
    idle = [socket.create_connection(("127.0.0.1", free_port)) for _ in range(3)]
    try:
        assert get(free_port)[0] == 200
        idle += [socket.create_connection(("127.0.0.1", free_port)) for _ in range(3)]
        assert get(free_port)[0] == 503
    finally:
        for connection in idle:
            connection.close()
    room.stop()


@pytest.mark.parametrize("request_bytes", [b"\xff\xfe\r\n\r\n", b"GET /metrics\r\n\r\n", b"x" * 40_000, b""])
def test_garbage_breaks_nothing(request_bytes: bytes, start: Start, free_port: int) -> None:
    """Whatever is sent, the next request is answered."""
    start(metrics_port=free_port)
    with socket.create_connection(("127.0.0.1", free_port), timeout=5) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):  # too long: not even read to the end
            while connection.recv(4096):
                pass
    assert get(free_port)[0] == 200


def test_stop_frees_port_and_threads(start: Start, free_port: int) -> None:
    """Starting and stopping again and again leaves nothing behind."""
    for _ in range(3):
        room = start(metrics_port=free_port)
        assert get(room.port)[0] == 200
        room.stop()
        with pytest.raises(OSError, match="refused"):
            get(free_port)
    assert not [thread for thread in threading.enumerate() if thread.name == "obs-metrics" and thread.is_alive()]
