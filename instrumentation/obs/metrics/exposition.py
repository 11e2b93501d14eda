"""/metrics as text: in the format and the encoding that the scraper asks for, over HTTP, ASGI and WSGI alike."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from obs.metrics.instruments import instrument
from obs.metrics.labels import clean
from obs.runtime.guard import Guard, swallow
from obs.signals import own_health

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from obs.metrics.scrape import Scrape

# What the classic text appends to the name of a family.
_SUFFIXES = {"counter": "_total", "info": "_info"}

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_EOF = b"# EOF\n"
_GZIP_LEVEL = 1  # five times as quick as the default, for a tenth more bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer.

    Args:
        status: The status code with its reason.
        headers: Names and values.
        body: The bytes.
    """

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def answer(scrape: Scrape, method: str = "GET", accept: str = "", encodings: str = "") -> Answer:
    """Answer one request for /metrics.

    Args:
        scrape: What to show.
        method: The request's method.
        accept: Its `Accept` header.
        encodings: Its `Accept-Encoding` header.
    """
    if method not in ("GET", "HEAD"):
        return Answer("405 Method Not Allowed", (("Allow", "GET, HEAD"), ("Content-Length", "0")), b"")
    began = perf_counter()
    openmetrics = wants_openmetrics(accept)
    try:
        body = render(scrape.families(), openmetrics=openmetrics)
    except Exception as error:  # noqa: BLE001 - a scrape that fails says so, and the next one is another try
        swallow("metrics.scrape", error)
        told = f"# {type(error).__name__}: see the log of the service\n".encode()
        return _sized(Answer("503 Service Unavailable", (("Content-Type", TEXT),), told))
    instrument(own_health.SCRAPE_DURATION).set(perf_counter() - began)
    content = ("Content-Type", OPENMETRICS if openmetrics else TEXT)
    found = Answer("200 OK", (content, ("Vary", "Accept, Accept-Encoding")), body)
    if _quality(encodings, "gzip") > 0:
        packed = gzip.compress(found.body, _GZIP_LEVEL)
        found = replace(found, body=packed, headers=(*found.headers, ("Content-Encoding", "gzip")))
    found = _sized(found)
    return replace(found, body=b"") if method == "HEAD" else found


def render(families: Iterable[Metric], *, openmetrics: bool) -> bytes:
    """Families as text; one that cannot be shown is left out and counted."""
    parts = []
    for family in families:
        try:
            parts.append(_text(family, openmetrics=openmetrics))
        except Exception:  # noqa: BLE001 - a label value that is no text, from an application's own collector
            with Guard("metrics.exposition"):
                parts.append(_text(_cleaned(family), openmetrics=openmetrics))
    return b"".join(parts) + (_EOF if openmetrics else b"")


def shown_name(family: Metric) -> str:
    """The name under which the classic text shows a family: an info `target` and a gauge `target_info` are one name."""
    return family.name + _SUFFIXES.get(family.type, "")


def wants_openmetrics(accept: str) -> bool:
    """Whether an `Accept` header prefers OpenMetrics 1.0 to the classic text.

    Example:
        >>> wants_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        True
        >>> wants_openmetrics("*/*")
        False
    """
    asked = _quality(accept, "application/openmetrics-text")
    return asked > 0 and asked >= _quality(accept, "text/plain")


def _quality(header: str, name: str) -> float:
    """The weight that a header gives to one of its values; 0 when it does not name it."""
    best = 0.0
    for part in header.split(","):
        value, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if value == name:
            weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            try:
                best = max(best, float(weight))
            except ValueError:
                continue
    return best


def _text(family: Metric, *, openmetrics: bool) -> bytes:
    from prometheus_client import generate_latest
    from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

    only = _Only(_without_created(family))
    if openmetrics:
        return bytes(generate_openmetrics(only)).removesuffix(_EOF)  # type: ignore[no-untyped-call]
    return generate_latest(only)


class _Only:
    """A registry of one family, so that a family that fails takes no other with it."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def _without_created(family: Metric) -> Metric:
    """Nothing here uses when a series was made, and it would double the series."""
    created = f"{family.name}_created"
    if any(sample.name == created for sample in family.samples):
        family.samples = [sample for sample in family.samples if sample.name != created]
    return family


def _cleaned(family: Metric) -> Metric:
    family.samples = [
        sample._replace(labels={name: clean(value) for name, value in sample.labels.items()})
        for sample in family.samples
    ]
    return family


def _sized(found: Answer) -> Answer:
    return replace(found, headers=(*found.headers, ("Content-Length", str(len(found.body)))))
