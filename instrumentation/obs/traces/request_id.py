"""The id of the request that is being served: taken from the caller when it is valid, else the trace's id.

It travels in OpenTelemetry's context, as the span does, and so into threads, tasks and outgoing calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry.propagators.textmap import CarrierT, Setter, TextMapPropagator, default_setter

from obs.runtime.on_import import after_import

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from obs.runtime.patcher import Patcher

HEADER = "x-request-id"
KEY = "obs-request-id"

# Nothing that means something in JSON, a header, a URL's path or a terminal.
_VALID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")

_PROPAGATE = "opentelemetry.propagate"

_get_current = context_api.get_current


def accepted(header: str | None) -> str:
    """The id that a caller sent; empty when it sent none, or one that is not valid.

    Args:
        header: `X-Request-ID` as it came: 1 to 128 letters, digits and characters of `._~:/+=@-`.

    Example:
        >>> accepted("7f3a-22"), accepted("two words"), accepted(None)
        ('7f3a-22', '', '')
    """
    return header if header and _VALID.fullmatch(header) else ""


def current_request_id() -> str:
    """The id of the request that is being served, to show to a user or to put into a message.

    Returns:
        The id; empty outside of a request.

    Example:
        >>> current_request_id()
        ''
    """
    return str(_get_current().get(KEY, ""))


class RequestIdPropagator(TextMapPropagator):
    """Does what another propagator does, and gives outgoing calls the id of the request that they are made for.

    Args:
        other: What the application uses.
    """

    def __init__(self, other: TextMapPropagator) -> None:
        self.other = other

    def extract(self, carrier: CarrierT, context: Context | None = None, *args: Any, **kwargs: Any) -> Context:
        """Read what the other one reads: a server's own id is taken when the request arrives."""
        return self.other.extract(carrier, context, *args, **kwargs)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        """Write what the other one writes, and the id, unless the call has one of its own."""
        self.other.inject(carrier, context, setter)
        request_id = (_get_current() if context is None else context).get(KEY)
        if request_id and not _has_one(carrier):
            setter.set(carrier, HEADER, str(request_id))

    @property
    def fields(self) -> set[str]:
        """The names that it may set."""
        return {*self.other.fields, HEADER}


def _has_one(carrier: Any) -> bool:
    try:
        return any(str(name).lower() == HEADER for name in carrier)
    except TypeError:
        return False


def carry(patch: Patcher) -> None:
    """Have outgoing calls carry the id from now on, as soon as somebody uses OpenTelemetry's propagation.

    Args:
        patch: Remembers what was replaced.
    """

    def join() -> None:
        from opentelemetry import propagate

        ours = RequestIdPropagator(propagate.get_global_textmap())
        propagate.set_global_textmap(ours)

        def leave() -> None:
            if propagate.get_global_textmap() is ours:
                propagate.set_global_textmap(ours.other)

        patch.on_restore(leave)

    after_import(patch, _PROPAGATE, join)
