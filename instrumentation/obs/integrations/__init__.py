"""The libraries that obs joins; each is one file of this folder, importable without its library."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from obs.runtime.patcher import Patcher
from obs.signals.model import Metric


@dataclass(frozen=True, slots=True)
class Library:
    """What an integration needs to know of its library.

    Args:
        module: The module whose import makes the library present.
        distribution: The name under which it is installed.
        minimum: The lowest version that works.
        signals: The declared metrics that the integration emits.
        needs: A further distribution that must be installed, with the `pip` line that brings it.
    """

    module: str
    distribution: str
    minimum: str
    signals: tuple[Metric, ...] = ()
    needs: tuple[str, str] | None = None


class Integration(Protocol):
    """The members that every file of this folder has."""

    LIBRARY: Library
    install: Callable[[Patcher], None]


def genuine(named: type) -> type:
    """A library's own class, where OpenTelemetry's published packages have put a subclass under its name.

    Args:
        named: What stands under the name now.
    """
    return next((own for own in named.__mro__ if not own.__module__.startswith("opentelemetry.")), named)


def found() -> Iterator[tuple[str, Integration]]:
    """Every integration by its name, in alphabetical order."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda item: item.name):
        yield module.name, importlib.import_module(f"{__name__}.{module.name}")
