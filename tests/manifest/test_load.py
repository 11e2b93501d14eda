"""What a manifest that is right becomes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from obs.manifest import Links, Manifest, Receiver, Retention, Service, Slo, load
from obs.signals.model import Counter, Label
from obs.signals_file import export_signals

WHOLE = """
[project]
name = "shop"

[links]
grafana = "https://grafana.example/"
logs = "https://kibana.example/app"
runbooks = "https://docs.example/runbooks"
traces = "https://jaeger.example/trace"

[[services]]
name = "gateway"
owner = "storefront"
description = "What customers talk to."
language = "go"
signals = "gateway/signals.json"

[[services.slos]]
name = "availability"
kind = "availability"
objective = 99.95
window = "28d"
route = "/checkout"
method = "POST"

[[services.slos]]
name = "latency"
kind = "latency"
objective = 99
threshold = "250ms"

[[receivers]]
name = "default"
kind = "webhook"
url = "http://127.0.0.1:9/hook?team=a"
severities = ["page"]
owners = ["storefront"]

[[receivers]]
name = "nobody"
kind = "none"

[retention]
logs = "36h"
traces = "1d12h"
"""


def test_every_key_arrives_in_its_type(tmp_path: Path) -> None:
    """A manifest that uses every key becomes plain data: exact decimals, seconds, loaded signals."""
    placed = Counter(name="orders_placed", help="Orders.", labels=(Label("method", ""),))
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "signals.json").write_text(export_signals("gateway", [placed]))
    path = tmp_path / "obs.toml"
    path.write_text(WHOLE)
    availability = Slo(
        service="gateway",
        name="availability",
        kind="availability",
        objective=Decimal("99.95"),
        window="28d",
        route="/checkout",
        method="POST",
    )
    latency = Slo(
        service="gateway",
        name="latency",
        kind="latency",
        objective=Decimal(99),
        threshold=Decimal("0.25"),
        window="30d",
    )
    assert load(path) == Manifest(
        project="shop",
        services=(
            Service(
                name="gateway",
                owner="storefront",
                description="What customers talk to.",
                language="go",
                slos=(availability, latency),
                signals=(placed,),
            ),
        ),
        links=Links(
            "https://grafana.example",
            "https://kibana.example/app",
            "https://docs.example/runbooks",
            "https://jaeger.example/trace",
        ),
        receivers=(
            Receiver(
                name="default",
                kind="webhook",
                url="http://127.0.0.1:9/hook?team=a",
                severities=("page",),
                owners=("storefront",),
            ),
            Receiver(name="nobody", kind="none"),
        ),
        retention=Retention(logs="36h", traces="36h", metrics="30d"),
        path=path,
    )


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    """Project, service and owner are enough; links lead to local mode."""
    path = tmp_path / "obs.toml"
    path.write_text('[project]\nname = "p"\n[[services]]\nname = "s"\nowner = "o"\n')
    assert load(path) == Manifest(project="p", services=(Service(name="s", owner="o"),), path=path)


def test_a_service_is_found_by_its_name(tmp_path: Path) -> None:
    """Asking for one that is not there names those that are."""
    path = tmp_path / "obs.toml"
    path.write_text('[project]\nname = "p"\n[[services]]\nname = "s"\nowner = "o"\n')
    manifest = load(path)
    assert manifest.service("s") is manifest.services[0]
    with pytest.raises(KeyError, match="no service 't'; there are s"):
        manifest.service("t")


def test_the_objective_is_exact(tmp_path: Path) -> None:
    """No binary rounding stands between the file and the rule: 99.99 stays 99.99."""
    path = tmp_path / "obs.toml"
    path.write_text(
        '[project]\nname = "p"\n[[services]]\nname = "s"\nowner = "o"\n'
        'slos = [{ name = "a", kind = "availability", objective = 99.99 }]\n'
    )
    assert 100 - load(path).services[0].slos[0].objective == Decimal("0.01")
