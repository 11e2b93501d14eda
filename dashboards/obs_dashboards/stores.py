"""The stores that dashboards ask, by their HTTP APIs: Prometheus, and local mode's store of logs and traces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import urlopen

TIMEOUT_SECONDS = 30
POINTS = 60


class StoreError(RuntimeError):
    """A store that did not answer, or refused a query."""


class Prometheus:
    """Prometheus' query API.

    Args:
        address: Where it answers, such as ``http://127.0.0.1:9090``.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def newest(self, query: str, at: float) -> list[dict[str, str]]:
        """The labels of every series that a query returns a number for at one moment.

        Args:
            query: PromQL, of a window too.
            at: The moment, in seconds since 1970.
        """
        result = self._get("query", {"query": query, "time": f"{at:.3f}"})["result"]
        return [dict(series["metric"]) for series in result if _has_number(series)]

    def over_time(self, query: str, start: float, end: float) -> int:
        """How many series a query returns a number for anywhere in a time, as a panel asks.

        Args:
            query: PromQL.
            start: Seconds since 1970.
            end: Seconds since 1970.
        """
        step = max((end - start) / POINTS, 0.25)
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return sum(map(_has_number, self._get("query_range", asked)["result"]))

    def label_values(self, label: str, series: str) -> int:
        """How many values a variable of Grafana offers.

        Args:
            label: The label.
            series: The series it is looked for in.
        """
        return len(self._get(f"label/{quote(label, safe='')}/values", {"match[]": series}))

    def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        return _get(f"{self._address}/api/v1/{path}?{urlencode(parameters)}")["data"]


class LogStore:
    """The query API of local mode's store of logs and traces.

    Args:
        address: Where it answers, such as ``http://127.0.0.1:4318``.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def records(self, query: str) -> int:
        """How many log records a Lucene query finds."""
        return int(self._logs(query)["total"])

    def spans_behind(self, query: str) -> int:
        """How many spans the trace has that the newest record with a trace's id links to."""
        ids = (_trace_id(record) for record in self._logs(query)["logs"])
        found = next((trace_id for trace_id in ids if trace_id), "")
        if not found:
            return 0
        return len(_get(f"{self._address}/api/traces/{quote(found, safe='')}")["spans"])

    def _logs(self, query: str) -> Any:
        return _get(f"{self._address}/api/logs?{urlencode({'q': query, 'limit': '20'})}")


def _has_number(series: Mapping[str, Any]) -> bool:
    """Whether a series holds anything but NaN, which is what 0 / 0 and the quantile of nothing are."""
    points = series.get("values") or [series.get("value", (0, "NaN"))]
    return any(value != "NaN" for _, value in points)


def _trace_id(record: Mapping[str, Any]) -> str:
    """The trace's id of a record, whose fields are written with dots or nested."""
    nested = record.get("trace")
    return str(record.get("trace.id") or (nested.get("id", "") if isinstance(nested, Mapping) else ""))


def _get(url: str) -> Any:
    try:
        with urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - an address of the caller's own stores
            return json.load(answer)
    except HTTPError as error:
        raise StoreError(f"{error.code}: {error.read(500).decode(errors='replace')}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise StoreError(f"no answer from {url.partition('?')[0]}: {error}") from error
