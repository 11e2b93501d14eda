"""Flask: every request to an application is observed once, with the rule that matched it."""

from __future__ import annotations

import weakref
from typing import Any

from obs.integrations import Library, genuine
from obs.requests import wsgi
from obs.requests.observation import declare_route
from obs.runtime.guard import Guard
from obs.runtime.on_import import after_import
from obs.runtime.patcher import Patcher
from obs.signals import http

LIBRARY = Library("flask", "flask", "2.3", signals=(http.SERVER_DURATION, http.ACTIVE_REQUESTS))

_IMPLIED = {"HEAD", "OPTIONS"}


def install(patch: Patcher) -> None:
    """Observe `Flask.__call__`, outside of any middleware around `wsgi_app`."""
    from flask import Flask

    declared: weakref.WeakSet[Any] = weakref.WeakSet()

    def observed(original: Any) -> Any:
        def __call__(self: Any, environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Any:  # noqa: N807
            if self not in declared:
                declared.add(self)
                with Guard("routes"):
                    _declare_rules(self)

            def application(environ: wsgi.Environ, start_response: wsgi.StartResponse) -> Any:
                return original(self, environ, start_response)

            def route_of(environ: wsgi.Environ) -> str:
                return _route(self, environ)

            observation = wsgi.begin(environ)
            if observation is None:
                return wsgi.run_inside(application, environ, start_response, route_of)
            return wsgi.run(observation, application, environ, start_response, route_of)

        return __call__

    def declaring(original: Any) -> Any:
        def add_url_rule(self: Any, *args: Any, **kwargs: Any) -> Any:
            before = len(self.url_map._rules)
            result = original(self, *args, **kwargs)
            with Guard("routes"):
                for rule in self.url_map._rules[before:]:
                    _declare(rule)
            return result

        return add_url_rule

    patch.wrap(genuine(Flask), "__call__", observed)
    patch.wrap(genuine(Flask), "add_url_rule", declaring)
    after_import(patch, "werkzeug.serving", lambda: _replace_access_lines(patch))


def _replace_access_lines(patch: Patcher) -> None:
    """Have the development server write no line for a request that obs writes one for, or leaves out."""
    from werkzeug.serving import WSGIRequestHandler

    def make(original: Any) -> Any:
        def log_request(self: Any, *args: Any, **kwargs: Any) -> None:
            if wsgi.KEY not in getattr(self, "environ", ()):
                original(self, *args, **kwargs)

        return log_request

    patch.wrap(WSGIRequestHandler, "log_request", make)


def _declare(rule: Any) -> None:
    declare_route(rule.rule, tuple(sorted((rule.methods or {"GET"}) - _IMPLIED)))


def _declare_rules(app: Any) -> None:
    for rule in app.url_map.iter_rules():
        _declare(rule)


def _route(app: Any, environ: wsgi.Environ) -> str:
    """The rule that matched; asked anew where the request is gone already, as after an unhandled exception."""
    request = environ.get("werkzeug.request")
    if request is not None:
        return str(request.url_rule.rule) if request.url_rule is not None else ""
    from werkzeug.exceptions import HTTPException

    try:
        rule, _ = app.url_map.bind_to_environ(environ).match(return_rule=True)
    except HTTPException:
        return ""
    return str(rule.rule)
