"""The contract: a dashboard names only what is declared, metrics, labels and log fields alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from luqum import tree
from luqum.parser import parser as lucene

from obs.signals import catalogue, log_fields
from obs.signals.model import Metric
from obs_dashboards import promql
from obs_dashboards.lint.model import Dashboard, Finding, Target, parse
from obs_dashboards.lint.templates import arguments_of, variable_query
from obs_dashboards.variables import substitute

# Labels that come from the scrape or from recording rules, not from an instrument.
GIVEN_LABELS = frozenset({"job", "instance", "le", "service", "slo", "severity", "owner", "burn_tier"})

_LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def undeclared(dashboards: Mapping[str, str], own: Iterable[Metric] = ()) -> tuple[Finding, ...]:
    """Every name in a query that nothing declares.

    Args:
        dashboards: The JSON of each dashboard by its file's name.
        own: What the services of the manifest declare beside obs's own catalogue.

    Example:
        >>> undeclared({})
        ()
    """
    known = {sample: metric for metric in (*catalogue(), *own) for sample in metric.samples}
    parsed = (parse(text) for _, text in sorted(dashboards.items()))
    return tuple(finding for dashboard in parsed for finding in _undeclared(dashboard, known))


def _undeclared(dashboard: Dashboard, known: Mapping[str, Metric]) -> Iterator[Finding]:
    variables = tuple(_of_variable(dashboard))
    for target in (*dashboard.targets, *dashboard.annotations, *variables):
        faults = _metric_faults(target, known) if target.kind == "prometheus" else _field_faults(target)
        for fault in faults:
            yield Finding("declared-signals", "undeclared name", fault, target.place)


def _of_variable(dashboard: Dashboard) -> Iterator[Target]:
    for variable in dashboard.variables_of_type("query"):
        series, label = arguments_of(variable_query(variable)) or ("", "")
        text = f"count by ({label}) ({series})"
        yield Target(variable, dashboard.place_of(variable), "prometheus", text)


def _metric_faults(target: Target, known: Mapping[str, Metric]) -> Iterator[str]:
    expression = promql.parse(target.text)
    labels = set(GIVEN_LABELS)
    for each in promql.selected(expression):
        metric = known.get(each.name)
        if metric is None:
            yield f"no signal {each.name} is declared"
            continue
        labels.update(metric.label_names)
        for label, _, _ in each.matchers:
            if label not in GIVEN_LABELS and label not in metric.label_names:
                yield f"{metric.name} has no label {label}"
    named = promql.labels_used(expression) | set(_LEGEND_LABEL.findall(str(target.json.get("legendFormat", ""))))
    for label in sorted(named - labels):
        yield f"no signal of this query has a label {label}"


def _field_faults(target: Target) -> Iterator[str]:
    declared = {field.name for field in log_fields()}
    query = lucene.parse(substitute(target.text, {"job": ".+"}))
    for name in _fields(query):
        if name not in declared:
            yield f"no log field {name} is declared"


def _fields(node: tree.Item) -> Iterator[str]:
    if isinstance(node, tree.SearchField):
        yield node.name
    for child in node.children:
        yield from _fields(child)
