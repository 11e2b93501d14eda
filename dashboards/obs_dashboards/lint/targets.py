"""Rules about queries, of panels and of annotations: each parses, is bound to the variables and fits its series."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as syntax

from obs_dashboards import promql
from obs_dashboards.lint.model import Check, Dashboard, Finding, Rule, Target
from obs_dashboards.lint.recorded import required, selectors

_RATES = ("rate", "irate", "increase")
_PER_SECOND = ("rate", "irate")
_GROWING = ("_total", "_bucket", "_count", "_sum")


def _queries(dashboard: Dashboard) -> Iterator[Target]:
    for target in (*dashboard.targets, *dashboard.annotations):
        if target.kind == "prometheus":
            yield target


def parses(dashboard: Dashboard) -> Iterator[Finding]:
    """A query is PromQL."""
    for target in _queries(dashboard):
        try:
            promql.parse(target.text)
        except ValueError as error:
            yield Finding("target-promql", "no PromQL", f"{target.text!r}: {error}", target.place)


def rate_interval(dashboard: Dashboard) -> Iterator[Finding]:
    """A window is as long as the time between two points, or as the time in view for one number."""
    for target in _queries(dashboard):
        for each in selectors(target):
            allowed = (promql.RATE_INTERVAL,) if each.function in _PER_SECOND else _windows(target)
            if each.range is not None and each.range not in allowed:
                yield Finding(
                    "target-rate-interval",
                    "fixed window",
                    f"the window of {each.name} does not follow the zoom; use $__rate_interval",
                    target.place,
                )


def _windows(target: Target) -> tuple[object, ...]:
    """What a function that is no rate may look at: the whole time in view only where one number is asked for."""
    return (promql.RATE_INTERVAL, promql.INTERVAL, *((promql.RANGE,) if target.json.get("instant") else ()))


def _bound(label: str) -> Check:
    """The rule for one of the two variables that every selector is bound to."""

    def check(dashboard: Dashboard) -> Iterator[Finding]:
        for target in _queries(dashboard):
            for each in selectors(target):
                for wanted in required(dashboard, each.name, label):
                    if (wanted, "=~", f"${wanted}") not in each.matchers:
                        yield Finding(
                            f"target-{label}",
                            f"not bound to {wanted}",
                            f'{each.name} shows every {wanted}; add {wanted}=~"${wanted}"',
                            target.place,
                        )

    return check


def counter_agg(dashboard: Dashboard) -> Iterator[Finding]:
    """A counter, or a part of a histogram, is shown by how it grows."""
    for target in _queries(dashboard):
        for each in selectors(target):
            grows = each.range is not None and each.function in _RATES
            if each.name.endswith(_GROWING) and ":" not in each.name and not grows:
                yield Finding(
                    "target-counter-agg",
                    "counter without rate",
                    f"{each.name} only grows; use rate, irate or increase",
                    target.place,
                )


def invented_zero(dashboard: Dashboard) -> Iterator[Finding]:
    """A query that finds nothing shows nothing."""
    for target in _queries(dashboard):
        try:
            expression = promql.parse(target.text)
        except ValueError:
            continue
        if any(isinstance(node, syntax.Call) and node.func.name == "vector" for node in _alternatives(expression)):
            yield Finding(
                "no-invented-zero",
                "invented zero",
                "`or vector(...)` hides that nothing is measured; fill zeros from the denominator",
                target.place,
            )


def _alternatives(expression: syntax.Expr) -> list[syntax.Expr]:
    found: list[syntax.Expr] = []

    def visit(node: syntax.Expr) -> None:
        if isinstance(node, syntax.BinaryExpr) and str(node.op) == "or":
            found.extend(_bare(side) for side in (node.lhs, node.rhs))

    syntax.walk(expression, visit)
    return found


def _bare(expression: syntax.Expr) -> syntax.Expr:
    while isinstance(expression, syntax.ParenExpr):
        expression = expression.expr
    return expression


RULES = (
    Rule("target-promql", "The panel shows an error.", parses, "dashboard-linter"),
    Rule("target-rate-interval", "Zoomed out, most of the data is left out.", rate_interval, "dashboard-linter"),
    Rule("target-job", "The panel mixes services.", _bound("job"), "dashboard-linter"),
    Rule("target-instance", "The panel mixes targets.", _bound("instance"), "dashboard-linter"),
    Rule("target-counter-agg", "The line climbs until the next restart.", counter_agg, "dashboard-linter"),
    Rule("no-invented-zero", "A broken query looks like a quiet service.", invented_zero, "obs"),
)
