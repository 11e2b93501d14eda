"""Where generated files lie: in a project's own folders, or together in one folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of the generated files.

    promtool's tests name their rules as `../generated/<file>`, so that `tests` lies beside a `rules` of that name.

    Args:
        dashboards: Grafana's dashboards.
        rules: Prometheus' rules.
        tests: promtool's tests of the rules.
        prometheus: `prometheus.yaml`.
        alertmanager: `alertmanager.yaml`.
    """

    dashboards: Path
    rules: Path
    tests: Path
    prometheus: Path
    alertmanager: Path

    @classmethod
    def project(cls, root: Path) -> Layout:
        """The folders of a project that commits what is generated."""
        return cls(
            dashboards=root / "dashboards" / "generated",
            rules=root / "alerts" / "generated",
            tests=root / "alerts" / "tests",
            prometheus=root / "compose" / "prometheus",
            alertmanager=root / "compose" / "alertmanager",
        )

    @classmethod
    def folder(cls, out: Path) -> Layout:
        """One folder that holds everything."""
        return cls(
            dashboards=out / "dashboards",
            rules=out / "alerts" / "generated",
            tests=out / "alerts" / "tests",
            prometheus=out / "prometheus",
            alertmanager=out / "alertmanager",
        )

    @property
    def rules_from_prometheus(self) -> str:
        """The glob of the rules, as the configuration of Prometheus names it wherever the project lies."""
        return Path(os.path.relpath(self.rules, self.prometheus)).as_posix() + "/*.yaml"
