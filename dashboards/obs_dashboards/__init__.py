"""Grafana dashboards made of declared signals: signal, query, panel, dashboard, file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_dashboards.links import HTTP_SERVICE, PYTHON_RUNTIME, link

if TYPE_CHECKING:
    from obs.manifest import Links, Manifest

__all__ = ["HTTP_SERVICE", "PYTHON_RUNTIME", "generate", "link"]


def generate(manifest: Manifest, *, links: Links | None = None) -> dict[str, str]:
    """Every dashboard for the services of a manifest, as files that Grafana provisions.

    Args:
        manifest: The services, what they declare, and where links lead.
        links: Where links lead instead; the manifest's own by default.

    Returns:
        The text of each file by its name, ``<uid>.json``; the same for the same manifest, whatever the process.

    Example:
        >>> from pathlib import Path
        >>> from obs.manifest import load
        >>> "obs-http-service.json" in generate(load(Path("obs.toml")))  # doctest: +SKIP
        True
    """
    # grafanalib takes a third of a second to load, and alerts need no more than the links.
    from obs_dashboards import library, rendering  # noqa: PLC0415

    where = links or manifest.links
    found = sorted(library.dashboards(manifest), key=lambda dashboard: dashboard.uid)
    return {f"{dashboard.uid}.json": rendering.render(dashboard, where) for dashboard in found}
