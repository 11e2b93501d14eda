"""The option `--data`, by which `up`, `status` and `down` find one another."""

from __future__ import annotations

import argparse
from pathlib import Path

from obs_stack.local.folders import Folders


def add(parser: argparse.ArgumentParser) -> None:
    """Add `--data`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the local_dir of the services, below which local mode keeps its data (default: the setting local_dir)",
    )


def folders(arguments: argparse.Namespace) -> Folders:
    """The directories that are meant.

    Raises:
        SettingError: A setting is wrong, so that `local_dir` is not known.
    """
    from obs.settings import resolve

    return Folders((arguments.data or resolve({}).settings.local_dir).absolute())
