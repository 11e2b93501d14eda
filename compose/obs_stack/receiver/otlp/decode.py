"""The bytes of an export request to its message, from protobuf and from JSON."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from obs_stack.receiver.otlp.body import RefusedError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})

Export = TypeVar("Export", bound=Message)


def decode(body: bytes, content_type: str, message: Export) -> Export:
    """Fill an export request.

    Args:
        body: The body, uncompressed.
        content_type: `PROTOBUF` or `JSON`.
        message: An empty request.

    Raises:
        RefusedError: The body is malformed.
    """
    try:
        if content_type == PROTOBUF:
            message.ParseFromString(body)
        else:
            written = orjson.loads(body)
            if not isinstance(written, dict):
                raise RefusedError(400, f"the body is no {message.DESCRIPTOR.name}: its JSON is no object")
            json_format.ParseDict(_with_bytes(written), message, ignore_unknown_fields=True)
    except (DecodeError, orjson.JSONDecodeError, json_format.ParseError) as error:
        raise RefusedError(400, f"the body is no {message.DESCRIPTOR.name}: {error}"[:300]) from None
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        # What protobuf's JSON reader lets through where the shape is not what it expects.
        raise RefusedError(400, f"the body is no {message.DESCRIPTOR.name}: its JSON has another shape") from None
    return message


def _with_bytes(value: Any) -> Any:
    """Ids as protobuf's JSON has them: OTLP's JSON writes them in hexadecimal where protobuf's writes base64."""
    if isinstance(value, dict):
        return {
            key: _base64_of_hex(item) if key in _HEX_FIELDS and isinstance(item, str) else _with_bytes(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    return value


def _base64_of_hex(text: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(text)).decode()
    except ValueError:
        return ""
