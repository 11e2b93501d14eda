"""The demo names the claim that does not hold when the part behind it is broken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from examples.shop import evidence
from examples.shop.demo import Demo
from examples.shop.evidence import Row
from obs.manifest import load
from obs.metrics.records import HEADER

pytestmark = [pytest.mark.live, pytest.mark.timeout(280)]

MANIFEST = load(Path(__file__).parents[2] / "obs.toml")
SOON = 8.0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """The running demo."""
    with Demo(MANIFEST, tmp_path, bursts=False) as running:
        yield running


def broken(rows: Iterator[Row]) -> list[str]:
    """The claims that do not hold."""
    return [row.claim for row in rows if not row.holds]


@pytest.mark.long
def test_each_part_that_breaks_is_named(demo: Demo, tmp_path: Path) -> None:
    """A worker's count dropped, two services killed and the receiver stopped: each is named by its own row."""
    assert broken(evidence.arrivals(demo.stack, MANIFEST)) == []

    # Exact counts: the numbers of one of two workers are unreadable, as after a fault of the disk.
    (folder,) = (tmp_path / "stack" / "targets").glob("orders-*/")
    with min(folder.glob("worker-*.metrics")).open("r+b", buffering=0) as file:
        file.seek(HEADER.size)
        sound = file.read(64)
        file.seek(HEADER.size)
        file.write(b"\xff" * 64)
        assert not evidence.exact_count(demo.stack, demo.shop, SOON).holds
        file.seek(HEADER.size)
        file.write(sound)
    assert broken(evidence.arrivals(demo.stack, MANIFEST)) == []

    # Arrival and panels: a service is gone, and its metrics with it.
    os.killpg(demo.shop.processes["shipping"].process.pid, signal.SIGKILL)
    demo.shop.processes["shipping"].process.wait()
    gone = 'count(shop_parcels_shipped_total{job="shipping"})'
    assert evidence.until(lambda: not demo.stack.query(gone))
    assert broken(evidence.arrivals(demo.stack, MANIFEST, 1)) == ["shipping: metrics arrived"]
    assert "shop_parcels_shipped_total" in evidence.panels(demo.stack, MANIFEST, 0).figure

    # Alert: without a gateway nobody sees its errors.
    os.killpg(demo.shop.processes["gateway"].process.pid, signal.SIGKILL)
    demo.shop.processes["gateway"].process.wait()
    assert broken(evidence.burst(demo.stack, demo.customers, SOON)) == ["the error burst fired SloErrorBudgetBurn"]

    # Logs and traces: the receiver is stopped.
    subprocess.run(["pkill", "-f", f"obs_stack.receiver.*{tmp_path}"], check=True)
    assert evidence.until(lambda: not _answers(demo))
    named = broken(evidence.arrivals(demo.stack, MANIFEST, 1))
    assert {"orders: logs arrived", "orders: traces arrived"} <= set(named)
    assert not evidence.correlation(demo.stack, 1).holds


def _answers(demo: Demo) -> bool:
    try:
        return demo.stack.count("logs", "orders") >= 0
    except httpx.HTTPError:
        return False


def _running(folder: Path) -> list[int]:
    """The processes that were started with a temporary folder in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"TMPDIR={folder}\0".encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux's kernel ends a killed process's children")
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_demo_ends_all_of_it(number: signal.Signals, tmp_path: Path) -> None:
    """A closed terminal and even `kill -9` leave no process; a proxy of the environment does not hinder the start."""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HTTP_PROXY": "http://127.0.0.1:1"}
    command = [sys.executable, "-m", "examples.shop.demo"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert any("the shop itself" in line for line in demo.stdout)
        assert len(_running(tmp_path)) >= 8
        demo.send_signal(number)
    assert evidence.until(lambda: not _running(tmp_path))
    left = {path.name for path in tmp_path.iterdir()} - {f"obs-ports-{os.getuid()}.lock"}
    assert not left or number == signal.SIGKILL


@pytest.mark.long
def test_without_exemplars_the_correlation_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When no trace is kept there is no exemplar, and the row says so."""
    monkeypatch.setenv("OBS_SAMPLE", "0")
    with Demo(MANIFEST, tmp_path, bursts=False) as demo:
        assert broken(evidence.arrivals(demo.stack, MANIFEST, SOON)) == [
            f"{service.name}: traces arrived" for service in MANIFEST.services
        ]
        row = evidence.correlation(demo.stack, 1)
    assert (row.holds, row.figure) == (False, "no exemplar on Prometheus")
