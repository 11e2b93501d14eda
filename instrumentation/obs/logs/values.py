"""Making any Python value plain, bounded JSON data; whatever the value does, nothing is raised.

The marks that stand for what cannot be shown are `<cyclic>`, `<max-depth>`, `<+N more>`, `<int ~N digits>`,
`<unrepresentable Type: Error>`, and `…<truncated N characters>` at the end of a text that was cut.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import math
import pathlib
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import islice
from typing import Any

import orjson

MAX_TEXT = 32 * 1024
MAX_KEY = 256
MAX_ITEMS = 200
MAX_DEPTH = 12

# A list that holds one list many times, many levels deep, has more values than there is time; each takes of the budget.
_COST_OF_A_VALUE = 4

INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
# Beyond this many bits an integer is only told by its size: turning it into digits takes quadratic time.
_MAX_INT_BITS = 400

_foreign = threading.local()
# Threads in which code of the application's own raised KeyboardInterrupt while it was asked for its value.
interrupted: set[int] = set()


def noted(error: BaseException) -> str:
    """The name of what code of the application's own raised; an interrupt is kept for `pass_on`."""
    if issubclass(type(error), KeyboardInterrupt):
        interrupted.add(threading.get_ident())
    return type_name(error)


def pass_on() -> None:
    """Raise the interrupt that was kept while a line was made; the line is written by now.

    Raises:
        KeyboardInterrupt: The user wants the program to end.
    """
    me = threading.get_ident()
    if me in interrupted:
        interrupted.discard(me)
        raise KeyboardInterrupt


@contextlib.contextmanager
def foreign_code() -> Iterator[bool]:
    """Say that code of the application's own runs, such as a `__repr__`, and whether it already did.

    A `__repr__` that logs its own object would never end: inside it, objects are shown without asking them.
    """
    nested = getattr(_foreign, "running", False)
    _foreign.running = True
    try:
        yield nested
    finally:
        _foreign.running = nested


def type_name(value: object) -> str:
    """The name of a value's class; total."""
    try:
        return well_formed(type(value).__name__)[:MAX_KEY]
    except BaseException:  # noqa: BLE001 - a metaclass can do anything
        return "object"


def well_formed(text: str) -> str:
    """The text with each lone surrogate as U+FFFD, so that it can be written as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut(text: str, limit: int = MAX_TEXT) -> str:
    """The text, or its beginning and a mark that says how long it was."""
    if len(text) <= limit:
        return text
    mark = f"…<truncated {len(text)} characters>"
    return text[: max(0, limit - len(mark))] + mark


def represent(value: object, how: Callable[[object], str] = repr) -> str:
    """The value's own words, or what kept it from saying them; total.

    Even `SystemExit` ends here: a `__repr__` that raises it must not end the application. `KeyboardInterrupt` goes on
    to the caller once the line is written.
    """
    with foreign_code() as nested:
        if nested:
            return f"<{type_name(value)}>"
        try:
            return cut(well_formed(str.__str__(how(value))))
        except BaseException as error:  # noqa: BLE001 - see above
            return f"<unrepresentable {type_name(value)}: {noted(error)}>"


class _UnreadableError(Exception):
    """A container's own methods raised; its text is the name of what they raised."""


class Plainer:
    """Makes the values of one record plain, within one budget.

    Args:
        budget: About how many bytes of JSON they may take together; what exceeds it is cut.

    Attributes:
        texts: Every text that was met, for the redaction to look at.
        keys: Every key that was met inside of values.
        cut: Whether anything was cut.
        partial: Whether a value changed while it was read.
    """

    __slots__ = ("_open", "budget", "cut", "keys", "partial", "texts")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.texts: list[str] = []
        self.keys: list[str] = []
        self.cut = False
        self.partial = False
        self._open: set[int] = set()

    def plain(self, value: object, depth: int = MAX_DEPTH) -> Any:
        """The value as None, bool, int, float, str, list or dict; total."""
        self.budget -= _COST_OF_A_VALUE
        make = _BY_TYPE.get(type(value)) or _maker(value)
        try:
            return make(self, value, depth)
        except _UnreadableError as error:
            return self.text(f"<unrepresentable {type_name(value)}: {error}>")
        except Exception as error:  # noqa: BLE001 - a class of the application's can be wrong in many ways
            return self.text(f"<unrepresentable {type_name(value)}: {noted(error)}>")

    def text(self, text: str) -> str:
        """A text that is well-formed, within its own limit and what the budget leaves."""
        limit = min(MAX_TEXT, max(self.budget, 64))
        if len(text) > limit:
            self.cut = True
            text = cut(text, limit)
        text = well_formed(text)
        self.budget -= len(text) if text.isascii() and text.isprintable() else len(orjson.dumps(text))
        self.texts.append(text)
        return text

    def number(self, number: float) -> float | str:
        """A float; as text when JSON has no number for it."""
        if number - number == 0.0:
            return number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"

    def integer(self, number: int) -> int | str:
        """An integer; as text when it does not fit a long."""
        if INT64_MIN <= number <= INT64_MAX:
            return number
        bits = number.bit_length()
        return str(number) if bits <= _MAX_INT_BITS else f"<int ~{int(bits * math.log10(2)) + 1} digits>"

    def mapping(self, value: Mapping[Any, object], depth: int) -> object:
        """A dict with text keys; dotted ones become nested where they fit."""
        if (closed := self._enter(value, depth)) is not None:
            return closed
        out: dict[str, Any] = {}
        try:
            pairs, more = self._read(value, lambda: value.items())  # noqa: PLW0108 - `items` may be anything too
            for key, item in pairs:
                self._put(out, key, item, depth)
        finally:
            self._open.discard(id(value))
        if more:
            out["…"] = f"<+{more} more>"
        return out

    def _put(self, out: dict[str, Any], key: object, item: object, depth: int) -> None:
        name = self._key(key)
        plain = self.plain(item, depth - 1)
        target = out
        if "." in name:
            *parents, last = name.split(".")
            for parent in parents:
                inner = target.setdefault(parent, {}) if parent else None
                if type(inner) is not dict:
                    break
                target = inner
            else:
                if last and last not in target:
                    target[last] = plain
                    return
            target, name = out, name.replace(".", "_")
        target[unused(target, name)] = plain

    def _key(self, key: object) -> str:
        name = key if type(key) is str else represent(key, str)
        name = well_formed(name[:MAX_KEY]) or "_"
        self.budget -= len(name)
        self.keys.append(name)
        self.texts.append(name)
        return name

    def sequence(self, value: Sequence[object], depth: int) -> object:
        """A list."""
        if (closed := self._enter(value, depth)) is not None:
            return closed
        try:
            items, more = self._read(value, lambda: value)
            out = [self.plain(item, depth - 1) for item in items]
        finally:
            self._open.discard(id(value))
        if more:
            out.append(f"<+{more} more>")
        return out

    def _read(self, value: Sized, items: Callable[[], Iterable[Any]]) -> tuple[list[Any], int]:
        """The first items of a container, whose methods may be the application's own, and how many there are more."""
        out: list[Any] = []
        more = 0
        try:
            out.extend(islice(items(), MAX_ITEMS))
            more = max(0, _length(value) - MAX_ITEMS)
        except RuntimeError:
            self.partial = True
        except BaseException as error:  # noqa: BLE001 - as in `represent`
            raise _UnreadableError(noted(error)) from None
        self.cut = self.cut or more > 0
        return out, more

    def _enter(self, value: object, depth: int) -> str | None:
        if id(value) in self._open:
            return "<cyclic>"
        if depth <= 0:
            self.cut = True
            return "<max-depth>"
        if self.budget <= 0:
            self.cut = True
            return "<truncated>"
        self._open.add(id(value))
        return None

    def data(self, value: Any, depth: int) -> object:
        """An object of declared fields as a dict; fields that are hidden from its repr stay hidden."""
        if (closed := self._enter(value, depth)) is not None:
            return closed
        try:
            names, _ = self._read((), lambda: _declared(type(value)))
            pairs, _ = self._read(names, lambda: ((name, getattr(value, name, None)) for name in names))
            return self.mapping(dict(pairs), depth)
        finally:
            self._open.discard(id(value))


def unused(target: Mapping[str, object], name: str) -> str:
    """The name, with a number after it when the mapping has that name already."""
    free, number = name, 1
    while free in target:
        number += 1
        free = f"{name}_{number}"
    return free


def _length(value: Sized) -> int:
    try:
        return len(value)
    except BaseException as error:  # noqa: BLE001 - as in `represent`
        noted(error)
        return 0


def _declared(kind: Any) -> list[str]:
    """The names that a dataclass, a class of attrs or a model of pydantic shows."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind) if field.repr]
    if (fields := vars(kind).get("__attrs_attrs__")) is not None:
        return [field.name for field in fields if field.repr]
    return [name for name, field in kind.__pydantic_fields__.items() if field.repr]


def _of_numpy(plainer: Plainer, value: Any, depth: int) -> object:
    """A number or a short array of numpy as plain values; a long one as numpy abbreviates it."""
    if value.size > MAX_ITEMS:
        return plainer.text(represent(value))
    return plainer.plain(value.tolist(), depth)


def _decoded(value: bytes | bytearray) -> str:
    # By the type's own methods: a descendant may lie about its length.
    kind: Any = bytes if issubclass(type(value), bytes) else bytearray
    size = kind.__len__(value)
    text = bytes(kind.__getitem__(value, slice(MAX_TEXT + 1))).decode("utf-8", "backslashreplace")
    return text if size <= MAX_TEXT else cut(text + " " * (size - MAX_TEXT - 1))


def _texted(how: Callable[[Any], str]) -> Callable[[Plainer, Any, int], object]:
    return lambda plainer, value, _depth: plainer.text(how(value))


def _asked(how: Callable[[Any], str]) -> Callable[[Plainer, Any, int], object]:
    """As `_texted`, where the application's own code may be asked, such as a time zone."""
    return lambda plainer, value, _depth: plainer.text(represent(value, how))


_Maker = Callable[[Plainer, Any, int], object]

_BY_TYPE: dict[type, _Maker] = {
    str: _texted(lambda value: value),
    bool: lambda _plainer, value, _depth: value,
    type(None): lambda _plainer, value, _depth: value,
    int: lambda plainer, value, _depth: plainer.integer(value),
    float: lambda plainer, value, _depth: plainer.number(value),
    dict: Plainer.mapping,
    list: Plainer.sequence,
    tuple: Plainer.sequence,
    set: Plainer.sequence,
    frozenset: Plainer.sequence,
    deque: Plainer.sequence,
    bytes: _texted(_decoded),
    bytearray: _texted(_decoded),
    uuid.UUID: _texted(str),
    decimal.Decimal: _texted(str),
    dt.datetime: _asked(dt.datetime.isoformat),
    dt.date: _texted(dt.date.isoformat),
    dt.timedelta: _texted(str),
    pathlib.PosixPath: _texted(str),
    dt.time: _asked(dt.time.isoformat),
}

# For what is only a descendant of a type that is known; the first that fits.
_BY_DESCENT: tuple[tuple[type, _Maker], ...] = (
    (enum.Enum, lambda plainer, value, depth: plainer.plain(value.value, depth)),
    (str, _texted(str.__str__)),
    (int, lambda plainer, value, _depth: plainer.integer(int.__index__(value))),
    (float, lambda plainer, value, _depth: plainer.number(float.__float__(value))),
    (dict, Plainer.mapping),
    (list, Plainer.sequence),
    (tuple, Plainer.sequence),
    (Mapping, Plainer.mapping),
    (BaseException, _texted(lambda value: f"{type_name(value)}: {represent(value, str)}")),
    (dt.datetime, _asked(dt.datetime.isoformat)),
    (dt.date, _asked(dt.date.isoformat)),
    (decimal.Decimal, _asked(decimal.Decimal.__str__)),
    (uuid.UUID, _asked(uuid.UUID.__str__)),
    (pathlib.PurePath, _asked(str)),
    (fractions.Fraction, _asked(str)),
    (ipaddress.IPv4Address, _asked(str)),
    (ipaddress.IPv6Address, _asked(str)),
    (bytearray, _texted(_decoded)),
    (bytes, _texted(_decoded)),
)


def _maker(value: object) -> _Maker:
    # Asked of the type: an object may say of itself that it is another, as a mock does.
    kind: Any = type(value)
    try:
        for known, make in _BY_DESCENT:
            if issubclass(kind, known):
                return make
        if type.__getattribute__(kind, "__module__") == "numpy":
            return _of_numpy
        if any(name in vars(one) for one in kind.__mro__ for name in _DECLARING):
            return Plainer.data
    except BaseException as error:  # noqa: BLE001 - a class that lies about itself is shown by its repr
        noted(error)
    return _texted(represent)


# Where dataclasses, attrs and pydantic keep what was declared.
_DECLARING = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__")
