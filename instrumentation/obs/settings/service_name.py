"""The name that a service has when nobody gave it one: its script's, its application's or its folder's."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

# Programs that run somebody else's application.
_LAUNCHERS = {
    "celery", "daphne", "fastapi", "flask", "granian", "gunicorn", "hypercorn", "opentelemetry-instrument", "uvicorn",
    "uwsgi", "waitress-serve",
}  # fmt: skip

# Names that say nothing about which service it is; `obs` itself asks on behalf of another program.
_GENERIC = {
    "", "-c", "-m", "Scripts", "__init__", "__main__", "app", "application", "asgi", "bin", "code", "main", "manage",
    "obs", "run", "server", "site-packages", "src", "workspace", "wsgi",
}  # fmt: skip

_APPLICATION = re.compile(r"([A-Za-z_][\w./]*):[A-Za-z_][\w.]*(\(.*\))?")


def default_service(folder: Path, project: str) -> str:
    """The most telling name there is: the started script, module or application, else its folder, else the project.

    Args:
        folder: The working directory.
        project: The project's name in pyproject.toml, or empty.

    Returns:
        A name that is never empty.
    """
    names = [name for name in _candidates(folder) if name]
    telling = next((name for name in names if name not in _GENERIC), "")
    return telling or project or next(iter(names), "python")


def _candidates(folder: Path) -> Iterator[str]:
    started = Path(sys.argv[0]) if sys.argv else Path()
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    module = spec.name.removesuffix(".__main__") if spec is not None else ""
    launcher = module.partition(".")[0] if module else started.stem
    if launcher in _LAUNCHERS:
        yield from _application(sys.argv[1:])
    elif module:
        yield from reversed(module.split("."))
    elif started.name not in {"", "-", "-c", "-m"}:
        yield started.stem
        yield started.absolute().parent.name
    yield folder.name


def _application(arguments: list[str]) -> Iterator[str]:
    """The packages and modules of the application that a launcher was told to run, outermost first."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        found = _APPLICATION.fullmatch(argument)
        option, _, value = argument.partition("=")
        if found:
            named = found[1]
        elif before in {"-A", "--app"}:
            named = argument
        elif option == "--app" and value:
            named = value.partition(":")[0]
        elif argument.endswith(".py"):
            named = str(PurePath(argument).with_suffix(""))
        else:
            continue
        yield from re.split(r"[./]", named)
        return


def default_version(service: str) -> str:
    """The version of the installed distribution that is called like the service, or empty."""
    try:
        return importlib.metadata.version(service)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return ""
