"""The application: OTLP in, the API and the pages out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_stack.receiver import api, pages
from obs_stack.receiver.gate import Gate
from obs_stack.receiver.lucene import LuceneError
from obs_stack.receiver.options import Options
from obs_stack.receiver.otlp import routes as otlp
from obs_stack.receiver.questions import QuestionError
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.readers import TooSlowError
from obs_stack.receiver.telemetry import Telemetry


def create_app(options: Options) -> Starlette:
    """Open the stores and build the application; its lifespan closes them.

    Raises:
        InUseError: Another process keeps its data in the directory.
        OSError: The directory cannot be made or written.
    """
    telemetry = Telemetry()
    keeping = Keeping(options, telemetry)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        keeping.close()

    async def health(_: Request) -> Response:
        return api.answer({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            *otlp.routes(keeping.writer, telemetry, options.max_body),
            *api.routes(keeping),
            Route("/health", health),
            Route("/metrics", metrics),
            *pages.routes(keeping, options),
        ],
        lifespan=lifespan,
        middleware=[Middleware(Gate, host=options.host)],
        exception_handlers={
            QuestionError: _not_understood,
            LuceneError: _not_understood,
            TooSlowError: _too_slow,
            HTTPException: _plain_http,
        },
    )


async def _not_understood(request: Request, error: Exception) -> Response:
    return _problem(request, 400, str(error))


async def _too_slow(request: Request, error: Exception) -> Response:
    return _problem(request, 503, str(error))


async def _plain_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    what = "there is nothing at this address" if status == 404 else "this address does not take that method"
    return _problem(request, status, what)


def _problem(request: Request, status: int, message: str) -> Response:
    if request.url.path.startswith(("/api/", "/v1/")):
        return api.answer({"error": message}, status)
    return pages.problem(status, message)
