"""From stories to promtool's test files, and the gate that says which alert lacks a case."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from obs_alerts.alertmanager import WATCHDOG
from obs_alerts.annotations import filled
from obs_alerts.cases import Case, Fact, Story
from obs_alerts.exact import milliseconds, number, quoted
from obs_alerts.rules import Alert
from obs_alerts.slo_series import OFTEN
from obs_alerts.yaml_text import to_yaml

# What tells two alerts of one name apart.
IDENTITY = ("service", "slo", "burn_tier")
CASES = ("fires", "stays silent", "resolves")

_MATCHER = re.compile(r'(\w+)="([^"]*)"')
_FIRING = 'ALERTS{alertstate="firing"'

Identity = tuple[str, ...]


def promtool_file(rules: str, stories: Sequence[Story]) -> str:
    """The text of a promtool test file.

    Args:
        rules: The name of the rule file; it is looked for in ``generated/``, beside the folder of the tests.
        stories: In the order of writing.
    """
    return to_yaml(
        {
            "rule_files": [f"../generated/{rules}"],
            "evaluation_interval": OFTEN,
            "tests": [_entry(story) for story in stories],
        }
    )


def missing_cases(rules: Mapping[str, str], tests: Mapping[str, str]) -> list[str]:
    """Which alerts are not seen to fire, to stay silent or to resolve.

    It is read off what the tests expect, not off their names: an alert that is expected at one time and not at a later
    one of the same test resolves; one that is never expected in a test but looked for stays silent.

    Args:
        rules: Rule files, text by name.
        tests: Test files, text by name.

    Returns:
        One line for each missing case, naming alert and case; empty when nothing is missing.
    """
    seen = _seen_cases(tests.values())
    missing = []
    for labels in _alerts(rules.values()):
        identity = _identity(labels)
        wanted = CASES[:1] if labels["alertname"] == WATCHDOG else CASES
        name = " ".join(part for part in identity if part)
        missing += [f"{name}: no test that it {case}" for case in wanted if case not in seen[identity]]
    return missing


def _entry(story: Story) -> dict[str, object]:
    queries = [_fact(fact) for fact in story.facts]
    if story.case.still_at and story.alert:
        queries.append(_still(story.case, story.alert))
    if story.case.quiet_at:
        queries.append(_quiet(story.case, story.alert))
    entry: dict[str, object] = {
        "name": f"{story.subject} {story.kind}: {story.case.claim}" if story.kind else story.case.claim,
        "interval": OFTEN,
        "input_series": [{"series": name, "values": values} for name, values in story.case.series.items()],
    }
    if story.case.fires_at and story.alert:
        entry["alert_rule_test"] = [_firing(story.case, story.alert, story.firing or [story.alert])]
    if queries:
        entry["promql_expr_test"] = queries
    return entry


def _firing(case: Case, alert: Alert, firing: Sequence[Alert]) -> dict[str, object]:
    return {
        "eval_time": case.fires_at,
        "alertname": alert.name,
        "exp_alerts": [_expected(each, case) for each in firing],
    }


def _expected(alert: Alert, case: Case) -> dict[str, object]:
    labels = {**case.labels, **alert.labels}
    text = {name: filled(template, labels, case.value) for name, template in alert.annotations.items()}
    return {"exp_labels": labels, "exp_annotations": text}


def _still(case: Case, alert: Alert) -> dict[str, object]:
    """This alert firing, whichever others are."""
    labels = {**case.labels, **alert.labels, "alertname": alert.name}
    series = f"{_FIRING}{_matchers(labels)}}}"
    expected = [{"labels": series, "value": 1}]
    return {"expr": f"{_FIRING}{_matchers(_whose(alert))}}}", "eval_time": case.still_at, "exp_samples": expected}


def _quiet(case: Case, alert: Alert | None) -> dict[str, object]:
    """Nothing firing, by the series that Prometheus keeps of its alerts: other tiers of the SLO may be firing."""
    matchers = _matchers(_whose(alert)) if alert else ""
    return {"expr": f"{_FIRING}{matchers}}}", "eval_time": case.quiet_at, "exp_samples": []}


def _whose(alert: Alert) -> dict[str, str]:
    labels = alert.labels | {"alertname": alert.name}
    return {key: labels[key] for key in ("alertname", *IDENTITY) if key in labels}


def _matchers(labels: Mapping[str, str]) -> str:
    return "".join(f",{key}={quoted(value)}" for key, value in labels.items())


def _fact(fact: Fact) -> dict[str, object]:
    """A comparison that gives exactly 1: promtool compares samples digit by digit, also where floats differ."""
    labels = ",".join(f"{key}={quoted(value)}" for key, value in fact.labels.items())
    return {
        "expr": f"abs({fact.expr} - {_signed(fact)}) < bool {number(fact.within)}",
        "eval_time": fact.at,
        "exp_samples": [{"labels": f"{{{labels}}}", "value": 1}],
    }


def _signed(fact: Fact) -> str:
    return number(fact.about) if fact.about >= 0 else f"({number(fact.about)})"


def _alerts(files: Iterable[str]) -> Iterator[dict[str, str]]:
    for text in files:
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    yield rule["labels"] | {"alertname": rule["alert"]}


def _identity(labels: Mapping[str, str]) -> Identity:
    return (labels["alertname"], *(labels.get(key, "") for key in IDENTITY))


def _seen_cases(files: Iterable[str]) -> defaultdict[Identity, set[str]]:
    seen: defaultdict[Identity, set[str]] = defaultdict(set)
    for text in files:
        for entry in yaml.safe_load(text)["tests"]:
            fired = _expected_times(entry)
            for identity in fired:
                seen[identity].add("fires")
            for identity, at in _quiet_times(entry).items():
                if identity not in fired:
                    seen[identity].add("stays silent")
                elif at > fired[identity]:
                    seen[identity].add("resolves")
    return seen


def _expected_times(entry: Mapping[str, Any]) -> dict[Identity, int]:
    """When each alert is last expected to fire."""
    listed = {
        _identity(expected["exp_labels"] | {"alertname": look["alertname"]}): milliseconds(look["eval_time"])
        for look in entry.get("alert_rule_test", ())
        for expected in look["exp_alerts"]
    }
    return listed | _looked_for(entry, firing=True)


def _quiet_times(entry: Mapping[str, Any]) -> dict[Identity, int]:
    return _looked_for(entry, firing=False)


def _looked_for(entry: Mapping[str, Any], *, firing: bool) -> dict[Identity, int]:
    times = {}
    for look in entry.get("promql_expr_test", ()):
        labels = dict(_MATCHER.findall(look["expr"]))
        if look["expr"].startswith(_FIRING) and bool(look["exp_samples"]) is firing and "alertname" in labels:
            times[_identity(labels)] = milliseconds(look["eval_time"])
    return times
