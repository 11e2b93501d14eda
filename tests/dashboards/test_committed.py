"""The dashboards that this repository ships hold what generated dashboards promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs.manifest import load
from obs_dashboards.contract import undeclared
from obs_dashboards.lint import lint
from obs_dashboards.proof import MOST_MAY_BE_EMPTY, questions

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "dashboards" / "generated").glob("*.json"))


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_a_committed_dashboard_has_no_finding(path: Path) -> None:
    """No rule of the lint finds anything, and every name is declared by obs or by a service of the manifest."""
    files = {path.name: path.read_text()}
    own = [signal for service in load(ROOT / "obs.toml").services for signal in service.signals]
    assert [str(finding) for finding in (*lint(files).findings, *undeclared(files, own))] == []


@pytest.mark.skipif(not COMMITTED, reason="nothing was generated yet")
def test_few_queries_may_be_empty() -> None:
    """At most one query in twenty of what is shipped is excused from returning data."""
    asked = questions({path.name: path.read_text() for path in COMMITTED})
    assert sum(bool(each.may_be_empty) for each in asked) <= MOST_MAY_BE_EMPTY * len(asked)
