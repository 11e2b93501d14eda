"""The services that Prometheus scrapes, and how each of them fares."""

from __future__ import annotations

from dataclasses import dataclass

from obs_stack.local.asking import ask

_POOL = "services"


@dataclass(frozen=True, slots=True, order=True)
class ScrapedTarget:
    """One start of a service.

    Args:
        service: The service's name.
        instance: This start of it.
        url: Where its metrics are.
        health: `up`, `down`, or `unknown` before its first scrape.
        error: Why it is down.
    """

    service: str
    instance: str
    url: str
    health: str
    error: str


def scraped(prometheus: str) -> list[ScrapedTarget]:
    """The services' targets in the order of their names; none while Prometheus does not answer.

    Args:
        prometheus: The URL of Prometheus.
    """
    answer = ask(f"{prometheus}/api/v1/targets?state=active")
    found = answer["data"]["activeTargets"] if answer else []
    return sorted(
        ScrapedTarget(
            service=each["labels"].get("job", ""),
            instance=each["labels"].get("instance", ""),
            url=each["scrapeUrl"],
            health=each["health"],
            error=each["lastError"],
        )
        for each in found
        if each["scrapePool"] == _POOL
    )
