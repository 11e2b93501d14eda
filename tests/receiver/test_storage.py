"""What is kept: caps by size and by age, and what happens when more arrives than can be written."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from obs_stack.receiver.lucene import translate
from obs_stack.receiver.options import Options
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.logs import LogFilter, LogRow, count_logs
from obs_stack.receiver.storage.readers import Readers, TooSlowError
from obs_stack.receiver.storage.traces import SpanRow, TraceFilter, find_traces
from obs_stack.receiver.storage.writer import OverloadedError
from obs_stack.receiver.telemetry import Telemetry

DAY = 86400 * 10**9
MEBIBYTE = 1024**2


def log(number: int, moment: int, text: str = "a line of a usual length that says what happened") -> LogRow:
    """A row of a log record."""
    record = f'{{"message": "{text} {number}", "service.name": "shop", "event.id": "{moment}-{number}"}}'
    return LogRow(moment, f"{moment}-{number}", "shop", "info", f"{text} {number}", "", "", "", "", "", record)


def span(number: int, moment: int) -> SpanRow:
    """A row of a span; five make a trace."""
    attributes = '{"k": "' + "v" * 200 + '"}'
    trace, own, end = f"{number // 5:032x}", f"{number:016x}", moment + 1000
    return SpanRow(
        trace, own, "", "shop", f"GET /{number}", "server", moment, end, "unset", "", attributes, "[]", "[]", "{}"
    )


class Kept:
    """What is kept, and the loop that writes to it."""

    def __init__(self, options: Options) -> None:
        self.closed = False
        self.telemetry = Telemetry()
        self.keeping = Keeping(options, self.telemetry)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.keeping.close()

    def write(self, signal: str, rows: Sequence[tuple[object, ...]]) -> None:
        asyncio.run(self.keeping.writer.write(signal, rows))

    def logs(self, query: str = "") -> int:
        wanted = LogFilter(translate(query))
        return asyncio.run(self.keeping.logs.ask(lambda connection: count_logs(connection, wanted)))

    def traces(self) -> int:
        return asyncio.run(self.keeping.traces.ask(lambda connection: find_traces(connection, TraceFilter(), 1))).total

    def dropped(self, signal: str, reason: str) -> int:
        value = self.telemetry.registry.get_sample_value(
            "obs_receiver_dropped_total", {"signal": signal, "reason": reason}
        )
        return int(value or 0)


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Callable[..., Kept]]:
    """Opens what is kept with options of the test; closed after it."""
    opened: list[Kept] = []

    def begin(**options: Any) -> Kept:
        ages = {"logs": 1e10, "traces": 1e10}
        opened.append(Kept(Options(**{"data": tmp_path / "data", "max_age": ages, **options})))
        return opened[-1]

    yield begin
    for kept in opened:
        kept.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, and fail when it does not come true."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        threading.Event().wait(0.05)


def disk_bytes(directory: Path) -> int:
    """What a directory's files take."""
    return sum(path.stat().st_size for path in directory.iterdir())


def test_the_size_cap_holds_while_much_more_arrives(keep: Callable[..., Kept], tmp_path: Path) -> None:
    """Several times the cap goes through: the files stay below it, the newest stay, the oldest go and are counted."""
    cap = 8 * MEBIBYTE
    kept = keep(max_bytes=cap)
    sent, largest = 0, 0
    for batch in range(60):
        kept.write("logs", [log(number, DAY + batch * 1000 + number) for number in range(1000)])
        kept.write("traces", [span(batch * 500 + number, DAY + batch) for number in range(500)])
        sent += 1000
        largest = max(largest, disk_bytes(tmp_path / "data"))
    until(lambda: kept.logs() + kept.dropped("logs", "size") == sent)
    assert largest < 2 * cap
    kept.write("logs", [log(1, 2 * DAY, "the newest")])
    until(lambda: disk_bytes(tmp_path / "data") <= cap)
    assert kept.logs("newest") == 1
    assert kept.logs() > 1000
    assert kept.dropped("logs", "size") > 0
    assert kept.dropped("traces", "size") > 0


def test_what_is_too_old_goes_at_the_start(keep: Callable[..., Kept], tmp_path: Path) -> None:
    """Records above the age are removed and counted, younger ones are not."""
    now = time.time_ns()
    first = keep()
    first.write("logs", [log(1, now - 4 * DAY, "old"), log(2, now, "young")])
    first.write("traces", [span(0, now - 4 * DAY), span(5, now)])
    first.close()
    second = keep(data=tmp_path / "data", max_age={"logs": 3 * 86400.0, "traces": 3 * 86400.0})
    until(lambda: second.dropped("traces", "age") == 1)
    assert (second.logs("old"), second.logs("young"), second.traces()) == (0, 1, 1)
    assert second.dropped("logs", "age") == 1


def test_a_removed_record_is_gone_from_the_full_text_index(keep: Callable[..., Kept], tmp_path: Path) -> None:
    """The words of what was removed find nothing any more, and the words of what stays still do."""
    now = time.time_ns()
    kept = keep(max_age={"logs": 60.0, "traces": 60.0})
    kept.write("logs", [log(1, now - DAY, "marmalade"), log(2, now, "toast")])
    kept.close()
    again = keep(data=tmp_path / "data", max_age={"logs": 60.0, "traces": 60.0})
    until(lambda: again.logs() == 1)
    assert (again.logs("marmalade"), again.logs("marm*"), again.logs("*lade"), again.logs("toast")) == (0, 0, 0, 1)


def test_more_than_may_wait_is_refused_and_counted(keep: Callable[..., Kept]) -> None:
    """A sender is told to try again instead of filling the memory."""
    kept = keep(max_waiting=100)

    async def send() -> list[object]:
        batches = [[log(number, DAY + batch) for number in range(80)] for batch in range(5)]
        writes = [kept.keeping.writer.write("logs", batch) for batch in batches]
        return list(await asyncio.gather(*writes, return_exceptions=True))

    outcomes = asyncio.run(send())
    refused = sum(isinstance(outcome, OverloadedError) for outcome in outcomes)
    assert (outcomes[0], refused) == (None, 4)
    assert kept.logs() == 80
    assert kept.dropped("logs", "overload") == 320


def test_a_batch_larger_than_may_wait_is_taken_alone(keep: Callable[..., Kept]) -> None:
    """No batch is so large that it can never be sent."""
    kept = keep(max_waiting=10)
    kept.write("logs", [log(number, DAY) for number in range(50)])
    assert kept.logs() == 50


def test_an_endless_question_is_ended(keep: Callable[..., Kept], tmp_path: Path) -> None:
    """A question that takes longer than its limit is given up with what to do."""
    keep()
    readers = Readers(tmp_path / "data" / "logs.db", seconds=0.05)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TooSlowError, match=r"it took longer than 0\.05 s; ask for a shorter time or one service"):
        asyncio.run(readers.ask(lambda connection: connection.execute(endless).fetchone()))
    readers.close()
