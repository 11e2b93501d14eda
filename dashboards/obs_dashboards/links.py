"""Links to a generated dashboard with its variables filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from obs.manifest import Links


HTTP_SERVICE = "obs-http-service"
PYTHON_RUNTIME = "obs-python-runtime"


def link(uid: str, links: Links, **variables: str) -> str:
    """The address of a dashboard, with variables chosen.

    A value that is a template of Prometheus, such as ``{{ $labels.service }}``, is kept as it is, so that an alert's
    annotation fills it in.

    Args:
        uid: The dashboard's uid.
        links: Where Grafana answers.
        **variables: Value by the variable's name, without ``var-``.

    Example:
        >>> from types import SimpleNamespace
        >>> link("obs-http-service", SimpleNamespace(grafana="http://grafana"), job="{{ $labels.service }}")
        'http://grafana/d/obs-http-service?var-job={{ $labels.service }}'
    """
    chosen = "&".join(
        f"var-{name}={text if '{{' in text else quote(text, safe='')}" for name, text in variables.items()
    )
    return f"{links.grafana.rstrip('/')}/d/{uid}" + (f"?{chosen}" if chosen else "")
