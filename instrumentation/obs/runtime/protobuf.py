"""The wire format of protobuf, as far as OTLP needs it: numbers, lengths, and OpenTelemetry's values and attributes.

Field numbers come from `opentelemetry/proto/common/v1/common.proto` of OTLP 1.x, which never changes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

MAX_STRING = 32 * 1024
MAX_ITEMS = 1000
MAX_DEPTH = 16

_ELLIPSIS = "…"
_MASK = (1 << 64) - 1
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_BYTES = tuple(bytes((number,)) for number in range(256))
_pack_fixed64 = struct.Struct("<Q").pack
_pack_fixed32 = struct.Struct("<I").pack
_pack_double = struct.Struct("<d").pack


def varint(number: int) -> bytes:
    """Encode an integer of up to 64 bits; a negative one as its two's complement, like protobuf's int64.

    Example:
        >>> varint(300).hex()
        'ac02'
    """
    if 0 <= number < 0x80:
        return _BYTES[number]
    if 0 < number < 0x4000:
        return bytes((number & 0x7F | 0x80, number >> 7))
    number &= _MASK
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@lru_cache(maxsize=256)
def tag(field: int, wire: int) -> bytes:
    """The key that stands before a field's value.

    Args:
        field: The field's number in its message.
        wire: `VARINT`, `FIXED64`, `LENGTH` or `FIXED32`.
    """
    return varint(field << 3 | wire)


def uint(field: int, number: int) -> bytes:
    """An integer, enum or bool field; nothing when it is zero, which is its default."""
    return tag(field, VARINT) + varint(number) if number else b""


def fixed64(field: int, number: int) -> bytes:
    """A fixed64 field, such as a time in nanoseconds since 1970."""
    return tag(field, FIXED64) + _pack_fixed64(number & _MASK)


def fixed32(field: int, number: int) -> bytes:
    """A fixed32 field, such as a span's flags."""
    return tag(field, FIXED32) + _pack_fixed32(number & 0xFFFFFFFF)


def double(field: int, number: float) -> bytes:
    """A double field."""
    return tag(field, FIXED64) + _pack_double(number)


def length(field: int, payload: bytes) -> bytes:
    """A field with a length: bytes, a string in UTF-8, or an encoded message."""
    return tag(field, LENGTH) + varint(len(payload)) + payload


def text(field: int, string: str) -> bytes:
    """A string field; nothing when it is empty."""
    return length(field, _utf8(string)) if string else b""


def any_value(value: object, depth: int = MAX_DEPTH) -> bytes:
    """Encode OpenTelemetry's AnyValue; what it has no type for becomes its `str()`.

    Strings longer than 32 KiB are cut and end in an ellipsis; sequences and mappings end after 1000 items; what is
    nested deeper than 16 levels becomes an ellipsis. An integer that does not fit 64 bits becomes a string.
    """
    encode = _SCALARS.get(type(value))
    if encode is not None:
        return encode(value)
    for kind, encode in _SCALARS.items():
        if isinstance(value, kind):
            return encode(value)
    if isinstance(value, (Mapping, Sequence, set, frozenset)):
        return _nested(value, depth - 1)
    return length(1, _utf8(_readable(value)))


def key_value(key: str, value: object, depth: int = MAX_DEPTH) -> bytes:
    """Encode OpenTelemetry's KeyValue, one attribute."""
    return length(1, _utf8(key)) + length(2, any_value(value, depth))


def attributes(field: int, pairs: Mapping[str, object]) -> bytes:
    """A repeated KeyValue field, such as the attributes of a span, a log record or a resource."""
    return b"".join([length(field, key_value(key, value)) for key, value in pairs.items()])


def _int(number: int) -> bytes:
    if _INT64_MIN <= number <= _INT64_MAX:
        return tag(3, VARINT) + varint(number)
    return length(1, _utf8(hex(number)))


# By exact type first, then by descent; bool stands before int, of which it is one.
_SCALARS: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: length(1, _utf8(value)),
    bool: lambda value: tag(2, VARINT) + (b"\x01" if value else b"\x00"),
    int: _int,
    float: lambda value: double(4, value),
    type(None): lambda _: b"",
    bytes: lambda value: length(7, value[:MAX_STRING]),
    bytearray: lambda value: length(7, bytes(value[:MAX_STRING])),
}


def _nested(value: Mapping[object, object] | Iterable[object], depth: int) -> bytes:
    if depth <= 0:
        return length(1, _ELLIPSIS.encode())
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MAX_ITEMS]
        return length(6, b"".join([length(1, key_value(_readable(key), item, depth)) for key, item in pairs]))
    return length(5, b"".join([length(1, any_value(item, depth)) for item in list(value)[:MAX_ITEMS]]))


def _utf8(string: str) -> bytes:
    """Strict UTF-8 of at most 32 KiB; a lone surrogate becomes U+FFFD, for receivers refuse the whole batch for one."""
    if len(string) > MAX_STRING:
        string = string[: MAX_STRING - 1] + _ELLIPSIS
    try:
        return string.encode()
    except UnicodeEncodeError:
        return string.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _readable(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a caller's own __str__
        return f"<unrepresentable {type(value).__name__}: {type(error).__name__}>"
