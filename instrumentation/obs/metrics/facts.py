"""Constant facts about a target: who it is, what was built into it, and which interpreter runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs.runtime.target import Target
from obs.signals import model, runtime
from obs.signals import target as signals

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


def families(target: Target) -> list[Metric]:
    """The info metrics of a target."""
    import platform

    major, minor, patchlevel = platform.python_version_tuple()
    return [
        _info(
            signals.TARGET,
            target.service,
            target.version,
            target.instance_id,
            target.environment,
            target.owner,
        ),
        _info(signals.BUILD, target.version, _obs_version(), platform.python_version()),
        _info(runtime.PYTHON, platform.python_implementation(), major, minor, patchlevel, platform.python_version()),
    ]


def _info(signal: model.Info, *values: str) -> Metric:
    from prometheus_client.metrics_core import Metric

    metric = Metric(signal.family, signal.help, "info")
    metric.add_sample(signal.samples[0], dict(zip(signal.label_names, values, strict=True)), 1.0)
    return metric


def _obs_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("obs-kit")
    except metadata.PackageNotFoundError:
        return ""
