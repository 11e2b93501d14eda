"""Prometheus' configuration for the target `local`: what every version from 2.42 on understands, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from obs_alerts.exact import Clock, duration, milliseconds
from obs_alerts.yaml_text import to_yaml

# The jobs under which the stack's own programs are scraped; no service of a manifest is called so by chance.
OWN_JOBS = ("prometheus", "alertmanager", "obs-receiver")

INTERVAL = "15s"
LONGEST_SCRAPE = "10s"
LOOK_FOR_TARGETS = "5s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What Prometheus reads, and whom it talks to.

    Args:
        rules: A glob of the rule files; a relative one starts at the configuration file.
        targets: A glob of the discovery files; a relative one starts at the configuration file.
        prometheus: Its own `host:port`.
        alertmanager: Alertmanager's `host:port`.
        receiver: The receiver's `host:port`.
    """

    rules: str
    targets: str
    prometheus: str = "127.0.0.1:9090"
    alertmanager: str = "127.0.0.1:9093"
    receiver: str = "127.0.0.1:4318"


def render(surroundings: Surroundings, *, speed: int = 1) -> str:
    """The text of `prometheus.yaml`.

    A target's discovery file says its `job`, its `instance` and, as `__metrics_path__`, where its metrics are.
    OpenMetrics, and with it exemplars, is what every version asks for first; exemplars are kept only with
    `--enable-feature=exemplar-storage`.

    Args:
        surroundings: What it reads, and whom it talks to.
        speed: Scrape and evaluation intervals are divided by it.

    Returns:
        YAML, the same for the same arguments.

    Raises:
        ValueError: The speed does not divide the intervals into whole milliseconds.

    Example:
        >>> text = render(Surroundings(rules="rules/*.yaml", targets="targets/*.json"), speed=60)
        >>> "scrape_interval: 250ms" in text
        True
    """
    interval = Clock(speed)(INTERVAL)
    longest = duration(min(milliseconds(interval), milliseconds(LONGEST_SCRAPE)))
    own = (surroundings.prometheus, surroundings.alertmanager, surroundings.receiver)
    return to_yaml(
        {
            "global": {"scrape_interval": interval, "scrape_timeout": longest, "evaluation_interval": interval},
            "rule_files": [surroundings.rules],
            "alerting": {
                "alertmanagers": [{"api_version": "v2", "static_configs": [{"targets": [surroundings.alertmanager]}]}]
            },
            "scrape_configs": [
                {
                    "job_name": "services",
                    "file_sd_configs": [{"files": [surroundings.targets], "refresh_interval": LOOK_FOR_TARGETS}],
                },
                *(_own_job(name, address) for name, address in zip(OWN_JOBS, own, strict=True)),
            ],
        }
    )


def _own_job(name: str, address: str) -> dict[str, Any]:
    return {"job_name": name, "static_configs": [{"targets": [address]}]}
