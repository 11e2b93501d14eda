"""Logs, metrics and traces of any service, correlated, in one line: `import obs; obs.init()`."""

from __future__ import annotations

from typing import Unpack

from obs.logs import bind, get_logger, set_level
from obs.metrics import counter, gauge, histogram, metrics_app
from obs.requests.asgi import asgi
from obs.requests.wsgi import wsgi
from obs.runtime.report import Report
from obs.runtime.start import start as _start
from obs.runtime.start import stop as _stop
from obs.settings import Arguments, SettingError
from obs.traces import counted, current_request_id, current_trace_id, span, timed, traced

__all__ = [
    "Report",
    "SettingError",
    "asgi",
    "bind",
    "counted",
    "counter",
    "current_request_id",
    "current_trace_id",
    "gauge",
    "get_logger",
    "histogram",
    "init",
    "metrics_app",
    "set_level",
    "shutdown",
    "span",
    "timed",
    "traced",
    "wsgi",
]


def init(**settings: Unpack[Arguments]) -> Report:
    """Start structured logs, metrics and traces for this process, and join the libraries that are in it.

    Works before or after the application is created and imported. A second call re-configures: it starts anew with the
    settings of that call.

    Args:
        settings: Any option that `obs config` lists, such as ``service="orders"`` or ``log_level="debug"``. An option
            that is not given is taken from the environment (`OBS_*`, then `OTEL_*`), then from `[tool.obs]` in
            pyproject.toml, then from its default.

    Returns:
        What was enabled, what was skipped, and why.

    Raises:
        SettingError: An option is unknown or its value is wrong; the message names it, where it came from, what is
            allowed and the nearest valid name. Nothing else is ever raised: telemetry never stops an application.

    Example:
        >>> import obs
        >>> report = obs.init(service="orders", metrics_port=0)
        >>> obs.get_logger().info("started", port=8000)
    """
    return _start(settings)


def shutdown() -> None:
    """Deliver what is held, within the exit deadline, and give back everything that `init()` replaced."""
    _stop()
