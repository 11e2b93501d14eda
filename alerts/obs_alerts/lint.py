"""The lint of rules: what a person on call may rely on, held against every generated alert."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as syntax
import yaml

from obs.signals import catalogue
from obs.signals.model import Histogram, Metric
from obs_alerts import runbooks
from obs_alerts.annotations import unfilled
from obs_alerts.exact import milliseconds
from obs_dashboards import promql

SEVERITIES = frozenset({"page", "ticket", "none"})

# What Prometheus itself writes for each target, and puts on each series.
SCRAPED: Mapping[str, frozenset[str]] = {"up": frozenset()}
TARGET_LABELS = frozenset({"job", "instance"})

_NAME = re.compile(r"(?:[A-Z][a-z0-9]+)+")
_NOISE = re.compile(r"\d\.\d{12,}|\de-?\d")
_DASHBOARD = re.compile(r"/d/([^/?#]+)\?var-job=[^&]+|/d/([^/?#]+)$")
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a rule.

    Args:
        check: Which check found it.
        place: File, group and rule.
        summary: What is wrong, and what to do.
    """

    check: str
    place: str
    summary: str

    def __str__(self) -> str:
        return f"{self.place}: {self.check}: {self.summary}"


@dataclass(frozen=True, slots=True)
class House:
    """What rules may point at.

    Args:
        signals: The labels of every series that is scraped, by its name.
        recorded: The labels of every series that a rule records, by its name.
        dashboards: The uids of the generated dashboards.
        runbooks: The alerts that have a runbook.
    """

    signals: Mapping[str, frozenset[str]]
    recorded: Mapping[str, frozenset[str]]
    dashboards: frozenset[str]
    runbooks: frozenset[str]


Rule = Mapping[str, Any]
Check = Callable[[Rule, House], Iterator[str]]


def lint(rules: Mapping[str, str], dashboards: frozenset[str], own: tuple[Metric, ...] = ()) -> list[Problem]:
    """Everything that is wrong with generated rules.

    Args:
        rules: Rule files, text by name.
        dashboards: The uids of the generated dashboards.
        own: The metrics that services declare themselves.

    Returns:
        The problems in the order of the rules; empty when there is none.
    """
    placed = [(f"{name}: {rule.get('alert') or rule['record']}", rule) for name, rule in _rules(rules)]
    house = House(_signals(own), recorded_series(rules), dashboards, frozenset(runbooks.names()))
    return [
        Problem(check.__name__.strip("_").replace("_", "-"), place, summary)
        for place, rule in placed
        for check in (*EXPRESSION_CHECKS, *(ALERT_CHECKS if "alert" in rule else ()))
        for summary in check(rule, house)
    ]


def recorded_series(rules: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The labels of every series that rules record, by its name; `obs_dashboards.lint` asks for them too.

    Args:
        rules: Rule files, text by name.
    """
    return {rule["record"]: frozenset(rule["labels"]) for _, rule in _rules(rules) if "record" in rule}


def _rules(files: Mapping[str, str]) -> Iterator[tuple[str, Rule]]:
    for name, text in files.items():
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                yield name, rule


def _signals(own: tuple[Metric, ...]) -> dict[str, frozenset[str]]:
    declared = dict(SCRAPED)
    for metric in (*catalogue(), *own):
        bound = ("le",) if isinstance(metric, Histogram) else ()
        declared |= {sample: frozenset((*metric.label_names, *bound)) for sample in metric.samples}
    return declared


def _parses(rule: Rule, _house: House) -> Iterator[str]:
    try:
        syntax.parse(rule["expr"])
    except ValueError as error:
        yield f"the expression is no PromQL: {error}"


def _exact(rule: Rule, _house: House) -> Iterator[str]:
    for noise in _NOISE.findall(rule["expr"]):
        yield f"{noise} looks like float noise; compute it with Decimal"


def _declared(rule: Rule, house: House) -> Iterator[str]:
    try:
        expression = syntax.parse(rule["expr"])
    except ValueError:
        return
    known = {**house.signals, **house.recorded}
    labels = set(TARGET_LABELS)
    for each in promql.selected(expression):
        if each.name not in known:
            yield f"no signal {each.name} is declared or recorded"
            continue
        labels |= known[each.name]
        for label, _, _ in each.matchers:
            if label not in known[each.name] | (TARGET_LABELS if each.name in house.signals else frozenset()):
                yield f"{each.name} has no label {label}"
    for label in sorted(promql.labels_used(expression) - labels):
        yield f"no signal of the expression has a label {label}"


def _name(rule: Rule, _house: House) -> Iterator[str]:
    if not _NAME.fullmatch(rule["alert"]):
        yield "the name is not in CamelCase"


def _severity(rule: Rule, _house: House) -> Iterator[str]:
    if rule["labels"].get("severity") not in SEVERITIES:
        yield f"the severity must be one of {', '.join(sorted(SEVERITIES))}"


def _owner(rule: Rule, _house: House) -> Iterator[str]:
    if not rule["labels"].get("owner") and rule["labels"].get("severity") != "none":
        yield "nobody owns it; give it the label owner"


def _summary(rule: Rule, _house: House) -> Iterator[str]:
    if not rule["annotations"].get("summary", "").endswith("."):
        yield "the summary must be a sentence that says what users feel"


def _description(rule: Rule, _house: House) -> Iterator[str]:
    if "First step" not in rule["annotations"].get("description", ""):
        yield 'the description must end with the first step, "First step: ..."'


def _template(rule: Rule, _house: House) -> Iterator[str]:
    for name, text in rule["annotations"].items():
        if unfilled(text):
            yield f"{name} holds a template other than $value as percentage and $labels.NAME"


def _runbook(rule: Rule, house: House) -> Iterator[str]:
    name = rule["annotations"].get("runbook_url", "").rpartition("/")[2]
    if name != rule["alert"] or name not in house.runbooks:
        yield f"there is no runbook; write runbooks/{rule['alert']}.md and link it"


def _dashboard(rule: Rule, house: House) -> Iterator[str]:
    found = _DASHBOARD.search(rule["annotations"].get("dashboard_url", ""))
    if not found or (found[1] or found[2]) not in house.dashboards:
        yield "the dashboard's link names no generated dashboard, or not the service"


def _logs(rule: Rule, _house: House) -> Iterator[str]:
    if "?q=" not in rule["annotations"].get("logs_url", ""):
        yield "the link to the logs is missing or asks for nothing"


def _comparison(rule: Rule, _house: House) -> Iterator[str]:
    if rule["labels"].get("severity") == "none":
        return
    try:
        expression = syntax.parse(rule["expr"])
    except ValueError:
        return
    if not _compares(expression):
        yield "the expression compares nothing, so the alert would always fire"


def _compares(expression: syntax.Expr) -> bool:
    """Whether both sides of every `and`, down to each leaf, compare or are `absent`."""
    match expression:
        case syntax.ParenExpr():
            return _compares(expression.expr)
        case syntax.Call():
            return bool(expression.func.name == "absent")
        case syntax.BinaryExpr() if str(expression.op) == "and":
            return _compares(expression.lhs) and _compares(expression.rhs)
        case syntax.BinaryExpr():
            return str(expression.op) in _COMPARISONS
    return False


def _hold(rule: Rule, _house: House) -> Iterator[str]:
    if rule["labels"].get("severity") != "none" and not milliseconds(rule.get("for", "0s")):
        yield "it fires at the first sample; say in `for` how long it must hold"


EXPRESSION_CHECKS: tuple[Check, ...] = (_parses, _exact, _declared)
ALERT_CHECKS: tuple[Check, ...] = (
    _name,
    _severity,
    _owner,
    _summary,
    _description,
    _template,
    _runbook,
    _dashboard,
    _logs,
    _comparison,
    _hold,
)
