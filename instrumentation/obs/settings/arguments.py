"""The options as the keyword arguments of `obs.init()`, for editors and type checkers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypedDict


class Arguments(TypedDict, total=False):
    """One key an option; None means not given. The options table says what each is and checks its value."""

    enabled: bool | None
    service: str | None
    version: str | None
    environment: str | None
    owner: str | None
    log_level: str | None
    log_format: str | None
    logs_to: str | None
    log_storm: int | None
    stdout_wait: float | None
    metrics_host: str | None
    metrics_port: int | None
    metrics_path: str | None
    max_series: int | None
    endpoint: str | None
    sample: float | None
    sample_routes: Mapping[str, float] | None
    sample_per_second: float | None
    keep: bool | None
    slow: float | None
    trust_remote: bool | None
    edge: bool | None
    ignore_paths: Sequence[str] | None
    redact_keys: Sequence[str] | None
    redact_patterns: Sequence[str] | None
    safe_keys: Sequence[str] | None
    disable: Sequence[str] | None
    exit_deadline: float | None
    local_dir: str | os.PathLike[str] | None
    resource_attributes: Mapping[str, str] | None
    otlp_headers: Mapping[str, str] | None
    otlp_certificate: str | None
    otlp_timeout: float | None
    otlp_compression: str | None
