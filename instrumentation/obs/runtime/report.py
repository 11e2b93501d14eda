"""What init() enabled, what it skipped and why; returned to the caller, and readable."""

from __future__ import annotations

from dataclasses import dataclass, field

from obs.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that obs can enable.

    Args:
        name: What it is: a signal or an integration.
        state: ``enabled``, ``waiting`` (for its library to be imported) or ``skipped``.
        detail: Where it goes to, or why it was skipped.
    """

    name: str
    state: str
    detail: str


@dataclass(slots=True)
class Report:
    """What `obs.init()` did.

    Example:
        >>> print(Report.__doc__.splitlines()[0])
        What `obs.init()` did.
    """

    settings: Settings
    instance_id: str = ""
    metrics_url: str = ""
    parts: list[Part] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, state: str, detail: str) -> None:
        """Note a part, or change what was noted of it."""
        self.parts = [part for part in self.parts if part.name != name] + [Part(name, state, detail)]

    @property
    def enabled(self) -> dict[str, str]:
        """What is on, with where it goes to."""
        return self._of("enabled")

    @property
    def waiting(self) -> dict[str, str]:
        """What begins as soon as its library is imported."""
        return self._of("waiting")

    @property
    def skipped(self) -> dict[str, str]:
        """What is off, with the reason."""
        return self._of("skipped")

    def _of(self, state: str) -> dict[str, str]:
        return {part.name: part.detail for part in self.parts if part.state == state}

    def __str__(self) -> str:
        width = max((len(part.name) for part in self.parts), default=0)
        lines = [f"obs: {self.settings.service or 'off'} {self.settings.version}".rstrip()]
        lines += [f"  {part.state:8} {part.name:{width}}  {part.detail}".rstrip() for part in self.parts]
        lines += [f"  warning  {warning}" for warning in self.warnings]
        return "\n".join(lines)
