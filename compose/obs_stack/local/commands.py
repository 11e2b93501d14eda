"""How each program is started: its command line, its port and how it says that it is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from obs.manifest import Manifest
from obs_alerts.exact import duration, milliseconds
from obs_stack.layout import Layout
from obs_stack.local.folders import Folders
from obs_stack.local.ports import LOOPBACK
from obs_stack.programs import find

# An alert is told again after so long: one that fired before Alertmanager was found would be late by as much. It is
# taken for resolved after four times as long, which a busy machine must not reach.
_RESEND = "1m"
_SOONEST = "5s"


@dataclass(frozen=True, slots=True)
class Run:
    """What the command lines are made from.

    Args:
        manifest: The services and the retention.
        folders: Where data lies.
        urls: Where each program answers, by its name.
        speed: By how much windows, holds and intervals are divided.
    """

    manifest: Manifest
    folders: Folders
    urls: Mapping[str, str]
    speed: int

    @property
    def layout(self) -> Layout:
        """Where the generated files of this run lie."""
        return Layout.folder(self.folders.generated)

    def address(self, name: str) -> str:
        """A program's `host:port`."""
        return self.urls[name].removeprefix("http://")


@dataclass(frozen=True, slots=True)
class Spec:
    """A program of local mode.

    Args:
        name: What it is called.
        command: Its command line.
        health: The path that answers 200 when it is ready.
    """

    name: str
    command: Callable[[Run], list[str | Path]]
    health: str


def _alertmanager(run: Run) -> list[str | Path]:
    return [
        find("alertmanager"),
        f"--config.file={run.layout.alertmanager / 'alertmanager.yaml'}",
        f"--storage.path={run.folders.data('alertmanager')}",
        f"--web.listen-address={run.address('alertmanager')}",
        f"--web.external-url={run.urls['alertmanager']}",
        "--cluster.listen-address=",
    ]


def _receiver(run: Run) -> list[str | Path]:
    manifest = [f"--manifest={run.manifest.path}"] if run.manifest.path.is_file() else []
    return [
        sys.executable,
        "-m",
        "obs_stack.receiver",
        f"--host={LOOPBACK}",
        f"--port={run.address('receiver').rpartition(':')[2]}",
        f"--data={run.folders.data('receiver')}",
        f"--dashboards={run.layout.dashboards}",
        f"--prometheus={run.urls['prometheus']}",
        f"--alertmanager={run.urls['alertmanager']}",
        *manifest,
    ]


def _prometheus(run: Run) -> list[str | Path]:
    # Reloading and stopping by HTTP stay off: a page in the browser could ask for them.
    return [
        find("prometheus"),
        f"--config.file={run.layout.prometheus / 'prometheus.yaml'}",
        f"--storage.tsdb.path={run.folders.data('prometheus')}",
        f"--storage.tsdb.retention.time={run.manifest.retention.metrics}",
        f"--web.listen-address={run.address('prometheus')}",
        f"--web.external-url={run.urls['prometheus']}",
        f"--rules.alert.resend-delay={duration(max(milliseconds(_RESEND) // run.speed, milliseconds(_SOONEST)))}",
        "--enable-feature=exemplar-storage",
    ]


# In the order of starting: whoever is talked to comes before who talks to it.
SPECS = (
    Spec("alertmanager", _alertmanager, "/-/ready"),
    Spec("receiver", _receiver, "/health"),
    Spec("prometheus", _prometheus, "/-/ready"),
)
