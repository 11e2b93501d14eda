"""The Alertmanager configuration on the real amtool: who is told of what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from obs.manifest import Manifest, Receiver, Service, load
from obs_alerts.alertmanager import alertmanager

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def config(shop: Manifest, tmp_path: Path) -> Path:
    """The shop's configuration as a file."""
    path = tmp_path / "alertmanager.yaml"
    path.write_text(alertmanager(shop))
    return path


@pytest.mark.parametrize("speed", [1, 60])
def test_alertmanager_accepts_it(speed: int, shop: Manifest, tmp_path: Path, amtool: Run) -> None:
    """The real amtool finds no fault, at any speed."""
    path = tmp_path / "alertmanager.yaml"
    path.write_text(alertmanager(shop, speed=speed))
    done = amtool("check-config", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["severity=page", "owner=storefront"], "on-call,storefront-board"),
        (["severity=page", "owner=fulfilment"], "on-call"),
        (["severity=ticket", "owner=storefront"], "storefront-board"),
        (["severity=ticket", "owner=fulfilment"], "on-call"),
        (["alertname=Watchdog", "severity=none"], "alive"),
    ],
)
def test_each_alert_reaches_those_who_asked_for_it(
    labels: list[str], receivers: str, config: Path, amtool: Run
) -> None:
    """By severity and owner; what nobody asked for goes to a receiver of everybody, not to nobody."""
    done = amtool("config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receivers}", *labels)
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_receivers_alerts_are_shown_and_nobody_is_called(shop: Manifest) -> None:
    """A project that named no receiver has a valid configuration with empty ones."""
    config = _parsed(replace(shop, receivers=()))
    assert config["receivers"] == [{"name": "dead-man"}, {"name": "nobody"}]
    assert config["route"]["receiver"] == "nobody"


def test_a_receiver_of_kind_none_is_only_a_name(shop: Manifest) -> None:
    """Alerts that go there are shown and not sent."""
    config = _parsed(replace(shop, receivers=(Receiver(name="quiet", kind="none"),)))
    assert {"name": "quiet"} in config["receivers"]


@pytest.mark.parametrize("url", ["http://me:secret@127.0.0.1/", "http://token@127.0.0.1/"])
def test_a_password_in_an_address_is_refused(url: str, shop: Manifest) -> None:
    """A committed file holds no secret, and the message does not repeat it."""
    receiver = Receiver(name="leaky", kind="webhook", url=url)
    with pytest.raises(ValueError, match="leaky") as refusal:
        alertmanager(replace(shop, receivers=(receiver,)))
    assert "secret" not in str(refusal.value)
    assert "token" not in str(refusal.value)


def test_a_page_is_repeated_within_a_shift_and_a_ticket_daily(shop: Manifest) -> None:
    """The same alert does not ring all the time."""
    routes = _parsed(shop)["route"]["routes"]
    repeats = {route["matchers"][0]: route["repeat_interval"] for route in routes}
    assert repeats['severity="page"'] == "4h"
    assert repeats['severity="ticket"'] == "1d"


def test_a_faster_tier_silences_the_slower_ones_of_its_slo_only(shop: Manifest) -> None:
    """Each tier is the source of one rule whose targets are all slower tiers, for the same service and SLO."""
    rules = [rule for rule in _parsed(shop)["inhibit_rules"] if len(rule["source_matchers"]) == 2]
    assert {rule["source_matchers"][1]: rule["target_matchers"][1] for rule in rules} == {
        'burn_tier="fast"': 'burn_tier=~"medium|slow|creeping"',
        'burn_tier="medium"': 'burn_tier=~"slow|creeping"',
        'burn_tier="slow"': 'burn_tier=~"creeping"',
    }
    assert {tuple(rule["equal"]) for rule in rules} == {("service", "slo")}


def _parsed(manifest: Manifest) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(alertmanager(manifest))
    return parsed


def test_a_dead_man_s_switch_can_be_declared_in_the_manifest(tmp_path: Path) -> None:
    """A receiver of severity none gets the Watchdog, and nothing else."""
    path = tmp_path / "obs.toml"
    path.write_text(
        '[project]\nname = "p"\n[[services]]\nname = "s"\nowner = "o"\n'
        '[[receivers]]\nname = "alive"\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\nseverities = ["none"]\n'
    )
    routes = _parsed(load(path))["route"]["routes"]
    assert [(route["receiver"], route["matchers"]) for route in routes] == [("alive", ['alertname="Watchdog"'])]


@pytest.mark.parametrize(("owner", "receivers"), [("web.team", "dotted"), ("web-team", "all")])
def test_an_owner_with_a_dot_is_no_pattern(owner: str, receivers: str, tmp_path: Path, amtool: Run) -> None:
    """The alerts of web.team reach its receiver, those of another owner that only looks like it do not."""
    path = tmp_path / "alertmanager.yaml"
    mine = Receiver(name="dotted", kind="webhook", url="http://127.0.0.1:9/", owners=("web.team",))
    services = (Service(name="a", owner="web.team"), Service(name="b", owner="web-team"))
    other = Receiver(name="all", kind="none", owners=("web-team",))
    path.write_text(alertmanager(Manifest(project="p", services=services, receivers=(mine, other))))
    verify = f"--verify.receivers={receivers}"
    done = amtool("config", "routes", "test", f"--config.file={path}", verify, "severity=page", f"owner={owner}")
    assert done.returncode == 0, done.stdout + done.stderr
