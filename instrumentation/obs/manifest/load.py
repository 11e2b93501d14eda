"""Reading `obs.toml`: all of it is checked, every fault is told at once, and nothing is made of a faulty one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from obs import signals_file
from obs.manifest.durations import duration_seconds, duration_text
from obs.manifest.faults import Fault, ManifestError
from obs.manifest.lines import key_lines
from obs.manifest.model import Links, Manifest, Receiver, Retention, Service
from obs.manifest.slos import read_slo
from obs.manifest.table import Source, Table
from obs.signals.model import Metric
from obs.toml_fault import toml_fault

LANGUAGES = ("python", "go", "java", "node", "other")
SEVERITIES = ("page", "ticket")
# That of the Watchdog, for a receiver that raises the alarm when it stops arriving.
NO_TROUBLE = "none"

_SHORTEN = "write fewer digits"
_STANDS_TWICE = "Cannot overwrite a value"
_ASSIGNED = re.compile(r"""\s*([^\s"'#=]+)\s*=""")

_FIRST = r"""[project]\nname = "shop"\n\n[[services]]\nname = "gateway"\nowner = "storefront"\n"""
_START = f"start one with: printf '{_FIRST}' > "


def load(path: Path) -> Manifest:
    """Read a manifest.

    Args:
        path: The file, usually `obs.toml`; files that it names are sought beside it.

    Raises:
        ManifestError: It is missing or wrong; it holds every fault.

    Example:
        >>> load(Path("obs.toml")).service("gateway").owner
        'storefront'
    """
    text = _text(path)
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ManifestError([_no_toml(path, error, text)]) from None
    except ValueError:
        # Python reads no whole number of more digits than its limit.
        raise ManifestError(
            [Fault(path, _longest_line(text), "", "holds a number that is too long", _SHORTEN)]
        ) from None
    except RecursionError:
        raise ManifestError([Fault(path, 0, "", "is nested too deeply", "write it flat")]) from None
    source = Source(path, key_lines(text))
    manifest = _manifest(Table(source, (), document), path)
    if source.faults:
        raise ManifestError(sorted(source.faults, key=lambda fault: fault.line))
    return manifest


def _no_toml(path: Path, error: tomllib.TOMLDecodeError, text: str) -> Fault:
    """What the parser met; a key that stands twice is named, which the parser does not do."""
    line, reason = toml_fault(error, text)
    key = _ASSIGNED.match(text.splitlines()[line - 1]) if reason == _STANDS_TWICE else None
    if key:
        return Fault(path, line, key[1], "stands twice in its table", "remove one of the two")
    return Fault(path, line, "", f"is no valid TOML: {reason}", "correct this line")


def _longest_line(text: str) -> int:
    lines = text.splitlines()
    return max(range(len(lines)), key=lambda number: len(lines[number])) + 1


def _text(path: Path) -> str:
    try:
        # Editors on Windows put a byte order mark in front, which TOML does not know.
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        fault = Fault(path, 0, "", "there is no manifest", f"{_START}{path}")
    except OSError as error:
        fault = Fault(path, 0, "", f"cannot be read: {error.strerror}", "make it a readable file")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        fault = Fault(path, line, "", "is no valid UTF-8", "save it as UTF-8")
    raise ManifestError([fault])


def _manifest(table: Table, path: Path) -> Manifest:
    project = table.table("project")
    name = project.name("name")
    project.finish()
    services = tuple(_service(service, path.parent) for service in table.tables("services", "name and owner"))
    _once(table, "services", [service.name for service in services])
    _told_apart(table, services)
    owners = list(dict.fromkeys(service.owner for service in services if service.owner))
    receivers = tuple(_receiver(receiver, owners) for receiver in table.tables("receivers"))
    _once(table, "receivers", [receiver.name for receiver in receivers])
    retention = _retention(table.table("retention"))
    _remembered(table, services, retention)
    manifest = Manifest(
        project=name,
        services=services,
        links=_links(table.table("links")),
        receivers=receivers,
        retention=retention,
        path=path,
    )
    table.finish()
    return manifest


def _remembered(table: Table, services: Iterable[Service], retention: Retention) -> None:
    """Complain of each objective whose window is longer than its metrics are kept: its budget would forget."""
    kept = duration_seconds(retention.metrics)
    for place, service in enumerate(services):
        for number, slo in enumerate(service.slos):
            if duration_seconds(slo.window) > kept:
                table.source.fault(
                    (*table.path, "services", place, "slos", number, "window"),
                    f"{slo.window} is longer than metrics are kept, {retention.metrics}",
                    f'write metrics = "{slo.window}" under [retention], or a shorter window',
                )


def _once(table: Table, key: str, names: Iterable[str]) -> None:
    """Complain of each name in an array of tables that an earlier one has."""
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name and name in seen:
            table.source.fault(
                (*table.path, key, index, "name"),
                f"{name!r} is the name of {key}[{seen[name]}] too",
                "give each its own name",
            )
        seen.setdefault(name, index)


def _told_apart(table: Table, services: Iterable[Service]) -> None:
    """Complain of two promises of different services whose names run together to the same, as in names of files."""
    seen: dict[str, str] = {}
    for number, service in enumerate(services):
        for index, slo in enumerate(service.slos):
            place = f"services[{number}].slos[{index}]"
            whole = f"{service.name}-{slo.name}"
            if service.name and slo.name and not seen.get(whole, place).startswith(f"services[{number}]."):
                table.source.fault(
                    (*table.path, "services", number, "slos", index, "name"),
                    f"{service.name} {slo.name} cannot be told apart from {seen[whole]}: both have the file "
                    f"slo-{whole}.yaml",
                    "give one of them another name",
                )
            seen.setdefault(whole, place)


def _service(table: Table, folder: Path) -> Service:
    name = table.name("name")
    service = Service(
        name=name,
        owner=table.name("owner"),
        description=table.text("description", ""),
        language=table.choice("language", LANGUAGES, "python"),
        slos=tuple(read_slo(slo, name) for slo in table.tables("slos")),
        signals=_signals(table, folder, name),
    )
    _once(table, "slos", [slo.name for slo in service.slos])
    table.finish()
    return service


def _signals(table: Table, folder: Path, service: str) -> tuple[Metric, ...]:
    given = table.text("signals", "")
    if not given:
        return ()
    remedy = f"write it with `obs signals export MODULE --service {service} -o {given}`"
    try:
        exported = signals_file.import_signals((folder / given).read_text(encoding="utf-8"))
    except OSError as error:
        table.fault("signals", f"{given} cannot be read: {error.strerror}", remedy)
        return ()
    except ValueError as error:
        table.fault("signals", f"{given}: {error}", remedy)
        return ()
    if exported.service != service:
        table.fault("signals", f"{given} is of the service {exported.service!r}", remedy)
    return exported.metrics


def _receiver(table: Table, owners: list[str]) -> Receiver:
    kind = table.choice("kind", ("none", "webhook"))
    receiver = Receiver(
        name=table.name("name"),
        kind=kind,
        url=table.url("url", None if kind == "webhook" else "", query=True),
        severities=table.words("severities", (*SEVERITIES, NO_TROUBLE), SEVERITIES),
        owners=table.words("owners", owners, ()),
    )
    table.finish()
    return receiver


def _links(table: Table) -> Links:
    default = Links()
    links = Links(
        grafana=table.url("grafana", default.grafana),
        logs=table.url("logs", default.logs),
        runbooks=table.url("runbooks", default.runbooks),
        traces=table.url("traces", default.traces),
    )
    table.finish()
    return links


def _retention(table: Table) -> Retention:
    default = Retention()
    kept = {
        signal: duration_text(seconds) if (seconds := table.duration(signal, usual, usual)) else usual
        for signal, usual in (("logs", default.logs), ("traces", default.traces), ("metrics", default.metrics))
    }
    table.finish()
    return Retention(**kept)
