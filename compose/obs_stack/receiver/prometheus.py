"""Questions to Prometheus, asked on a few threads so that a page of many panels stays quick."""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

_SECONDS = 3.0
_MOST_BYTES = 8 * 1024**2


class PrometheusError(Exception):
    """Prometheus gave no answer, or an error; the message is for people."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series and its value now."""

    labels: dict[str, str]
    value: str


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """An alert that is pending or firing."""

    name: str
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]


class Prometheus:
    """Asks one Prometheus.

    Args:
        url: Its URL.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="obs-prometheus")
        # A proxy of the environment is not for this machine's own addresses.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    async def query(self, expression: str) -> list[Sample]:
        """The series that an expression gives now.

        Raises:
            PrometheusError: It does not answer, or does not understand.
        """
        data = await self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        result = data.get("result", [])
        if data.get("resultType") == "scalar":
            return [Sample({}, str(result[1]))]
        return [Sample(series["metric"], str(series["value"][1])) for series in result if "value" in series]

    async def alerts(self) -> list[ActiveAlert]:
        """The alerts that are pending or firing.

        Raises:
            PrometheusError: It does not answer.
        """
        data = await self._get("/api/v1/alerts")
        return [
            ActiveAlert(alert["labels"].get("alertname", ""), alert["state"], alert["labels"], alert["annotations"])
            for alert in data.get("alerts", [])
        ]

    async def _get(self, path: str) -> dict[str, Any]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._fetch, path)

    def _fetch(self, path: str) -> dict[str, Any]:
        try:
            with self._opener.open(self._url + path, timeout=_SECONDS) as answer:
                read = answer.read(_MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            with error:
                raise PrometheusError(_said(error.read(_MOST_BYTES)) or f"Prometheus answers {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise PrometheusError(f"Prometheus at {self._url} does not answer: {reason}") from None
        if len(read) > _MOST_BYTES:
            raise PrometheusError("the answer is too large")
        try:
            data: dict[str, Any] = orjson.loads(read)["data"]
        except (ValueError, KeyError, TypeError):
            raise PrometheusError(f"{self._url} does not answer like Prometheus") from None
        return data


def _said(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""
