"""Runbooks: each alert has one, and each one leads to an action."""

from __future__ import annotations

import re

import promql_parser
import pytest
import yaml
from luqum.parser import parser as lucene

from obs.signals import log_fields
from obs_alerts import runbook
from obs_alerts.lint import lint
from obs_alerts.runbooks import names

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]

# Series of Prometheus itself that a runbook may ask for.
OF_PROMETHEUS = {"ALERTS", "prometheus_notifications_errors_total"}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert(generated: dict[str, str]) -> None:
    """No link leads nowhere, and no page is left over."""
    rules = (yaml.safe_load(text) for name, text in generated.items() if name.startswith("rules/"))
    alerts = {rule["alert"] for file in rules for group in file["groups"] for rule in group["rules"] if "alert" in rule}
    assert alerts == set(names())


@pytest.mark.parametrize("name", names())
def test_a_runbook_has_four_headings_and_starts_with_an_action(name: str) -> None:
    """Meaning, impact, diagnosis, mitigation; the last two begin with what to do first."""
    text = runbook(name)
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    parts = re.split(r"^## .+$", text, flags=re.MULTILINE)
    assert all(part.strip().startswith("First action") for part in parts[3:])


@pytest.mark.parametrize("name", names())
def test_a_diagnosis_has_a_query_a_dashboard_and_a_log_query(name: str) -> None:
    """Whoever reads it at night need not invent a query."""
    diagnosis = runbook(name).partition("## Diagnosis")[2].partition("## Mitigation")[0]
    assert _blocks(diagnosis, "promql")
    assert _blocks(diagnosis, "text")
    assert "dashboard" in diagnosis


@pytest.mark.parametrize("name", names())
def test_a_mitigation_holds_a_command_or_a_query(name: str) -> None:
    """There is something to type."""
    mitigation = runbook(name).partition("## Mitigation")[2]
    assert _blocks(mitigation, "sh") or _blocks(mitigation, "promql") or "`obs " in mitigation


@pytest.mark.parametrize("name", names())
def test_queries_ask_only_for_what_is_declared(name: str, generated: dict[str, str]) -> None:
    """Every PromQL query parses and names declared or recorded series; every log query names declared fields."""
    rules = {file: text for file, text in generated.items() if file.startswith("rules/")}
    queries = [query for query in _blocks(runbook(name), "promql") if not any(word in query for word in OF_PROMETHEUS)]
    group = {"name": name, "rules": [{"record": "job:x:y", "expr": query, "labels": {}} for query in queries]}
    assert (
        lint(
            {**rules, name: yaml.safe_dump({"groups": [group]})}, frozenset({"obs-http-service", "obs-python-runtime"})
        )
        == []
    )
    for query in _blocks(runbook(name), "promql"):
        promql_parser.parse(query)
    fields = {field.name for field in log_fields()}
    for query in _blocks(runbook(name), "text"):
        lucene.parse(query)
        assert set(re.findall(r"([\w.]+):", query)) <= fields


def test_an_unknown_runbook_names_the_nearest() -> None:
    """A slip of the pen is answered with the name that was meant."""
    with pytest.raises(KeyError, match="did you mean 'TargetDown'"):
        runbook("TargetsDown")


@pytest.mark.parametrize("name", ["../obs_alerts/py", "/etc/passwd", ""])
def test_only_runbooks_are_read(name: str) -> None:
    """A name from a URL reads no other file."""
    with pytest.raises(KeyError):
        runbook(name)


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
