"""Settings of `obs.init()`: argument, then `OBS_*`, then `OTEL_*`, then `[tool.obs]` of pyproject.toml."""

from obs.settings.arguments import Arguments
from obs.settings.options import OPTIONS, Option, Settings
from obs.settings.resolve import Resolved, SettingError, resolve

__all__ = ["OPTIONS", "Arguments", "Option", "Resolved", "SettingError", "Settings", "resolve"]
