"""The application that every variant observes, in FastAPI and in Flask: one route, one log line, one small answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask

# Writes the line of a request: its item and a text that is another each time.
Log = Callable[[int, str], object]

# An ASGI or WSGI application.
Application = Any


def fastapi_application(log: Log) -> FastAPI:
    """`GET /items/{item_id}?note=...` in FastAPI."""
    from fastapi import FastAPI

    application = FastAPI()

    @application.get("/items/{item_id}")
    async def item(item_id: int, note: str) -> dict[str, int]:
        log(item_id, note)
        return {"item": item_id}

    return application


def flask_application(log: Log) -> Flask:
    """`GET /items/<item_id>?note=...` in Flask."""
    from flask import Flask, request

    application = Flask("shop")

    @application.get("/items/<int:item_id>")
    def item(item_id: int) -> dict[str, int]:
        log(item_id, request.args["note"])
        return {"item": item_id}

    return application


def standard_library_log(log_file: str) -> Log:
    """The line as the standard library writes it, with a plain format."""
    logger = _logger("shop", "%(asctime)s %(levelname)s %(name)s %(message)s", log_file)
    return lambda item, note: logger.info("item shown item=%s note=%s left=%s", item, note, 7)


def _logger(name: str, pattern: str, log_file: str) -> logging.Logger:
    handler = logging.FileHandler(log_file)
    handler.setFormatter(logging.Formatter(pattern))
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


def asgi_with_access_line(application: Application, log_file: str) -> Application:
    """The access line that uvicorn writes by itself, with its format."""
    logger = _logger("uvicorn.access", "%(levelname)s:     %(message)s", log_file)

    async def logged(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        async def observed(message: Any) -> None:
            if message["type"] == "http.response.start":
                path = f"{scope['path']}?{scope['query_string'].decode()}"
                client = "{}:{}".format(*scope["client"])
                logger.info('%s - "%s %s HTTP/%s" %d', client, scope["method"], path, "1.1", message["status"])
            await send(message)

        await application(scope, receive, observed)

    return logged


def wsgi_with_access_line(application: Application, log_file: str) -> Application:
    """The access line that gunicorn writes when it is asked to, with its format."""
    logger = _logger("gunicorn.access", "%(message)s", log_file)

    def logged(environ: Any, start_response: Callable[..., Any]) -> Any:
        def observed(status: str, headers: Any, *more: Any) -> Any:
            path = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
            method, protocol = environ["REQUEST_METHOD"], environ["SERVER_PROTOCOL"]
            agent = environ.get("HTTP_USER_AGENT", "-")
            logger.info('%s - - "%s %s %s" %s "%s"', environ["REMOTE_ADDR"], method, path, protocol, status[:3], agent)
            return start_response(status, headers, *more)

        return application(environ, observed)

    return logged
