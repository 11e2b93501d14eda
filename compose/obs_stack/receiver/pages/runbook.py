"""The runbook of an alert, where its link lands."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_alerts import runbook as runbook_of
from obs_stack.receiver.pages.frame import page, problem
from obs_stack.receiver.pages.markdown import render


def route() -> Route:
    """The route of the page."""

    async def runbook(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            text = runbook_of(name)
        except KeyError as error:
            return problem(404, str(error.args[0]))
        title, _, rest = text.partition("\n")
        return page(f"Runbook: {title.lstrip('# ').strip()}", render(rest))

    return Route("/runbooks/{name}", runbook)
