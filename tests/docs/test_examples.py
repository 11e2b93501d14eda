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


def blocks(language: str) -> list[tuple[str, str]]:
    """The pages' code in a language, with the page's name."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [(page.name, code) for page in PAGES for code in pattern.findall(page.read_text())]


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of the project names one that is there."""
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
