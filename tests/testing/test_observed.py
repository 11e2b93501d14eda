"""The fixture `observed` captures what a service logs, traces and counts, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import fastapi
import flask
import prometheus_client
import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import obs
from obs.logs import bound_fields
from obs.runtime import start as runtime
from obs.testing import Observed, observe

_names = itertools.count()


def fresh(name: str) -> str:
    """A metric's name that no other test has."""
    return f"tested_{name}_{next(_names)}"


def test_a_log_is_what_the_call_said(observed: Observed) -> None:
    """Message, level, logger, fields of the call and bound ones, and the ids of the span around it."""
    with obs.span("work"), obs.bind(tenant="blue"):
        obs.get_logger("shop").warning("order placed", amount=12.5, order={"id": 7})
    log = observed.logs.one(message="order placed", level="warning", amount=12.5)
    assert (log.logger, log.fields) == ("shop", {"amount": 12.5, "order": {"id": 7}, "tenant": "blue"})
    span = observed.spans.one("work")
    assert (log.trace_id, log.span_id) == (span.trace_id, span.span_id)


def test_a_field_keeps_its_name(observed: Observed) -> None:
    """One that clashes with a group of ECS stands under its own name, and one of ECS under its dotted one."""
    obs.get_logger().info("called", http="GET", user=7, **{"url.path": "/items"})
    assert observed.logs.one("called", user=7).fields == {"http": "GET", "user": "7", "url.path": "/items"}


def test_the_standard_library_and_redaction_are_seen(observed: Observed) -> None:
    """A line of `logging` is a record too, and a secret is masked as everywhere."""
    logging.getLogger("old").error("failed", extra={"password": "hunter2"})
    log = observed.logs.one(level="error")
    assert (log.logger, log.message) == ("old", "failed")
    assert "hunter2" not in str(log.fields)


def test_an_exception_is_a_field(observed: Observed) -> None:
    """Its type and text stand where ECS has them."""
    try:
        raise ValueError("no tea")
    except ValueError:
        obs.get_logger().exception("failed")
    fields = observed.logs.one("failed").fields
    assert (fields["error.type"], fields["error.message"]) == ("ValueError", "no tea")


def test_what_is_not_found_is_told_with_what_there_is(observed: Observed) -> None:
    """The message of a failure names what was looked for, the nearest record with what differs, and every record."""
    obs.get_logger("shop").info("order placed", amount=12.5)
    obs.get_logger("shop").info("order packed", amount=12.5)
    with pytest.raises(AssertionError) as raised:
        observed.logs.one(message="order packd", level="info", amount=12.5, item="tea")
    assert str(raised.value).splitlines() == [
        "no log has message='order packd', level='info', amount=12.5, item='tea'",
        "the nearest has message='order packed', no item: info     'order packed' (shop) amount=12.5",
        "there are 2 logs",
        "  info     'order placed' (shop) amount=12.5",
        "  info     'order packed' (shop) amount=12.5",
    ]


def test_two_are_not_one(observed: Observed) -> None:
    """Several that match are a failure too, and nothing at all is told as that."""
    with pytest.raises(AssertionError, match=r"^no span has name='x'\nthere are none$"):
        observed.spans.one("x")
    for _ in range(2):
        with obs.span("twice"):
            pass
    with pytest.raises(AssertionError, match=r"^2 spans have name='twice'\nthere are 2 spans\n"):
        observed.spans.one("twice")
    assert len(observed.spans.where("twice")) == 2


def test_a_span_has_all_it_was_given(observed: Observed) -> None:
    """Kind, attributes, status, events, parent and a duration that the test makes."""
    with obs.span("outer", item="tea"):
        observed.advance(1)
        with suppress(ValueError), obs.span("inner", password="hunter2"):
            observed.advance(0.25)
            raise ValueError("no tea")
    outer, inner = observed.spans.one("outer"), observed.spans.one(status="error")
    assert (inner.name, inner.parent, inner.duration) == ("inner", outer, 0.25)
    assert (outer.kind, outer.status, outer.parent, outer.duration) == ("internal", "unset", None, 1.25)
    assert outer.attributes["item"] == "tea"
    assert (inner.status_text, [event.name for event in inner.events]) == ("ValueError: no tea", ["exception"])
    assert inner.events[0].attributes["exception.message"] == "no tea"
    assert "hunter2" not in str(inner.attributes)


def test_a_tree_of_spans_is_a_text(observed: Observed) -> None:
    """Each span stands below its parent, in the order of the work, with what failed."""
    app = flask.Flask(__name__)

    @obs.traced("hold a place")
    def hold() -> Iterator[int]:
        yield 1

    @app.get("/pay")
    def pay() -> str:
        place = hold()
        next(place)
        with obs.span("reserve"), obs.span("look up"):
            pass
        with suppress(TimeoutError), obs.span("charge card"):
            raise TimeoutError("no answer")
        assert list(place) == []
        return ""

    app.test_client().get("/pay")
    with obs.span("clean up"):
        pass
    assert observed.spans.tree().splitlines() == [
        "GET /pay (server)",
        "  hold a place",
        "  reserve",
        "    look up",
        "  charge card failed: TimeoutError: no answer",
        "clean up",
    ]
    assert observed.spans.where(status="error").tree() == "charge card failed: TimeoutError: no answer"


def test_an_error_that_obs_kept_to_itself_fails_the_test() -> None:
    """In production it is only counted; a test that provokes one takes it out."""
    orders = obs.counter(fresh("kept"), "Orders.", labels=("status",))
    told = r"kept 1 error from the application:\n  ValueError: .*unknown \['state'\].* \(at .*test_observed\.py:\d+\)$"
    with pytest.raises(AssertionError, match=told), observe():
        orders.add(state="ok")
    with observe() as observed:
        orders.add(state="ok")
        assert len(observed.swallowed) == 1
        observed.swallowed.clear()


def test_the_failure_of_a_test_is_not_hidden_by_an_error_of_obs() -> None:
    """What the test itself raises is what is seen."""
    orders = obs.counter(fresh("hidden"), "Orders.")

    def fail() -> None:
        with observe():
            orders.add(-1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_settings_of_a_test_are_stronger_than_the_applications() -> None:
    """Those that it does not name are the application's, also where its `obs.init()` started nothing."""
    obs.init(enabled=False, log_level="error", redact_keys=["tea"])
    try:
        with observe(log_level="debug", sample=0) as observed:
            obs.get_logger().debug("before", tea="green")
            obs.init(log_level="error", sample=1)
            with obs.span("work"):
                obs.get_logger().debug("after", tea="green")
        assert [(log.message, log.fields["tea"]) for log in observed.logs] == [
            ("before", "[redacted]"),
            ("after", "green"),
        ]
        assert len(observed.spans) == 0
        with observe() as observed:
            obs.get_logger().warning("below the application's level")
        assert len(observed.logs) == 0
    finally:
        obs.shutdown()


@pytest.mark.parametrize("run", [1, 2])
def test_ids_and_times_are_the_same_in_each_run(observed: Observed, run: int) -> None:
    """Ids count from one, and time stands still."""
    with obs.span("outer"), obs.span("inner"):
        obs.get_logger().info("within")
    with obs.span("another trace"):
        pass
    ids = [(int(span.trace_id, 16), int(span.span_id, 16)) for span in observed.spans]
    assert ids == [(1, 2), (1, 1), (2, 3)]
    assert observed.logs.one("within").nanoseconds == 1_893_456_000_000_000_000


def test_metrics_are_differences(observed: Observed) -> None:
    """A counter and a histogram count from the fixture's start, labels that are not named are added up over."""
    orders = obs.counter(fresh("orders"), "Orders.", labels=("status", "method"))
    sizes = obs.histogram(fresh("sizes"), "Sizes.", labels=("currency",), buckets=(1, 10))
    waiting = obs.gauge(fresh("waiting"), "Waiting.")
    orders.add(5, status="ok", method="card")
    observed.clear()
    orders.add(2, status="ok", method="card")
    orders.add(1, status="ok", method="cash")
    sizes.record(4, currency="EUR")
    sizes.record(5, currency="EUR")
    waiting.set(3)
    name = orders.signal.family
    assert observed.metrics.value(f"{name}_total", status="ok") == 3
    assert observed.metrics.value(name, status="ok", method="card") == 2
    assert observed.metrics.value(orders, status="failed") == 0
    assert observed.metrics.count(sizes, currency="EUR") == 2
    assert observed.metrics.sum(sizes) == 9
    assert observed.metrics.value(waiting) == 3
    assert f"{name}_total(method='cash', status='ok') +1" in repr(observed.metrics)


def test_a_decorated_function_takes_as_long_as_the_test_says(observed: Observed) -> None:
    """Its time is that of the test's clock, to the last digit."""
    name = fresh("packing")

    @obs.timed(name)
    def pack() -> None:
        observed.advance(0.25)

    pack()
    pack()
    assert observed.metrics.count(f"{name}_seconds", outcome="ok") == 2
    assert observed.metrics.sum(f"{name}_seconds") == 0.5


def test_metrics_of_prometheus_client_count(observed: Observed) -> None:
    """What the application counts with the official client is read the same way."""
    paid = prometheus_client.Counter(fresh("paid"), "Paid.")
    paid.inc(2)
    assert observed.metrics.value(f"{paid._name}_total") == 2


def test_a_wrong_question_about_metrics_is_told(observed: Observed) -> None:
    """A misspelt name, a misspelt label and the wrong kind are no silent zero."""
    orders = obs.counter(fresh("teas"), "Teas.", labels=("status",))
    orders.add(status="ok")
    name = f"{orders.signal.family}_total"
    with pytest.raises(AssertionError, match=f"there is no metric {name[:-1]}; did you mean {name}"):
        observed.metrics.value(name[:-1])
    with pytest.raises(AssertionError, match=f"{name} has no label 'state'; it has status"):
        observed.metrics.value(name, state="ok")
    with pytest.raises(AssertionError, match="is a counter; ask for its value"):
        observed.metrics.count(name)


def test_a_request_of_fastapi_is_seen_whole(observed: Observed) -> None:
    """Access line, server span and metric of a request through the test client."""
    app = fastapi.FastAPI()

    @app.get("/items/{item}")
    def item(item: int) -> dict[str, int]:
        with obs.span("load"):
            obs.get_logger().info("loaded", item=item)
        observed.advance(0.5)
        return {"item": item}

    assert TestClient(app).get("/items/7").status_code == 200
    span = observed.spans.one(kind="server")
    assert (span.name, span.duration, span.attributes["url.path"]) == ("GET /items/{item}", 0.5, "/items/7")
    assert observed.spans.one("load").parent == span
    assert observed.logs.one("loaded", item=7).trace_id == span.trace_id
    access = observed.logs.one(**{"http.route": "/items/{item}"})
    assert (access.fields["http.response.status_code"], access.fields["event.duration"]) == (200, 500_000_000)
    assert observed.metrics.count("http_server_request_duration_seconds", http_route="/items/{item}") == 1


def test_a_request_of_flask_is_seen_whole(observed: Observed) -> None:
    """The same through Flask's test client, for an application that calls `obs.init()` itself."""
    app = flask.Flask(__name__)
    obs.init(service="shop", log_level="error", sample=0, endpoint="http://127.0.0.1:9", metrics_port=9464)

    @app.get("/pay")
    def pay() -> tuple[str, int]:
        obs.get_logger().info("not of this level")
        obs.get_logger().error("refused")
        return "", 500

    app.test_client().get("/pay")
    assert observed.spans.one(kind="server", status="error").name == "GET /pay"
    assert [log.message for log in observed.logs.where(logger="")] == ["refused", "GET /pay 500"]
    assert observed.metrics.count("http_server_request_duration_seconds", http_route="/pay") == 1


def test_threads_and_tasks_are_seen(observed: Observed) -> None:
    """Each line and span of a pool's threads and of tasks, with its parent."""

    def work(number: int) -> None:
        with obs.span("part", number=number):
            obs.get_logger().info("done", number=number)

    async def task() -> None:
        await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(8, 16)))

    with obs.span("whole"), ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
        asyncio.run(task())
    assert sorted(log.fields["number"] for log in observed.logs.where("done")) == list(range(16))
    assert {span.parent for span in observed.spans.where("part")} == {observed.spans.one("whole")}
    assert len({span.span_id for span in observed.spans}) == 17


def test_spans_of_the_applications_own_provider_are_seen(observed: Observed) -> None:
    """An application that sets OpenTelemetry's SDK up itself is joined."""
    trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
    with obs.span("own"):
        pass
    assert observed.spans.one("own").status == "unset"
    trace._TRACER_PROVIDER = None


def test_nothing_is_printed_opened_or_written(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the environment asks for: no port, no connection, no file, no line."""
    folder = tmp_path_factory.mktemp("state") / "none"
    monkeypatch.setenv("OBS_LOCAL_DIR", str(folder))
    monkeypatch.setenv("OBS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OBS_LOGS_TO", "both")
    monkeypatch.setenv("OBS_ENABLED", "false")

    def refused(*_: object) -> None:
        raise AssertionError("a socket was used")

    monkeypatch.setattr(socket.socket, "bind", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    threads = threading.active_count()
    with observe() as observed:
        with obs.span("work"):
            obs.get_logger().info("line")
        assert threading.active_count() == threads
    assert observed.logs.one("line").trace_id == observed.spans.one("work").trace_id
    assert capfd.readouterr() == ("", "")
    assert not folder.exists()


def test_everything_is_given_back() -> None:
    """Hooks, handlers, ids, time, bound fields and the global provider are as they were, also after a failing test."""
    from obs.logs import pipeline, stamps
    from obs.traces import ids

    span = sys.modules["obs.traces.span"]

    def state() -> list[object]:
        root = logging.getLogger()
        hooks = [sys.excepthook, threading.excepthook, list(sys.meta_path), list(root.handlers), root.level]
        replaced = {name: vars(runtime)[name] for name in ("_running", "resolve", "find_target", "Exporter")}
        clocks = [ids._bits, stamps._random_bits, span._now, span._elapsed, vars(pipeline)["time"]]
        return [*hooks, *clocks, trace._TRACER_PROVIDER, replaced, bound_fields()]

    with obs.bind(kept=1):
        before = state()
        with suppress(RuntimeError), observe():
            obs.bind(left=2)
            assert state() != before
            raise RuntimeError("the test failed")
        assert state() == before
        assert obs.current_trace_id() == ""
        with observe() as observed:
            obs.get_logger().info("alone")
        assert observed.logs.one("alone").fields == {}


@pytest.mark.usefixtures("initialised")
def test_what_ran_before_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    """An application that was started on import keeps its settings within, and its outputs afterwards."""
    obs.init(service="shop", metrics_port=0, log_level="warning")
    with observe() as observed:
        obs.get_logger().info("not of this level")
        obs.get_logger().warning("captured")
    assert [log.message for log in observed.logs] == ["captured"]
    assert "captured" not in capsys.readouterr().out
    obs.get_logger().warning("printed")
    assert '"service":{"name":"shop"' in capsys.readouterr().out


def test_a_wrong_setting_changes_nothing() -> None:
    """It is told as by `obs.init()`."""
    with pytest.raises(obs.SettingError, match="log_level"), observe(log_level="loud"):
        pass
    assert runtime._running is None
