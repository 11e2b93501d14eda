"""The shop's processes: how each is started, and that none outlives the demo."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from obs_stack.local import processes
from obs_stack.local.processes import Child, DidNotStart

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """How a service of the shop is started.

    Args:
        service: Its name.
        command: Its command; ``{port}`` stands for the port that it gets.
    """

    service: str
    command: tuple[str, ...]


PROGRAMS = (
    Program("payments", ("-m", "uvicorn", "examples.shop.payments:app", "--port", "{port}")),
    Program("orders", ("-m", "gunicorn", "examples.shop.orders:app", "--workers", "2", "--bind", "127.0.0.1:{port}")),
    Program("gateway", ("-m", "uvicorn", "examples.shop.gateway:app", "--port", "{port}")),
    Program("shipping", ("-m", "examples.shop.shipping")),
)


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Shop:
    """The running shop.

    Args:
        folder: Where its database and its processes' output go.
        environment: What obs in each service must know, by the service's name.
        usual_ports: Ports to take where they are free; another one otherwise.
    """

    def __init__(
        self,
        folder: Path,
        environment: Callable[[str], Mapping[str, str]],
        usual_ports: Mapping[str, int] | None = None,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self.ports = {program.service: _free_or((usual_ports or {}).get(program.service, 0)) for program in PROGRAMS}
        self.processes: dict[str, Child] = {}

    def url(self, service: str) -> str:
        """Where a service answers."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def output(self, service: str) -> Path:
        """The file that holds what a service printed."""
        return self._folder / f"{service}.log"

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for program in PROGRAMS:
                self._start(program)
            for program in PROGRAMS:
                self._await(program)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        processes.stop(self.processes.values())

    def _start(self, program: Program) -> None:
        environment = {
            **os.environ,
            **self._environment(program.service),
            # In the file as well: what a service says when it cannot start is not delivered anywhere.
            "OBS_LOGS_TO": "both",
            "SHOP_DATABASE": str(self._folder / "shop.sqlite"),
            "SHOP_ORDERS_URL": self.url("orders"),
            "SHOP_PAYMENTS_URL": self.url("payments"),
        }
        command = [sys.executable, *(part.format(port=self.ports[program.service]) for part in program.command)]
        log = self.output(program.service)
        self.processes[program.service] = processes.start(program.service, command, log, environment=environment)

    def _await(self, program: Program) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while "{port}" in " ".join(program.command):
            child = self.processes[program.service]
            if child.ended:
                raise DidNotStart(child.name, f"ended with exit code {child.process.returncode}", child.tail())
            if time.monotonic() > deadline:
                reason = f"did not answer on {self.url(program.service)} within {_START_SECONDS:g} s"
                raise DidNotStart(child.name, reason, child.tail())
            try:
                httpx.get(self.url(program.service) + "/", timeout=2)
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return


def _free_or(usual: int) -> int:
    if usual:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", usual))
            return usual
    return free_port()
