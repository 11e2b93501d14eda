"""The Alertmanager configuration: who is told of what, how often, and which alert another one explains."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obs_alerts.burn_rates import TIERS
from obs_alerts.exact import Clock
from obs_alerts.slo_alerts import ABSENT, BURN, LOW_TRAFFIC
from obs_alerts.yaml_text import to_yaml

if TYPE_CHECKING:
    from obs.manifest import Manifest, Receiver

WATCHDOG = "Watchdog"
DEAD_MAN = "dead-man"
NOBODY = "nobody"

# How often an alert that goes on is told again. A page is told again within a shift, a ticket once a day.
_REPEAT = {"page": "4h", "ticket": "24h"}


def alertmanager(manifest: Manifest, *, speed: int = 1) -> str:
    """The text of ``alertmanager.yaml``, valid for Alertmanager 0.25 and upwards.

    What no receiver asks for goes to the first receiver that takes every owner, else to the first of all; without any,
    alerts are only shown. The Watchdog goes to the receivers that take severity ``none``, else to one that is empty.

    Args:
        manifest: Its receivers.
        speed: Divides every duration.

    Raises:
        ValueError: A receiver's address holds a password, or one has a name that is taken.
    """
    clock = Clock(speed)
    receivers = [_receiver(receiver) for receiver in manifest.receivers]
    dead_man = [receiver.name for receiver in manifest.receivers if "none" in receiver.severities] or [DEAD_MAN]
    fallback = _fallback(manifest)
    declared = {receiver.name for receiver in manifest.receivers}
    receivers += [{"name": name} for name in (*dead_man, fallback) if name not in declared]
    return to_yaml(
        {
            "route": {
                "receiver": fallback,
                "group_by": ["service"],
                "group_wait": clock("30s"),
                "group_interval": clock("1m"),
                "repeat_interval": clock(_REPEAT["page"]),
                "routes": [*_dead_man_routes(dead_man, clock), *_routes(manifest, clock)],
            },
            "inhibit_rules": _inhibitions(),
            "receivers": receivers,
        }
    )


def _receiver(receiver: Receiver) -> dict[str, object]:
    if receiver.kind == "none":
        return {"name": receiver.name}
    address = urlsplit(receiver.url)
    if address.password or address.username:
        raise ValueError(f"receiver {receiver.name}: url holds a user or password, which a committed file must not")
    return {"name": receiver.name, "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}


def _fallback(manifest: Manifest) -> str:
    """Who is told of an alert that nobody asked for: somebody, rather than nobody."""
    people = [receiver for receiver in manifest.receivers if set(receiver.severities) != {"none"}]
    for_all = [receiver for receiver in people if not receiver.owners]
    return next((receiver.name for receiver in (*for_all, *people)), NOBODY)


def _dead_man_routes(receivers: list[str], clock: Clock) -> list[dict[str, object]]:
    """Told every minute, so that silence is noticed in minutes; the last one ends the search for a route."""
    return [
        {
            "receiver": name,
            "matchers": [f'alertname="{WATCHDOG}"'],
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": clock("1m"),
            "repeat_interval": clock("1m"),
            "continue": name != receivers[-1],
        }
        for name in receivers
    ]


def _routes(manifest: Manifest, clock: Clock) -> list[dict[str, object]]:
    """One for each receiver and severity; all that match are told."""
    return [
        {
            "receiver": receiver.name,
            "matchers": [f'severity="{severity}"', *_owned(receiver)],
            "repeat_interval": clock(repeat),
            "continue": True,
        }
        for receiver in manifest.receivers
        for severity, repeat in _REPEAT.items()
        if not receiver.severities or severity in receiver.severities
    ]


def _owned(receiver: Receiver) -> list[str]:
    """A name may hold dots, of which each stands for itself."""
    names = "|".join(receiver.owners).replace(".", r"\\.")
    return [f'owner=~"{names}"'] if receiver.owners else []


def _inhibitions() -> list[dict[str, object]]:
    """A faster tier explains the slower ones of its SLO; a target that is down explains a metric that is missing."""
    tiers = [tier.name for tier in TIERS]
    faster = [
        _inhibition(
            [f'alertname="{BURN}"', f'burn_tier="{tier}"'],
            [f'alertname="{BURN}"', f'burn_tier=~"{"|".join(tiers[place:])}"'],
            ["service", "slo"],
        )
        for place, tier in enumerate(tiers[:-1], start=1)
    ]
    return [
        *faster,
        _inhibition([f'alertname="{BURN}"'], [f'alertname="{LOW_TRAFFIC}"'], ["service", "slo"]),
        _inhibition(['alertname="TargetDown"'], [f'alertname="{ABSENT}"'], ["service"]),
    ]


def _inhibition(source: list[str], target: list[str], equal: list[str]) -> dict[str, object]:
    return {"source_matchers": source, "target_matchers": target, "equal": equal}
