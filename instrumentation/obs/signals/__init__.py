"""The catalogue: every metric, log field and span attribute, found by the modules of this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import TypeVar

from obs.signals.model import LogField, Metric, SpanAttribute

__all__ = ["catalogue", "log_fields", "metric_of_sample", "span_attributes"]

Declared = TypeVar("Declared")


def _modules() -> Iterator[ModuleType]:
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if found.name != "model":
            yield importlib.import_module(f"{__name__}.{found.name}")


def _declared(kind: type[Declared]) -> tuple[Declared, ...]:
    """Every module-level value of a kind, once, in the order of the files and of their lines."""
    found: dict[int, Declared] = {}
    for module in _modules():
        for value in vars(module).values():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, kind):
                    found.setdefault(id(item), item)
    return tuple(found.values())


@cache
def catalogue() -> tuple[Metric, ...]:
    """Every metric that obs declares.

    Example:
        >>> "http_server_request_duration_seconds" in {metric.family for metric in catalogue()}
        True
    """
    return _declared(Metric)


@cache
def log_fields() -> tuple[LogField, ...]:
    """Every log field that obs declares."""
    return _declared(LogField)


@cache
def span_attributes() -> tuple[SpanAttribute, ...]:
    """Every span attribute that obs declares."""
    return _declared(SpanAttribute)


@cache
def _by_sample() -> dict[str, Metric]:
    return {sample: metric for metric in catalogue() for sample in metric.samples}


def metric_of_sample(name: str) -> Metric | None:
    """The metric that a series of this name belongs to, or None.

    Example:
        >>> metric_of_sample("http_server_request_duration_seconds_bucket").name
        'http.server.request.duration'
    """
    return _by_sample().get(name)
