"""Where the runbooks are: in the clone, or in the installed package."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

_HERE = Path(__file__).parent
_PLACES = (_HERE / "runbooks", _HERE.parent / "runbooks")


def names() -> list[str]:
    """The alerts that have a runbook."""
    return sorted(path.stem for path in _folder().glob("*.md"))


def runbook(name: str) -> str:
    """The runbook of an alert, in Markdown.

    Args:
        name: The alert's name, such as ``TargetDown``.

    Raises:
        KeyError: There is none; it names the nearest.

    Example:
        >>> runbook("TargetDown").splitlines()[0]
        '# TargetDown'
    """
    known = names()
    if name not in known:
        near = get_close_matches(name, known, 1)
        raise KeyError(f"no runbook {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return (_folder() / f"{name}.md").read_text(encoding="utf-8")


def _folder() -> Path:
    return next((place for place in _PLACES if place.is_dir()), _PLACES[-1])
