"""What the documentation shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from obs.manifest import load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
# Takes the example of an integration as the two files that it says, and renders a template.
INTEGRATED = """
import sys, types
import obs
from obs.runtime.patcher import Patcher
integration, declaration = sys.argv[1:]
sys.modules["obs.signals.template"] = types.ModuleType("obs.signals.template")
exec(declaration, vars(sys.modules["obs.signals.template"]))
exec(integration)
obs.init(metrics_port=0)
patch = Patcher()
install(patch)
from jinja2 import Template
from werkzeug.test import Client
Template("tea").render()
patch.restore()
Template("tea").render()
print(Client(obs.metrics_app()).get("/metrics").text)
"""


def blocks(language: str) -> list[tuple[str, str]]:
    """The pages' code in a language, with the page's name."""
    return [(page.name, code) for page in PAGES for code in _blocks(page, language)]


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize(("page", "code"), blocks("python"))
def test_an_example_runs(page: str, code: str, tmp_path: Path) -> None:
    """Each Python example runs to its end and writes a line."""
    example = tmp_path / "example.py"
    example.write_text(code)
    environment = {**os.environ, "OBS_METRICS_PORT": "0"}
    done = subprocess.run([sys.executable, example], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert '"service":{"name":"orders"' in done.stdout


@pytest.mark.parametrize(("page", "code"), blocks("toml"))
def test_a_manifest_loads(page: str, code: str, tmp_path: Path) -> None:
    """Each manifest that a page shows is one."""
    path = tmp_path / "obs.toml"
    path.write_text(code)
    assert load(path).services


def test_the_example_of_an_integration_works() -> None:
    """What the guide for contributors shows, put where it says, times what it claims and is undone."""
    command = [sys.executable, "-c", INTEGRATED, *_blocks(CONTRIBUTING, "python")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "template_render_duration_seconds_count 1" in done.stdout


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the project names one that is there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
