"""Which alert Alertmanager holds back, on a real one with the generated configuration."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from obs.manifest import Manifest
from obs_alerts.alertmanager import alertmanager
from obs_stack import programs

pytestmark = pytest.mark.live


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    """A running Alertmanager's API."""
    config = tmp_path / "alertmanager.yaml"
    config.write_text(alertmanager(Manifest(project="shop", services=()), speed=60))
    port = _free_port()
    command = [
        str(programs.find("alertmanager")),
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as running:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v2") as client:
                _until_ready(client)
                yield client
        finally:
            running.terminate()


def _until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if client.get("/status").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("Alertmanager did not start")


def _alert(name: str, service: str, slo: str = "availability", **labels: str) -> dict[str, dict[str, str]]:
    return {"labels": {"alertname": name, "service": service, "slo": slo, **labels}}


def test_a_fast_burn_holds_back_slower_tiers_of_its_slo_and_of_no_other(api: httpx.Client) -> None:
    """The slow tier of the same service and SLO is suppressed; that of another SLO and another service is told."""
    burn = "SloErrorBudgetBurn"
    posted = [
        _alert(burn, "gateway", burn_tier="fast", severity="page"),
        _alert(burn, "gateway", burn_tier="slow", severity="ticket"),
        _alert("SloLowTrafficErrors", "gateway", severity="ticket"),
        _alert(burn, "gateway", "latency", burn_tier="slow", severity="ticket"),
        _alert(burn, "orders", burn_tier="slow", severity="ticket"),
        _alert("TargetDown", "payments", "", severity="page"),
        _alert("SloMetricAbsent", "payments", severity="page"),
        _alert("SloMetricAbsent", "orders", severity="page"),
    ]
    api.post("/alerts", json=posted).raise_for_status()
    expected = {
        ("gateway", "availability", burn, "fast"): "active",
        ("gateway", "availability", burn, "slow"): "suppressed",
        ("gateway", "availability", "SloLowTrafficErrors", ""): "suppressed",
        ("gateway", "latency", burn, "slow"): "active",
        ("orders", "availability", burn, "slow"): "active",
        ("payments", "", "TargetDown", ""): "active",
        ("payments", "availability", "SloMetricAbsent", ""): "suppressed",
        ("orders", "availability", "SloMetricAbsent", ""): "active",
    }
    # Alertmanager says whether an alert is held back once it comes to notify: after the group's first wait.
    deadline = time.monotonic() + 60
    while _states(api) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _states(api) == expected


def _states(api: httpx.Client) -> dict[tuple[str, str, str, str], str]:
    found = {}
    for alert in api.get("/alerts").json():
        labels = alert["labels"]
        key = (labels["service"], labels.get("slo", ""), labels["alertname"], labels.get("burn_tier", ""))
        found[key] = alert["status"]["state"]
    return found
