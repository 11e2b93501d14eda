"""Whatever is logged, the call returns and one whole line of strict JSON is written."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import itertools
import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs import logs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


class Raises:
    """Its repr raises what it was made with."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __repr__(self) -> str:
        raise self._error


class Logs:
    """Its repr logs itself."""

    def __repr__(self) -> str:
        logs.get_logger("nested").info("asked", me=self)
        logging.getLogger("nested").warning("asked %r", self)
        return "<Logs of its own>"


class Bag(dict[str, int]):
    """Its items cannot be had."""

    def items(self) -> Any:
        raise SystemExit(3)


class Endless(dict[str, int]):
    """Its items never end, and it lies about their number."""

    def items(self) -> Any:
        return ((str(number), number) for number in itertools.count())

    def __len__(self) -> int:
        return 10**6


class LyingText(str):
    """It has other methods than a text."""

    __slots__ = ()

    def __str__(self) -> str:
        raise SystemExit

    def __len__(self) -> int:
        return 0

    def isascii(self) -> bool:
        raise SystemExit


class LyingBytes(bytes):
    """It has no length."""

    def __len__(self) -> int:
        raise SystemExit


class LyingNumber(int):
    """It cannot be asked which number it is."""

    def __index__(self) -> int:
        raise SystemExit

    def __le__(self, other: object) -> bool:
        raise SystemExit


class Liar:
    """It says that it is a dict."""

    __class__ = dict  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "a liar"


class Nowhere(dt.tzinfo):
    """A time zone that ends the program."""

    def utcoffset(self, _: object) -> Any:
        raise SystemExit

    dst = tzname = utcoffset


class Model(pydantic.BaseModel):
    """A model with a secret and a field that is not shown."""

    id: int = 1
    key: pydantic.SecretStr = pydantic.SecretStr("hunter2")
    hidden: str = pydantic.Field(default="hunter2", repr=False)


@attrs.define
class Item:
    """A class of attrs with a field that is not shown."""

    id: int = 1
    hidden: str = attrs.field(default="hunter2", repr=False)


class Color(enum.Enum):
    """An enum."""

    RED = "red"


@dataclasses.dataclass
class Order:
    """A dataclass with a field that is not shown."""

    id: int
    pin: str = dataclasses.field(default="1234", repr=False)


def nested(depth: int) -> dict[str, Any]:
    """A dict in a dict in a dict."""
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def cyclic() -> dict[str, Any]:
    """A dict that holds itself."""
    value: dict[str, Any] = {"n": 1}
    value["self"] = value
    return value


VALUES: list[tuple[Any, Any]] = [
    (float("nan"), "NaN"),
    (float("inf"), "Infinity"),
    (float("-inf"), "-Infinity"),
    ([float("nan")], ["NaN"]),
    (2**63, "9223372036854775808"),
    (-(2**63), -(2**63)),
    (10**4999, "<int ~5000 digits>"),
    (-(2**64), "-18446744073709551616"),
    ("\ud800abc", "\ufffdabc"),
    ("\ud83d\ude00", "\U0001f600"),
    (b"text", "text"),
    (b"\xff\xfe\x00", "\\xff\\xfe\x00"),
    (cyclic(), {"n": 1, "self": "<cyclic>"}),
    (Raises(RuntimeError("x")), "<unrepresentable Raises: RuntimeError>"),
    (Raises(SystemExit(3)), "<unrepresentable Raises: SystemExit>"),
    (Raises(GeneratorExit()), "<unrepresentable Raises: GeneratorExit>"),
    ([Raises(RecursionError())], ["<unrepresentable Raises: RecursionError>"]),
    ({1: "a", (1, 2): "b", None: "c", "1": "d"}, {"1": "a", "(1, 2)": "b", "None": "c", "1_2": "d"}),
    ({"a.b": 1, "a": 2}, {"a": {"b": 1}, "a_2": 2}),
    ({}, {}),
    (Bag(a=1), "<unrepresentable Bag: SystemExit>"),
    (Endless(a=1), {str(number): number for number in range(200)} | {"…": "<+999800 more>"}),
    (LyingText("text"), "text"),
    (LyingBytes(b"text"), "text"),
    (LyingNumber(7), 7),
    (Liar(), "a liar"),
    (dt.timedelta(minutes=90), "1:30:00"),
    (Path("/srv/shop"), "/srv/shop"),
    (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
    (fractions.Fraction(1, 3), "1/3"),
    (dt.datetime(2026, 1, 2, tzinfo=Nowhere()), "<unrepresentable datetime: SystemExit>"),
    (Model(), {"id": 1, "key": "SecretStr('**********')"}),
    (Item(), {"id": 1}),
    (Color.RED, "red"),
    (Order(7), {"id": 7}),
    (decimal.Decimal("1.10"), "1.10"),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
    (dt.date(2026, 1, 2), "2026-01-02"),
    ((1, "a"), [1, "a"]),
    ({5}, [5]),
    (ValueError("why"), "ValueError: why"),
    (print, "<built-in function print>"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[str(number) for number in range(len(VALUES))])
def test_value_is_written_as(value: Any, expected: Any, start: Start, lines: Lines) -> None:
    """Each kind of value has one form, the same from every kind of logger."""
    start()
    logs.get_logger().info("m", value=value)
    logging.getLogger("x").info("m", extra={"value": value})
    first, second = lines()
    assert first["value"] == second["value"] == expected


class Spoilt:
    """A method of it raises; each of these is asked somewhere on the way of a value into a line."""

    @staticmethod
    def of(kind: type, method: str, error: BaseException) -> Any:
        """An object of a kind with such a method."""

        def fails(self: object, *_: object) -> Any:
            raise error

        return type("Spoilt", (kind,), {method: property(fails) if method == "__class__" else fails})()


_METHODS = [
    "__repr__", "__str__", "items", "keys", "__iter__", "__len__", "__getattribute__", "__hash__", "__eq__", "__bool__",
    "__format__", "__class__", "__getitem__", "__contains__", "__index__", "__dir__",
]  # fmt: skip


@pytest.mark.parametrize("error", [RuntimeError(), SystemExit(3), GeneratorExit(), KeyboardInterrupt()], ids=repr)
def test_object_whose_methods_raise(error: BaseException, start: Start, lines: Lines) -> None:
    """One line for each, with its neighbours; only an interrupt goes on to the caller, when the line is written."""
    start(log_storm=0)
    log: Any = logs.get_logger()
    std = logging.getLogger("x")
    for kind, method in itertools.product((object, dict, list, str, int, bytes, tuple, Exception), _METHODS):
        value = Spoilt.of(kind, method, error)
        calls: list[Callable[[], object]] = [
            lambda: log.info("m", before=1, v=value, after=2),  # noqa: B023 - called at once
            lambda: log.info("m", before=1, v=[{"k": value}], after=2),  # noqa: B023
            lambda: log.info(value, before=1, after=2),  # noqa: B023
            lambda: log.info("m %s", value, before=1, after=2),  # noqa: B023
            lambda: std.info("m %s", value, extra={"before": 1, "after": 2}),  # noqa: B023
            lambda: std.info(value, extra={"before": 1, "v": value, "after": 2}),  # noqa: B023
        ]
        for call in calls:
            with contextlib.suppress(KeyboardInterrupt if type(error) is KeyboardInterrupt else ZeroDivisionError):
                call()
            (record,) = lines()
            assert (record["before"], record["after"]) == (1, 2), (kind, method)


def test_interrupt_while_a_value_is_shown_goes_on_to_the_caller(start: Start, lines: Lines) -> None:
    """The line is written, then the program gets its KeyboardInterrupt, once."""
    start()
    with pytest.raises(KeyboardInterrupt):
        logs.get_logger().info("m", value=Raises(KeyboardInterrupt()), after=2)
    logs.get_logger().info("n")
    first, second = lines()
    assert (first["value"], first["after"]) == ("<unrepresentable Raises: KeyboardInterrupt>", 2)
    assert second["message"] == "n"


def test_names_that_the_standard_library_reserves(start: Start, lines: Lines) -> None:
    """`extra={"message": ...}` raises without obs; with it the field is kept under `labels`."""
    start()
    logging.getLogger("x").info("m", extra={"message": "mine", "args": 5, "order": 7})
    (record,) = lines()
    assert (record["message"], record["order"]) == ("m", 7)
    assert record["labels"] == {"message": "mine", "args": "5"}


def chained(length: int) -> BaseException:
    """An exception with as many causes."""
    error = ValueError("first")
    for number in range(length):
        following = ValueError(str(number))
        following.__cause__, error = error, following
    return error


def grouped(depth: int, width: int) -> BaseException:
    """A group of groups of groups of one exception."""
    error: Exception = ValueError("inner")
    for _ in range(depth):
        error = ExceptionGroup("group", [error] * width)
    return error


def circular() -> BaseException:
    """Two exceptions that are each other's cause."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


@pytest.mark.parametrize(
    "error", [chained(3000), grouped(3000, 1), grouped(1, 3000), grouped(20, 20), circular()], ids=range(5)
)
def test_exceptions_of_any_number_and_shape(error: BaseException, start: Start, lines: Lines) -> None:
    """A chain or group of thousands, or one that holds itself, is told within bounds."""
    start()
    logs.get_logger().error("failed", exc_info=error)
    (record,) = lines()
    assert record["error"]["type"] in {"ValueError", "ExceptionGroup"}
    assert 0 < len(record["error"]["stack_trace"]) <= 32 * 1024


def test_long_list_and_deep_dict_are_cut(start: Start, lines: Lines) -> None:
    """200 items of a million and 12 levels of 20,000 are written, and the record says that something is missing."""
    start()
    logs.get_logger().info("m", many=list(range(10**6)), deep=nested(20_000))
    (record,) = lines()
    assert len(record["many"]) == 201
    assert record["many"][-1] == "<+999800 more>"
    deep = record["deep"]
    for _ in range(12):
        deep = deep["a"]
    assert deep == "<max-depth>"
    assert record["obs"] == {"truncated": True}


def test_wide_structure_that_refers_to_itself_many_times_is_cut(start: Start, lines: Lines) -> None:
    """A list of lists of lists of the same list has more values than there is time."""
    start()
    value: list[Any] = [1] * 200
    for _ in range(11):
        value = [value] * 200
    logs.get_logger().info("m", value=value)
    (record,) = lines()
    assert record["obs"] == {"truncated": True}


@pytest.mark.parametrize("text", ["x" * 10_485_760, "\x00" * 10_485_760, "\u20ac" * 5_000_000, "\ud800" * 1_000_000])
def test_huge_texts_are_cut_and_marked(text: str, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten megabytes become a line of at most 256 KiB that tells how long the text was."""
    start()
    logs.get_logger().info(text, again=text, **{f"f{number}": text for number in range(50)})
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line.encode()) <= 257 * 1024
    assert f"<truncated {len(text)} characters>" in line
    assert '"truncated":true' in line


def test_thousands_of_fields_are_folded(start: Start, lines: Lines) -> None:
    """An attacker who chooses names cannot make 5000 fields of the index."""
    start()
    logs.get_logger().info("m", **{f"name{number}": "v" * 1000 for number in range(5000)}, password="hunter2")
    (record,) = lines()
    assert len(record) < 220
    assert record["obs"]["truncated"] is True


def test_repr_that_logs_itself_ends(start: Start, lines: Lines) -> None:
    """A `__repr__` that logs its own object writes what it logs once, and the record that asked for it."""
    start()
    logs.get_logger().info("outer", me=Logs())
    records = lines()
    assert [record["message"] for record in records] == ["asked", "asked %r <Logs>", "outer"]
    assert records[0]["me"] == "<Logs>"
    assert records[-1]["me"] == "<Logs of its own>"


@pytest.mark.parametrize("message", [None, 5, {"a": 1}, b"x", Raises(SystemExit()), "\ud800", "100% \r\n done"])
def test_message_can_be_anything(message: Any, start: Start, lines: Lines) -> None:
    """A message that is no text is written as its text."""
    start()
    logs.get_logger().info(message)
    logging.getLogger("x").info(message)
    first, second = lines()
    assert isinstance(first["message"], str)
    assert first["message"] == second["message"]


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("x %s %d", ("a", 5), "x a 5"),
        ("%(name)s", ({"name": "bob"},), "bob"),
        ("no place", (1, 2), "no place 1 2"),
        ("%d", ("x",), "%d 'x'"),
        ("%s %s", (1,), "%s %s 1"),
        ("%q", (1,), "%q 1"),
        ("%s", (Raises(SystemExit()),), "%s <unrepresentable Raises: SystemExit>"),
        ("100%", (1,), "100% 1"),
    ],
)
def test_positional_values(template: str, values: tuple[Any, ...], expected: str, start: Start, lines: Lines) -> None:
    """Values that do not fit their places stand behind the message; nothing raises, with either kind of logger."""
    start()
    logs.get_logger().info(template, *values)
    logging.getLogger("x").info(template, *values)
    assert [record["message"] for record in lines()] == [expected, expected]


def test_exception_whose_str_raises(start: Start, lines: Lines) -> None:
    """An exception that cannot tell what it is does not end the application."""
    start()

    class SilentError(Exception):
        def __str__(self) -> str:
            raise SystemExit

    try:
        raise SilentError
    except SilentError:
        logs.get_logger().exception("failed")
    (record,) = lines()
    assert record["error"]["message"] == "<unrepresentable SilentError: SystemExit>"


@pytest.mark.parametrize("exc_info", [True, (None, None, None), "yes", 5, (1, 2), ValueError("x")])
def test_exc_info_can_be_anything(exc_info: Any, start: Start, lines: Lines) -> None:
    """`exc_info` without an exception is ignored."""
    start()
    logs.get_logger().info("m", exc_info=exc_info)
    (record,) = lines()
    assert ("error" in record) is isinstance(exc_info, ValueError)


@pytest.mark.parametrize("name", ["event", "method_name", "self", "level", "logger", "msg", "args", "name"])
def test_field_can_have_any_name(name: str, start: Start, lines: Lines) -> None:
    """No name of a field clashes with a parameter of the logger."""
    start()
    logs.get_logger().info("m", **{name: "mine"})
    (record,) = lines()
    assert record["message"] == "m"
    assert "mine" in str(record)


_anything = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.datetimes(), st.decimals(),
        st.characters(categories=["Cs", "Cc", "Cf"]), st.builds(object), st.uuids(), st.timedeltas(), st.fractions(),
        st.complex_numbers(), st.ip_addresses(), st.sampled_from([Color.RED, Order(7), Item(), Liar(), Endless(a=1)]),
        st.builds(Raises, st.sampled_from([ValueError(), SystemExit(), GeneratorExit()])),
        st.builds(LyingText, st.text()),
        st.builds(
            Spoilt.of, st.sampled_from([object, dict, list, str, int]), st.sampled_from(_METHODS), st.just(SystemExit())
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), inner)
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=_anything, fields=st.dictionaries(st.text(), _anything, max_size=8))
def test_anything_makes_one_line(message: Any, fields: dict[str, Any], start: Start, lines: Lines) -> None:
    """Property: any message and any fields make exactly one line of strict JSON in UTF-8."""
    start()
    log: Any = logs.get_logger()
    log.error(message, **fields)
    log.error("m", before=1, value=message, after=2)
    _, neighbours = lines()
    assert (neighbours["before"], neighbours["after"]) == (1, 2)
