"""What a service is called when nobody named it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from obs.settings import resolve

ASK = "from obs.settings import resolve; print(resolve().settings.service)"


@pytest.mark.parametrize(
    ("file", "command", "expected"),
    [
        ("worker.py", ["worker.py"], "worker"),
        ("billing/main.py", ["billing/main.py"], "billing"),
        ("billing/__main__.py", ["-m", "billing"], "billing"),
        ("billing/nightly.py", ["-m", "billing.nightly"], "nightly"),
        ("src/main.py", ["src/main.py"], "shop"),
        ("worker.py", ["-c", ASK], "shop"),
    ],
)
def test_a_program_is_called_by_its_script_module_or_folder(
    file: str, command: list[str], expected: str, tmp_path: Path
) -> None:
    """The most telling of script, module and folder is the name; `main` and `src` tell nothing."""
    folder = tmp_path / "shop"
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(ASK)
    output = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["/venv/bin/uvicorn", "orders.app:app"], "orders"),
        (["/venv/bin/uvicorn", "--host", "0.0.0.0", "main:app"], "shop"),
        (["/venv/bin/gunicorn", "-w", "2", "-b", "h:80", "-k", "uvicorn.workers.Worker", "pay.asgi:app"], "pay"),
        (["/venv/bin/gunicorn", "app:create_app()"], "shop"),
        (["/venv/bin/gunicorn", "-c", "gunicorn.conf"], "shop"),
        (["/venv/bin/flask", "--app", "orders", "run"], "orders"),
        (["/venv/bin/flask", "--app=orders:app", "run"], "orders"),
        (["/venv/bin/celery", "-A", "jobs", "worker"], "jobs"),
        (["/venv/bin/fastapi", "run", "gateway/main.py"], "gateway"),
        (["/venv/bin/nightly-report"], "nightly-report"),
        (["/venv/bin/obs", "config"], "shop"),
        ([""], "shop"),
        ([], "shop"),
    ],
)  # fmt: skip
def test_an_application_is_not_called_like_its_server(
    argv: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a server the name is the application's package, else the working folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert resolve({}, {}, folder).settings.service == expected


def test_a_container_without_telling_names_takes_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`/app/main.py` is called by `[project]` in the pyproject.toml beside it."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "checkout"\n')
    monkeypatch.setattr(sys, "argv", [str(folder / "main.py")])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert resolve({}, {}, folder).settings.service == "checkout"


def test_the_version_is_that_of_the_installed_distribution(tmp_path: Path) -> None:
    """A service that is installed under its name tells its version; another one has none."""
    assert resolve({"service": "obs-kit"}, {}, tmp_path).settings.version == version("obs-kit")
    assert resolve({"service": "surely not installed"}, {}, tmp_path).settings.version == ""
