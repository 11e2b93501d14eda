"""From the manifest to every generated file: what there must be, and what differs from what there is."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import obs_alerts
import obs_dashboards
from obs.manifest import Links, Manifest
from obs_alerts.yaml_text import HEADER
from obs_stack import prometheus
from obs_stack.layout import Layout

# Dashboards are known by their uid: JSON has no comments in which to say who wrote it.
_OWN_UID = "obs-"


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is not as it must be.

    Args:
        path: The file.
        before: What it holds; None when it is missing.
        after: What it must hold; None when it must go.
    """

    path: Path
    before: str | None
    after: str | None


def artefacts(
    manifest: Manifest,
    layout: Layout,
    *,
    surroundings: prometheus.Surroundings | None = None,
    speed: int = 1,
    links: Links | None = None,
) -> dict[Path, str]:
    """Every generated file.

    Args:
        manifest: The services, their SLOs, receivers and links.
        layout: Where files lie.
        surroundings: What Prometheus reads, and whom it talks to; by default the files of the layout and usual ports.
        speed: Windows, holds and intervals are divided by it; more than 1 is for demonstrations.
        links: Where links lead instead of where the manifest says.

    Returns:
        The text of each file by its path, the same for the same arguments.

    Raises:
        ValueError: The speed does not divide each duration into whole milliseconds.
    """
    where = surroundings or prometheus.Surroundings(rules=layout.rules_from_prometheus, targets="targets/*.json")
    alerts = obs_alerts.generate(manifest, speed=speed, links=links)
    dashboards = obs_dashboards.generate(manifest, links=links)
    return {
        **{layout.dashboards / name: text for name, text in dashboards.items()},
        **{_place(layout, name): text for name, text in alerts.items()},
        layout.prometheus / "prometheus.yaml": prometheus.render(where, speed=speed),
    }


def changes(wanted: Mapping[Path, str], layout: Layout) -> list[Change]:
    """What must be written or removed for the files to be as wanted, in the order of their paths."""
    differing = [Change(path, _read(path), text) for path, text in wanted.items()]
    stale = [Change(path, _read(path), None) for path in _owned(layout) if path not in wanted]
    return sorted(
        (change for change in (*differing, *stale) if change.before != change.after), key=lambda change: change.path
    )


def apply(changed: list[Change]) -> None:
    """Write and remove files; each one is replaced as a whole.

    Raises:
        OSError: A file cannot be written.
    """
    for change in changed:
        if change.after is None:
            change.path.unlink(missing_ok=True)
        else:
            _replace(change.path, change.after)


def _place(layout: Layout, name: str) -> Path:
    folder, _, file = PurePosixPath(name).as_posix().rpartition("/")
    return {"rules": layout.rules, "tests": layout.tests, "": layout.alertmanager}[folder] / file


def _owned(layout: Layout) -> Iterator[Path]:
    """The files that an earlier run wrote; what a person put beside them is not ours to remove."""
    for path in layout.dashboards.glob("*.json"):
        if _is_own_dashboard(path):
            yield path
    for folder in (layout.rules, layout.tests, layout.prometheus, layout.alertmanager):
        for path in folder.glob("*.yaml"):
            if (_read(path) or "").startswith(HEADER):
                yield path


def _is_own_dashboard(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(found, dict) and str(found.get("uid", "")).startswith(_OWN_UID)


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(scratch).unlink()
        raise
