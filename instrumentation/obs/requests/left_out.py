"""The requests that no signal tells of, such as health checks: by the paths of one setting."""

from __future__ import annotations

from collections.abc import Iterable

from obs import traces

_paths: frozenset[str] = frozenset()
_beginnings: tuple[str, ...] = ()


def leave_out(paths: Iterable[str]) -> None:
    """Leave the requests for these paths out from now on.

    Args:
        paths: Whole paths, with or without a last `/`; one that ends in `*` stands for all that begin like it.
    """
    global _paths, _beginnings
    named = tuple(paths)
    whole = [path.rstrip("/") for path in named if not path.endswith("*")]
    _paths = frozenset(whole) | {f"{path}/" for path in whole}
    _beginnings = tuple(path[:-1] for path in named if path.endswith("*"))


def is_left_out(path: str) -> bool:
    """Whether the request for a path is left out; the template of a route is looked up like a path."""
    return path in _paths or (_beginnings != () and path.startswith(_beginnings))


class LeftOut:
    """Stands where the observation of a request would, and observes nothing; the request still has an id.

    Args:
        path: The path that was asked for.
        request_id: `X-Request-ID` as it came, or None.
    """

    __slots__ = ("client_left", "finished", "path", "prefix", "request_id", "route", "span", "status")

    def __init__(self, path: str, request_id: str | None) -> None:
        self.path = path
        self.prefix = ""
        self.route = ""
        self.status = 0
        self.client_left = False
        self.finished = False
        accepted = traces.accepted(request_id)
        self.span = traces.Unobserved(accepted)
        self.request_id = accepted or self.span.trace_hex

    def finish(self, error: BaseException | None = None) -> None:  # noqa: ARG002
        """End it; nothing is told."""
        self.finished = True
