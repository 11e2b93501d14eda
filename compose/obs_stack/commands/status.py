"""`obs status`: what runs in local mode, where, and whether it is well."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from obs.cli_command import Command
from obs.terminal import columns
from obs_stack.commands import data_option

if TYPE_CHECKING:
    from obs_stack.local.folders import Folders
    from obs_stack.local.state import Running


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `obs status`."""
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    data_option.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say what runs.

    Returns:
        0 when all is well, 1 when nothing runs or a program is not well.
    """
    found = _found(data_option.folders(arguments))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else _as_text(found))
    return 0 if found["up"] and all(each["health"] == "ready" for each in found["programs"]) else 1


def _found(folders: Folders) -> dict[str, Any]:
    from obs.runtime import filelock
    from obs_stack.local import state
    from obs_stack.local.targets import scraped

    now = state.read(folders.state)
    if now is None:
        return {"up": False, "data": str(folders.root), "programs": [], "targets": []}
    programs = [_program(running) for running in now.programs]
    prometheus = next((running.url for running in now.programs if running.name == "prometheus"), "")
    return {
        "up": filelock.is_held(folders.lock),
        "data": str(folders.root),
        "supervisor": now.supervisor.pid,
        "speed": now.speed,
        "programs": programs,
        "targets": [asdict(target) for target in scraped(prometheus)] if prometheus else [],
    }


def _program(running: Running) -> dict[str, Any]:
    from obs_stack.local.asking import answers

    well = "ready" if answers(running.health) else "not ready"
    return {
        "name": running.name,
        "pid": running.identity.pid,
        "port": running.port,
        "url": running.url,
        "health": well if running.identity.alive else "ended",
        "log": running.log,
    }


def _as_text(found: dict[str, Any]) -> str:
    if not found["programs"]:
        return f"obs is {'starting' if found['up'] else 'not up'} ({found['data']})\n"
    head = f"obs is {'up' if found['up'] else 'down, but not all of it has ended'} ({found['data']})\n\n"
    programs = [("program", "pid", "port", "health", "where")]
    programs += [
        (each["name"], str(each["pid"]), str(each["port"]), each["health"], each["url"]) for each in found["programs"]
    ]
    targets = [("target", "health", "where", "")]
    targets += [(each["service"], each["health"], each["url"], each["error"]) for each in found["targets"]]
    well = sum(each["health"] == "up" for each in found["targets"])
    return f"{head}{_table(programs)}\n{well} of {len(found['targets'])} targets up\n" + (
        f"\n{_table(targets)}" if found["targets"] else ""
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"{line}\n" for line in columns(rows))


COMMAND = Command("status", "show what runs on this machine and whether it is well", configure, run)
