"""The lint of dashboards: the 17 rules of dashboard-linter on every type of panel, and obs's own.

Two things differ from the original. Its rules skip what they were not written for: most types of panels, annotations,
counters with matchers, dashboards whose first data source is another one; here nothing is skipped. And on a series that
a recording rule writes without `job` or `instance`, the two target rules ask for the labels that the rule keeps.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass

from obs_dashboards.lint.model import Finding, Place, Rule, parse
from obs_dashboards.lint.recorded import adapted

__all__ = ["Finding", "Place", "Report", "Rule", "lint", "rules"]


@dataclass(frozen=True, slots=True)
class Report:
    """What the lint saw.

    Args:
        findings: The faults, in the order of the dashboards and the rules.
        adapted: The queries whose series lack `job` or `instance`, where the target rules ask for other labels.
    """

    findings: tuple[Finding, ...]
    adapted: tuple[Place, ...]


def rules() -> tuple[Rule, ...]:
    """Every rule, found by the files of this folder."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    )
    return tuple(rule for module in modules for rule in getattr(module, "RULES", ()))


def lint(dashboards: Mapping[str, str], recorded: Mapping[str, frozenset[str]] | None = None) -> Report:
    """Hold every rule against every dashboard.

    Args:
        dashboards: The JSON of each dashboard by its file's name.
        recorded: The labels that each recorded series keeps, by the series' name.

    Example:
        >>> lint({}).findings
        ()
    """
    parsed = [parse(text, recorded) for _, text in sorted(dashboards.items())]
    findings = (finding for each in parsed for rule in rules() for finding in rule.check(each))
    touched = (place for each in parsed for place in adapted(each))
    return Report(tuple(findings), tuple(touched))
