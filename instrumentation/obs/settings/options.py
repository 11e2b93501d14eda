"""The options table: one row an option, from which arguments, variables, faults and docs are made."""

# ruff: noqa: RUF009 - _row stands for dataclasses.field

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from obs.settings.sources import (
    SAMPLER,
    SAMPLER_RATIO,
    SDK_DISABLED,
    Variable,
    other_resource_attributes,
    resource_attribute,
)
from obs.settings.values import (
    BOOLEAN,
    HEADERS,
    NAME,
    PATH,
    PATTERNS,
    SHARES,
    TEXT,
    URL,
    URL_PATH,
    WORDS,
    Kind,
    choice,
    number,
    pairs_without,
    whole_number,
)

# What health checks and scrapes ask for.
HEALTH_PATHS = (
    "/health",
    "/healthz",
    "/live",
    "/livez",
    "/ready",
    "/readyz",
    "/health/live",
    "/health/ready",
    "/-/healthy",
    "/-/ready",
    "/metrics",
)

# Resource attributes that have an option of their own, with the option.
_OWN_ATTRIBUTES = {
    "service.name": "service",
    "service.version": "version",
    "deployment.environment.name": "environment",
    "deployment.environment": "environment",
    "service.owner": "owner",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What obs knows of one option.

    Args:
        kind: How its value is read and checked.
        help: What it does, one sentence.
        default: Its value when nothing gives one, or a function that makes it.
        otel: OpenTelemetry's variables that it listens to, the strongest first.
        merges: The values of all its origins are put together, the stronger origin's winning key by key.
        name: The argument, and the key in `[tool.obs]`; the table sets it.
    """

    kind: Kind
    help: str
    default: object
    otel: tuple[Variable, ...] = ()
    merges: bool = False
    name: str = ""

    @property
    def variable(self) -> str:
        """Its own environment variable."""
        return f"OBS_{self.name.upper()}"

    @property
    def environment(self) -> tuple[str, ...]:
        """Every environment variable that it listens to, the strongest first."""
        return (self.variable, *dict.fromkeys(variable.name for variable in self.otel))


def _row(option: Option) -> Any:
    """A field of `Settings` that carries its option; a secret is left out of the repr, which tracebacks show."""
    default = option.default if callable(option.default) else lambda: option.default
    return field(default_factory=default, repr=not option.kind.secret, metadata={"option": option})


def _state_folder() -> Path:
    given = Path(os.environ.get("XDG_STATE_HOME", ""))
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.expanduser raises where there is no home
    if given.is_absolute():
        return given / "obs"
    return home / ".local/state/obs" if home.is_absolute() else Path(tempfile.gettempdir()) / "obs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `obs.init()` works by; `resolve` makes it, and each attribute's row says what it is."""

    enabled: bool = _row(Option(kind=BOOLEAN, default=True, otel=(SDK_DISABLED,), help="False turns all of obs off."))
    service: str = _row(
        Option(
            kind=NAME,
            default="python",
            otel=(Variable("OTEL_SERVICE_NAME"), resource_attribute("service.name")),
            help="The service's name; without one, its script's, application's or folder's.",
        )
    )
    version: str = _row(
        Option(
            kind=TEXT,
            default="",
            otel=(resource_attribute("service.version"),),
            help="The service's version; without one, that of the installed distribution of the service's name.",
        )
    )
    environment: str = _row(
        Option(
            kind=TEXT,
            default="",
            otel=(resource_attribute("deployment.environment.name", "deployment.environment"),),
            help="Where it is deployed, such as production or staging.",
        )
    )
    owner: str = _row(
        Option(
            kind=TEXT,
            default="",
            otel=(resource_attribute("service.owner"),),
            help="The team that is called when it breaks.",
        )
    )
    log_level: str = _row(
        Option(
            kind=choice("debug", "info", "warning", "error", "critical"),
            default="info",
            help="The lowest level that is logged.",
        )
    )
    log_format: str = _row(
        Option(
            kind=choice("auto", "console", "json"),
            default="auto",
            help="json is one ECS object a line, console is readable, auto is console on a terminal, else json.",
        )
    )
    logs_to: str = _row(
        Option(
            kind=choice("stdout", "otlp", "both"),
            default="stdout",
            help="Where logs go: to standard output, to the endpoint, or to both.",
        )
    )
    log_storm: int = _row(
        Option(
            kind=whole_number(0, 1_000_000),
            default=5000,
            help="The most lines a second of one message below error; the rest is told in one line, and 0 is no limit.",
        )
    )
    stdout_wait: float = _row(
        Option(
            kind=number(0, 60, "seconds"),
            default=0.25,
            help="The most seconds that a log line waits for a reader of standard output that does not read.",
        )
    )
    metrics_host: str = _row(
        Option(kind=NAME, default="127.0.0.1", help="The address that serves the metrics; 0.0.0.0 is every one.")
    )
    metrics_port: int = _row(
        Option(
            kind=whole_number(0, 65535),
            default=9464,
            help="The port that serves the metrics; the next free one where it is taken, and 0 is none.",
        )
    )
    metrics_path: str = _row(Option(kind=URL_PATH, default="/metrics", help="The path that serves the metrics."))
    max_series: int = _row(
        Option(
            kind=whole_number(1, 1_000_000),
            default=1000,
            help="The most combinations of label values of a metric of the application; further ones share one series.",
        )
    )
    endpoint: str = _row(
        Option(
            kind=URL,
            default="",
            otel=(Variable("OTEL_EXPORTER_OTLP_ENDPOINT"),),
            help="Where traces and logs are sent by OTLP over HTTP, without /v1/traces; empty is nowhere.",
        )
    )
    sample: float = _row(
        Option(
            kind=number(0, 1),
            default=1.0,
            otel=(SAMPLER, SAMPLER_RATIO),
            help="The share of traces that are kept, decided from the trace id.",
        )
    )
    sample_routes: dict[str, float] = _row(
        Option(
            kind=SHARES,
            default=dict,
            help="Other shares for the traces that begin with a request of a route, by its method and path; the first "
            "that matches holds.",
        )
    )
    sample_per_second: float = _row(
        Option(
            kind=number(0, 1_000_000),
            default=0.0,
            help="The most traces a second that are newly sampled, whatever the shares say; 0 is no limit.",
        )
    )
    keep: bool = _row(
        Option(
            kind=BOOLEAN,
            default=True,
            help="Errors and slow requests are kept whole, also when the share leaves out their trace.",
        )
    )
    slow: float = _row(
        Option(
            kind=number(0.001, 86400, "seconds"),
            default=1.0,
            help="A request that takes as many seconds is kept as slow.",
        )
    )
    trust_remote: bool = _row(
        Option(kind=BOOLEAN, default=False, help="A caller's sampled flag is followed instead of the own decision.")
    )
    edge: bool = _row(
        Option(
            kind=BOOLEAN,
            default=False,
            help="Callers are strangers: each request begins a trace of its own, which links to the caller's.",
        )
    )
    ignore_paths: tuple[str, ...] = _row(
        Option(
            kind=WORDS,
            default=HEALTH_PATHS,
            help="Paths whose requests are left out of logs, metrics and traces; `/internal/*` is all that begin so.",
        )
    )
    redact_keys: tuple[str, ...] = _row(
        Option(kind=WORDS, default=(), help="Further names of fields whose values are masked.")
    )
    redact_patterns: tuple[str, ...] = _row(
        Option(kind=PATTERNS, default=(), help="Further shapes of secrets, as regular expressions; a match is masked.")
    )
    safe_keys: tuple[str, ...] = _row(
        Option(kind=WORDS, default=(), help="Names of fields whose values are shown as they are, and never masked.")
    )
    disable: tuple[str, ...] = _row(Option(kind=WORDS, default=(), help="Integrations that stay off, by name."))
    exit_deadline: float = _row(
        Option(
            kind=number(0, 600, "seconds"),
            default=2.0,
            help="The most seconds that the end of the process waits for delivery, all signals together.",
        )
    )
    local_dir: Path = _row(
        Option(
            kind=PATH, default=_state_folder, help="Where a target leaves the file by which local mode discovers it."
        )
    )
    resource_attributes: dict[str, str] = _row(
        Option(
            kind=pairs_without(_OWN_ATTRIBUTES),
            default=dict,
            otel=(other_resource_attributes(*_OWN_ATTRIBUTES),),
            merges=True,
            help="Further attributes of the service's resource; those of all origins are put together.",
        )
    )
    otlp_headers: dict[str, str] = _row(
        Option(
            kind=HEADERS,
            default=dict,
            otel=(Variable("OTEL_EXPORTER_OTLP_HEADERS"),),
            help="Headers of every delivery to the endpoint, such as an API key.",
        )
    )
    otlp_certificate: str = _row(
        Option(
            kind=TEXT,
            default="",
            otel=(Variable("OTEL_EXPORTER_OTLP_CERTIFICATE"),),
            help="The file of the authorities that the endpoint's certificate is checked against.",
        )
    )
    otlp_timeout: float = _row(
        Option(
            kind=number(0.001, 86400, "seconds"),
            default=10.0,
            otel=(Variable("OTEL_EXPORTER_OTLP_TIMEOUT"),),
            help="The most seconds that one delivery to the endpoint may take.",
        )
    )
    otlp_compression: str = _row(
        Option(
            kind=choice("none", "gzip"),
            default="none",
            otel=(Variable("OTEL_EXPORTER_OTLP_COMPRESSION"),),
            help="How deliveries to the endpoint are packed.",
        )
    )


OPTIONS: Mapping[str, Option] = {row.name: replace(row.metadata["option"], name=row.name) for row in fields(Settings)}
