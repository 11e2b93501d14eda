"""PromQL as Grafana is about to send it: variables filled in, parsed, and taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import promql_parser as syntax

from obs_dashboards.variables import substitute

# Grafana's own time variables as durations that nobody writes by hand, so that they are still told apart when parsed.
RATE_INTERVAL = timedelta(milliseconds=1_048_573)
RANGE = timedelta(milliseconds=7_340_033)
INTERVAL = timedelta(milliseconds=524_287)
_TIMES = {"__rate_interval": "1048573ms", "__range": "7340033ms", "__interval": "524287ms"}


@dataclass(frozen=True, slots=True)
class Selected:
    """The series that one place in a query asks for.

    Args:
        name: The series' name.
        matchers: Label, operator and value of each matcher.
        range: The length of its window; None for the newest sample.
        function: The function that stands directly around it; empty when there is none.
    """

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    range: timedelta | None
    function: str

    @property
    def text(self) -> str:
        """The series as a query of their own, without a window."""
        braces = ", ".join(f'{label}{operator}"{_escaped(value)}"' for label, operator, value in self.matchers)
        return f"{self.name}{{{braces}}}" if braces else self.name


def parse(text: str) -> syntax.Expr:
    """A query with Grafana's variables, parsed; variables inside of matchers stay as they are.

    Args:
        text: The query.

    Raises:
        ValueError: It is no PromQL.
    """
    return syntax.parse(substitute(text, _TIMES))


def selected(expression: syntax.Expr) -> tuple[Selected, ...]:
    """Every vector selector of a query, in order."""
    return tuple(_selected(expression, ""))


def labels_used(expression: syntax.Expr) -> frozenset[str]:
    """Every label that a query names outside of its selectors: to group by, to match on, to carry over."""
    found: set[str] = set()

    def visit(node: syntax.Expr) -> None:
        if isinstance(node, syntax.AggregateExpr) and node.modifier:
            found.update(node.modifier.labels)
        if isinstance(node, syntax.BinaryExpr) and node.modifier:
            found.update(node.modifier.matching.labels if node.modifier.matching else ())
            found.update(node.modifier.group_labels or ())

    syntax.walk(expression, visit)
    return frozenset(found)


_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}


def _selected(node: syntax.Expr, function: str) -> Iterator[Selected]:
    match node:
        case syntax.VectorSelector():
            yield _series(node, None, function)
        case syntax.MatrixSelector():
            yield _series(node.vector_selector, node.range, function)
        case syntax.SubqueryExpr():
            yield from _selected(node.expr, function)
        case syntax.Call():
            for argument in node.args:
                yield from _selected(argument, node.func.name)
        case syntax.BinaryExpr():
            yield from _selected(node.lhs, "")
            yield from _selected(node.rhs, "")
        case syntax.ParenExpr():
            yield from _selected(node.expr, function)
        case syntax.AggregateExpr() | syntax.UnaryExpr():
            yield from _selected(node.expr, "")


def _series(node: syntax.VectorSelector, window: timedelta | None, function: str) -> Selected:
    matchers = tuple((each.name, _OPERATORS[str(each.op)], each.value) for each in node.matchers.matchers)
    return Selected(node.name or "", matchers, window, function)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
