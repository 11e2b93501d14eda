"""The local stack: everything generated for the ports that are used, started, watched and stopped as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from obs.manifest import Links, Manifest
from obs.runtime import filelock
from obs_stack import generation
from obs_stack.local import discovery, ports, processes, state
from obs_stack.local.commands import SPECS, Run
from obs_stack.local.folders import Folders
from obs_stack.local.identity import Identity
from obs_stack.local.processes import Child, DidNotStart
from obs_stack.local.state import Running, State
from obs_stack.prometheus import Surroundings

_ATTEMPTS = 3
_TAKEN = ("address already in use", "port is taken")


class AlreadyUp(RuntimeError):  # noqa: N818 - it names what is the matter
    """Another local stack runs on the same directory."""


class LocalStack:
    """Prometheus, Alertmanager and the receiver on loopback, for as long as the block lasts.

    Args:
        manifest: The services, their SLOs and where alerts go.
        data_dir: The setting `local_dir` of the services: they leave their discovery files in it, the stack its data.
        speed: Windows, holds and intervals are divided by it; 60 lets an hour of an alert pass in a minute.
        usual_ports: The port of each of `prometheus`, `alertmanager` and `receiver`; 0 is any free one, and a taken
            one is replaced by a free one. By default 9090, 9093 and 4318.

    Example:
        >>> with LocalStack(load(Path("obs.toml")), Path("/tmp/demo")) as stack:  # doctest: +SKIP
        ...     print(stack.prometheus_url)
        http://127.0.0.1:9090
    """

    def __init__(
        self, manifest: Manifest, data_dir: Path, *, speed: int = 1, usual_ports: Mapping[str, int] | None = None
    ) -> None:
        self.manifest = manifest
        self.speed = speed
        self.folders = Folders(data_dir.absolute())
        self.urls: dict[str, str] = {}
        self._usual_ports = usual_ports or ports.USUAL
        self._children: list[Child] = []
        self._lock: int | None = None

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers."""
        return self.urls["prometheus"]

    @property
    def alertmanager_url(self) -> str:
        """Where Alertmanager answers."""
        return self.urls["alertmanager"]

    @property
    def receiver_url(self) -> str:
        """Where logs and traces are sent, asked for and shown."""
        return self.urls["receiver"]

    @property
    def targets_dir(self) -> Path:
        """Where services leave the files by which Prometheus discovers them."""
        return self.folders.targets

    def environment(self, service: str) -> dict[str, str]:
        """What a service must have in its environment to be seen.

        Args:
            service: The service's name, as the manifest gives it.
        """
        return {
            "OBS_SERVICE": service,
            "OBS_ENDPOINT": self.receiver_url,
            "OBS_LOGS_TO": "otlp",
            "OBS_LOCAL_DIR": str(self.folders.local_dir),
        }

    def start(self) -> None:
        """Generate everything, start the programs and wait until each answers.

        Raises:
            AlreadyUp: Another local stack runs on the same directory.
            DidNotStart: A program did not get ready; all are stopped again.
            NotOurs: The directory holds what others wrote.
            ProgramMissing: Prometheus or Alertmanager is not to be had.
            ValueError: The speed does not divide each duration into whole milliseconds.
            OSError: The directory cannot be written.
        """
        self.folders.prepare()
        self._take_lock()
        try:
            self._stop_leftovers()
            state.write(self.folders.state, self._state)
            discovery.remove_dead(self.folders.targets)
            with ports.one_at_a_time():
                self._start_on_free_ports()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the programs; what was stopped already stays so."""
        processes.stop(reversed(self._children))
        self._children = []
        if self._lock is not None:
            self.folders.state.unlink(missing_ok=True)
            filelock.let_go(self._lock)
            self._lock = None

    def ended(self) -> str:
        """What a program that has ended by itself said last; empty while all run."""
        for child in self._children:
            if child.ended:
                return f"{child.name} ended with exit code {child.process.returncode}; it printed:\n{child.tail()}"
        return ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def _state(self) -> State:
        return State(supervisor=Identity.of(os.getpid()), speed=self.speed)

    def _take_lock(self) -> None:
        self._lock = filelock.hold(self.folders.lock)
        if self._lock is None:
            raise AlreadyUp(f"local mode is already up on {self.folders.root}; see it with obs status")

    def _stop_leftovers(self) -> None:
        """End what a killed run left behind, where the kernel did not."""
        left = state.read(self.folders.state)
        if left is not None:
            processes.stop_strangers(running.identity for running in left.programs)

    def _start_on_free_ports(self) -> None:
        """Start the programs; when another program takes a port in between, once more with others."""
        usual = self._usual_ports
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._start_on(ports.choose(usual))
            except DidNotStart as fault:
                if attempt == _ATTEMPTS or not any(taken in fault.output for taken in _TAKEN):
                    raise
                processes.stop(self._children)
                self._children = []
                usual = ports.ANY
        return None

    def _start_on(self, chosen: Mapping[str, int]) -> None:
        self.urls = {name: f"http://{ports.LOOPBACK}:{port}" for name, port in chosen.items()}
        run = Run(self.manifest, self.folders, self.urls, self.speed)
        self._generate(run)
        now = self._state
        for spec in SPECS:
            child = processes.start(spec.name, spec.command(run), self.folders.log(spec.name))
            self._children.append(child)
            running = Running(
                name=spec.name,
                identity=child.identity,
                port=chosen[spec.name],
                url=self.urls[spec.name],
                health=self.urls[spec.name] + spec.health,
                log=str(child.log),
            )
            now = replace(now, programs=(*now.programs, running))
            state.write(self.folders.state, now)
        for child, running in zip(self._children, now.programs, strict=True):
            processes.await_ready(child, running.health)
        state.write(self.folders.state, replace(now, ready=True))

    def _generate(self, run: Run) -> None:
        surroundings = Surroundings(
            rules=f"{run.layout.rules}/*.yaml",
            targets=f"{self.folders.targets}/*.json",
            prometheus=run.address("prometheus"),
            alertmanager=run.address("alertmanager"),
            receiver=run.address("receiver"),
        )
        wanted = generation.artefacts(
            self.manifest,
            run.layout,
            surroundings=surroundings,
            speed=self.speed,
            links=links_to(self.receiver_url, self.manifest.links),
        )
        generation.apply(generation.changes(wanted, run.layout))
        for name in run.urls:
            with suppress(FileExistsError):
                self.folders.data(name).mkdir(mode=0o700)


def links_to(receiver: str, links: Links) -> Links:
    """The links of a manifest with those that lead to local mode's usual page led to the one that is used.

    Args:
        receiver: The URL of the receiver.
        links: The manifest's links; what leads elsewhere stays as it is.

    Example:
        >>> links_to("http://127.0.0.1:50000", Links(grafana="https://grafana.example")).logs
        'http://127.0.0.1:50000/logs'
    """
    usual = Links().grafana
    led = (receiver + link.removeprefix(usual) if _leads_to(usual, link) else link for link in astuple(links))
    return Links(*led)


def _leads_to(page: str, link: str) -> bool:
    return link == page or link.startswith(f"{page}/")
