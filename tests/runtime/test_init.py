"""init() and shutdown(): what is started, what a second call does, what is given back."""

from __future__ import annotations

import inspect
import json
import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import obs

pytestmark = pytest.mark.usefixtures("initialised")


def read(url: str) -> str:
    """The body of an answer."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The JSON lines on standard output."""
    return [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]


def test_one_call_gives_all_three_signals_correlated(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """A line, a span and an exemplar of one piece of work carry the same trace id."""
    report = obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    work = obs.histogram("work", "How long work takes.", unit="s")
    with obs.span("work", item="tea"):
        trace_id = obs.current_trace_id()
        obs.get_logger().info("working", item="tea")
        work.record(0.2)
    obs.shutdown()
    (line,) = [line for line in lines(capfd) if line["message"] == "working"]
    (span,) = sink.spans
    assert (line["trace"]["id"], span.trace_id.hex(), span.name) == (trace_id, trace_id, "work")
    assert (line["service"]["name"], line["item"], line["log.level"]) == ("shop", "tea", "info")
    assert set(report.enabled) >= {"metrics", "traces", "logs"}


def test_metrics_are_served_on_a_port_and_left_for_discovery(tmp_path: Path) -> None:
    """The port answers, and a file in local_dir tells Prometheus where it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    report = obs.init(service="shop", metrics_port=port, local_dir=tmp_path)
    obs.counter("orders_placed", "Orders.", labels=("method",)).add(2, method="card")
    assert report.metrics_url == f"http://127.0.0.1:{port}/metrics"
    assert 'orders_placed_total{method="card"} 2.0' in read(report.metrics_url)
    (discovered,) = (tmp_path / "targets").glob("*.json")
    (entry,) = json.loads(discovered.read_text())
    assert (entry["targets"], entry["labels"]["job"]) == ([f"127.0.0.1:{port}"], "shop")
    obs.shutdown()
    assert not list((tmp_path / "targets").glob("*.json"))


def test_a_port_that_is_taken_gives_the_next_one_and_a_warning(tmp_path: Path) -> None:
    """The application runs on, and the report says which port is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        report = obs.init(service="shop", metrics_port=port, local_dir=tmp_path)
        assert report.metrics_url != f"http://127.0.0.1:{port}/metrics"
        assert "target_info" in read(report.metrics_url)
    assert any(str(port) in warning for warning in report.warnings)


def test_an_unknown_argument_is_an_error_that_names_the_nearest() -> None:
    """A misspelt option is refused with the name that was meant."""
    with pytest.raises(obs.SettingError, match=r"log_levle.*log_level"):
        obs.init(log_levle="debug")  # type: ignore[call-arg]


def test_a_wrong_setting_leaves_what_runs_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """A second call with a fault changes nothing."""
    obs.init(service="first", metrics_port=0, log_format="json")
    with pytest.raises(obs.SettingError):
        obs.init(service="second", metrics_port="many")  # type: ignore[arg-type]
    obs.get_logger().info("still here")
    (line,) = [line for line in lines(capfd) if line["message"] == "still here"]
    assert line["service"]["name"] == "first"


def test_an_unknown_variable_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is told, with the nearest name, and nothing fails."""
    monkeypatch.setenv("OBS_LOG_LEVLE", "debug")
    report = obs.init(service="shop", metrics_port=0)
    assert any("OBS_LOG_LEVLE" in warning and "OBS_LOG_LEVEL" in warning for warning in report.warnings)


def test_an_unknown_integration_in_disable_is_a_warning() -> None:
    """What was to be off would stay on unseen; the warning gives the nearest name."""
    report = obs.init(service="shop", metrics_port=0, disable=["flsk", "httpx"])
    assert report.warnings == ["disable: there is no integration 'flsk'; did you mean flask?"]


def test_the_report_s_url_of_an_address_of_ip_version_6_can_be_opened(unused_port: int) -> None:
    """Such an address stands in brackets."""
    report = obs.init(service="shop", metrics_port=unused_port, metrics_host="::1")
    assert report.metrics_url == f"http://[::1]:{unused_port}/metrics"
    assert "target_info" in read(report.metrics_url)


def test_a_second_call_configures_anew(capfd: pytest.CaptureFixture[str]) -> None:
    """The settings of the last call hold, and a line is written once."""
    obs.init(service="first", metrics_port=0, log_format="json")
    log = obs.get_logger()
    log.info("one")
    obs.init(service="second", metrics_port=0, log_format="json", log_level="warning")
    log.info("unseen")
    log.warning("two")
    found = [(line["service"]["name"], line["message"]) for line in lines(capfd)]
    assert found == [("first", "one"), ("second", "two")]


@pytest.mark.parametrize("variable", [("OTEL_SDK_DISABLED", "true"), ("OBS_ENABLED", "false")])
def test_everything_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, variable: tuple[str, str]) -> None:
    """Turned off, nothing is patched, served or exported, and the public functions still work."""
    monkeypatch.setenv(*variable)
    handlers = list(logging.getLogger().handlers)
    report = obs.init(service="shop")
    assert (report.enabled, report.metrics_url) == ({}, "")
    assert logging.getLogger().handlers == handlers
    obs.counter("off", "Nothing.").add(1)
    with obs.span("off"), obs.bind(a=1):
        pass


def test_a_dead_backend_costs_the_application_nothing(unused_port: int) -> None:
    """init() returns, work goes on, and the failures are counted."""
    obs.init(service="shop", endpoint=f"http://127.0.0.1:{unused_port}", metrics_port=0, exit_deadline=0.2)
    with obs.span("work"):
        obs.get_logger().info("working")


def test_importing_obs_loads_nothing_of_the_kit() -> None:
    """A service that imports obs does not pay for the generators or the web parts."""
    code = "import sys, obs; obs.init(metrics_port=0); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    kit = {"grafanalib", "elasticsearch", "yaml", "luqum", "promql_parser", "uvicorn", "starlette", "fastapi", "flask"}
    assert loaded & kit == set()


def test_the_public_names_are_those_that_are_documented() -> None:
    """Every public name exists and says in its docstring what it does."""
    for name in obs.__all__:
        assert inspect.getdoc(getattr(obs, name)), name


def _child(number: int) -> None:
    with obs.span(f"child {number}"):
        obs.get_logger().info("in a child", number=number)


def test_children_of_fork_deliver_their_own(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Each forked child's span and line arrive once, and the parent's are not sent again."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    with obs.span("parent"):
        pass
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_child, args=(number,)) for number in range(5)]
    for child in children:
        child.start()
    for child in children:
        child.join(30)
    obs.shutdown()
    assert sorted(span.name for span in sink.spans) == [*(f"child {number}" for number in range(5)), "parent"]
    assert sorted(line["number"] for line in lines(capfd) if "number" in line) == list(range(5))


def test_no_service_name_is_needed(tmp_path: Path) -> None:
    """A script is named after its file."""
    script = tmp_path / "night_job.py"
    script.write_text("import obs; print(obs.init(metrics_port=0).settings.service)")
    environment = {**os.environ, "OBS_LOCAL_DIR": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "night_job"


def test_bound_fields_reach_lines_and_spans_without_their_secrets(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """What is bound stands on the current span, on later spans and on lines; a secret on none of them."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    url = "https://bob:hunter2@example.com/"
    with obs.span("outer"), obs.bind(order_id=7, api_key="k-5f1c9a7e"), obs.span("inner", url=url):
        obs.get_logger().info("working")
    with pytest.raises(ValueError, match="hunter2"), obs.span("failing"):
        raise ValueError("password=hunter2 was refused")
    obs.shutdown()
    spans = {span.name: {item.key: item.value for item in span.attributes} for span in sink.spans}
    assert spans["outer"]["order_id"].int_value == spans["inner"]["order_id"].int_value == 7
    (line,) = [line for line in lines(capfd) if line["message"] == "working"]
    assert line["order_id"] == 7
    everything = f"{sink.spans} {line}"
    assert "hunter2" not in everything
    assert "k-5f1c9a7e" not in everything
