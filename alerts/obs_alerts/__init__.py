"""Alert rules from declared SLOs and signals: generated, tested, and each with its runbook."""

from obs_alerts.generation import generate
from obs_alerts.runbooks import runbook

__all__ = ["generate", "runbook"]
