"""/metrics as an application to mount on a route of one's own, ASGI and WSGI in one object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any

from obs.metrics.exposition import Answer, answer
from obs.metrics.scrape import Scrape

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class MetricsApp:
    """Serves /metrics by ASGI or WSGI, whichever calls it.

    Args:
        scrape: Tells what to show at the moment of a request.
    """

    def __init__(self, scrape: Callable[[], Scrape]) -> None:
        self._scrape = scrape

    def __call__(self, *arguments: Any) -> Any:
        """Serve one request: `(scope, receive, send)`, `(environ, start_response)`, or ASGI 2's `(scope)`."""
        if len(arguments) == 3:
            return self._asgi(*arguments)
        if len(arguments) == 1:
            return partial(self._asgi, *arguments)
        return self._wsgi(*arguments)

    def _wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = answer(
            self._scrape(),
            str(environ.get("REQUEST_METHOD", "GET")),
            str(environ.get("HTTP_ACCEPT", "")),
            str(environ.get("HTTP_ACCEPT_ENCODING", "")),
        )
        start_response(found.status, list(found.headers))
        return [found.body]

    async def _asgi(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            await _reply(send, await self._answer(scope))

    async def _answer(self, scope: MutableMapping[str, Any]) -> Answer:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        ask = partial(
            answer, self._scrape(), scope["method"], headers.get(b"accept", ""), headers.get(b"accept-encoding", "")
        )
        import asyncio

        try:
            asyncio.get_running_loop()
        except RuntimeError:  # another event loop than asyncio's
            return ask()
        return await asyncio.to_thread(ask)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _reply(send: Send, found: Answer) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in found.headers]
    await send({"type": "http.response.start", "status": int(found.status[:3]), "headers": headers})
    await send({"type": "http.response.body", "body": found.body})
