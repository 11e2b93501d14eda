"""The lint: nothing is found on shipped dashboards, and each rule finds the one thing that it is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import obs_dashboards
from obs.manifest import Manifest, Service
from obs.signals.model import Counter
from obs_dashboards.lint import lint, rules

Json = dict[str, Any]
Break = Callable[[Json], object]

MANIFEST = Manifest(
    project="shop",
    services=(Service(name="orders", owner="shop", signals=(Counter(name="orders.placed", help="Orders."),)),),
    path=Path("obs.toml"),
)
NAME = "obs-http-service.json"


def good() -> Json:
    """A dashboard without a fault."""
    dashboard: Json = json.loads(obs_dashboards.generate(MANIFEST)[NAME])
    return dashboard


def panel(dashboard: Json, kind: str) -> Json:
    """The first panel of a type."""
    found: Json = next(each for each in dashboard["panels"] if each["type"] == kind)
    return found


def variable(dashboard: Json, name: str) -> Json:
    """A variable by its name."""
    found: Json = next(each for each in dashboard["templating"]["list"] if each["name"] == name)
    return found


def query(text: str, kind: str = "timeseries", **more: object) -> Break:
    """Replaces the first query of a panel of a type."""

    def apply(dashboard: Json) -> None:
        panel(dashboard, kind)["targets"][0] |= {"expr": text, **more}

    return apply


def change(kind: str, key: str, value: object) -> Break:
    """Changes one key of the first panel of a type."""
    return lambda dashboard: panel(dashboard, kind).update({key: value})


def choose(name: str, key: str, value: object) -> Break:
    """Changes one key of a variable."""
    return lambda dashboard: variable(dashboard, name).update({key: value})


def loki(text: str) -> Break:
    """Asks Loki on the panel of logs."""

    def apply(dashboard: Json) -> None:
        target = panel(dashboard, "logs")["targets"][0]
        target |= {"expr": text, "datasource": {"type": "loki", "uid": "${elasticsearch_datasource}"}}

    return apply


def cover(dashboard: Json) -> None:
    """Moves a panel onto another."""
    panel(dashboard, "heatmap")["gridPos"] = dict(panel(dashboard, "table")["gridPos"])


BOUND = 'job=~"$job", instance=~"$instance"'
TOTAL = "process_cpu_seconds_total"

LOKI = {"type": "datasource", "query": "loki", "name": "loki_datasource", "label": "Loki data source"}

BROKEN: list[tuple[str, Break]] = [
    ("template-datasource", lambda d: variable(d, "prometheus_datasource").update(label="Source")),
    ("template-datasource", lambda d: d["templating"]["list"].append(dict(LOKI, name="logs"))),
    ("template-job", choose("job", "allValue", ".*")),
    ("template-job", choose("job", "multi", False)),
    ("template-job", choose("job", "label", "Service")),
    ("template-job", lambda d: d["templating"]["list"].remove(variable(d, "job"))),
    ("template-job", choose("job", "datasource", {"type": "prometheus", "uid": "prod"})),
    ("template-instance", choose("instance", "allValue", None)),
    ("template-instance", lambda d: d["templating"]["list"].remove(variable(d, "instance"))),
    ("template-label-promql", choose("route", "query", {"query": "label_values(up{, job)"})),
    ("template-label-promql", choose("route", "query", {"query": "label_value(up, job)"})),
    ("template-label-promql", choose("route", "query", "label_values(up, not a label)")),
    ("template-on-time-change-reload", choose("route", "refresh", 1)),
    ("panel-datasource", change("heatmap", "datasource", {"type": "prometheus", "uid": "prod"})),
    ("panel-datasource", change("logs", "datasource", {"type": "elasticsearch", "uid": "prod"})),
    ("panel-title-description", change("stat", "description", "")),
    ("panel-title-description", change("logs", "title", " ")),
    ("panel-units", lambda d: panel(d, "heatmap")["fieldConfig"]["defaults"].update(unit="secondz")),
    ("panel-units", lambda d: panel(d, "logs")["fieldConfig"]["defaults"].pop("unit")),
    ("panel-units", lambda d: panel(d, "table")["fieldConfig"]["overrides"][0]["properties"][0].update(value="pct")),
    ("panel-no-targets", change("heatmap", "targets", [])),
    ("target-logql", loki('rate({app="shop" [$__auto])')),
    ("target-logql", loki('count_over_time("no stream selector"[$__auto])')),
    ("target-logql-auto", loki('rate({app="shop"} |= "error" [5m])')),
    ("target-promql", query("sum(rate(")),
    ("target-promql", lambda d: d["annotations"]["list"][1]["target"].update(expr="sum(")),
    ("target-rate-interval", query(f"rate({TOTAL}{{{BOUND}}}[5m])")),
    ("target-rate-interval", query(f"increase({TOTAL}{{{BOUND}}}[1h])", "heatmap")),
    ("target-rate-interval", query(f"rate({TOTAL}{{{BOUND}}}[$__range])", "table")),
    ("target-job", query('target_info{instance=~"$instance"}')),
    ("target-job", query('target_info{job="$job", instance=~"$instance"}', "heatmap")),
    ("target-instance", query('target_info{job=~"$job"}')),
    ("target-instance", lambda d: d["annotations"]["list"][1]["target"].update(expr='target_info{job=~"$job"}')),
    ("target-counter-agg", query(f"sum({TOTAL}{{{BOUND}}})")),
    ("target-counter-agg", query(f"max_over_time({TOTAL}{{{BOUND}}}[$__rate_interval])")),
    ("target-counter-agg", query(f"sum by (le) (http_server_request_duration_seconds_bucket{{{BOUND}}})", "heatmap")),
    ("uneditable-dashboard", lambda d: d.update(editable=True)),
    ("uneditable-dashboard", lambda d: d.pop("editable")),
    ("no-invented-zero", query(f"target_info{{{BOUND}}} or vector(0)")),
    ("no-invented-zero", query(f"1 - (target_info{{{BOUND}}} or (vector(0)))", "stat")),
    ("current-schema", lambda d: d.update(schemaVersion=12)),
    ("current-schema", change("logs", "pluginVersion", "")),
    ("current-schema", lambda d: panel(d, "heatmap")["fieldConfig"].pop("overrides")),
    ("current-schema", lambda d: panel(d, "stat")["fieldConfig"]["defaults"]["thresholds"].update(steps="")),
    ("current-schema", lambda d: panel(d, "timeseries")["options"]["legend"].pop("showLegend")),
    ("current-schema", choose("route", "datasource", "prometheus")),
    ("unique-ids", lambda d: panel(d, "logs").update(id=panel(d, "stat")["id"])),
    ("unique-ids", change("table", "id", 2**31)),
    ("unique-ids", lambda d: panel(d, "timeseries")["targets"].append(dict(panel(d, "timeseries")["targets"][0]))),
    ("grid", cover),
    ("grid", lambda d: d["panels"][-1]["gridPos"].update(y=d["panels"][-1]["gridPos"]["y"] + 1)),
    ("grid", change("logs", "gridPos", {"x": 12, "y": 900, "w": 24, "h": 8})),
    ("living-types", change("heatmap", "type", "graph")),
]


def test_shipped_dashboards_have_no_finding() -> None:
    """Every rule holds on every panel of every generated dashboard, and no query needs the adaptation."""
    report = lint(obs_dashboards.generate(MANIFEST))
    assert [str(finding) for finding in report.findings] == []
    assert report.adapted == ()


@pytest.mark.parametrize(("rule", "apply"), BROKEN)
def test_one_thing_broken_is_found_by_its_rule_alone(rule: str, apply: Break) -> None:
    """One fault in a good dashboard is reported by exactly the rule that is for it."""
    dashboard = good()
    apply(dashboard)
    found = {finding.rule for finding in lint({NAME: json.dumps(dashboard)}).findings}
    assert found == {rule}


def test_every_rule_is_broken_once_here() -> None:
    """No rule is without a test that it fires, and the 17 rules of dashboard-linter are among them."""
    assert {rule for rule, _ in BROKEN} == {rule.name for rule in rules()}
    assert sum(rule.origin == "dashboard-linter" for rule in rules()) == 17


def test_no_variable_for_a_data_source_is_one_finding_of_the_dashboard() -> None:
    """Without any such variable the dashboard is named, and its panels that use one."""
    dashboard = good()
    dashboard["templating"]["list"] = [each for each in dashboard["templating"]["list"] if each["type"] == "query"]
    found = {finding.rule for finding in lint({NAME: json.dumps(dashboard)}).findings}
    assert found == {"template-datasource", "panel-datasource"}


def test_one_data_source_alone_may_have_the_short_name() -> None:
    """A dashboard with a single data source may call it datasource, labelled Data source."""
    text = obs_dashboards.generate(MANIFEST)["obs-python-runtime.json"].replace("prometheus_datasource", "datasource")
    dashboard = json.loads(text)
    dashboard["templating"]["list"] = [
        each | ({"label": "Data source"} if each["name"] == "datasource" else {})
        for each in dashboard["templating"]["list"]
        if each["name"] != "elasticsearch_datasource"
    ]
    assert lint({"x.json": json.dumps(dashboard)}).findings == ()


def test_a_finding_names_rule_place_and_remedy() -> None:
    """A finding reads as one line: where, what in few words, what to do, and the rule."""
    dashboard = good()
    query('target_info{job=~"$job"}')(dashboard)
    (finding,) = lint({NAME: json.dumps(dashboard)}).findings
    assert str(finding) == (
        "obs-http-service/Requests by route/A: not bound to instance: target_info shows every instance; "
        'add instance=~"$instance" (target-instance)'
    )


def test_panels_inside_of_a_collapsed_row_are_looked_at() -> None:
    """A fault cannot hide in a row that is closed."""
    dashboard = good()
    change("heatmap", "description", "")(dashboard)
    hidden = panel(dashboard, "heatmap")
    dashboard["panels"].remove(hidden)
    panel(dashboard, "row").update(collapsed=True, panels=[hidden])
    assert [finding.rule for finding in lint({NAME: json.dumps(dashboard)}).findings] == ["panel-title-description"]


RECORDED = {"slo:sli_error:ratio_rate5m": frozenset({"service", "slo"}), "job:up:sum": frozenset({"job"})}


class TestARecordedSeries:
    """The one adaptation: what a recording rule wrote without job or instance."""

    def findings(self, text: str) -> tuple[list[str], list[str]]:
        """The rules that fire on a query, and the queries that the adaptation touched."""
        dashboard = good()
        query(text)(dashboard)
        report = lint({NAME: json.dumps(dashboard)}, RECORDED)
        return [finding.rule for finding in report.findings], [str(place) for place in report.adapted]

    def test_is_asked_for_the_labels_that_its_rule_keeps(self) -> None:
        """Service and slo stand for job and instance, and the query is listed."""
        text = 'slo:sli_error:ratio_rate5m{service=~"$service", slo=~"$slo"}'
        assert self.findings(text) == ([], ["obs-http-service/Requests by route/A"])

    def test_that_is_not_bound_to_them_is_found(self) -> None:
        """Without them both rules fire, each for both labels."""
        rules_fired, _ = self.findings("slo:sli_error:ratio_rate5m")
        assert rules_fired == ["target-job", "target-job", "target-instance", "target-instance"]

    def test_that_keeps_job_is_still_asked_for_job(self) -> None:
        """Only what the rule dropped is adapted."""
        rules_fired, _ = self.findings("job:up:sum")
        assert rules_fired == ["target-job"]

    def test_that_nothing_records_is_asked_for_job_and_instance(self) -> None:
        """A name with a colon is no excuse by itself."""
        rules_fired, touched = self.findings("some:thing")
        assert (rules_fired, touched) == (["target-job", "target-instance"], [])
