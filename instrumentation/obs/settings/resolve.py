"""How the options' values are found: every origin is asked, every fault is collected, the strongest origin wins."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from obs.nearest_name import nearest_name
from obs.settings.options import OPTIONS, Option, Settings
from obs.settings.service_name import default_service, default_version
from obs.settings.sources import Project, Variable, not_understood, read_project


class SettingError(ValueError):
    """One or more settings are wrong.

    Args:
        faults: One line for each, with key, origin, value and what is allowed.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings with their history.

    Args:
        settings: The value of each option.
        origins: Where each value came from: `argument`, `OBS_LOG_LEVEL in the environment`,
            `/path/pyproject.toml [tool.obs]` or `default`.
        warnings: What looks wrong and is left out, one line each.
    """

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one origin says about one option.

    Args:
        origin: Where it stands.
        given: It, as it stands there.
        read: Makes of it what the option's kind checks.
        folder: Where a relative path in it starts.
    """

    origin: str
    given: object
    read: Callable[[], object]
    folder: Path


def resolve(
    arguments: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Resolved:
    """Find every option's value.

    Args:
        arguments: What the caller gave by name; None as a value means not given.
        environ: The environment, by default that of the process; an empty variable counts as not set.
        cwd: The folder from which pyproject.toml is sought upwards, by default the working directory.

    Returns:
        The settings, their origins and the warnings.

    Raises:
        SettingError: A name is unknown or a value is refused; it holds all faults.

    Example:
        >>> resolve({"service": "shop"}, environ={"OBS_LOG_LEVEL": "debug"}).settings.log_level
        'debug'
    """
    arguments = {} if arguments is None else arguments
    environ = os.environ if environ is None else environ
    folder = _working_folder() if cwd is None else cwd
    project = read_project(folder)
    faults = [*_unknown(arguments, "argument"), *project.faults, *_unknown(project.options, _origin(project))]
    values: dict[str, Any] = {}
    origins = dict.fromkeys(OPTIONS, "default")
    for name, option in OPTIONS.items():
        given = [*_checked(option, _founds(option, arguments, environ, project, folder), faults)]
        if given and option.merges:
            values[name] = {key: text for _, pairs in reversed(given) for key, text in pairs.items()}
            origins[name] = ", ".join(origin for origin, _ in given)
        elif given:
            origins[name], values[name] = given[0]
    if faults:
        raise SettingError(faults)
    values.setdefault("service", default_service(folder, project.name))
    values.setdefault("version", default_version(values["service"]))
    warnings = (*project.warnings, *_unknown_variables(environ), *not_understood(environ))
    return Resolved(Settings(**values), origins, warnings)


def checked(name: str, value: object, origin: str) -> Any:
    """The value of one option in its final type.

    Args:
        name: The option.
        value: What was given.
        origin: Where, as the fault names it.

    Raises:
        SettingError: It is refused.
    """
    return _final(name, _Found(origin, value, lambda: value, Path()))


def checked_text(name: str, text: str, origin: str) -> Any:
    """The value of one option in its final type, from a text as it stands in the environment; else like `checked`."""
    return _final(name, _Found(origin, text, partial(OPTIONS[name].kind.parse, text), Path()))


def _final(name: str, found: _Found) -> Any:
    faults: list[str] = []
    for _, final in _checked(OPTIONS[name], [found], faults):
        return final
    raise SettingError(faults or [_refusal(OPTIONS[name], found)])


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was removed under the running program
        return Path("/")


def _origin(project: Project) -> str:
    return f"{project.path} [tool.obs]"


def _founds(
    option: Option, arguments: Mapping[str, object], environ: Mapping[str, str], project: Project, folder: Path
) -> Iterator[_Found]:
    """What each origin says about an option, the strongest first."""
    if (argument := arguments.get(option.name)) is not None:
        yield _Found("argument", argument, lambda: argument, folder)
    for variable in (Variable(option.variable), *option.otel):
        if text := environ.get(variable.name, "").strip():
            parse = partial(option.kind.parse, text)
            read = parse if variable.read is None else partial(variable.read, text, environ)
            yield _Found(f"{variable.name} in the environment", text, read, folder)
    if project.path is not None and (entry := project.options.get(option.name)) is not None:
        yield _Found(_origin(project), entry, lambda: entry, project.path.parent)


def _checked(option: Option, founds: Iterable[_Found], faults: list[str]) -> Iterator[tuple[str, Any]]:
    """Origin and final value of each that says something; what is refused goes to the faults."""
    for found in founds:
        try:
            raw = found.read()
            if raw is not None:
                value = option.kind.check(raw)
                yield found.origin, found.folder / value if isinstance(value, Path) else value
        except (ValueError, RuntimeError):  # RuntimeError: `~somebody` in a path has no home
            faults.append(_refusal(option, found))


def _refusal(option: Option, found: _Found) -> str:
    kind = option.kind
    near = nearest_name(found.given, kind.choices)
    value = "the value (not shown)" if kind.secret else kind.show(found.given)
    advice = f"; did you mean {near!r}?" if near else ""
    return f"{option.name} ({found.origin}): {value} is not allowed; it takes {kind.allowed}{advice}"


def _unknown(names: Iterable[str], origin: str) -> Iterator[str]:
    for name in names:
        if name not in OPTIONS:
            near = nearest_name(name, OPTIONS)
            advice = f"; did you mean {near}?" if near else ""
            yield f"{name} ({origin}): there is no such option{advice} (options: {', '.join(OPTIONS)})"


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    own = [option.variable for option in OPTIONS.values()]
    for name in sorted(environ):
        if name.startswith("OBS_") and name not in own:
            near = nearest_name(name.removeprefix("OBS_"), OPTIONS)
            advice = f"; did you mean {OPTIONS[near].variable}?" if near else ""
            yield f"{name} in the environment is no option of obs{advice}"
