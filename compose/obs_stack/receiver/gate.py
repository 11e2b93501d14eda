"""Who may talk to the receiver: this machine's own programs and pages, and no page of another origin."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """Refuses foreign Host headers (DNS rebinding) and writes from foreign pages; adds the security headers.

    Args:
        app: The application behind it.
        host: The address that the receiver is bound to.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._allowed = LOCAL | {host.lower()}
        # Bound to more than loopback, it is asked for by address; an address cannot be rebound, only a name can.
        self._any_address = host not in LOCAL

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._problem(scope["method"], headers.get(b"host", ""), headers.get(b"origin", ""))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent.setdefault(name, value)
            await send(message)

        if problem:
            await PlainTextResponse(problem + "\n", 403)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _problem(self, method: str, host: str, origin: str) -> str:
        if not self._is_allowed(f"//{host}"):
            return "the Host header names another machine; ask for 127.0.0.1 or localhost"
        if origin and method not in _SAFE_METHODS and not self._is_allowed(origin):
            return "a page of another origin may not write here"
        return ""

    def _is_allowed(self, url: str) -> bool:
        try:
            name = urlsplit(url).hostname or ""
        except ValueError:
            return False
        return name in self._allowed or (self._any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
