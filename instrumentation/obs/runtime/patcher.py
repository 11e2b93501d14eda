"""Patching of other libraries that remembers what it replaced, so that shutdown() restores everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_MISSING = object()


class Patcher:
    """Replaces attributes and undoes it in the reverse order.

    Methods are patched, never class objects, so that an application that was created earlier is reached too.

    Example:
        >>> class Greeter:
        ...     def greet(self): return "hello"
        >>> patch = Patcher()
        >>> patch.wrap(Greeter, "greet", lambda original: lambda self: original(self).upper())
        >>> Greeter().greet()
        'HELLO'
        >>> patch.restore()
        >>> Greeter().greet()
        'hello'
    """

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of a class, module or object."""
        own = vars(owner).get(name, _MISSING)

        def undo() -> None:
            # Somebody who patched on top of us keeps their patch: ours then passes straight through.
            if vars(owner).get(name) is not value:
                return
            if own is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        setattr(owner, name, value)
        self._undo.append(undo)

    def wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute by `make(original)`."""
        self.set(owner, name, make(getattr(owner, name)))

    def on_restore(self, undo: Callable[[], None]) -> None:
        """Have something else undone with the patches, such as a handler that was added."""
        self._undo.append(undo)

    def restore(self) -> None:
        """Undo everything, newest first; a step that fails does not keep the others from being undone."""
        from obs.runtime.guard import Guard

        while self._undo:
            with Guard("restore"):
                self._undo.pop()()
