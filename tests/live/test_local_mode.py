"""The local stack on real programs: what it shows of a service, and what its rules do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from obs.manifest import Links, Manifest, Service, Slo
from obs_stack.local import ports
from obs_stack.local.processes import DidNotStart
from obs_stack.local.up import AlreadyUp, LocalStack

pytestmark = pytest.mark.live

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
METRICS = f"""# TYPE demo counter
demo_total 7.0 # {{trace_id="{TRACE_ID}"}} 1.0
# EOF
"""
MANIFEST = Manifest(
    project="shop",
    services=(
        Service(
            name="demo",
            owner="storefront",
            slos=(Slo(service="demo", name="availability", kind="availability", objective=Decimal("99.5")),),
        ),
    ),
    links=Links(logs="https://logs.example/search"),
)
SERVICE = """
import sys
import obs
obs.init()
obs.get_logger().info("the service is here")
print("ready", flush=True)
sys.stdin.read()
"""


class _Metrics(BaseHTTPRequestHandler):
    """A service's metrics, at a path of its own."""

    def do_GET(self) -> None:
        found = self.path == "/own/metrics"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(METRICS.encode() if found else b"")

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A local stack on free ports, sixty times as fast."""
    with LocalStack(MANIFEST, tmp_path_factory.mktemp("stack"), speed=60, usual_ports=ports.ANY) as running:
        yield running


@pytest.fixture
def target(stack: LocalStack) -> Iterator[Path]:
    """The discovery file of a service that is scraped."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Metrics)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    labels = {"job": "demo", "instance": "one", "__metrics_path__": "/own/metrics"}
    path = stack.targets_dir / "demo-1.json"
    path.write_text(json.dumps([{"targets": [f"127.0.0.1:{server.server_address[1]}"], "labels": labels}]))
    yield path
    path.unlink(missing_ok=True)
    server.shutdown()
    server.server_close()


def _until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true value of a condition."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)
    return found


def _query(stack: LocalStack, expression: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{stack.prometheus_url}/api/v1/query", params={"query": expression})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
    return found


def _alerts(stack: LocalStack) -> dict[str, dict[str, Any]]:
    answer = httpx.get(f"{stack.alertmanager_url}/api/v2/alerts").raise_for_status()
    return {alert["labels"]["alertname"]: alert for alert in answer.json()}


def test_service_is_discovered_by_its_file_with_its_own_labels_and_path(stack: LocalStack, target: Path) -> None:
    """A file is all that it takes: the series carry the file's job and instance."""
    (found,) = _until(lambda: _query(stack, "demo_total"))
    assert (found["metric"]["job"], found["metric"]["instance"]) == ("demo", "one")
    assert found["value"][1] == "7"


def test_exemplars_are_kept(stack: LocalStack, target: Path) -> None:
    """The trace id of an exemplar comes back from Prometheus."""

    def exemplars() -> Any:
        window: dict[str, Any] = {"query": "demo_total", "start": time.time() - 60, "end": time.time() + 1}
        return httpx.get(f"{stack.prometheus_url}/api/v1/query_exemplars", params=window).json()["data"]

    assert _until(exemplars)[0]["exemplars"][0]["labels"] == {"trace_id": TRACE_ID}


def test_service_that_stops_answering_is_told_and_one_that_leaves_is_not(stack: LocalStack, target: Path) -> None:
    """A target that dies with its file in place fires TargetDown; when the file goes, so does the alert."""
    _until(lambda: _query(stack, 'up{job="demo"} == 1'))
    text = json.loads(target.read_text())
    text[0]["labels"]["__metrics_path__"] = "/nothing"
    target.write_text(json.dumps(text))
    _until(lambda: "TargetDown" in _alerts(stack))
    target.unlink()
    _until(lambda: "TargetDown" not in _alerts(stack))


def test_every_rule_is_loaded_and_evaluated_without_a_fault(stack: LocalStack) -> None:
    """The rules of the SLO and of the library are there, each one in good health."""

    def rules() -> list[dict[str, Any]]:
        groups = httpx.get(f"{stack.prometheus_url}/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    _until(lambda: rules() and all(rule["health"] != "unknown" for rule in rules()))
    assert {rule["health"] for rule in rules()} == {"ok"}
    assert {"SloErrorBudgetBurn", "TargetDown", "Watchdog"} <= {rule["name"] for rule in rules()}


def test_alert_reaches_alertmanager_with_links_to_the_ports_that_are_used(stack: LocalStack) -> None:
    """The Watchdog fires; its runbook is on this stack's own page and can be read."""
    annotations = _until(lambda: _alerts(stack).get("Watchdog"))["annotations"]
    assert annotations["runbook_url"].startswith(f"{stack.receiver_url}/")
    assert httpx.get(annotations["runbook_url"]).status_code == 200


def test_links_that_lead_elsewhere_are_kept(stack: LocalStack) -> None:
    """Only the defaults follow the port of the receiver; the project's own log search stays in its rules."""
    rules = next((stack.folders.generated / "alerts" / "generated").glob("slo-*.yaml")).read_text()
    assert "https://logs.example/search?" in rules
    assert f"{stack.receiver_url}/d/" in rules


def test_stack_watches_itself(stack: LocalStack) -> None:
    """Prometheus, Alertmanager and the receiver are scraped and up."""
    own = 'up{job=~"prometheus|alertmanager|obs-receiver"} == 1'
    assert len(_until(lambda: _query(stack, f"count({own}) == 3"))) == 1


def test_generated_dashboards_are_shown(stack: LocalStack) -> None:
    """The page of a dashboard answers where alerts link to."""
    assert httpx.get(f"{stack.receiver_url}/d/obs-http-service", follow_redirects=True).status_code == 200


def test_environment_is_all_that_a_service_needs(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that only calls `obs.init()` has its metrics scraped and its logs kept."""
    for name, value in stack.environment("greeter").items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", SERVICE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        _until(lambda: _query(stack, 'up{job="greeter"} == 1'))
        logs = {"service": "greeter", "q": 'message:"the service is here"'}
        _until(lambda: httpx.get(f"{stack.receiver_url}/api/logs", params=logs).json()["logs"])


def test_second_stack_on_the_same_directory_is_refused(stack: LocalStack) -> None:
    """Two Prometheus on one store would spoil it; the first one goes on."""
    with pytest.raises(AlreadyUp, match="obs status"):
        LocalStack(MANIFEST, stack.folders.local_dir).start()
    assert stack.ended() == ""
    assert _query(stack, "vector(1)")


def test_program_that_does_not_start_is_named_with_what_it_printed(tmp_path: Path) -> None:
    """A store that cannot be read stops everything again, and the error holds Prometheus' own words."""
    broken = LocalStack(MANIFEST, tmp_path, usual_ports=ports.ANY)
    broken.folders.prepare()
    (broken.folders.data("prometheus")).mkdir()
    (broken.folders.data("prometheus") / "wal").write_text("no directory")
    with pytest.raises(DidNotStart, match=r"(?s)^prometheus ended with exit code .*wal"):
        broken.start()
    assert not broken.folders.state.exists()


def test_port_that_is_taken_in_the_last_moment_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program comes first after the port was chosen, the stack starts on other ports."""
    thief = ThreadingHTTPServer(("127.0.0.1", 0), _Metrics)
    choose = ports.choose
    answers = [{**choose(ports.ANY), "alertmanager": thief.server_address[1]}]
    monkeypatch.setattr(ports, "choose", lambda wanted: answers.pop() if answers else choose(wanted))
    with LocalStack(MANIFEST, tmp_path) as started:
        assert started.alertmanager_url != f"http://127.0.0.1:{thief.server_address[1]}"
        assert httpx.get(f"{started.alertmanager_url}/-/ready").status_code == 200
    thief.server_close()
