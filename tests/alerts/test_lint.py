"""The lint of rules: nothing to say about what is generated, and one thing about each fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

import obs_dashboards
from obs.manifest import Manifest
from obs.signals.model import Counter
from obs_alerts.lint import lint, recorded_series

DASHBOARDS = frozenset({"obs-http-service", "obs-python-runtime"})

Rule = dict[str, Any]


@pytest.fixture
def rules(generated: dict[str, str]) -> dict[str, str]:
    """The shop's rule files."""
    return {name: text for name, text in generated.items() if name.startswith("rules/")}


def test_generated_rules_have_no_problem(shop: Manifest, rules: dict[str, str]) -> None:
    """Every check holds on every rule, with the dashboards that are generated from the same manifest."""
    uids = frozenset(name.removesuffix(".json") for name in obs_dashboards.generate(shop))
    assert lint(rules, uids) == []


def _set(key: str, value: str) -> Callable[[Rule], None]:
    """Change one key of a rule; `labels.` and `annotations.` lead into these."""
    outer, _, inner = key.rpartition(".")

    def change(rule: Rule) -> None:
        (rule[outer] if outer else rule)[inner] = value

    return change


FAULTS = [
    ("parses", _set("expr", "up{job=")),
    ("exact", _set("expr", 'up{job="gateway"} > 0.0009999999999999432')),
    ("declared", _set("expr", 'upp{job="gateway"} == 0')),
    ("declared", _set("expr", 'up{jbo="gateway"} == 0')),
    ("declared", _set("expr", 'sum by (pod) (up{job="gateway"}) == 0')),
    ("declared", _set("expr", 'slo:failures:increase1h{route="/"} > 0')),
    ("name", _set("alert", "target_down")),
    ("severity", _set("labels.severity", "critical")),
    ("owner", _set("labels.owner", "")),
    ("summary", _set("annotations.summary", "down")),
    ("description", _set("annotations.description", "It is down.")),
    ("template", _set("annotations.summary", "Down since {{ $value | humanizeDuration }}.")),
    ("runbook", _set("annotations.runbook_url", "http://r/Nowhere")),
    ("dashboard", _set("annotations.dashboard_url", "http://g/d/nowhere?var-job=gateway")),
    ("dashboard", _set("annotations.dashboard_url", "http://g/d/obs-http-service?var-job=")),
    ("logs", _set("annotations.logs_url", "http://l/")),
    ("comparison", _set("expr", 'up{job="gateway"}')),
    ("comparison", _set("expr", 'up{job="gateway"} == 0 and up{job="gateway"}')),
    ("hold", _set("for", "0s")),
]


@pytest.mark.parametrize(("check", "change"), FAULTS)
def test_each_fault_is_found_by_its_check(check: str, change: Callable[[Rule], None], rules: dict[str, str]) -> None:
    """One thing broken in one alert is named with the file and the alert."""
    document = yaml.safe_load(rules["rules/library.yaml"])
    rule = next(
        rule for group in document["groups"] for rule in group["rules"] if rule["labels"].get("service") == "gateway"
        and rule["alert"] == "TargetDown"
    )  # fmt: skip
    change(rule)
    problems = lint({**rules, "rules/library.yaml": yaml.safe_dump(document)}, DASHBOARDS)
    # The runbook has the alert's name, so a wrong name has no runbook either.
    assert {problem.check for problem in problems} - {"runbook"} <= {check}
    assert check in {problem.check for problem in problems}
    assert str(problems[0]).startswith(f"rules/library.yaml: {rule['alert']}: ")


def test_a_service_s_own_metric_may_be_watched(rules: dict[str, str]) -> None:
    """What a service declares in its signals counts as declared."""
    mine = {"rules/own.yaml": _watching("orders_placed_total"), **rules}
    assert [problem.check for problem in lint(mine, DASHBOARDS)] == ["declared"]
    assert lint(mine, DASHBOARDS, (Counter(name="orders.placed", help="Orders."),)) == []


def test_recorded_series_and_their_labels_are_told(rules: dict[str, str]) -> None:
    """Dashboards may ask for what rules record, by the labels that they keep."""
    assert recorded_series(rules)["slo:error_budget_remaining:ratio"] == {"service", "slo"}


def _watching(series: str) -> str:
    rule = {"record": "job:orders:rate5m", "expr": f'sum(rate({series}{{job="orders"}}[5m]))', "labels": {}}
    return yaml.safe_dump({"groups": [{"name": "own", "rules": [rule]}]})
