"""The pages: plain HTML from the server, one file a page, where the links of alerts and panels land in local mode."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_stack.receiver.options import Options
from obs_stack.receiver.pages import dashboard, logs, overview, runbook, trace
from obs_stack.receiver.pages.frame import problem
from obs_stack.receiver.prometheus import Prometheus
from obs_stack.receiver.storage.keeping import Keeping

__all__ = ["problem", "routes"]

_STYLE = Path(__file__).with_name("style.css")


def routes(keeping: Keeping, options: Options) -> list[Route]:
    """The routes of all pages."""
    prometheus = Prometheus(options.prometheus) if options.prometheus else None
    css = _STYLE.read_bytes()

    async def style(_: Request) -> Response:
        return Response(css, media_type="text/css")

    return [
        overview.route(keeping, options, prometheus),
        logs.route(keeping),
        trace.route(keeping),
        dashboard.route(keeping, options.dashboards, prometheus),
        runbook.route(),
        Route("/style.css", style),
    ]
