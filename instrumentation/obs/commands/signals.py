"""`obs signals`: the catalogue of what obs emits, and the export of what an application declares itself."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import importlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from obs.cli_command import Command, Refusal
from obs.settings import OPTIONS
from obs.signals import catalogue, log_fields, span_attributes
from obs.signals.model import Metric
from obs.signals_file import export_signals
from obs.terminal import bold, columns

_ENABLED = OPTIONS["enabled"].variable


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    actions = parser.add_subparsers(dest="action", metavar="export")
    export = actions.add_parser(
        "export",
        help="write the metrics that an application declares itself, for `signals` in obs.toml",
        description="Import an application with obs turned off and write the metrics that it declares.",
    )
    export.add_argument("module", metavar="MODULE[:attr]", help="what to import, as a server is told: shop.orders:app")
    export.add_argument("--service", metavar="NAME", required=True, help="the service's name, as in obs.toml")
    export.add_argument("-o", "--output", metavar="FILE", type=Path, help="where to write; standard output otherwise")
    export.add_argument("--check", action="store_true", help="write nothing; exit 1 when FILE is not up to date")


def _run(args: argparse.Namespace) -> int:
    if args.action == "export":
        return _export(args)
    sys.stdout.write(_json() if args.json else _tables())
    return 0


def _tables() -> str:
    metrics = [(metric.family, _kind(metric), ", ".join(metric.label_names), metric.help) for metric in catalogue()]
    fields = [(field.name, field.type, field.help) for field in log_fields()]
    attributes = [(attribute.name, attribute.type, attribute.help) for attribute in span_attributes()]
    lines: list[str] = []
    for title, heading, rows in (
        ("Metrics", ("NAME", "KIND", "LABELS", "WHAT IT IS"), metrics),
        ("Log fields", ("NAME", "TYPE", "WHAT IT HOLDS"), fields),
        ("Span attributes", ("NAME", "TYPE", "WHAT IT HOLDS"), attributes),
    ):
        lines += [bold(title, sys.stdout), *columns([heading, *rows]), ""]
    return "\n".join(lines)


def _json() -> str:
    metrics = [
        {"kind": _kind(metric), "family": metric.family, "samples": metric.samples, **asdict(metric)}
        for metric in catalogue()
    ]
    found = {
        "metrics": metrics,
        "log_fields": [asdict(field) for field in log_fields()],
        "span_attributes": [asdict(attribute) for attribute in span_attributes()],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _kind(metric: Metric) -> str:
    return type(metric).__name__.lower()


def _export(args: argparse.Namespace) -> int:
    if args.check and args.output is None:
        raise Refusal("obs signals export: --check needs -o FILE, the file to check")
    _import(args.module)
    from obs.metrics import declared

    text = export_signals(args.service, declared())
    if not declared():
        sys.stderr.write(f"warning: {args.module} declares no metric of its own\n")
    if args.check:
        return _compare(args.output, text)
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        args.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refusal(f"obs signals export: {args.output} cannot be written: {error.strerror}") from error
    return 0


def _compare(path: Path, text: str) -> int:
    try:
        committed = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        committed = ""
    difference = difflib.unified_diff(
        committed.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "what the application declares"
    )
    shown = "".join(difference)
    sys.stdout.write(shown)
    return 1 if shown else 0


def _import(target: str) -> None:
    """Import an application for what it declares: obs starts nothing meanwhile, and the output stays ours.

    Raises:
        Refusal: It cannot be imported; the text says why.
    """
    module, _, attribute = target.partition(":")
    if (folder := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, folder)
    try:
        with _obs_turned_off(), contextlib.redirect_stdout(sys.stderr):
            found: object = importlib.import_module(module)
            for part in filter(None, attribute.split(".")):
                found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever an application does when it is imported, SystemExit included
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise Refusal(f"obs signals export: {target} cannot be imported: {reason}") from error


@contextlib.contextmanager
def _obs_turned_off() -> Iterator[None]:
    before = os.environ.get(_ENABLED)
    os.environ[_ENABLED] = "false"
    try:
        yield
    finally:
        del os.environ[_ENABLED]
        if before is not None:
            os.environ[_ENABLED] = before


COMMAND = Command(
    "signals", "list every signal that obs emits, or export those that an application declares", _configure, _run
)
