"""The contract: dashboards name only declared metrics, labels and log fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import obs_dashboards
from obs.manifest import Manifest, Service
from obs.signals.model import Counter, Histogram, Label
from obs_dashboards.contract import undeclared

OWN = (
    Counter(name="orders.placed", help="Orders.", labels=(Label("method", "How it was paid."),)),
    Histogram(name="order.lines", help="Lines of an order.", buckets=(1.0, 10.0)),
)
MANIFEST = Manifest(
    project="shop", services=(Service(name="orders", owner="shop", signals=OWN),), path=Path("obs.toml")
)


def test_generated_dashboards_name_only_what_is_declared() -> None:
    """Every metric, label and field of every query, variable and annotation is in the catalogue or is the service's."""
    assert undeclared(obs_dashboards.generate(MANIFEST), OWN) == ()


def test_a_metric_of_a_service_that_is_not_declared_is_found() -> None:
    """Without the service's declarations its own dashboard breaks the contract, panel by panel."""
    places = {finding.place.panel for finding in undeclared(obs_dashboards.generate(MANIFEST))}
    assert places == {
        "Orders placed a second",
        "Order lines: quantiles",
        "Order lines: distribution",
        "$job",
        "$instance",
    }


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("process_threads{", "process_thread_count{", "no signal process_thread_count is declared"),
        ("sum by (job, generation)", "sum by (job, age)", "no signal of this query has a label age"),
        ('process_threads{job=~\\"$job\\"', 'process_threads{pool=\\"a\\"', "process.threads has no label pool"),
        ("{{job}} {{generation}}", "{{job}} {{age}}", "no signal of this query has a label age"),
        ("label_values(python_info,", "label_values(pypy_info,", "no signal pypy_info is declared"),
    ],
)
def test_a_name_that_nothing_declares_is_found(before: str, after: str, sentence: str) -> None:
    """A misspelt metric, group, matcher, legend or variable is named with its place."""
    text = obs_dashboards.generate(MANIFEST)["obs-python-runtime.json"]
    assert before in text
    findings = undeclared({"x.json": text.replace(before, after)})
    assert sentence in {finding.sentence for finding in findings}


def test_a_log_field_that_is_not_declared_is_found() -> None:
    """A Lucene query is held to the declared fields as PromQL is to the declared metrics."""
    text = obs_dashboards.generate(MANIFEST)["obs-http-service.json"]
    (finding,) = undeclared({"x.json": text.replace("event.duration:[", "event.length:[")})
    assert finding.sentence == "no log field event.length is declared"


def test_an_annotation_is_held_to_the_contract() -> None:
    """The marks on the time axis are queries like any other."""
    dashboard = json.loads(obs_dashboards.generate(MANIFEST)["obs-http-service.json"])
    dashboard["annotations"]["list"][1]["target"]["expr"] = "deployments_total"
    (finding,) = undeclared({"x.json": json.dumps(dashboard)})
    assert str(finding.place) == "obs-http-service/Starts/Starts"
