"""What the catalogue declares is emitted, and what is emitted is declared.

A metric lives as long as its process, so those that other tests made in it show too; their names start with `tested_`.
"""

from __future__ import annotations

import gc
import http.server
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

import obs
from obs import metrics, signals
from obs.runtime import guard
from obs.traces.keeping import MOST_SPANS

pytestmark = pytest.mark.usefixtures("initialised")

OWN = [metric for metric in signals.catalogue() if metric.source == "obs"]


@pytest.fixture
def refusing() -> Iterator[str]:
    """A backend that refuses every batch."""

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(400)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def busy_service() -> None:
    """Make every kind of signal once: a request, lines, spans, a collection, an error inside obs, a capped metric."""
    app = Flask("shop")

    @app.get("/items/<int:item_id>")
    def item(item_id: int) -> str:
        obs.get_logger().warning("looked at", item=item_id)
        return str(item_id)

    assert Client(app).get("/items/1", buffered=True).status_code == 200
    gc.collect()
    crowded = obs.counter("crowded", "Too many label values.", labels=("id",))
    for number in range(2100):
        crowded.add(1, id=number)
    guard.swallow("contract", RuntimeError("provoked"))


def scraped() -> dict[str, set[frozenset[str]]]:
    """The label names of each series that a scrape shows, by the series' name."""
    found: dict[str, set[frozenset[str]]] = {}
    for family in text_string_to_metric_families(Client(obs.metrics_app()).get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).add(frozenset(sample.labels) - {"le"})
    return found


@pytest.fixture
def seen(sink: Any, refusing: str, tmp_path: Path, swallowed: list[BaseException]) -> dict[str, set[frozenset[str]]]:
    """What a busy service shows; with one backend that accepts and one that refuses."""
    obs.init(service="shop", endpoint=refusing, metrics_port=0, logs_to="both")
    busy_service()
    obs.shutdown()
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, logs_to="both", local_dir=tmp_path / "state")
    busy_service()
    folder = next((tmp_path / "state" / "targets").glob("shop-*/"))
    broken = folder / "worker-7.metrics"
    broken.write_bytes(b"garbage")
    scraped()
    deadline = time.monotonic() + 30
    # The first batch is delivered within about a second.
    while "obs_export_last_success_timestamp_seconds" not in scraped() and time.monotonic() < deadline:
        time.sleep(0.05)
    found = scraped()
    swallowed.clear()
    return found


def test_every_declared_signal_is_emitted(seen: dict[str, set[frozenset[str]]]) -> None:
    """Each of obs's own metrics has a series, with the labels that are declared."""
    missing = [
        sample
        for metric in OWN
        for sample in metric.samples
        if not any(labels == set(metric.label_names) for labels in seen.get(sample, ()))
    ]
    assert missing == []


def test_everything_that_is_emitted_is_declared(seen: dict[str, set[frozenset[str]]]) -> None:
    """A scrape shows nothing of obs, the process or the interpreter that the catalogue lacks."""
    application = {sample for metric in metrics.declared() for sample in metric.samples}
    undeclared = [
        name
        for name in seen
        if signals.metric_of_sample(name) is None and name not in application and not name.startswith("tested_")
    ]
    assert undeclared == []


class Changing(list[int]):
    """A list that another thread changes whenever it is read."""

    def __iter__(self) -> Iterator[int]:
        raise RuntimeError("changed size during iteration")


def odd_records() -> None:
    """Write a record with too many fields, one with a value that changes, and one whose processor fails."""
    obs.get_logger().info("crowded", **{f"of_the_test_{number}": number for number in range(300)})
    obs.get_logger().info("changing", of_the_test=Changing([1]))

    def broken(*_: object) -> Any:
        raise ValueError

    chain = [broken, *structlog.get_config()["processors"]]
    structlog.wrap_logger(None, processors=chain, wrapper_class=type(obs.get_logger().bind())).info("broken")


def test_every_log_field_is_declared(capfd: pytest.CaptureFixture[str], swallowed: list[BaseException]) -> None:
    """A line holds no field that the catalogue lacks, beside those of the application."""
    obs.init(service="shop", version="1", environment="test", metrics_port=0, log_format="json")
    busy_service()
    with obs.span("work"):
        try:
            raise RuntimeError("provoked")
        except RuntimeError:
            obs.get_logger("shop").exception("failed")
    odd_records()
    swallowed.clear()
    declared = {field.name for field in signals.log_fields()}
    found: set[str] = set()
    for line in capfd.readouterr().out.splitlines():
        if line.startswith("{"):
            found |= set(_flat(json.loads(line)))
    assert {name for name in found - declared if not name.startswith("of_the_test")} == {"item"}
    assert declared - found - {"labels"} == set()


def _flat(record: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in record.items():
        if isinstance(value, dict) and prefix + key != "labels":
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def test_every_span_attribute_is_declared(sink: Any) -> None:
    """A SERVER span holds no attribute that the catalogue lacks."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, sample=0.0)
    app = Flask("shop")

    @app.get("/broken")
    def broken() -> str:
        # More than are held of a request that is not sampled.
        for number in range(MOST_SPANS + 1):
            with obs.span(str(number)):
                pass
        raise RuntimeError("provoked")

    for path in ("/nowhere", "/broken"):
        Client(app).get(path, buffered=True, headers={"X-Request-ID": "r-1"})
    obs.shutdown()
    declared = {attribute.name for attribute in signals.span_attributes()}
    used = {item.key for span in sink.server_spans() for item in span.attributes}
    assert used <= declared
    assert declared <= used


def test_names_are_unique_and_documented() -> None:
    """No two metrics share a name, and each says what it is and what it means."""
    families = [metric.family for metric in signals.catalogue()]
    assert len(families) == len(set(families))
    assert [metric.name for metric in signals.catalogue() if not metric.help.endswith(".") or not metric.means] == []
