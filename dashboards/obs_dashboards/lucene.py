"""Log queries in Lucene's language, on declared fields and bound to the dashboard's service.

The forms in use are `field:/regex/`, `field:[low TO high]` with numbers and `*`, `AND`, `OR` and brackets. A service is
matched by a regular expression because Grafana puts the variable's `.+` into the query as it stands when "All" is
chosen, and `(a|b)` when several services are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from obs.signals import log_fields

SERVICE = "service.name:/${job:regex}/"


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a panel asks the store of logs.

    Args:
        text: The query in Lucene's language.
        shape: ``logs`` for lines to read, ``raw_data`` for a table of their fields.
        limit: The most records that are shown, newest first.
    """

    text: str
    shape: Literal["logs", "raw_data"] = "logs"
    limit: int = 500


def between(field: str, low: int | None, high: int | None) -> str:
    """A condition on a declared numeric field; None leaves that end open.

    Example:
        >>> between("http.response.status_code", 500, None)
        'http.response.status_code:[500 TO *]'
    """
    ends = ("*" if end is None else str(end) for end in (low, high))
    return f"{_declared(field)}:[{' TO '.join(ends)}]"


def any_of(*conditions: str) -> str:
    """At least one of the conditions."""
    return f"({' OR '.join(conditions)})"


def of_service(*conditions: str) -> str:
    """The records of the chosen services that meet every condition.

    Example:
        >>> of_service()
        'service.name:/${job:regex}/'
    """
    return " AND ".join((SERVICE, *conditions))


def _declared(field: str) -> str:
    if field not in {known.name for known in log_fields()}:
        raise ValueError(f"no log field {field} is declared in obs.signals")
    return field
