"""Where settings come from besides the arguments: OpenTelemetry's variables and pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from obs.settings.values import pairs_text, shown
from obs.toml_fault import toml_fault

_RATIO_SAMPLERS = ("traceidratio", "parentbased_traceidratio")
_FIXED_SAMPLERS = {"always_on": 1.0, "always_off": 0.0, "parentbased_always_on": 1.0, "parentbased_always_off": 0.0}

# Values of OpenTelemetry's variables that obs understands; another one is legal there, so it is a warning, no fault.
_UNDERSTOOD = {
    "OTEL_SDK_DISABLED": ("true", "false"),
    "OTEL_TRACES_SAMPLER": (*_FIXED_SAMPLERS, *_RATIO_SAMPLERS),
    "OTEL_EXPORTER_OTLP_PROTOCOL": ("http/protobuf",),
}

# Those that set the exporter for one signal only. obs has one exporter for all, and passing them over in silence would
# send nothing, or send it elsewhere.
_OF_ONE_SIGNAL = re.compile(
    r"OTEL_EXPORTER_OTLP_(?:TRACES|LOGS)_(ENDPOINT|HEADERS|TIMEOUT|COMPRESSION|CERTIFICATE|PROTOCOL)"
)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of OpenTelemetry that an option listens to.

    Args:
        name: The variable.
        read: Takes its text and the whole environment and gives the value to check, or None where it says nothing;
            without it the text is read as the option's own variable would be.
    """

    name: str
    read: Callable[[str, Mapping[str, str]], object] | None = None


def resource_attribute(*keys: str) -> Variable:
    """The first of these keys in `OTEL_RESOURCE_ATTRIBUTES`."""

    def read(text: str, _: Mapping[str, str]) -> object:
        try:
            pairs = pairs_text(text)
        except ValueError:
            return None  # told once, by the option resource_attributes
        return next((pairs[key] for key in keys if pairs.get(key)), None)

    return Variable("OTEL_RESOURCE_ATTRIBUTES", read)


def other_resource_attributes(*keys: str) -> Variable:
    """All of `OTEL_RESOURCE_ATTRIBUTES` but these keys, which have options of their own."""

    def read(text: str, _: Mapping[str, str]) -> object:
        return {key: value for key, value in pairs_text(text).items() if key not in keys} or None

    return Variable("OTEL_RESOURCE_ATTRIBUTES", read)


def _enabled(text: str, _: Mapping[str, str]) -> object:
    return False if text.lower() == "true" else None


def _fixed_sample(text: str, _: Mapping[str, str]) -> object:
    return _FIXED_SAMPLERS.get(text.lower())


def _ratio(text: str, environ: Mapping[str, str]) -> object:
    return float(text) if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() in _RATIO_SAMPLERS else None


SDK_DISABLED = Variable("OTEL_SDK_DISABLED", _enabled)
SAMPLER = Variable("OTEL_TRACES_SAMPLER", _fixed_sample)
SAMPLER_RATIO = Variable("OTEL_TRACES_SAMPLER_ARG", _ratio)


def not_understood(environ: Mapping[str, str]) -> list[str]:
    """One warning for each of OpenTelemetry's variables, or its value, that obs does not know."""
    of_one_signal = [
        f"{name} in the environment: obs sends all signals to one place; set OTEL_EXPORTER_OTLP_{match[1]}"
        for name, text in sorted(environ.items())
        if text.strip() and (match := _OF_ONE_SIGNAL.fullmatch(name))
    ]
    return of_one_signal + [
        f"{name} in the environment: obs does not know {shown(environ[name])} and goes on without it; it knows "
        + ", ".join(known)
        for name, known in _UNDERSTOOD.items()
        if environ.get(name, "").strip() and environ[name].strip().lower() not in known
    ]


@dataclass(frozen=True, slots=True)
class Project:
    """What the nearest pyproject.toml says.

    Args:
        path: The file, or None where there is none.
        name: `name` in its `[project]`, or empty.
        options: Its table `[tool.obs]`.
        faults: What is wrong with the file.
        warnings: Why it could not be read.
    """

    path: Path | None = None
    name: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_project(folder: Path) -> Project:
    """Read the nearest pyproject.toml of a folder and its parents; none, or one without `[tool.obs]`, is no fault."""
    for path in (parent / "pyproject.toml" for parent in (folder, *folder.parents)):
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue
        except OSError as error:
            return Project(path, warnings=(f"{path} cannot be read: {error.strerror}",))
        except UnicodeDecodeError as error:
            return Project(path, faults=(f"{path}:{_line_of(path, error.start)}: is no valid UTF-8",))
        return _parsed(path, text)
    return Project()


def _line_of(path: Path, offset: int) -> int:
    return path.read_bytes()[:offset].count(b"\n") + 1


def _parsed(path: Path, text: str) -> Project:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = toml_fault(error, text)
        return Project(path, faults=(f"{path}:{line}: is no valid TOML: {reason}",))
    tool, project = document.get("tool"), document.get("project")
    name = project.get("name") if isinstance(project, dict) else None
    options = tool.get("obs", {}) if isinstance(tool, dict) else {}
    faults = () if isinstance(options, dict) else (f"{path}: tool.obs is no table; write [tool.obs]",)
    return Project(path, name if isinstance(name, str) else "", {} if faults else options, faults)
