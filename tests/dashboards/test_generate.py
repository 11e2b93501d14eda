"""Generated dashboards are what Grafana loads: today's schema, stable ids, links that lead somewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import obs_dashboards
from obs.manifest import Links, Manifest, Service
from obs.signals.model import BYTES, Counter, Gauge, Histogram, Info, Label
from obs.signals.process import CPU
from obs_dashboards.dashboard import Dashboard
from obs_dashboards.layout import Row
from obs_dashboards.panels import stat, timeseries
from obs_dashboards.queries import rate
from obs_dashboards.rendering import render

LINKS = Links(grafana="https://grafana.example/", logs="https://logs.example", traces="https://traces.example/trace")
OWN = (
    Counter(
        name="orders.placed", labels=(Label("method", "How it was paid."),), help="Orders.", means="Follows traffic."
    ),
    Histogram(name="order.size", unit=BYTES, buckets=(10.0, 100.0), help="Size of an order."),
    Gauge(name="stock", help="Things left."),
    Info(name="plan", labels=(Label("tier", "Which."),), help="The plan."),
)
MANIFEST = Manifest(
    project="shop",
    services=(Service(name="orders", owner="shop", signals=OWN), Service(name="gateway", owner="shop")),
    links=LINKS,
    path=Path("obs.toml"),
)


def generated(name: str) -> dict[str, Any]:
    """One generated dashboard, parsed."""
    found: dict[str, Any] = json.loads(obs_dashboards.generate(MANIFEST)[f"{name}.json"])
    return found


def panels_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels that are no headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def panel_of(dashboard: dict[str, Any], title: str) -> dict[str, Any]:
    """One panel by its title."""
    return next(panel for panel in panels_of(dashboard) if panel["title"] == title)


def one_row(*panels: Any) -> Dashboard:
    """A dashboard of one row."""
    return Dashboard(uid="u", title="T", description="D", source=CPU, rows=(Row("R", panels),))


def test_every_service_with_metrics_of_its_own_gets_a_dashboard() -> None:
    """The two shared dashboards are always there; a service without own metrics has none of its own."""
    assert sorted(obs_dashboards.generate(MANIFEST)) == [
        "obs-http-service.json",
        "obs-python-runtime.json",
        "obs-service-orders.json",
    ]


def test_the_kind_of_an_own_metric_decides_its_panels() -> None:
    """A counter is a rate, a histogram quantiles and a heatmap, a gauge its value, facts a table."""
    shown = [(panel["type"], panel["title"]) for panel in panels_of(generated("obs-service-orders"))]
    assert shown == [
        ("timeseries", "Orders placed a second"),
        ("timeseries", "Order size: quantiles"),
        ("heatmap", "Order size: distribution"),
        ("timeseries", "Stock"),
        ("table", "Plan"),
        ("logs", "Logs"),
    ]


def test_a_panel_explains_itself_with_what_the_signal_means() -> None:
    """The description of a panel is the help and the meaning that the application declared."""
    panel = panel_of(generated("obs-service-orders"), "Orders placed a second")
    assert panel["description"] == "Orders. Follows traffic."


@pytest.mark.parametrize("seed", ["0", "1"])
def test_files_are_the_same_whatever_the_hash_seed(seed: str) -> None:
    """Two processes with different hash seeds write the same bytes."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_generate, obs_dashboards, hashlib;"
        "print(hashlib.sha256(repr(obs_dashboards.generate(test_generate.MANIFEST)).encode()).hexdigest())"
    )
    here = str(Path(__file__).parent)
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, here],
            env={**os.environ, "PYTHONHASHSEED": each},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for each in (seed, "77")
    }
    assert len(digests) == 1


def test_a_file_has_sorted_keys_and_ends_with_a_line_feed() -> None:
    """A file reads and differs well: sorted keys, two spaces, one final line feed."""
    for text in obs_dashboards.generate(MANIFEST).values():
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_a_new_panel_changes_no_other_panels_id() -> None:
    """Links to a panel survive a panel that is put in front of it."""
    before = json.loads(render(one_row(stat("Old", rate(CPU))), LINKS))
    after = json.loads(render(one_row(stat("New", rate(CPU)), stat("Old", rate(CPU))), LINKS))
    assert panel_of(before, "Old")["id"] == panel_of(after, "Old")["id"]


def test_two_panels_of_one_name_in_a_row_are_refused() -> None:
    """Their ids would be the same, so the fault is named before anything is written."""
    with pytest.raises(ValueError, match="dashboard u, row 'R': 2 panels are called 'Twice'"):
        one_row(stat("Twice", rate(CPU)), stat("Twice", rate(CPU)))


@pytest.mark.parametrize("uid", ["", "x" * 41, "a b", "a/b"])
def test_a_uid_that_is_no_name_for_a_link_is_refused(uid: str) -> None:
    """Grafana takes at most 40 letters, digits, hyphens and underscores."""
    with pytest.raises(ValueError, match="use 1 to 40 letters"):
        Dashboard(uid=uid, title="T", description="D", source=CPU, rows=())


@pytest.mark.parametrize("name", ["n" * 60, "o" * 60, "größe", "a.b"])
def test_a_service_of_any_name_gets_a_uid_of_its_own(name: str) -> None:
    """A long or unusual name is cut, and told apart by a hash."""
    services = tuple(Service(name=each, owner="o", signals=OWN) for each in (name, name + "2"))
    uids = obs_dashboards.generate(Manifest(project="p", services=services, path=Path("obs.toml")))
    own = [uid.removesuffix(".json") for uid in uids if uid.startswith("obs-service-")]
    assert len(own) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,40}", uid) for uid in own)


def test_nothing_of_grafanalibs_old_schema_is_left() -> None:
    """Keys that Grafana would migrate, ignore or misread are gone from dashboards and panels."""
    for text in obs_dashboards.generate(MANIFEST).values():
        dashboard = json.loads(text)
        assert dashboard["schemaVersion"] == 42
        assert not {"__inputs", "rows", "style", "hideControls", "gnetId", "sharedCrosshair"} & dashboard.keys()
        for panel in panels_of(dashboard):
            assert panel["pluginVersion"]
            assert isinstance(panel["fieldConfig"]["overrides"], list)
            assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
            assert not {"maxDataPoints", "editable", "span", "columns", "cacheTimeout"} & panel.keys()
            for target in panel["targets"]:
                assert target["datasource"].keys() == {"type", "uid"}
                assert not {"step", "intervalFactor", "metric", "target"} & target.keys()


def test_latency_panels_ask_for_exemplars_and_link_them_to_traces() -> None:
    """A point on a latency panel opens its trace, on the manifest's page of traces."""
    panel = panel_of(generated("obs-http-service"), "Duration")
    assert any(target["exemplar"] for target in panel["targets"])
    (link,) = panel["fieldConfig"]["overrides"][-1]["properties"][0]["value"]
    assert link["url"] == "https://traces.example/trace/${__value.raw}"


def test_requests_in_the_table_link_to_their_traces() -> None:
    """A row of the table of failed requests opens the request's trace."""
    panel = panel_of(generated("obs-http-service"), "Failed or slow requests")
    urls = [
        link["url"]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
        for link in each["value"]
    ]
    assert urls == ["https://traces.example/trace/${__value.raw}"]


def test_a_table_has_its_newest_record_or_its_largest_number_on_top() -> None:
    """Whoever opens the table of failed requests sees the last one first; routes are sorted by their traffic."""
    dashboard = generated("obs-http-service")
    tops = [panel_of(dashboard, title)["options"]["sortBy"] for title in ("Failed or slow requests", "Top routes")]
    assert tops == [[{"desc": True, "displayName": "Time"}], [{"desc": True, "displayName": "Requests"}]]


def test_links_between_dashboards_keep_the_time_and_lead_to_one_that_exists() -> None:
    """A click on a series opens another dashboard for the same service and the same time."""
    files = obs_dashboards.generate(MANIFEST)
    urls = [
        link["url"]
        for text in files.values()
        for panel in panels_of(json.loads(text))
        for link in panel["fieldConfig"]["defaults"].get("links", ())
    ]
    assert urls
    for url in urls:
        assert url.endswith("&${__url_time_range}")
        assert f"{url.removeprefix('/d/').partition('?')[0]}.json" in files


def test_a_dashboard_leads_to_the_logs_and_traces_of_its_services() -> None:
    """The links at the top carry the chosen services to the manifest's pages."""
    links = {link["title"]: link["url"] for link in generated("obs-http-service")["links"]}
    assert links["Logs"] == "https://logs.example?q=service.name:/${job:regex}/"
    assert links["Traces"] == "https://traces.example/trace?service=${job:csv}"


def test_links_can_lead_elsewhere_than_the_manifest_says() -> None:
    """Local mode shows the same dashboards with its own addresses."""
    text = obs_dashboards.generate(MANIFEST, links=Links(traces="http://127.0.0.1:9/t"))["obs-http-service.json"]
    assert "http://127.0.0.1:9/t/${__value.raw}" in text
    assert "traces.example" not in text


def test_a_service_dashboard_opens_on_its_service() -> None:
    """The dashboard of a service offers that service and has chosen it."""
    job = next(each for each in generated("obs-service-orders")["templating"]["list"] if each["name"] == "job")
    assert job["query"]["query"] == 'label_values(orders_placed_total{job="orders"}, job)'
    assert job["current"] == {"text": ["orders"], "value": ["orders"]}


def test_a_panel_that_may_be_empty_says_why() -> None:
    """The reason stands in the description, where the reader of an empty panel looks."""
    panel = timeseries("P", rate(CPU), may_be_empty="nothing has happened yet.")
    shown = json.loads(render(one_row(panel), LINKS))
    assert panel_of(shown, "P")["description"].endswith("\n\nMay be empty: nothing has happened yet.")


def test_panels_flow_into_the_grid_and_wrap() -> None:
    """Panels stand side by side until 24 columns are used, all as high as the tallest; then a new line begins."""
    dashboard = one_row(
        stat("A", rate(CPU)), timeseries("B", rate(CPU), width=12), timeseries("C", rate(CPU), width=12)
    )
    places = [panel["gridPos"] for panel in json.loads(render(dashboard, LINKS))["panels"]]
    assert places == [
        {"x": 0, "y": 0, "w": 24, "h": 1},
        {"x": 0, "y": 1, "w": 6, "h": 8},
        {"x": 6, "y": 1, "w": 12, "h": 8},
        {"x": 0, "y": 9, "w": 12, "h": 8},
    ]


def test_an_alert_links_to_a_dashboard_with_its_variables() -> None:
    """A value is quoted for a URL; a template of Prometheus is kept for Prometheus to fill in."""
    link = obs_dashboards.link
    assert link("obs-http-service", LINKS) == "https://grafana.example/d/obs-http-service"
    assert link("u", LINKS, job="a b", route="/x") == "https://grafana.example/d/u?var-job=a%20b&var-route=%2Fx"
    assert link("u", LINKS, job="{{ $labels.service }}") == "https://grafana.example/d/u?var-job={{ $labels.service }}"


def test_grafanalib_is_not_loaded_for_a_link() -> None:
    """Alerts need links only, and do not pay for the generator."""
    code = "import obs_dashboards, sys; print('grafanalib' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
