"""A list that says what is in it when it does not hold what a test looks for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Generic, TypeVar, overload

# More would hide the message at its top.
_MOST_SHOWN = 50

Item = TypeVar("Item")


class Found(Sequence[Item], Generic[Item]):
    """Captured logs or spans, in the order in which they were written or ended.

    Args:
        items: They.
    """

    # What one item is called in a message.
    noun = "item"

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        lines = [f"  {item}" for item in self._items[:_MOST_SHOWN]]
        if len(self) > _MOST_SHOWN:
            lines.append(f"  and {len(self) - _MOST_SHOWN} more")
        return "\n".join([f"{len(self)} {self.noun}{'' if len(self) == 1 else 's'}", *lines])

    @abstractmethod
    def _details(self, item: Item) -> Mapping[str, Any]:
        """What an item has by names that only its caller knows."""

    def _has(self, item: Item, name: str, value: object) -> bool:
        details = self._details(item)
        return name in details and bool(details[name] == value)

    def _matching(self, wanted: Mapping[str, object], details: Mapping[str, object]) -> list[Item]:
        """Those whose attributes of Python have these values, None being any, and that have all details."""
        return [item for item in self._items if not self._missed(item, wanted, details)]

    def _missed(self, item: Item, wanted: Mapping[str, object], details: Mapping[str, object]) -> list[str]:
        """The names of what an item has otherwise, or does not have."""
        missed = [name for name, value in wanted.items() if value is not None and getattr(item, name) != value]
        return missed + [name for name, value in details.items() if not self._has(item, name, value)]

    def _only(self, wanted: Mapping[str, object], details: Mapping[str, object]) -> Item:
        """The one that matches.

        Raises:
            AssertionError: There is none or there are several.
        """
        __tracebackhide__ = True
        found = self._matching(wanted, details)
        if len(found) == 1:
            return found[0]
        asked = {**{name: value for name, value in wanted.items() if value is not None}, **details}
        text = ", ".join(f"{name}={value!r}" for name, value in asked.items()) or "anything"
        told = [f"{len(found)} {self.noun}s have {text}" if found else f"no {self.noun} has {text}"]
        if self and not found:
            told.append(f"the nearest has {self._nearest(wanted, details)}")
        told.append(f"there {'is' if len(self) == 1 else 'are'} {self!r}" if self else "there are none")
        raise AssertionError("\n".join(told))

    def _nearest(self, wanted: Mapping[str, object], details: Mapping[str, object]) -> str:
        """What the item that misses least has in the place of what was looked for, and the item."""

        def distance(item: Item) -> tuple[int, float]:
            missed = self._missed(item, wanted, details)
            return len(missed), sum(_unlike(wanted[name], getattr(item, name)) for name in missed if name in wanted)

        nearest = min(self._items, key=distance)
        has = {**self._details(nearest), **{name: getattr(nearest, name) for name in wanted}}
        missed = self._missed(nearest, wanted, details)
        return ", ".join(f"{name}={has[name]!r}" if name in has else f"no {name}" for name in missed) + f": {nearest}"


def _unlike(wanted: object, found: object) -> float:
    """0 for the same text, 1 for texts that have nothing in common."""
    return 1 - SequenceMatcher(None, str(wanted), str(found)).ratio()
