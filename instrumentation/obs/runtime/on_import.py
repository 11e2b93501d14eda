"""Doing something right after a module is imported, so that a library that a service never uses is never loaded."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType

from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher


def after_import(patch: Patcher, module: str, then: Callable[[], None]) -> None:
    """Do something with a module: now where it has been imported, else right after that, unless it is undone before.

    Args:
        patch: Remembers that somebody waits.
        module: The module's name.
        then: What to do.
    """
    if module in sys.modules:
        then()
        return
    hook = ImportHook({module: then})
    sys.meta_path.insert(0, hook)
    patch.on_restore(lambda: sys.meta_path.remove(hook))


class ImportHook(importlib.abc.MetaPathFinder):
    """Watches the imports of some modules and calls back once each has been executed.

    Args:
        wanted: What to call after the import, by the module's name.
    """

    def __init__(self, wanted: Mapping[str, Callable[[], None]]) -> None:
        self._wanted = dict(wanted)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Let the other finders find it, and wrap the loader of a module that is waited for."""
        if fullname not in self._wanted:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self._imported)
                return spec
        return None

    def _imported(self, name: str) -> None:
        # Not when it is found: whoever only asks whether a library is there does not import it.
        then = self._wanted.pop(name, None)
        if then is not None:
            with Guard("on_import"):
                then()


class _Loader(importlib.abc.Loader):
    """A loader that calls back after the real one has executed the module."""

    def __init__(self, real: importlib.abc.Loader, imported: Callable[[str], None]) -> None:
        self._real = real
        self._imported = imported

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Afterwards nothing of obs stands between the module and whoever asks it for its loader.
        module.__loader__ = self._real
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        self._real.exec_module(module)
        self._imported(module.__name__)
