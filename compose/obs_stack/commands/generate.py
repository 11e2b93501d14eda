"""`obs generate`: write every dashboard, rule and configuration file, or say which committed ones are stale."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from obs.cli_command import Command, Refusal

if TYPE_CHECKING:
    from obs_stack.layout import Layout


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `obs generate`."""
    parser.add_argument("--manifest", type=Path, default=Path("obs.toml"), help="the manifest (default: obs.toml)")
    parser.add_argument(
        "--out",
        type=Path,
        help="write dashboards/, alerts/, prometheus/ and alertmanager/ into this folder "
        "(default: the project's own folders beside the manifest)",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is not as generated")


def run(arguments: argparse.Namespace) -> int:
    """Generate, or check.

    Returns:
        0 when it is done, 1 when a file is stale.

    Raises:
        ManifestError: The manifest is missing or wrong; nothing is written.
        Refusal: A file cannot be written.
    """
    from obs.manifest import load
    from obs_stack import generation
    from obs_stack.difference import describe
    from obs_stack.layout import Layout

    manifest = load(arguments.manifest)
    layout = Layout.folder(arguments.out) if arguments.out else Layout.project(arguments.manifest.parent)
    try:
        wanted = generation.artefacts(manifest, layout)
        changed = generation.changes(wanted, layout)
    except ValueError as error:
        raise Refusal(f"{arguments.manifest}: {error}") from error
    except OSError as error:
        raise Refusal(f"obs generate: {error}") from error
    if arguments.check:
        for change in changed:
            sys.stdout.write("\n".join(describe(change, change.path.as_posix())) + "\n")
        return _verdict(len(changed), len(wanted))
    try:
        generation.apply(changed)
    except OSError as error:
        raise Refusal(f"obs generate: {error}") from error
    removed = sum(change.after is None for change in changed)
    sys.stdout.write(f"{_summary(wanted, layout)}: {len(changed) - removed} written, {removed} removed\n")
    return 0


def _verdict(stale: int, files: int) -> int:
    if stale:
        sys.stdout.write(f"{stale} of the generated files are stale; run: obs generate\n")
        return 1
    sys.stdout.write(f"{files} generated files are as the manifest says\n")
    return 0


def _summary(wanted: dict[Path, str], layout: Layout) -> str:
    """How much was generated; rules are the recorded ones."""
    import yaml

    files = [yaml.safe_load(text) for path, text in wanted.items() if path.parent == layout.rules]
    rules = [rule for file in files for group in file["groups"] for rule in group["rules"]]
    alerts = sum("alert" in rule for rule in rules)
    dashboards = sum(path.parent == layout.dashboards for path in wanted)
    return f"{dashboards} dashboards, {alerts} alerts, {len(rules) - alerts} rules"


COMMAND = Command("generate", "write dashboards, rules and configuration from obs.toml", configure, run)
