"""`obs config`: each option, its value, and where the value came from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from obs.cli_command import Command
from obs.settings import OPTIONS, Option, Resolved, resolve
from obs.terminal import bold, columns

_HEADINGS = ("OPTION", "VALUE", "ORIGIN", "WHAT IT DOES")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def _run(args: argparse.Namespace) -> int:
    resolved = resolve()
    sys.stdout.write(_json(resolved) if args.json else _table(resolved))
    for warning in resolved.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return 0


def _table(resolved: Resolved) -> str:
    rows = [
        (name, _text(_printable(option, resolved)), resolved.origins[name], option.help)
        for name, option in OPTIONS.items()
    ]
    heading, *lines = columns([_HEADINGS, *rows])
    return "\n".join([bold(heading, sys.stdout), *lines, ""])


def _json(resolved: Resolved) -> str:
    options = {
        name: {
            "value": _printable(option, resolved),
            "origin": resolved.origins[name],
            "environment": option.environment,
            "help": option.help,
        }
        for name, option in OPTIONS.items()
    }
    return json.dumps({"options": options, "warnings": resolved.warnings}, indent=2, ensure_ascii=False) + "\n"


def _printable(option: Option, resolved: Resolved) -> object:
    """The value as JSON can hold it, a secret's texts masked."""
    value = getattr(resolved.settings, option.name)
    if isinstance(value, Path):
        return str(value)
    if option.kind.secret and isinstance(value, Mapping):
        return dict.fromkeys(value, "***")
    return value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        value = [f"{key}={text}" for key, text in value.items()]
    if isinstance(value, (list, tuple)):
        value = ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value) or "(none)"


COMMAND = Command(
    "config", "print each option of obs.init(), its value here and where the value came from", _configure, _run
)
