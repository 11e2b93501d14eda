"""The generated rules on a real promtool: each alert fires, stays silent and resolves, and a wrong rule is noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess
from typing import Literal

import pytest
import yaml

from obs.manifest import Manifest, Slo
from obs_alerts import generate
from obs_alerts.promtool_tests import missing_cases

Run = Callable[..., CompletedProcess[str]]
Write = Callable[[Mapping[str, str], Path], Path]

FILES = ["library", "slo-gateway-availability", "slo-gateway-latency", "slo-orders-checkout", "slo-orders-latency"]
AVAILABILITY = "slo-gateway-availability.yaml"

# What is broken, and the beginning of the names of the tests that must notice.
MUTATIONS = [
    ("> 0.0144", "0.0144", "0.0072", "SloErrorBudgetBurn fast"),
    ("> 0.0144", "0.0144", "0.0288", "SloErrorBudgetBurn fast"),
    ("ratio_rate1h{MINE} > 0.0144", "0.0144", "0", "SloErrorBudgetBurn fast"),
    ("ratio_rate6h{MINE} > 0.006", "0.006", "0", "SloErrorBudgetBurn medium"),
    ("ratio_rate1h{MINE} > 0.0144", "0.0144", "0.0072", "SloErrorBudgetBurn fast"),
    ("ratio_rate5m{MINE} > 0.0144", "0.0144", "0.0072", "SloErrorBudgetBurn fast"),
    ("ratio_rate6h{MINE} > 0.006", "0.006", "0.003", "SloErrorBudgetBurn medium"),
    ("ratio_rate30m{MINE} > 0.006", "0.006", "0.003", "SloErrorBudgetBurn medium"),
    ("ratio_rate5m{MINE} > 0.0144", "5m", "30m", "SloErrorBudgetBurn fast"),
    ("ratio_rate30m{MINE} > 0.006", "30m", "6h", "SloErrorBudgetBurn medium"),
    ("ratio_rate30m{MINE} > 0.006", ">", "<", "SloErrorBudgetBurn medium"),
    ("ratio_rate2h{MINE} > 0.003", ">", "<", "SloErrorBudgetBurn slow"),
    ("> 0.001\n", "0.001", "0.0005", "SloErrorBudgetBurn creeping"),
    ("increase1h{MINE} >= 10", "10", "0", "one failure of three"),
    ("increase1h{MINE} >= 10", "10", "5", "SloErrorBudgetBurn fast"),
    ("increase6h{MINE} >= 10", "10", "5", "SloErrorBudgetBurn medium"),
    ("increase1d{MINE} >= 10", "10", "5", "SloErrorBudgetBurn slow"),
    ("increase3d{MINE} >= 10", "10", "5", "SloErrorBudgetBurn creeping"),
    ("increase1d{MINE} >= 3", "3", "1", "SloLowTrafficErrors"),
    ("or\n          0 * sum(rate(", "0 *", "99 *", "a burst of ten minutes"),
    ("absent(", "absent(", "absent(0 * ", "SloMetricAbsent"),
    ("for: 10m", "10m", "30m", "SloMetricAbsent"),
    ("for: 10m", "10m", "5m", "SloMetricAbsent"),
    (" for: 2m", "2m", "0s", "SloErrorBudgetBurn fast"),
    (" for: 15m", "15m", "7m", "SloErrorBudgetBurn medium"),
    (" for: 1h", "1h", "30m", "SloErrorBudgetBurn slow"),
    (" for: 3h", "3h", "90m", "SloErrorBudgetBurn creeping"),
    ("keep_firing_for: 5m", "5m", "2m", "SloErrorBudgetBurn fast"),
    ("keep_firing_for: 30m", "30m", "15m", "SloErrorBudgetBurn medium"),
    ("keep_firing_for: 30m", "30m", "3h", "SloErrorBudgetBurn medium"),
    ("keep_firing_for: 2h", "2h", "1h", "SloErrorBudgetBurn slow"),
    ("keep_firing_for: 6h", "6h", "3h", "SloErrorBudgetBurn creeping"),
    ("severity: page", "page", "none", "SloErrorBudgetBurn fast"),
    ("Users of gateway get errors.", "errors", "cake", "SloErrorBudgetBurn fast"),
    ("increase1h\n        expr: sum_over_time(", "sum_", "max_", "a burst on a series"),
]


@pytest.mark.parametrize("name", FILES)
def test_every_case_holds(name: str, laid: Path, promtool: Run) -> None:
    """Each alert is seen to fire, stay silent and resolve, with the labels and the text that a person gets."""
    done = promtool("test", "rules", laid / "tests" / f"{name}.yaml")
    assert done.returncode == 0, done.stderr


def test_prometheus_accepts_every_rule_without_a_warning(laid: Path, promtool: Run) -> None:
    """The lint of promtool finds nothing."""
    done = promtool("check", "rules", "--lint-fatal", *sorted((laid / "generated").glob("*.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_rules_of_a_demo(shop: Manifest, tmp_path: Path, write: Write, promtool: Run) -> None:
    """Rules at 60 times the speed load as well: every divided duration is one that Prometheus knows."""
    write(generate(shop, speed=60), tmp_path)
    done = promtool("check", "rules", "--lint-fatal", *sorted((tmp_path / "generated").glob("*.yaml")))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.parametrize(("where", "right", "wrong", "told_by"), MUTATIONS)
def test_a_wrong_rule_is_noticed(
    where: str,
    right: str,
    wrong: str,
    told_by: str,
    generated: dict[str, str],
    tmp_path: Path,
    write: Write,
    promtool: Run,
) -> None:
    """A changed threshold, guard, hold, label or text fails the cases of just that alert."""
    rules = generated[f"rules/{AVAILABILITY}"]
    place = where.replace("MINE", 'service="gateway",slo="availability"')
    assert place in rules
    broken = rules.replace(place, place.replace(right, wrong))
    chosen = yaml.safe_load(generated[f"tests/{AVAILABILITY}"])
    chosen["tests"] = [test for test in chosen["tests"] if test["name"].startswith(told_by)]
    assert chosen["tests"]
    write({f"rules/{AVAILABILITY}": broken, f"tests/{AVAILABILITY}": yaml.safe_dump(chosen)}, tmp_path)
    assert promtool("test", "rules", tmp_path / "tests" / AVAILABILITY).returncode == 1


def test_every_alert_has_its_three_cases(generated: dict[str, str]) -> None:
    """The gate passes on everything that is generated."""
    assert missing_cases(*_rules_and_tests(generated)) == []


@pytest.mark.parametrize("case", ["fires", "stays silent", "resolves"])
def test_the_gate_names_the_alert_that_lacks_a_case(case: str, generated: dict[str, str]) -> None:
    """One case taken away is one line with the alert, its service, its SLO, its tier and the case."""
    rules, tests = _rules_and_tests(generated)
    name = f"tests/{AVAILABILITY}"
    kept = yaml.safe_load(tests[name])
    subject = "SloErrorBudgetBurn slow"
    # A story that resolves fires too, so without it only the other remains.
    gone = (f"{subject} of gateway availability {case}",) if case != "fires" else (subject,)
    kept["tests"] = [test for test in kept["tests"] if not test["name"].startswith(gone)]
    missing = missing_cases(rules, {**tests, name: yaml.safe_dump(kept)})
    assert f"SloErrorBudgetBurn gateway availability slow: no test that it {case}" in missing


def test_the_gate_names_an_alert_without_any_test(generated: dict[str, str]) -> None:
    """A rule that somebody adds without cases does not pass."""
    rules, tests = _rules_and_tests(generated)
    del tests["tests/library.yaml"]
    assert "TargetDown orders: no test that it resolves" in missing_cases(rules, tests)
    assert "Watchdog: no test that it fires" in missing_cases(rules, tests)


def _rules_and_tests(generated: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    rules = {name: text for name, text in generated.items() if name.startswith("rules/")}
    return rules, {name: text for name, text in generated.items() if name.startswith("tests/")}


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "objective", "window"),
    [("availability", "93.07", "30d"), ("latency", "70.25", "7d"), ("availability", "99.999999", "90d")],
)
def test_the_cases_hold_at_the_ends_of_what_may_be_promised(
    kind: Literal["availability", "latency"],
    objective: str,
    window: str,
    shop: Manifest,
    tmp_path: Path,
    write: Write,
    promtool: Run,
) -> None:
    """An objective that the manifest accepts has tests that pass, though no tier can be passed by a quarter there."""
    slo = Slo(
        service="gateway",
        name="edge",
        kind=kind,
        objective=Decimal(objective),
        threshold=Decimal("0.005") if kind == "latency" else None,
        window=window,
    )
    write(generate(replace(shop, services=(replace(shop.services[0], slos=(slo,)),))), tmp_path)
    done = promtool("test", "rules", tmp_path / "tests" / "slo-gateway-edge.yaml")
    assert done.returncode == 0, done.stderr


def test_a_route_may_hold_any_letter(shop: Manifest, tmp_path: Path, write: Write, promtool: Run) -> None:
    """Letters beyond the basic plane, quotes and backslashes reach Prometheus as they are."""
    slo = replace(shop.services[0].slos[0], route='/caf\u00e9/\N{FIRE}/"a"\\b')
    write(generate(replace(shop, services=(replace(shop.services[0], slos=(slo,)),))), tmp_path)
    done = promtool("check", "rules", "--lint-fatal", tmp_path / "generated" / AVAILABILITY)
    assert done.returncode == 0, done.stdout + done.stderr


LIBRARY_MUTATIONS = [
    ("TargetDown", "for", "2m30s"),
    ("TargetDown", "for", "10m"),
    ("TargetDown", "keep_firing_for", "2m"),
    ("TargetDown", "keep_firing_for", "10m"),
    ("ObsRecordsDropped", "for", "5m"),
    ("ObsRecordsDropped", "for", "20m"),
    ("ObsRecordsDropped", "keep_firing_for", "5m"),
    ("ObsRecordsDropped", "keep_firing_for", "20m"),
]


@pytest.mark.long
@pytest.mark.parametrize(("alert", "key", "wrong"), LIBRARY_MUTATIONS)
def test_a_wrong_time_of_an_alert_of_every_service_is_noticed(
    alert: str, key: str, wrong: str, generated: dict[str, str], tmp_path: Path, write: Write, promtool: Run
) -> None:
    """Half and twice the time that it must hold, or is kept, fail the cases of the alert."""
    document = yaml.safe_load(generated["rules/library.yaml"])
    for rule in (rule for group in document["groups"] for rule in group["rules"] if rule["alert"] == alert):
        assert rule[key] != wrong
        rule[key] = wrong
    write({**generated, "rules/library.yaml": yaml.safe_dump(document)}, tmp_path)
    done = promtool("test", "rules", tmp_path / "tests" / "library.yaml")
    assert done.returncode == 1
    assert alert in done.stderr
