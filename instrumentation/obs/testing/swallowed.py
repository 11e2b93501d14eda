"""The errors that obs keeps from the application, with the place in the application that led to each."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import obs

_OF_OBS = f"{Path(obs.__file__).parent}{os.sep}"


class Swallowed(list[BaseException]):
    """What obs counts in production and is told of in a test."""

    def append(self, error: BaseException) -> None:
        """Take an error, as it is kept, and note which line of the application led to it."""
        place = _place()
        if place:
            error.add_note(f"at {place}")
        super().append(error)

    def __str__(self) -> str:
        lines = [f"obs kept {len(self)} error{'' if len(self) == 1 else 's'} from the application:"]
        for error in self:
            notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
            lines.append(f"  {type(error).__name__}: {error}{notes}")
        return "\n".join(lines)


def _place() -> str:
    """The innermost line that is none of obs; empty where a thread of obs's own is at work."""
    frame = sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OF_OBS):
        frame = frame.f_back
    name = frame.f_code.co_filename
    return "" if name.startswith(_OF_OBS) else f"{name}:{frame.f_lineno}"
