"""One delivery to an OTLP endpoint over HTTP, and what its answer means."""

from __future__ import annotations

import gzip
import http.client
import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from obs.settings import Settings

# Source: OTLP specification, "OTLP/HTTP Response": these are tried again, what is else above 400 is not.
_AGAIN = frozenset((429, 502, 503, 504))

_LONGEST_ANSWER = 64 * 1024
_LONGEST_RETRY_AFTER = 30.0

Verdict = Literal["accepted", "again", "too_large", "rejected"]


class Outcome(NamedTuple):
    """What became of a delivery.

    Args:
        verdict: What to do with the batch.
        reason: The label of the failure's counter: connection, timeout, status or other.
        detail: For a person.
        wait: The seconds that the backend asked to wait; 0 when it asked nothing.
        rejected: How many records of an accepted batch the backend refused.
    """

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    wait: float = 0.0
    rejected: int = 0


class Endpoint:
    """A kept-alive connection to an endpoint; one thread at a time may post.

    Args:
        settings: `endpoint` and the `otlp_*` options.
    """

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.endpoint)
        self._secure = url.scheme == "https"
        self._host = url.hostname or ""
        self._port = url.port
        self._prefix = url.path.rstrip("/")
        self._certificate = settings.otlp_certificate
        self._timeout = settings.otlp_timeout
        self._packed = settings.otlp_compression == "gzip"
        self._headers = {**settings.otlp_headers, "Content-Type": "application/x-protobuf", "User-Agent": "obs-kit"}
        if self._packed:
            self._headers["Content-Encoding"] = "gzip"
        self._connection: http.client.HTTPConnection | None = None
        self._ended = False

    def pack(self, body: bytes) -> bytes:
        """Compress a body, if that is set."""
        return gzip.compress(body, compresslevel=3) if self._packed else body

    def post(self, path: str, body: bytes, timeout: float) -> Outcome:
        """Deliver a packed body; never raises an `Exception`.

        Args:
            path: Below the endpoint, such as `/v1/traces`.
            body: What `pack` gave.
            timeout: The most seconds that connecting, sending and each part of the answer may take.
        """
        reused = self._connection is not None
        try:
            return self._try(path, body, timeout)
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch is kept
            self.close()
            # The backend may close a connection that was idle; that is no failure of it.
            if reused and not self._ended and isinstance(error, ConnectionError):
                return self.post(path, body, timeout)
            return Outcome("again", _reason(error), f"{type(error).__name__}: {error}"[:500])

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                if connection.sock is not None:
                    connection.sock.shutdown(socket.SHUT_RDWR)
            with suppress(Exception):
                connection.close()

    def end(self) -> None:
        """Post nothing any more, and end a post that waits for its answer."""
        self._ended = True
        self.close()

    def forget(self) -> None:
        """Leave the connection to the process that this one was forked from."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                # Without a shutdown, which would reach the other process.
                connection.close()

    def _try(self, path: str, body: bytes, timeout: float) -> Outcome:
        timeout = max(0.01, min(timeout, self._timeout))
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connect(timeout)
        elif connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request("POST", self._prefix + path, body, self._headers)
        answer = connection.getresponse()
        content = answer.read(_LONGEST_ANSWER)
        if answer.will_close or not answer.isclosed():
            self.close()
        return judge(answer.status, answer.getheader("Retry-After"), content)

    def _connect(self, timeout: float) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        try:
            context = ssl.create_default_context(cafile=self._certificate or None)
        except OSError as error:
            raise ValueError(f"otlp_certificate {self._certificate!r} cannot be used: {error}") from error
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=context)


def judge(status: int, retry_after: str | None, content: bytes) -> Outcome:
    """Say what an answer means. A redirect is followed nowhere: it would carry data and headers to a stranger.

    Example:
        >>> judge(503, "2", b"").verdict, judge(503, "2", b"").wait
        ('again', 2.0)
        >>> judge(302, None, b"").verdict
        'rejected'
    """
    if 200 <= status < 300:
        return Outcome("accepted", rejected=_rejected(content))
    detail = f"HTTP status {status}"
    if status in _AGAIN:
        return Outcome("again", "status", detail, _seconds(retry_after))
    if status == 413:
        return Outcome("too_large", "status", detail)
    return Outcome("rejected", "status", detail)


def _seconds(retry_after: str | None) -> float:
    """The seconds of a Retry-After header; its form as a date is not read, for the clocks may differ."""
    text = (retry_after or "").strip()
    return min(float(text), _LONGEST_RETRY_AFTER) if text.isascii() and text.isdigit() else 0.0


def _rejected(content: bytes) -> int:
    """How many records an `Export...ServiceResponse` refuses: its field 1 holds a message with the number in field 1.

    What cannot be read refuses nothing: the backend said that it accepted the batch.
    """
    if content[:1] != b"\x0a":
        return 0
    inner = content[2:]
    if inner[:1] != b"\x08":
        return 0
    number, shift = 0, 0
    for byte in inner[1:10]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connection" if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "other"
