"""Each record is valid ECS: a field keeps its name where it fits and goes under `labels` where it would clash."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs import logs
from obs.logs import ecs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


@pytest.fixture
def record(start: Start, lines: Lines) -> Callable[..., dict[str, Any]]:
    """Logs one event and gives its record."""
    start()

    def write(**fields: Any) -> dict[str, Any]:
        logs.get_logger("shop.orders").info("placed", **fields)
        (written,) = lines()
        return written

    return write


def test_record_has_the_fields_that_every_reader_expects(start: Start, lines: Lines) -> None:
    """Time, level, message, logger, service, process, schema and all ids stand in each record."""
    start(version="ignored: the target says it")
    logs.current_ids, before = (lambda: (0xAB, 0xCD, "r-1")), logs.current_ids
    try:
        logs.get_logger("shop.orders").warning("placed", order_id=7)
    finally:
        logs.current_ids = before
    (record,) = lines()
    moment = dt.datetime.fromisoformat(record.pop("@timestamp"))
    assert moment.tzinfo == dt.UTC
    assert len(record["event"].pop("id")) == 32
    assert isinstance(record.pop("process")["pid"], int)
    assert record == {
        "log.level": "warning",
        "message": "placed",
        "order_id": 7,
        "log": {"logger": "shop.orders"},
        "event": {"dataset": "shop"},
        "trace": {"id": "000000000000000000000000000000ab"},
        "span": {"id": "00000000000000cd"},
        "service": {"name": "shop", "version": "1.2.3", "environment": "test", "node": {"name": "instance-1"}},
        "ecs": {"version": ecs.VERSION},
        "http": {"request": {"id": "r-1"}},
    }


@pytest.mark.parametrize(
    "name", ["http", "user", "error", "service", "trace", "host", "event", "log", "labels", "rule"]
)
def test_scalar_under_the_name_of_a_group_goes_under_labels(name: str, record: Callable[..., Any]) -> None:
    """`http="GET"` would make Elasticsearch refuse the whole record, for `http` holds other fields."""
    assert record(**{name: "x"})["labels"] == {name: "x"}


@pytest.mark.parametrize(
    "name", ["@timestamp", "message", "service.name", "event.id", "trace.id", "ecs.version", "log.level"]
)
def test_what_only_obs_writes_cannot_be_replaced(name: str, record: Callable[..., Any]) -> None:
    """A caller's value for one of obs's own fields is kept under `labels`."""
    written = record(**{name: "forged"})
    assert written["labels"] == {name.replace(".", "_"): "forged"}
    assert written["message"] == "placed"


def test_group_and_dotted_name_beside_each_other(record: Callable[..., Any]) -> None:
    """`http` as a text and `http.request.method` both survive."""
    written = record(http="GET", **{"http.request.method": "POST", "http.response.status_code": "200"})
    assert written["http"] == {"request": {"method": "POST"}, "response": {"status_code": 200}}
    assert written["labels"] == {"http": "GET"}


@pytest.mark.parametrize("order", [1, -1])
def test_own_name_and_dotted_name_do_not_depend_on_their_order(order: int, record: Callable[..., Any]) -> None:
    """The plain name wins over the dotted one that would need it to be an object."""
    written = record(**dict([("cart", 1), ("cart.size", 2)][::order]))
    assert written["cart"] == 1
    assert written["labels"] == {"cart_size": "2"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("user.id", 5, "5"),
        ("error.code", True, "true"),
        ("http.response.status_code", "200", 200),
        ("event.duration", 5.0, 5),
        ("client.ip", "10.0.0.1", "10.0.0.1"),
        ("client.ip", ["10.0.0.1", "::1"], ["10.0.0.1", "::1"]),
        ("tls.established", "true", True),
        ("file.mtime", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("tags", ["a", "b"], ["a", "b"]),
        ("container.labels", {"a": "b"}, {"a": "b"}),
    ],
)
def test_value_that_fits_its_type_is_kept(name: str, value: Any, expected: Any, record: Callable[..., Any]) -> None:
    """A value that the type of ECS can hold stands in its field, in the form of that type."""
    written = record(**{name: value})
    for part in name.split("."):
        written = written[part]
    assert written == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client.ip", "testclient"),
        ("http.response.status_code", "OK"),
        ("event.duration", 1.5),
        ("event.duration", True),
        ("file.mtime", "yesterday"),
        ("user.id", {"a": 1}),
        ("tls.established", "maybe"),
        ("error.message.text", "x"),
        ("a..b", "x"),
        (".", "x"),
        ("", "x"),
    ],
)
def test_value_that_does_not_fit_goes_under_labels(name: str, value: Any, record: Callable[..., Any]) -> None:
    """A value that would be refused is kept as text under `labels`."""
    assert list(record(**{name: value})["labels"]) == [name.replace(".", "_") or "_"]


def test_dict_under_a_group_is_placed_leaf_by_leaf(record: Callable[..., Any]) -> None:
    """`user={"id": 1, "name": {...}}` keeps what fits."""
    written = record(user={"id": 1, "name": {"first": "b"}}, http={"request": {"method": "GET"}, "extra": {"a": 1}})
    assert written["user"] == {"id": "1"}
    assert written["http"] == {"request": {"method": "GET"}, "extra": {"a": 1}}
    assert written["labels"] == {"user_name": '{"first":"b"}'}


def test_exception_and_a_field_named_error_both_survive(start: Start, lines: Lines) -> None:
    """The exception has ECS's fields; the caller's `error` goes under `labels`, its `error.code` beside them."""
    start()
    try:
        raise KeyError("x")
    except KeyError:
        logs.get_logger().exception("failed", error="mine", **{"error.code": 5, "error.type": "mine"})
    (written,) = lines()
    assert written["log.level"] == "error"
    assert written["error"]["type"] == "KeyError"
    assert written["error"]["code"] == "5"
    assert written["error"]["stack_trace"].endswith("KeyError: 'x'")
    assert written["labels"] == {"error": "mine", "error_type": "mine"}


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The fields of a record by their dotted names."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and ecs.TYPES.get(path) not in {"object", "geo"}:
            assert path not in ecs.TYPES, f"{path} is a value in ECS and an object here"
            found.update(leaves(value, f"{path}."))
        else:
            assert path not in found, f"two values for {path}"
            found[path] = value
    return found


_RIGHT: dict[str, tuple[type, ...]] = {
    "keyword": (str,),
    "text": (str,),
    "long": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "date": (str, int),
    "ip": (str,),
    "object": (dict,),
    "geo": (dict,),
}

_names = st.one_of(
    st.sampled_from(sorted(ecs.TYPES)),
    st.sampled_from(sorted(ecs.OBJECTS)),
    st.sampled_from(["a", "a.b", "a.b.c", "b", "message", "labels.a", "labels.a.b", "obs", "event", "exc_info.x"]),
    st.text(max_size=5),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(_names, _values, max_size=6))
def test_any_fields_make_a_record_that_elasticsearch_accepts(
    fields: dict[str, Any], start: Start, lines: Lines
) -> None:
    """Whatever the names and values: strict JSON, no group is a value, no value is a group, each has its ECS type."""
    start()
    log: Any = logs.get_logger("x")
    log.info("m", **fields)
    (record,) = lines()
    for name, value in leaves(record).items():
        assert name not in ecs.OBJECTS or ecs.TYPES.get(name) == "object", f"{name} holds other fields"
        kind = ecs.TYPES.get(name)
        if kind is not None:
            for item in value if isinstance(value, list) else [value]:
                assert item is None or isinstance(item, _RIGHT[kind]), (name, item)
        if name.startswith("labels."):
            assert value is None or isinstance(value, str)
    assert record["message"] == "m"
