"""Every lock that obs holds on to, found by walking from its modules through everything that they reach."""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import Iterator
from typing import Any

KINDS = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Condition,
    threading.Semaphore,
    threading.Event,
)


def locks() -> dict[str, Any]:
    """The locks by the way that leads to each."""
    seen: set[int] = set()
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [(name, module) for name, module in list(sys.modules.items()) if _is_obs(name)]
    while waiting:
        path, value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, KINDS):
            found[path] = value
        else:
            waiting.extend((f"{path}.{name}", inner) for name, inner in _inside(value))
    return found


def _is_obs(module: str) -> bool:
    return module.partition(".")[0] == "obs"


def _inside(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from [(str(key)[:40], inner) for key, inner in list(value.items())]
    elif isinstance(value, list | tuple | set | frozenset):
        yield from [(str(index), inner) for index, inner in enumerate(list(value))]
    elif callable(value) and not isinstance(value, type) and not _is_obs(type(value).__module__):
        yield from _inside_callable(value)
    elif _is_obs(_module(value)):
        yield from list(getattr(value, "__dict__", {}).items())
        yield from [(name, getattr(value, name)) for name in _slots(type(value)) if hasattr(value, name)]


def _inside_callable(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.FunctionType):
        yield from [("closure", cell.cell_contents) for cell in value.__closure__ or () if cell != types.CellType()]
    elif isinstance(value, types.MethodType):
        yield "self", value.__self__
    elif isinstance(value, functools.partial):
        yield from (("function", value.func), ("arguments", value.args))


def _module(value: Any) -> str:
    """The module that a value is, or that a class or an object comes from."""
    if isinstance(value, types.ModuleType):
        return value.__name__
    return value.__module__ if isinstance(value, type) else type(value).__module__


def _slots(kind: type) -> Iterator[str]:
    for one in kind.__mro__:
        slots = getattr(one, "__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
