"""Alerts for every service, one file each: the rule and, beside it, the cases it is held against."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from obs_alerts.library.model import ServiceAlert

__all__ = ["ServiceAlert", "alerts"]


@cache
def alerts() -> tuple[ServiceAlert, ...]:
    """Every alert of this folder, in the order of the files' names."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "model")
    return tuple(importlib.import_module(f"{__name__}.{name}").ALERT for name in names)
