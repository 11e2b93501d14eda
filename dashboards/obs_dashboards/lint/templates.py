"""Rules about variables: a reader can choose the data source, the service and the target of every dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from obs_dashboards import promql
from obs_dashboards.lint.model import Check, Dashboard, Finding, Json, Rule

_PROMETHEUS_VARIABLES = ("$datasource", "${datasource}", "$prometheus_datasource", "${prometheus_datasource}")
_CALL = re.compile(r"(?P<function>label_names|label_values|metrics|query_result)\((?P<arguments>.*)\)")
_LABEL = re.compile(r"[a-zA-Z_]\w*")
ON_TIME_RANGE_CHANGE = 2


def data_source(dashboard: Dashboard) -> Iterator[Finding]:
    """A variable for each type of data source; one alone may have the short name and label."""
    sources = dashboard.variables_of_type("datasource")
    if not sources:
        yield _source("has no variable for its data source; add one named datasource", dashboard)
    for source in sources:
        kind = str(source.get("query", "")).lower()
        alone = len(sources) == 1
        names = (f"{kind}_datasource", *(["datasource"] if alone else []))
        labels = (f"{kind.capitalize()} data source", *(["Data source"] if alone else []))
        if source.get("name") not in names:
            yield _source(f"is named {source.get('name')!r}; name it {' or '.join(names)}", dashboard, source)
        if source.get("label") not in labels:
            yield _source(f"is labelled {source.get('label')!r}; label it {' or '.join(labels)}", dashboard, source)


def _source(sentence: str, dashboard: Dashboard, source: Json | None = None) -> Finding:
    place = dashboard.place_of(source) if source else dashboard.place
    return Finding("template-datasource", "no proper data source variable", sentence, place)


def _binding(name: str) -> Check:
    """The rule for one of the two variables that every query is bound to."""

    def check(dashboard: Dashboard) -> Iterator[Finding]:
        variable = next((each for each in dashboard.variables if each.get("name") == name), None)
        if variable is None:
            place, faults = dashboard.place, [f"there is no variable {name}"]
        else:
            place, faults = dashboard.place_of(variable), list(_faults(variable, name.capitalize()))
        for fault in faults:
            yield Finding(f"template-{name}", f"no proper {name} variable", fault, place)

    return check


def _faults(variable: Json, label: str) -> Iterator[str]:
    source = variable.get("datasource")
    uid = source.get("uid") if isinstance(source, Mapping) else source
    if uid not in _PROMETHEUS_VARIABLES:
        yield f"its data source is {uid!r}; use ${{prometheus_datasource}}"
    if variable.get("type") != "query":
        yield f"its type is {variable.get('type')!r}; use query"
    if variable.get("label") != label:
        yield f"its label is {variable.get('label')!r}; use {label}"
    if not variable.get("multi"):
        yield "only one value can be chosen; set multi"
    if variable.get("allValue") != ".+":
        yield f"its allValue is {variable.get('allValue')!r}; use .+"


def label_promql(dashboard: Dashboard) -> Iterator[Finding]:
    """The query behind a variable is one that Grafana understands."""
    for variable in dashboard.variables_of_type("query"):
        fault = _query_fault(variable_query(variable))
        if fault:
            place = dashboard.place_of(variable)
            yield Finding("template-label-promql", "invalid query of a variable", fault, place)


def variable_query(variable: Json) -> str:
    """The text of the query behind a variable."""
    query = variable.get("query", "")
    return str(query.get("query", "") if isinstance(query, Mapping) else query)


def arguments_of(query: str) -> tuple[str, str] | None:
    """The series and the label of ``label_values(series, label)``; None for another form."""
    call = _CALL.fullmatch(query.strip())
    if call is None or call["function"] != "label_values":
        return None
    series, comma, label = call["arguments"].rpartition(",")
    return (series.strip(), label.strip()) if comma else ("", label.strip())


def _query_fault(query: str) -> str:
    call = _CALL.fullmatch(query.strip())
    if call is None:
        return f"{query!r} is none of label_names(), label_values(), metrics() and query_result()"
    values = arguments_of(query)
    series, label = values or (call["arguments"] if call["function"] == "query_result" else "", "label")
    if not _LABEL.fullmatch(label):
        return f"{label!r} is no name of a label"
    try:
        promql.parse(series or "up")
    except ValueError as error:
        return f"{series!r} is no PromQL: {error}"
    return ""


def reload(dashboard: Dashboard) -> Iterator[Finding]:
    """A variable's values are those of the time in view."""
    for variable in dashboard.variables_of_type("query"):
        if variable.get("refresh") != ON_TIME_RANGE_CHANGE:
            yield Finding(
                "template-on-time-change-reload",
                "variable is not reloaded",
                f"refresh is {variable.get('refresh')!r}; use 2, on time range change",
                dashboard.place_of(variable),
            )


RULES = (
    Rule("template-datasource", "A reader with another data source sees nothing.", data_source, "dashboard-linter"),
    Rule("template-job", "A reader cannot choose the service.", _binding("job"), "dashboard-linter"),
    Rule("template-instance", "A reader cannot choose the target.", _binding("instance"), "dashboard-linter"),
    Rule("template-label-promql", "The menu of a variable stays empty.", label_promql, "dashboard-linter"),
    Rule("template-on-time-change-reload", "The menu shows yesterday's services.", reload, "dashboard-linter"),
)
