"""The generated rules on a real promtool: each alert fires, stays silent and resolves, and a wrong rule is noticed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from obs.manifest import Manifest
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
    ("ratio_rate30m{MINE} > 0.006", ">", "<", "SloErrorBudgetBurn medium"),
    ("ratio_rate2h{MINE} > 0.003", ">", "<", "SloErrorBudgetBurn slow"),
    ("> 0.001\n", "0.001", "0.0005", "SloErrorBudgetBurn creeping"),
    ("increase1h{MINE} >= 10", "10", "0", "one failure of three"),
    ("increase1d{MINE} >= 3", "3", "1", "SloLowTrafficErrors"),
    ("or\n          0 * sum(rate(", "0 *", "99 *", "a burst of ten minutes"),
    ("absent(", "absent(", "absent(0 * ", "SloMetricAbsent"),
    ("for: 10m", "10m", "30m", "SloMetricAbsent"),
    ("keep_firing_for: 30m", "30m", "3h", "SloErrorBudgetBurn medium"),
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
