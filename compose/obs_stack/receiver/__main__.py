"""The program: `python -m obs_stack.receiver`."""

from __future__ import annotations

import argparse
import errno
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn

from obs.manifest import ManifestError, load
from obs_stack.receiver.app import create_app
from obs_stack.receiver.gate import LOCAL
from obs_stack.receiver.options import DEFAULT_MAX_BYTES, LEAST_BYTES, Options, duration, size
from obs_stack.receiver.storage.keeping import InUseError

_GRACE_SECONDS = 3


class _Server(uvicorn.Server):
    """A server that says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            print(f"obs receiver: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the receiver until SIGTERM or SIGINT.

    Returns:
        0 after it was asked to end, 2 when it could not begin.
    """
    try:
        options = _options(_parser().parse_args(arguments))
    except ManifestError as error:
        return _fail("\n".join(str(fault) for fault in error.faults))
    try:
        listening = _bind(options.host, options.port)
    except OSError as error:
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror
        return _fail(f"cannot listen on {options.host}:{options.port}: {reason}; choose another --host or --port")
    with listening:
        try:
            app = create_app(options)
        except (InUseError, OSError) as error:
            return _fail(str(error))
        if options.host not in LOCAL:
            sys.stderr.write(
                f"obs receiver: {options.host} may be reached from other machines; nothing asks who it is\n"
            )
        # The server raises the signal that ended it once more for handlers that were there before.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE_SECONDS, ws="none"
        )
        _Server(config).run(sockets=[listening])
    return 0


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    return listening


def _fail(message: str) -> int:
    sys.stderr.write(f"obs receiver: {message}\n")
    return 2


def _options(parsed: argparse.Namespace) -> Options:
    manifest = load(parsed.manifest) if parsed.manifest else None
    kept = manifest.retention if manifest else None
    ages = {"logs": kept.logs if kept else "3d", "traces": kept.traces if kept else "3d"}
    return Options(
        data=parsed.data,
        host=parsed.host,
        port=parsed.port,
        max_bytes=parsed.max_bytes,
        max_age={signal: parsed.max_age or duration(age) for signal, age in ages.items()},
        manifest=manifest,
        dashboards=parsed.dashboards,
        prometheus=parsed.prometheus.rstrip("/"),
        alertmanager=parsed.alertmanager.rstrip("/"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m obs_stack.receiver", description=__doc__, allow_abbrev=False)
    add: Callable[..., Any] = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to bind (default: %(default)s)")
    add("--port", type=_read(_port), default=4318, help="the port to bind; 0 takes a free one (default: %(default)s)")
    add("--data", type=Path, required=True, help="the directory that holds everything it keeps")
    add("--max-bytes", type=_read(_cap), default=DEFAULT_MAX_BYTES, help="the most it keeps (default: 512MiB)")
    add("--max-age", type=_read(duration), help="how long it keeps (default: the manifest's retention, else 3d)")
    add("--manifest", type=Path, help="the project's obs.toml; the first page lists its services")
    add("--dashboards", type=Path, help="the directory of the generated dashboards")
    add("--prometheus", type=_read(_url), default="", help="Prometheus' URL")
    add("--alertmanager", type=_read(_url), default="", help="Alertmanager's URL")
    return parser


def _read(reader: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return reader(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text[:6]) <= 65535:
        return int(text)
    raise ValueError(f"{text!r} is no port from 0 to 65535")


def _cap(text: str) -> int:
    cap = size(text)
    if cap < LEAST_BYTES:
        raise ValueError(f"{text!r} is too small a cap; at least 32MiB are needed")
    return cap


def _url(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ValueError(f"{text!r} is no URL; write one such as http://127.0.0.1:9090")
    return text


if __name__ == "__main__":
    sys.exit(main())
