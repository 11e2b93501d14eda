"""Label values that are safe to store and to show, whatever the caller passed."""

from __future__ import annotations

from obs.runtime.guard import swallow

LONGEST = 256


def clean(value: object) -> str:
    """Turn anything into a label's value: a bounded text without lone surrogates, which no scrape could encode.

    Example:
        >>> clean(404)
        '404'
        >>> len(clean("x" * 10_000))
        256
    """
    try:
        # What `__str__` returns can be of a subclass that lies about itself.
        text = value if type(value) is str else str.__str__(str(value))
        text = text[:LONGEST]
        return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a value's own __str__ can raise anything, SystemExit too
        swallow("metrics.label", error)
        return "<unrepresentable>"
