"""`obs generate`: what it writes, what it leaves alone, and how it says what is stale."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from obs.cli import main

Run = Callable[..., CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]

DASHBOARD = Path("dashboards/generated/obs-http-service.json")
RULES = Path("alerts/generated/slo-gateway-availability.yaml")


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_project_gets_everything_in_its_own_folders(project: Path, capsys: Capture) -> None:
    """Dashboards, rules, their tests and both configurations are written beside the manifest and counted."""
    assert main(["generate"]) == 0
    written = set(_files(project))
    assert {
        DASHBOARD,
        RULES,
        Path("alerts/tests/slo-gateway-availability.yaml"),
        Path("compose/prometheus/prometheus.yaml"),
        Path("compose/alertmanager/alertmanager.yaml"),
    } <= written
    dashboards = [path for path in written if path.suffix == ".json"]
    rules = [
        rule
        for path in (project / "alerts" / "generated").iterdir()
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    alerts = [rule for rule in rules if "alert" in rule]
    said = capsys.readouterr().out
    assert said.startswith(f"{len(dashboards)} dashboards, {len(alerts)} alerts, {len(rules) - len(alerts)} rules: ")


def test_second_run_changes_no_byte_and_writes_nothing(project: Path, capsys: Capture) -> None:
    """Two runs are byte-identical, and the second one does not touch a file."""
    main(["generate"])
    first = _files(project)
    times = {path: (project / path).stat().st_mtime_ns for path in first}
    capsys.readouterr()
    assert main(["generate"]) == 0
    assert _files(project) == first
    assert {path: (project / path).stat().st_mtime_ns for path in first} == times
    assert capsys.readouterr().out.endswith(": 0 written, 0 removed\n")


def test_one_folder_takes_everything_with_out(project: Path, promtool: Run, amtool: Run) -> None:
    """`--out` fills an empty folder whose files find one another and are accepted by the real programs."""
    assert main(["generate", "--out", "kit"]) == 0
    assert set(_files(project)) - {Path("obs.toml")} == {Path("kit") / path for path in _files(project / "kit")}
    checked = promtool("check", "config", "kit/prometheus/prometheus.yaml")
    assert checked.returncode == 0, checked.stderr
    assert "2 rule files found" in checked.stdout
    tested = promtool("test", "rules", *Path("kit/alerts/tests").glob("library*.yaml"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    checked = amtool("check-config", "kit/alertmanager/alertmanager.yaml")
    assert checked.returncode == 0, checked.stderr


def test_own_files_that_are_no_longer_wanted_go(project: Path) -> None:
    """An SLO that left the manifest takes its rules, their tests and its service's dashboard along."""
    main(["generate"])
    before = set(_files(project))
    manifest = project / "obs.toml"
    manifest.write_text(manifest.read_text().replace("availability", "uptime", 1))
    main(["generate"])
    gone = before - set(_files(project))
    assert gone == {RULES, Path("alerts/tests/slo-gateway-availability.yaml")}


def test_files_of_others_stay(project: Path) -> None:
    """What a person put beside generated files is neither removed nor called stale."""
    main(["generate"])
    for path in (DASHBOARD, RULES):
        own = (project / path).with_stem("mine")
        own.write_text('{"uid": "mine"}' if path.suffix == ".json" else "groups: []\n")
    assert main(["generate", "--check"]) == 0
    main(["generate"])
    assert (project / DASHBOARD.with_stem("mine")).exists()
    assert (project / RULES.with_stem("mine")).exists()


def test_check_is_silent_about_what_is_right_and_writes_nothing(project: Path) -> None:
    """`--check` ends with 0 when nothing is stale, and with 1 in a folder where nothing was generated."""
    assert main(["generate", "--check"]) == 1
    assert set(_files(project)) == {Path("obs.toml")}
    main(["generate"])
    assert main(["generate", "--check"]) == 0


def test_check_shows_a_changed_query_under_its_panel(project: Path, capsys: Capture) -> None:
    """The difference of a dashboard names file, panel and field, and has the query before and after."""
    main(["generate"])
    dashboard = json.loads(DASHBOARD.read_text())
    panel = next(panel for panel in dashboard["panels"] if panel.get("targets"))
    right = panel["targets"][0]["expr"]
    panel["targets"][0]["expr"] = "up"
    DASHBOARD.write_text(json.dumps(dashboard))
    stale = _files(project)
    capsys.readouterr()
    assert main(["generate", "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    place = f"@@ panels > {panel['title']} > targets > {panel['targets'][0]['refId']} > expr @@"
    assert lines[:3] == [f"--- {DASHBOARD} (is)", f"+++ {DASHBOARD} (must be)", place]
    assert lines[3] == "-up"
    assert lines[4:-1] == [f"+{line}" for line in right.splitlines()]
    assert _files(project) == stale


def test_check_tells_the_tiers_of_an_alert_apart(project: Path, capsys: Capture) -> None:
    """A changed objective shows each alert with its tier, and the lines of its query that change."""
    main(["generate"])
    manifest = project / "obs.toml"
    manifest.write_text(manifest.read_text().replace("99.9", "99.5"))
    capsys.readouterr()
    assert main(["generate", "--check"]) == 1
    said = capsys.readouterr().out
    assert "rules > SloErrorBudgetBurn (fast) > expr @@" in said
    assert "\n-slo:failures_per_requests:ratio_rate1h{" in said
    assert "} > 0.072\n and\n-slo:" in said


def test_check_names_files_that_are_missing_or_left_over(project: Path, capsys: Capture) -> None:
    """A removed file and an old one each have a line of their own."""
    main(["generate"])
    RULES.rename(RULES.with_stem("slo-old"))
    capsys.readouterr()
    assert main(["generate", "--check"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{RULES} is missing",
        f"{RULES.with_stem('slo-old')} is no longer generated",
        "2 of the generated files are stale; run: obs generate",
    ]


def test_check_sees_a_difference_of_form_alone(project: Path, capsys: Capture) -> None:
    """A file that says the same in other bytes is stale too, and its lines are shown."""
    main(["generate"])
    RULES.write_text(RULES.read_text().replace("groups:\n", "groups:  # all\n", 1))
    capsys.readouterr()
    assert main(["generate", "--check"]) == 1
    assert "\n-groups:  # all\n+groups:\n" in capsys.readouterr().out


def test_broken_manifest_writes_nothing(project: Path, capsys: Capture) -> None:
    """Each fault has its line, the exit code is 2, and what was there stays as it was."""
    main(["generate"])
    before = _files(project)
    manifest = project / "obs.toml"
    manifest.write_text(manifest.read_text().replace("owner", "ownr").replace("99.9", "101"))
    capsys.readouterr()
    assert main(["generate"]) == 2
    faults = capsys.readouterr().err.splitlines()
    assert all(line.startswith("obs.toml:") for line in faults)
    assert any("ownr" in line for line in faults)
    assert any("objective" in line for line in faults)
    assert {path: text for path, text in _files(project).items() if path != Path("obs.toml")} == {
        path: text for path, text in before.items() if path != Path("obs.toml")
    }


def test_missing_manifest_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Without a manifest the command ends with 2, says so in one line, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    assert main(["generate"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_unwritable_folder_is_a_clear_message(project: Path, capsys: Capture) -> None:
    """A file where a folder must be is named, without a traceback."""
    (project / "dashboards").write_text("in the way")
    assert main(["generate"]) == 2
    assert "dashboards" in capsys.readouterr().err
