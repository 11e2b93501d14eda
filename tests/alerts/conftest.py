"""What the tests of alerts share: a project with every kind of SLO, its generated files, and the real programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from obs.manifest import Manifest, Receiver, Service, Slo
from obs_alerts import generate
from obs_stack import programs

Run = Callable[..., subprocess.CompletedProcess[str]]

GATEWAY = Service(
    name="gateway",
    owner="storefront",
    slos=(
        Slo(service="gateway", name="availability", kind="availability", objective=Decimal("99.9")),
        Slo(service="gateway", name="latency", kind="latency", objective=Decimal(95), threshold=Decimal(1)),
    ),
)
ORDERS = Service(
    name="orders",
    owner="fulfilment",
    slos=(
        Slo(
            service="orders",
            name="checkout",
            kind="availability",
            objective=Decimal("99.5"),
            window="7d",
            route="/orders/{order_id}",
            method="POST",
        ),
        Slo(
            service="orders",
            name="latency",
            kind="latency",
            objective=Decimal(99),
            threshold=Decimal("0.25"),
            window="90d",
        ),
    ),
)
RECEIVERS = (
    Receiver(name="on-call", kind="webhook", url="http://127.0.0.1:9/page", severities=("page",)),
    Receiver(name="storefront-board", kind="webhook", url="http://127.0.0.1:9/ticket", owners=("storefront",)),
    Receiver(name="alive", kind="webhook", url="http://127.0.0.1:9/alive", severities=("none",)),
)


@pytest.fixture(scope="session")
def shop() -> Manifest:
    """Two services with two SLOs each, of every kind, and three receivers."""
    return Manifest(project="shop", services=(GATEWAY, ORDERS), receivers=RECEIVERS)


@pytest.fixture(scope="session")
def generated(shop: Manifest) -> dict[str, str]:
    """Everything that is generated from the shop."""
    return generate(shop)


def lay(files: Mapping[str, str], root: Path) -> Path:
    """Write generated files where promtool's tests look for them: rules in `generated/`, tests in `tests/`."""
    for name, text in files.items():
        path = root / name.replace("rules/", "generated/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def laid(generated: dict[str, str], tmp_path: Path) -> Path:
    """The folder with the shop's generated files."""
    return lay(generated, tmp_path)


@pytest.fixture
def write() -> Callable[[Mapping[str, str], Path], Path]:
    """Write files as `laid` does."""
    return lay


def _runner(name: str) -> Run:
    program = programs.find(name)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=110)

    return run


@pytest.fixture(scope="session")
def promtool() -> Run:
    """Run the real promtool."""
    return _runner("promtool")


@pytest.fixture(scope="session")
def amtool() -> Run:
    """Run the real amtool."""
    return _runner("amtool")
