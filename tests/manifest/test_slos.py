"""The promises that the manifest takes are those that the alert rules can watch."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from obs.manifest import ManifestError, load
from obs.signals.http import SERVER_DURATION
from obs_alerts import burn_rates

SLO = """[project]
name = "p"
[[services]]
name = "s"
owner = "o"
[[services.slos]]
name = "a"
"""


def accepted(path: Path, slo: str) -> bool:
    """Whether a manifest with this promise loads."""
    path.write_text(f'{SLO}{slo}[retention]\nmetrics = "90d"\n')
    try:
        load(path)
    except ManifestError:
        return False
    return True


def possible(objective: Decimal, window: str) -> bool:
    """Whether each tier of the rules has a threshold below every request."""
    return all(burn_rates.threshold(tier, window, objective) < 1 for tier in burn_rates.TIERS)


@pytest.mark.parametrize("window", burn_rates.PERIODS)
def test_an_objective_is_taken_exactly_when_its_alerts_can_fire(window: str, tmp_path: Path) -> None:
    """Manifest and rules agree on the lowest objective of each window, to a hundredth of a percent."""
    for hundredths in range(6800, 10000, 7):
        objective = Decimal(hundredths) / 100
        slo = f'kind = "availability"\nobjective = {objective}\nwindow = "{window}"\n'
        assert accepted(tmp_path / "obs.toml", slo) == possible(objective, window), objective


@pytest.mark.parametrize("window", ["7d", "28d", "30d", "90d"])
def test_the_remedy_for_an_impossible_objective_is_possible(window: str, tmp_path: Path) -> None:
    """Who writes a little more than the line says is through."""
    path = tmp_path / "obs.toml"
    path.write_text(f'{SLO}kind = "availability"\nobjective = 50\nwindow = "{window}"\n')
    with pytest.raises(ManifestError) as caught:
        load(path)
    remedy = Decimal(caught.value.faults[0].remedy.split("more than ")[1].split(" ")[0])
    assert possible(remedy + Decimal("0.01"), window)
    assert not possible(remedy - Decimal("0.01"), window)


@pytest.mark.parametrize("bucket", SERVER_DURATION.buckets)
def test_every_bucket_can_be_a_threshold(bucket: float, tmp_path: Path) -> None:
    """Each upper bound of the histogram is accepted, written in milliseconds."""
    milliseconds = int(Decimal(str(bucket)) * 1000)
    slo = f'kind = "latency"\nobjective = 99\nthreshold = "{milliseconds}ms"\n'
    assert accepted(tmp_path / "obs.toml", slo)
