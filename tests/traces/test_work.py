"""Spans, timings and counts of the application's own functions, of every kind that Python has."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
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


def test_a_metric_without_a_name_has_the_functions() -> None:
    """With brackets and without, it is the class's and the function's own name."""

    class TeaCart:
        @timed
        def pack_all(self) -> None: ...

        @counted()
        def _pack_one(self) -> None: ...

    TeaCart().pack_all()
    TeaCart()._pack_one()
    assert timings("tea_cart_pack_all")["ok"][0] == 1
    assert counts("tea_cart_pack_one") == {"ok": 1, "error": 0}


@pytest.mark.parametrize("decorator", [timed, counted, traced])
def test_what_is_no_name_and_no_function_is_refused(decorator: Any) -> None:
    """A decorator that was given neither says how it is written, and a class stays one."""
    with pytest.raises(TypeError, match=rf'not 7: write @obs\.{decorator.__name__}\("'):
        decorator(7)
    with pytest.raises(TypeError, match="Tea is a class; decorate its methods"):
        decorator(type("Tea", (), {}))


def every(function: Any) -> Any:
    """All three decorators on one function, two of them without brackets."""
    return traced(timed(counted("every_kind")(function)))


class Kinds:
    """A function of each kind, decorated above and below what makes it a method of its class."""

    @every
    def method(self, value: int) -> tuple[object, int]:
        return self, value

    @every
    @classmethod
    def of_class(cls, value: int) -> tuple[object, int]:
        return cls, value

    @classmethod
    @every
    def of_class_below(cls, value: int) -> tuple[object, int]:
        return cls, value

    @every
    @staticmethod
    def static(value: int) -> tuple[object, int]:
        return None, value

    @staticmethod
    @every
    async def static_below(value: int) -> tuple[object, int]:
        return None, value

    @every
    @classmethod
    async def of_class_later(cls, value: int) -> tuple[object, int]:
        return cls, value


@pytest.mark.parametrize("on_class", [False, True])
@pytest.mark.parametrize("name", ["method", "of_class", "of_class_below", "static", "static_below", "of_class_later"])
def test_methods_of_every_kind_are_watched(name: str, on_class: bool, ended: InMemorySpanExporter) -> None:
    """Each gets its object or its class, is one span with the method's name, and is counted and timed once."""
    before = counts("every_kind")["ok"]
    kinds = Kinds()
    bound = getattr(Kinds if on_class and name != "method" else kinds, name)
    got = bound(7)
    got = asyncio.run(got) if inspect.iscoroutine(got) else got
    owner = kinds if name == "method" else Kinds if name.startswith("of_class") else None
    assert got == (owner, 7)
    assert only(ended).name == f"Kinds.{name}"
    assert counts("every_kind")["ok"] - before == 1
    assert timings(f"kinds_{name}")["ok"][0] >= 1


class Caller:
    """An object whose call is a coroutine."""

    async def __call__(self) -> str:
        await asyncio.sleep(0)
        return traces.current_trace_id()


async def call_later() -> str:
    """A coroutine function."""
    await asyncio.sleep(0)
    return traces.current_trace_id()


@pytest.mark.parametrize(
    "function",
    [Caller(), functools.partial(call_later), lambda: call_later()],
    ids=["object", "partial", "hidden by a plain function"],
)
def test_a_coroutine_in_disguise_is_watched_until_it_was_awaited(function: Any, ended: InMemorySpanExporter) -> None:
    """Its span is current while it runs, and ends with it."""
    decorated = traced("later")(function)
    assert inspect.iscoroutinefunction(decorated) == (not inspect.isfunction(function))
    waiting = decorated()
    assert ended.get_finished_spans() == ()
    trace_id = asyncio.run(waiting)
    span = only(ended)
    assert span.context is not None
    assert (span.name, trace.format_trace_id(span.context.trace_id)) == ("later", trace_id)


def test_a_coroutine_in_disguise_fails_with_its_exception(ended: InMemorySpanExporter) -> None:
    """What it raises when it is awaited fails its span, and is counted as an error."""

    async def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(counted("disguised")(traced("later")(lambda: fail()))())
    assert only(ended).status.description == "OSError: gone"
    assert counts("disguised") == {"ok": 0, "error": 1}


def test_an_async_generator_is_current_only_in_its_own_code(ended: InMemorySpanExporter) -> None:
    """Between two values the caller's span is current; values sent and exceptions thrown in go through."""
    inside: list[tuple[int, int]] = []

    @every
    async def stream() -> AsyncGenerator[object, object]:
        inside.append(traces.current_ids())
        try:
            got = yield 1
        except KeyError as error:
            got = error.args[0]
        inside.append(traces.current_ids())
        yield got

    async def read(throw: bool) -> None:
        with traces.span("outer"):
            outside = traces.current_ids()
            async with contextlib.aclosing(stream()) as values:
                assert await anext(values) == 1
                assert traces.current_ids() == outside
                assert await (values.athrow(KeyError("x")) if throw else values.asend("x")) == "x"
                assert traces.current_ids() == outside

    for throw in (False, True):
        asyncio.run(read(throw))
    streams = [span for span in ended.get_finished_spans() if span.name.endswith("stream")]
    assert [span.status.status_code for span in streams] == [StatusCode.UNSET] * 2
    ids = [(span.context.trace_id, span.context.span_id) for span in streams if span.context for _ in range(2)]
    assert inside == ids


def test_after_a_coroutine_the_callers_span_is_current_again(ended: InMemorySpanExporter) -> None:
    """Whether it returns or raises."""

    @traced
    async def work(fail: bool) -> None:
        if fail:
            raise ValueError("refused")

    async def both() -> None:
        with traces.span("outer"):
            outside = traces.current_ids()
            await work(fail=False)
            assert traces.current_ids() == outside
            with pytest.raises(ValueError, match="refused"):
                await work(fail=True)
            assert traces.current_ids() == outside

    asyncio.run(both())
    assert len(ended.get_finished_spans()) == 3


def test_an_async_generator_that_is_left_early_has_not_failed(ended: InMemorySpanExporter) -> None:
    """Closing runs the generator's own clean-up inside its span and ends the span."""
    cleaned: list[str] = []

    @every
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append(traces.current_trace_id())

    async def read() -> None:
        async with contextlib.aclosing(stream()) as values:
            await anext(values)

    before = counts("every_kind")
    asyncio.run(read())
    span = only(ended)
    assert span.context is not None
    assert (span.status.status_code, cleaned) == (
        StatusCode.UNSET,
        [trace.format_trace_id(span.context.trace_id)],
    )
    assert counts("every_kind") == {"ok": before["ok"] + 1, "error": before["error"]}
