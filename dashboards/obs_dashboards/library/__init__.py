"""The shipped dashboards, one file a subject; the folder is the registry."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator

from obs.manifest import Manifest
from obs_dashboards.dashboard import Dashboard

Maker = Callable[[Manifest], tuple[Dashboard, ...]]


def dashboards(manifest: Manifest) -> Iterator[Dashboard]:
    """Every dashboard: each file's ``DASHBOARD``, and what its ``for_manifest`` makes.

    Args:
        manifest: The services that the dashboards are for.
    """
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{__name__}.{found.name}")
        if (one := getattr(module, "DASHBOARD", None)) is not None:
            yield one
        make: Maker | None = getattr(module, "for_manifest", None)
        if make is not None:
            yield from make(manifest)
