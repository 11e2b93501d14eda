"""The HTTP server of /metrics: one port a target, shared by its workers, bounded, and never in the way of the exit."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from obs.metrics.exposition import Answer
from obs.runtime.guard import Guard

_AT_ONCE = 4
_REQUEST_BYTES = 16 * 1024
_REQUEST_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
_STOP_SECONDS = 1.0

Ask = Callable[[str, str, str], Answer]


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """Listen on a port.

    Args:
        host: An address or a name of this machine.
        port: The port.
        shared: Let the other workers of the target listen on it too.

    Raises:
        OSError: The port is taken, or the host is none of this machine's.
    """
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    found = socket.socket(family, kind)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(address)
        found.listen(16)
        found.setblocking(False)
    except BaseException:
        found.close()
        raise
    return found


class MetricsServer:
    """Answers requests for one path on a listening socket, in daemon threads.

    Args:
        listener: The socket; the server closes it.
        path: The path of /metrics.
        ask: Answers a request by its method, `Accept` and `Accept-Encoding`.
    """

    def __init__(self, listener: socket.socket, path: str, ask: Ask) -> None:
        self._listener = listener
        self._path = path
        self._ask = ask
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        self._stopping = False
        self._later: tuple[float, Callable[[], None]] | None = None
        self._waker, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="obs-metrics", daemon=True)
        self._thread.start()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call something in the server's thread unless it is stopped before."""
        self._later = (time.monotonic() + seconds, call)
        self._wake()

    def stop(self) -> None:
        """Answer those who are connected already, and listen no more; returns within a second."""
        deadline = time.monotonic() + _STOP_SECONDS
        self._stopping = True
        self._wake()
        self._thread.join(_STOP_SECONDS)
        for _ in range(_AT_ONCE):
            self._room.acquire(timeout=max(0.0, deadline - time.monotonic()))

    def close_in_child(self) -> None:
        """Close what a child of fork inherited, or requests would wait in it for ever."""
        for inherited in (self._listener, self._waker, self._woken):
            inherited.close()

    def _wake(self) -> None:
        with suppress(OSError):
            self._waker.send(b"x")

    def _serve(self) -> None:
        selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
        selector.register(self._listener, selectors.EVENT_READ)
        selector.register(self._woken, selectors.EVENT_READ)
        while not self._stopping:
            with Guard("metrics.server"):
                selector.select(self._call_what_is_due())
                with suppress(BlockingIOError):
                    self._woken.recv(64)
                self._accept_all()
        self._accept_all()
        for used in (selector, self._listener, self._waker, self._woken):
            used.close()

    def _call_what_is_due(self) -> float | None:
        """Seconds until something is due; None when nothing is."""
        due, call = self._later or (0.0, None)
        if call is None:
            return None
        left = due - time.monotonic()
        if left > 0:
            return left
        self._later = None
        call()
        return None

    def _accept_all(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(connection)

    def _start(self, connection: socket.socket) -> None:
        if not self._room.acquire(blocking=False):
            _send(connection, Answer("503 Service Unavailable", (("Content-Length", "0"),), b""))
            connection.close()
            return
        try:
            threading.Thread(target=self._handle, args=(connection,), name="obs-metrics", daemon=True).start()
        except RuntimeError:  # no thread starts any more while the interpreter ends
            self._handle(connection)

    def _handle(self, connection: socket.socket) -> None:
        try:
            with Guard("metrics.server"), connection, suppress(OSError):
                request = _received(connection)
                if request:
                    _send(connection, self._answer(request))
        finally:
            self._room.release()

    def _answer(self, request: bytes) -> Answer:
        head, *lines = request.decode("latin-1").split("\r\n")
        words = head.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            return Answer("400 Bad Request", (("Content-Length", "0"),), b"")
        if words[1].partition("?")[0] != self._path:
            return Answer("404 Not Found", (("Content-Length", "0"),), b"")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = f"{headers.get(name.strip().lower(), '')},{value.strip()}".lstrip(",")
        return self._ask(words[0], headers.get("accept", ""), headers.get("accept-encoding", ""))


def _received(connection: socket.socket) -> bytes:
    """A request's head; empty when it does not come in time or is too long."""
    deadline = time.monotonic() + _REQUEST_SECONDS
    received = b""
    while b"\r\n\r\n" not in received:
        left = deadline - time.monotonic()
        if left <= 0 or len(received) > _REQUEST_BYTES:
            return b""
        connection.settimeout(left)
        part = connection.recv(4096)
        if not part:
            return b""
        received += part
    return received.partition(b"\r\n\r\n")[0]


def _send(connection: socket.socket, found: Answer) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in found.headers)
    with suppress(OSError):
        connection.settimeout(_ANSWER_SECONDS)
        connection.sendall(f"HTTP/1.1 {found.status}\r\n{head}Connection: close\r\n\r\n".encode("latin-1") + found.body)
        # Closed only after the peer has read: a reset would take the answer with it.
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1.0)
        while connection.recv(4096):
            pass
