"""What a manifest holds, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from obs.signals.model import Metric


@dataclass(frozen=True, slots=True)
class Links:
    """Where links on dashboards and in alerts lead; the defaults are local mode's own pages.

    Args:
        grafana: Dashboards are at `<grafana>/d/<uid>`.
        logs: Log searches are at `<logs>?q=<Lucene query>`.
        runbooks: Runbooks are at `<runbooks>/<alert name>`.
        traces: Traces are at `<traces>/<trace id>`.
    """

    grafana: str = "http://127.0.0.1:4318"
    logs: str = "http://127.0.0.1:4318/logs"
    runbooks: str = "http://127.0.0.1:4318/runbooks"
    traces: str = "http://127.0.0.1:4318/trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What a service promises.

    Args:
        service: The service's name.
        name: Its own name, once in a service.
        kind: `availability` (requests without a server error) or `latency` (requests faster than the threshold).
        objective: The part of requests that keep the promise, in percent, above 0 and below 100.
        threshold: For latency, in seconds; a bucket of `http_server_request_duration_seconds`.
        window: The time over which it is promised: `7d`, `28d`, `30d` or `90d`.
        route: The only route it is about, or empty.
        method: The only method it is about, or empty.
    """

    service: str
    name: str
    kind: str
    objective: Decimal
    threshold: Decimal | None = None
    window: str = "30d"
    route: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service; its name is the label `job` of its metrics and `service.name` of its logs and traces.

    Args:
        name: The name.
        owner: The team that is called when it breaks.
        description: What it is for.
        language: `python`, `go`, `java`, `node` or `other`.
        slos: What it promises.
        signals: The metrics that it declares itself.
    """

    name: str
    owner: str
    description: str = ""
    language: str = "python"
    slos: tuple[Slo, ...] = ()
    signals: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where alerts go.

    Args:
        name: Its name, once in a manifest.
        kind: `none` or `webhook`.
        url: For a webhook, what is called.
        severities: The severities that it takes: `page`, `ticket`, and `none` for a dead-man's switch.
        owners: The owners whose alerts it takes; empty is everybody's.
    """

    name: str
    kind: str
    url: str = ""
    severities: tuple[str, ...] = ("page", "ticket")
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each signal is kept, as durations such as `7d`; `duration_seconds` makes numbers of them."""

    logs: str = "7d"
    traces: str = "3d"
    metrics: str = "30d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that `obs.toml` says.

    Args:
        project: The project's name.
        services: Its services, in the order of the file.
        links: Where links lead.
        receivers: Where alerts go, in the order of the file.
        retention: How long signals are kept.
        path: The file that it was read from.
    """

    project: str
    services: tuple[Service, ...]
    links: Links = field(default_factory=Links)
    receivers: tuple[Receiver, ...] = ()
    retention: Retention = field(default_factory=Retention)
    path: Path = Path("obs.toml")

    def service(self, name: str) -> Service:
        """The service of this name.

        Raises:
            KeyError: There is none.
        """
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(f"no service {name!r}; there are {', '.join(service.name for service in self.services)}")
