"""What type checkers make of a suite that uses `obs.testing`. They read this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import obs
from obs.testing import Log, Logs, Observed, Span, Spans, observe


def a_test(observed: Observed) -> None:
    """What the fixture gives."""
    orders = obs.counter("orders", "Orders.", labels=("status",))
    assert_type(observed.logs, Logs)
    assert_type(observed.logs.where("placed", level="info", amount=12.5), Logs)
    assert_type(observed.logs.one("placed", **{"http.route": "/"}), Log)
    assert_type(observed.logs.one().fields, Mapping[str, Any])
    assert_type(observed.spans.where(kind="server"), Spans)
    assert_type(observed.spans.one("work").parent, Span | None)
    assert_type(observed.spans.tree(), str)
    assert_type([span.duration for span in observed.spans], list[float])
    assert_type(observed.metrics.value(orders, status="ok"), float)
    assert_type(observed.metrics.count("order_size"), float)
    assert_type(observed.swallowed[0], BaseException)
    observed.metrics.value(orders.add)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    observed.advance("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def without_pytest() -> None:
    """Settings are those of `obs.init()`."""
    with observe(log_level="debug", sample=0) as observed:
        assert_type(observed, Observed)
    with observe(log_levle="debug"):  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        pass
