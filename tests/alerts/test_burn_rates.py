"""The arithmetic of burn rates, in exact decimals against the written formula."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from obs.manifest import ManifestError, load
from obs_alerts.burn_rates import PERIODS, TIERS, error_budget, factor, refuse_impossible, threshold
from obs_alerts.exact import milliseconds, number


@pytest.mark.parametrize(
    ("period", "factors"),
    [
        ("7d", ["3.36", "1.4", "1", "1"]),
        ("28d", ["13.44", "5.6", "2.8", "1"]),
        ("30d", ["14.4", "6", "3", "1"]),
        ("90d", ["43.2", "18", "9", "3"]),
    ],
)
def test_factors_are_those_of_the_workbook_scaled_to_the_period(period: str, factors: list[str]) -> None:
    """For 30 days the four factors are 14.4, 6, 3 and 1; other periods scale them, and none goes below 1."""
    assert [number(factor(tier, period)) for tier in TIERS] == factors


@pytest.mark.parametrize("period", PERIODS)
def test_a_factor_is_exactly_share_times_period_over_long_window(period: str) -> None:
    """No rounding enters: the factor equals the formula in fractions."""
    for tier in TIERS:
        written = Fraction(tier.budget_share) * milliseconds(period) / milliseconds(tier.long)
        assert Fraction(factor(tier, period)) == max(Fraction(1), written)


@pytest.mark.parametrize("objective", ["99.9", "99.95", "99.99", "99.7", "95", "93.1"])
def test_a_threshold_is_exactly_factor_times_budget(objective: str) -> None:
    """The number in a rule is the product to the last digit, without float noise."""
    for tier in TIERS:
        exact = Fraction(factor(tier, "30d")) * (100 - Fraction(objective)) / 100
        assert Fraction(number(threshold(tier, "30d", Decimal(objective)))) == exact


def test_windows_holds_and_severities_are_those_of_the_design() -> None:
    """Four tiers, of which the two fast ones page."""
    assert [(tier.short, tier.long, tier.hold, tier.severity) for tier in TIERS] == [
        ("5m", "1h", "2m", "page"),
        ("30m", "6h", "15m", "page"),
        ("2h", "1d", "1h", "ticket"),
        ("6h", "3d", "3h", "ticket"),
    ]


@pytest.mark.parametrize(("objective", "period"), [("93", "30d"), ("97.6", "90d"), ("70", "7d")])
def test_an_objective_that_no_outage_can_burn_is_refused(objective: str, period: str) -> None:
    """Where the fastest tier would need more than every request to fail, the text says what is possible."""
    with pytest.raises(ValueError, match="use an objective above"):
        refuse_impossible(Decimal(objective), period)


@pytest.mark.parametrize(
    ("objective", "period"), [("93", "30d"), ("93.06", "30d"), ("97.6", "90d"), ("97.7", "90d"), ("70.3", "7d")]
)
def test_manifest_and_rules_refuse_the_same_objectives(objective: str, period: str, tmp_path: object) -> None:
    """What `obs.toml` accepts can always be generated, and what it refuses never."""
    from pathlib import Path

    path = Path(str(tmp_path)) / "obs.toml"
    path.write_text(
        '[project]\nname = "p"\n[[services]]\nname = "s"\nowner = "o"\n[[services.slos]]\nname = "a"\n'
        f'kind = "availability"\nobjective = {objective}\nwindow = "{period}"\n[retention]\nmetrics = "90d"\n'
    )
    refused = False
    try:
        load(path)
    except ManifestError:
        refused = True
    try:
        refuse_impossible(Decimal(objective), period)
    except ValueError:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize(("objective", "period", "said"), [("100", "30d", "below 100"), ("99", "31d", "use 7d")])
def test_an_unusable_objective_or_period_is_named(objective: str, period: str, said: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(ValueError, match=said):
        refuse_impossible(Decimal(objective), period)


def test_the_budget_has_no_float_noise() -> None:
    """100 - 99.9 is 0.1 % and not 0.0009999999999999432."""
    assert number(error_budget(Decimal("99.9"))) == "0.001"
