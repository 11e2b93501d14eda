"""One variant in a process of its own: builds the application, drives it, and prints what a request cost."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.variants import VARIANTS, Prepared

_WARM_UP = 1_000


def _scope(number: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/items/{number}",
        "raw_path": f"/items/{number}".encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


async def _drive(application: Any, requests: int) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    statuses = []

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    for number in range(requests):
        await application(_scope(number), receive, send)
    if statuses != [200] * requests:
        raise SystemExit(f"not every request was answered: {len(statuses)} of {requests}")


def _measure(prepared: Prepared, requests: int) -> dict[str, float]:
    async def run() -> float:
        await _drive(prepared.application, _WARM_UP)
        began = time.process_time()
        await _drive(prepared.application, requests)
        # What a background thread still has to send belongs to the price.
        await asyncio.to_thread(prepared.flush)
        return time.process_time() - began

    spent = asyncio.run(run())
    return {
        "microseconds": spent / requests * 1e6,
        "rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(arguments: list[str]) -> int:
    """Measure one variant: `VARIANT SINK LOG_FILE REQUESTS`."""
    variant, sink, log_file, requests = arguments
    prepare: Callable[[str, str], Prepared] = VARIANTS[variant].prepare
    result = _measure(prepare(sink, log_file), int(requests))
    sys.stderr.write(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
