"""What a sub-command of `obs` is; each is found by its entry point in the group `obs.commands`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A sub-command.

    Args:
        name: What a user types after `obs`.
        help: What it does, one sentence without a full stop.
        configure: Adds the command's arguments to its parser.
        run: Does it and returns the exit code: 0 done, 1 a check failed, 2 wrong input.
    """

    name: str
    help: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Refusal(Exception):  # noqa: N818 - it names what happened, as SystemExit does
    """What a command raises when it cannot do what was asked; its text goes to the user, who sees no traceback."""
