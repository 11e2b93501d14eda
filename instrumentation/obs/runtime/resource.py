"""What a service says of itself in everything that it sends by OTLP."""

from __future__ import annotations

import importlib.metadata
import os
from functools import cache
from typing import TYPE_CHECKING

from opentelemetry.sdk.version import __version__ as sdk_version

if TYPE_CHECKING:
    from obs.runtime.target import Target
    from obs.settings import Settings


def resource_attributes(settings: Settings, target: Target) -> dict[str, str | int]:
    """The resource's attributes in OpenTelemetry's names; what the service does not know is left out.

    Args:
        settings: Whose further `resource_attributes` are included; none of them replaces one that obs knows.
        target: Who the service is.
    """
    known: dict[str, str | int] = {
        "service.name": target.service,
        "service.version": target.version,
        "service.instance.id": target.instance_id,
        "service.owner": target.owner,
        "deployment.environment.name": target.environment,
        "process.pid": os.getpid(),
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk_version,
        "telemetry.distro.name": "obs-kit",
        "telemetry.distro.version": _own_version(),
    }
    return {**settings.resource_attributes, **{key: value for key, value in known.items() if value != ""}}


@cache
def _own_version() -> str:
    try:
        return importlib.metadata.version("obs-kit")
    except importlib.metadata.PackageNotFoundError:
        return ""
