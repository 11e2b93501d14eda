"""One variant in a process of its own: builds the application, drives it, and prints what a request cost."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from bench.variants import VARIANTS, Framework, Prepared

_WARM_UP = 1_000


def _note(number: int) -> str:
    """A text that no request had before."""
    return f"note-{number * 2654435761 % 2**32:08x}"


def _scope(number: int) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/items/{number}",
        "raw_path": f"/items/{number}".encode(),
        "query_string": f"note={_note(number)}&page={number % 97}".encode(),
        "root_path": "",
        "headers": [(b"host", b"shop.example"), (b"user-agent", b"bench"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
    }


def _environ(number: int) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/items/{number}",
        "QUERY_STRING": f"note={_note(number)}&page={number % 97}",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "shop.example",
        "HTTP_USER_AGENT": "bench",
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": sys.stdin.buffer,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


async def _drive_asgi(application: Any, first: int, requests: int) -> int:
    """Drive requests one after the other; gives how many were answered well."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    good = 0

    async def send(message: dict[str, Any]) -> None:
        nonlocal good
        if message["type"] == "http.response.start":
            good += message["status"] == 200

    for number in range(first, first + requests):
        await application(_scope(number), receive, send)
    return good


def _drive_wsgi(application: Any, first: int, requests: int) -> int:
    good = 0

    def start_response(status: str, _headers: Any, *_more: Any) -> None:
        nonlocal good
        good += status.startswith("200")

    for number in range(first, first + requests):
        body = application(_environ(number), start_response)
        b"".join(body)
        if hasattr(body, "close"):
            body.close()
    return good


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def _measure(framework: Framework, prepared: Prepared, requests: int) -> dict[str, float]:
    async def drive(first: int, number: int) -> None:
        if framework == "fastapi":
            good = await _drive_asgi(prepared.application, first, number)
        else:
            good = _drive_wsgi(prepared.application, first, number)
        if good != number:
            raise SystemExit(f"not every request was answered: {good} of {number}")

    ready = _megabytes()
    await drive(0, _WARM_UP)
    gc.collect()
    began, began_here = time.process_time(), time.thread_time()
    await drive(_WARM_UP, requests)
    ended_here = time.thread_time()
    # What a background thread still has to send belongs to the price.
    await asyncio.to_thread(prepared.flush)
    spent = time.process_time() - began
    return {
        "microseconds": spent / requests * 1e6,
        "of other threads": (spent - (ended_here - began_here)) / requests * 1e6,
        "ready": ready,
        "peak": _megabytes(),
    }


def main(arguments: list[str]) -> int:
    """Measure one variant: `FRAMEWORK VARIANT SINK LOG_FILE REQUESTS`."""
    framework, variant, sink, log_file, requests = arguments
    chosen = cast(Framework, framework)
    prepare: Callable[[Framework, str, str], Prepared] = VARIANTS[variant].prepare
    result = asyncio.run(_measure(chosen, prepare(chosen, sink, log_file), int(requests)))
    sys.stderr.write("\n" + json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
