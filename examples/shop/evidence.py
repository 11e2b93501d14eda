"""What the demo proves: each row asks the running stack and says what it saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import httpx

from examples.shop.customers import Customers
from examples.shop.processes import Shop
from obs.manifest import Manifest
from obs_dashboards import generate, proof
from obs_dashboards.stores import StoreError

_WAIT_SECONDS = 45.0
_PAUSE_SECONDS = 0.5
_STOCK_REQUESTS = 300
_EXEMPLARS_TRIED = 20

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Row:
    """One claim, and what was seen of it.

    Args:
        claim: What the demo proves.
        holds: Whether it does.
        figure: What was seen; the reason where it does not hold.
    """

    claim: str
    holds: bool
    figure: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Where the parts of the local stack answer.

    Args:
        prometheus: Prometheus' URL.
        alertmanager: Alertmanager's URL.
        receiver: The receiver's URL.
    """

    prometheus: str
    alertmanager: str
    receiver: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression has now."""
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=10)
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return found

    def value(self, expression: str) -> float:
        """The value of an expression that gives one sample; 0 when it gives none."""
        found = self.query(expression)
        return float(found[0]["value"][1]) if found else 0.0

    def exemplars(self, expression: str) -> Iterator[str]:
        """The trace ids of the exemplars of the last minutes, the newest first."""
        now = time.time()
        window: dict[str, Any] = {"query": expression, "start": now - 300, "end": now}
        answer = httpx.get(f"{self.prometheus}/api/v1/query_exemplars", params=window, timeout=10)
        found = [item for series in answer.raise_for_status().json()["data"] for item in series["exemplars"]]
        for item in sorted(found, key=lambda item: float(item["timestamp"]), reverse=True):
            yield item["labels"]["trace_id"]

    def log_services(self, trace_id: str) -> set[str]:
        """The services that wrote lines during a trace."""
        answer = httpx.get(f"{self.receiver}/api/logs", params={"trace_id": trace_id, "limit": 500}, timeout=10)
        return {record["service"]["name"] for record in answer.raise_for_status().json()["logs"]}

    def span_services(self, trace_id: str) -> set[str]:
        """The services that have spans in a trace."""
        answer = httpx.get(f"{self.receiver}/api/traces/{trace_id}", timeout=10)
        return {span["service"] for span in answer.json()["spans"]} if answer.status_code == 200 else set()

    def count(self, what: str, service: str) -> int:
        """How many logs or traces of a service are kept."""
        answer = httpx.get(f"{self.receiver}/api/{what}", params={"service": service, "limit": 1}, timeout=10)
        if answer.status_code != 200:
            return 0
        found: int = answer.json()["total"]
        return found

    def alerts(self, name: str, service: str) -> list[dict[str, Any]]:
        """The alerts of a name and a service that fire in Alertmanager now."""
        answer = httpx.get(
            f"{self.alertmanager}/api/v2/alerts",
            params={"filter": [f'alertname="{name}"', f'service="{service}"'], "active": "true"},
            timeout=10,
        )
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found


def until(condition: Callable[[], bool], seconds: float = _WAIT_SECONDS) -> bool:
    """Wait for a condition; False when it did not come true in time. A stack that does not answer counts as not yet."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return True
        except (httpx.HTTPError, ValueError):
            pass
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_SECONDS)


def _asked(ask: Callable[[], Answer], otherwise: Answer) -> Answer:
    """What a part of the stack answers, or something else when it does not answer."""
    try:
        return ask()
    except (httpx.HTTPError, httpx.InvalidURL):
        return otherwise


def arrivals(stack: Stack, manifest: Manifest, seconds: float = _WAIT_SECONDS) -> Iterator[Row]:
    """Every service's logs, metrics and traces have arrived."""
    for service in manifest.services:
        name = service.name
        metric = service.signals[0].samples[-1]
        seen: dict[str, tuple[str, Callable[[], float]]] = {
            "logs": ("logs", partial(stack.count, "logs", name)),
            "metrics": (f"series of {metric}", partial(stack.value, f'count({metric}{{job="{name}"}})')),
            "traces": ("traces", partial(stack.count, "traces", name)),
        }
        for signal, (what, count) in seen.items():
            holds = until(partial(_any, count), seconds)
            figure = f"{_asked(count, 0.0):.0f} {what}" if holds else "nothing arrived"
            yield Row(f"{name}: {signal} arrived", holds, figure)


def _any(count: Callable[[], float]) -> bool:
    return count() > 0


def correlation(stack: Stack, seconds: float = _WAIT_SECONDS) -> Row:
    """One request is found by one trace id as an exemplar, as a trace of three services, and in their logs."""
    wanted = {"gateway", "orders", "payments"}
    buckets = (
        'http_server_request_duration_seconds_bucket{job="gateway",http_route="/checkout",'
        'http_response_status_code="201"}'
    )
    seen = "no exemplar on Prometheus"

    def complete() -> bool:
        nonlocal seen
        for trace_id in islice(stack.exemplars(buckets), _EXEMPLARS_TRIED):
            seen = f"exemplar {trace_id}, and the receiver does not answer"
            spans, logs = stack.span_services(trace_id), stack.log_services(trace_id)
            seen = f"exemplar {trace_id}: spans of {_listed(spans)}, logs of {_listed(logs)}"
            if spans >= wanted and logs >= wanted:
                return True
        return False

    holds = until(complete, seconds)
    return Row("one request: exemplar, trace and logs of three services by one trace id", holds, seen)


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def exact_count(stack: Stack, shop: Shop, seconds: float = _WAIT_SECONDS) -> Row:
    """The counters of the service with two workers equal the requests that it was sent."""
    series = 'sum(http_server_request_duration_seconds_count{job="orders",http_route="/stock/<item>"})'
    sent = 0
    with httpx.Client(base_url=shop.url("orders"), timeout=10) as client:
        before = _asked(lambda: stack.value(series), 0.0)
        for _ in range(_STOCK_REQUESTS):
            sent += _asked(lambda: client.get("/stock/tea").status_code == 200, False)
    workers = _asked(lambda: stack.value('count(process_start_time_seconds{job="orders"})'), 0.0)
    until(lambda: stack.value(series) - before >= sent, seconds)
    counted = _asked(lambda: stack.value(series), 0.0) - before
    claim = "orders: the counters of its two workers equal the requests sent"
    holds = counted == sent == _STOCK_REQUESTS
    return Row(claim, holds, f"{counted:.0f} of {sent} answered requests counted, {workers:.0f} processes")


def panels(stack: Stack, manifest: Manifest, seconds: float = _WAIT_SECONDS) -> Row:
    """Every query of every generated dashboard, and every selector in it alone, returns data."""
    dashboards = generate(manifest)
    seen = ""

    def complete() -> bool:
        nonlocal seen
        try:
            found = proof.prove(dashboards, prometheus=stack.prometheus, receiver=stack.receiver, span=60)
        except StoreError as error:
            seen = str(error)
            return False
        seen = "\n      ".join((str(found), *map(str, found.missing[:10])))
        return found.holds

    holds = until(complete, seconds)
    return Row(f"the queries of {len(dashboards)} dashboards return data", holds, seen)


def burst(stack: Stack, customers: Customers, seconds: float = _WAIT_SECONDS) -> Iterator[Row]:
    """A burst of errors fires the burn-rate alert, its links answer, and it resolves afterwards."""
    name, service = "SloErrorBudgetBurn", "gateway"
    customers.break_bank()
    fired = until(lambda: bool(stack.alerts(name, service)), seconds)
    nothing: list[dict[str, Any]] = []
    found = _asked(lambda: stack.alerts(name, service), nothing)
    customers.repair_bank()
    yield Row(
        f"the error burst fired {name}", fired, found[0]["annotations"]["summary"] if found else "it did not fire"
    )
    if not found:
        return
    for link in ("dashboard_url", "logs_url", "runbook_url"):
        url = found[0]["annotations"].get(link, "")
        status = _asked(partial(_status, url), 0)
        yield Row(f"the alert's {link.removesuffix('_url')} link answers", status == 200, f"{status} {url}")
    resolved = until(lambda: not stack.alerts(name, service), 2 * seconds)
    yield Row(f"{name} resolved after the burst", resolved, "resolved" if resolved else "it still fires")


def _status(url: str) -> int:
    return httpx.get(url, timeout=10, follow_redirects=True).status_code
