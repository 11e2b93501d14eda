"""Spans, timings and counts of the application's own functions, of every kind that Python has."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from obs import traces
from obs.metrics import Histogram, counter, histogram
from obs.traces import counted, timed, traced, work


@pytest.fixture
def ended(start_traces: Callable[..., Any]) -> InMemorySpanExporter:
    """The spans that have ended."""
    start_traces()
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    """The one span that has ended."""
    (span,) = exporter.get_finished_spans()
    return span


def counts(name: str) -> dict[str, float]:
    """What `@counted` counted, by outcome."""
    metric = counter(name, f"Calls of {name}.", labels=("outcome",))
    return {outcome: metric.child(outcome).cells[0] for outcome in ("ok", "error")}


def timings(name: str) -> dict[str, tuple[float, float]]:
    """How many calls `@timed` measured and how long they took together, by outcome."""
    metric: Histogram = histogram(name, f"How long {name} takes.", labels=("outcome",), unit="s")
    cells = {outcome: list(metric.child(outcome).cells) for outcome in ("ok", "error")}
    return {outcome: (sum(values[:-1]), values[-1]) for outcome, values in cells.items()}


def test_a_span_fails_with_the_exception_that_leaves_it(ended: InMemorySpanExporter) -> None:
    """The exception goes on to the caller and is noted once."""
    with pytest.raises(ValueError, match="no"), traces.span("work", item="tea"):
        raise ValueError("no")
    span = only(ended)
    assert (span.name, dict(span.attributes or {})) == ("work", {"item": "tea"})
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: no")
    assert [event.name for event in span.events] == ["exception"]
    assert traces.current_ids() == (0, 0)


def test_leaving_by_other_means_is_no_failure(ended: InMemorySpanExporter) -> None:
    """Being told to stop, by cancellation or exit, fails no span."""
    with pytest.raises(asyncio.CancelledError), traces.span("work"):
        raise asyncio.CancelledError
    assert only(ended).status.status_code is StatusCode.UNSET


def test_async_with_works(ended: InMemorySpanExporter) -> None:
    """A span is current in its own task only."""

    async def one(name: str) -> str:
        async with traces.span(name):
            await asyncio.sleep(0)
            return traces.current_trace_id()

    async def both() -> tuple[str, str]:
        return await asyncio.gather(one("a"), one("b"))

    ids = asyncio.run(both())
    assert len(set(ids)) == 2
    assert {trace.format_trace_id(span.context.trace_id) for span in ended.get_finished_spans() if span.context} == set(
        ids
    )


def test_bound_fields_land_on_spans(ended: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is bound when a span begins is on it, and so is what is bound while it is current."""
    monkeypatch.setattr(work, "bound_fields", lambda: {"order": 7})
    with traces.span("work", order=8):
        traces.annotate({"user": "alice"})
    assert dict(only(ended).attributes or {}) == {"order": 8, "user": "alice"}


def test_traced_keeps_name_signature_and_kind() -> None:
    """A decorated function looks like itself to frameworks that inspect it."""

    @traced
    def plain(a: int, b: str = "x") -> int:
        """Say something."""
        return a

    @traced("named", x=1)
    async def coroutine() -> None: ...

    @traced()
    def generator() -> Iterator[int]:
        yield 1

    @traced()
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    assert (plain.__name__, plain.__doc__) == ("plain", "Say something.")
    assert str(inspect.signature(plain)) == "(a: 'int', b: 'str' = 'x') -> 'int'"
    assert inspect.iscoroutinefunction(coroutine)
    assert inspect.isgeneratorfunction(generator)
    assert inspect.isasyncgenfunction(async_generator)


def test_traced_names_its_spans(ended: InMemorySpanExporter) -> None:
    """Without a name it is the function's own; attributes are on each span."""

    @traced
    def plain(value: int) -> int:
        return value

    @traced("charge card", provider="acme")
    async def charge(value: int) -> int:
        return value

    assert (plain(3), asyncio.run(charge(4))) == (3, 4)
    assert [(span.name.rpartition(".")[2], dict(span.attributes or {})) for span in ended.get_finished_spans()] == [
        ("plain", {}),
        ("charge card", {"provider": "acme"}),
    ]


def test_a_traced_generator_is_current_only_in_its_own_code(ended: InMemorySpanExporter) -> None:
    """Between two values the caller's span is current, and send, throw and return go through."""
    inside: list[tuple[int, int]] = []

    @traced("numbers")
    def numbers() -> Any:
        inside.append(traces.current_ids())
        try:
            got = yield 1
        except KeyError:
            got = "thrown"
        inside.append(traces.current_ids())
        yield got
        return "end"

    with traces.span("outer"):
        outside = traces.current_ids()
        generator = numbers()
        assert next(generator) == 1
        assert traces.current_ids() == outside
        assert generator.throw(KeyError("x")) == "thrown"
        with pytest.raises(StopIteration) as stop:
            next(generator)
        assert stop.value.value == "end"
    first, second = ended.get_finished_spans()
    assert (first.name, second.name) == ("numbers", "outer")
    assert first.context is not None
    assert inside == [(first.context.trace_id, first.context.span_id)] * 2
    assert first.parent == second.context


def test_a_generator_that_is_left_early_has_not_failed(ended: InMemorySpanExporter) -> None:
    """Closing runs the generator's own clean-up inside its span and ends the span."""
    cleaned: list[str] = []

    @traced("numbers")
    def numbers() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(traces.current_trace_id())

    generator = numbers()
    next(generator)
    generator.close()  # type: ignore[attr-defined]
    span = only(ended)
    assert span.status.status_code is StatusCode.UNSET
    assert span.context is not None
    assert cleaned == [trace.format_trace_id(span.context.trace_id)]


def test_a_traced_async_generator_fails_with_its_exception(ended: InMemorySpanExporter) -> None:
    """An exception inside reaches whoever iterates, and the span."""

    @traced("stream")
    async def stream() -> AsyncIterator[int]:
        yield 1
        raise OSError("gone")

    async def read() -> list[int]:
        return [number async for number in stream()]

    with pytest.raises(OSError, match="gone"):
        asyncio.run(read())
    assert only(ended).status.description == "OSError: gone"


def test_timed_measures_the_awaited_time() -> None:
    """A coroutine's time is that until it was awaited, not that until it was made."""

    @timed("awaited")
    async def wait() -> None:
        await asyncio.sleep(0.05)

    asyncio.run(wait())
    count, seconds = timings("awaited")["ok"]
    assert count == 1
    assert seconds >= 0.05


def test_timed_measures_a_generator_to_its_end() -> None:
    """A generator's time runs from its first value until it is exhausted, in async ones too."""

    @timed("generated")
    def numbers() -> Iterator[int]:
        yield 1
        time.sleep(0.02)
        yield 2

    @timed("streamed")
    async def stream() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0.02)
        yield 2

    async def read() -> list[int]:
        return [number async for number in stream()]

    assert list(numbers()) == asyncio.run(read()) == [1, 2]
    for name in ("generated", "streamed"):
        count, seconds = timings(name)["ok"]
        assert count == 1
        assert seconds >= 0.02


def test_outcomes_are_told_apart() -> None:
    """A call that an exception ends counts as an error, in functions and coroutines, and the exception goes on."""

    @counted("attempts")
    @timed("attempt")
    def attempt(fail: bool) -> None:
        if fail:
            raise ValueError("refused")

    @counted("attempts")
    async def attempt_later(fail: bool) -> None:
        attempt(fail)

    assert counts("attempts") == {"ok": 0, "error": 0}
    attempt(fail=False)
    for call in (attempt, lambda fail: asyncio.run(attempt_later(fail))):
        with pytest.raises(ValueError, match=r"^refused$"):
            call(True)
    assert counts("attempts") == {"ok": 1, "error": 3}
    assert (timings("attempt")["ok"][0], timings("attempt")["error"][0]) == (1, 2)


def test_a_metric_of_another_kind_is_refused_where_it_is_declared() -> None:
    """A name that is taken is a fault at import, not at the first call."""
    counted("taken_name")
    with pytest.raises(ValueError, match="taken_name"):
        counted("taken_name", "Something else.")


@pytest.mark.parametrize("decorator", [timed, counted])
def test_a_metric_s_decorator_without_its_name_says_how_to_write_it(decorator: Any) -> None:
    """`@obs.timed` without brackets is refused where it stands, with the line that works."""
    with pytest.raises(TypeError, match=rf'write @obs\.{decorator.__name__}\("checkout"\)'):
        decorator(len)
