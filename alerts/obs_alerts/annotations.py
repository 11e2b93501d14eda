"""What an alert tells a person: what users feel, how bad it is, the first step, and links that are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote

from obs_dashboards.links import link

if TYPE_CHECKING:
    from obs.manifest import Links

# The two templates that annotations may hold; the test files need to know what Prometheus makes of them.
VALUE = "{{ $value | humanizePercentage }}"
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")


def annotate(
    links: Links, *, alert: str, service: str, summary: str, description: str, dashboard: str
) -> dict[str, str]:
    """The annotations of an alert.

    Args:
        links: Where dashboards, logs and runbooks are.
        alert: The alert's name.
        service: Whose alert it is; empty when it is nobody's.
        summary: What users feel, one sentence.
        description: How bad it is, and the first step.
        dashboard: The uid of the dashboard to open.
    """
    variables = {"job": service} if service else {}
    return {
        "summary": summary,
        "description": description,
        "runbook_url": f"{links.runbooks.rstrip('/')}/{alert}",
        "dashboard_url": link(dashboard, links, **variables),
        "logs_url": logs_link(links, service),
    }


def logs_link(links: Links, service: str) -> str:
    """The address of a service's errors in the logs.

    Args:
        links: Where the logs are.
        service: The service; empty: the errors of all.
    """
    query = f"service.name:{service} AND log.level:error" if service else "log.level:error"
    return f"{links.logs.rstrip('/')}?q={quote(query, safe='')}"


def filled(text: str, labels: Mapping[str, str], value: Decimal) -> str:
    """What Prometheus shows for an annotation.

    Args:
        text: The annotation with its templates.
        labels: The alert's labels.
        value: What the query returned.

    Example:
        >>> filled("{{ $value | humanizePercentage }} of {{ $labels.job }}", {"job": "shop"}, Decimal("0.018"))
        '1.8% of shop'
    """
    return _LABEL.sub(lambda found: labels.get(found[1], ""), text.replace(VALUE, f"{float(value * 100):.4g}%"))


def unfilled(text: str) -> bool:
    """Whether a text holds a template that `filled` does not know.

    Example:
        >>> unfilled("{{ $labels.job }}"), unfilled("{{ $labels.job | title }}")
        (False, True)
    """
    return "{{" in filled(text, {}, Decimal(0))
