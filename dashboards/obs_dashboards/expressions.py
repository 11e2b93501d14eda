"""PromQL as values: an expression is built from parts and becomes text only when it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", "!=", "=~", "!~"]
Aggregation = Literal["sum", "max", "min", "count", "avg"]


@dataclass(frozen=True, slots=True)
class Match:
    """One label matcher.

    Args:
        label: The label's name.
        operator: How the value is compared.
        value: A value, a regular expression, or a dashboard variable such as ``$job``.
    """

    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """The series of one name.

    Args:
        name: The series' name.
        matchers: What its labels must be.
        window: A range such as ``5m`` or ``$__rate_interval``; empty for the newest sample.
    """

    name: str
    matchers: tuple[Match, ...] = ()
    window: str = ""

    def __str__(self) -> str:
        braces = f"{{{', '.join(map(str, self.matchers))}}}" if self.matchers else ""
        return f"{self.name}{braces}" + (f"[{self.window}]" if self.window else "")


@dataclass(frozen=True, slots=True)
class Number:
    """A literal number, in the spelling it was given."""

    spelling: str

    def __str__(self) -> str:
        return self.spelling


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to its arguments."""

    function: str
    arguments: tuple[Expression, ...] = ()

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Many series made one for each value of the kept labels.

    Args:
        operation: How they are made one.
        by: The labels that are kept.
        expression: What is aggregated.
    """

    operation: Aggregation
    by: tuple[str, ...]
    expression: Expression

    def __str__(self) -> str:
        return f"{self.operation} by ({', '.join(self.by)}) ({self.expression})"


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and the operator between them."""

    left: Expression
    operator: Literal["+", "-", "*", "/", "or", "and", "unless"]
    right: Expression

    def __str__(self) -> str:
        return f"{_operand(self.left)} {self.operator} {_operand(self.right)}"


Expression = Selector | Number | Call | Aggregate | Binary


def _operand(expression: Expression) -> str:
    """A nested operation stands in brackets, so that nobody has to know the precedence."""
    return f"({expression})" if isinstance(expression, Binary) else str(expression)
