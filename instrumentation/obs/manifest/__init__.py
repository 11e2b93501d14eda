"""The manifest `obs.toml`: which services there are, who owns them and what was promised of them."""

from obs.manifest.durations import duration_seconds, duration_text
from obs.manifest.faults import Fault, ManifestError
from obs.manifest.load import load
from obs.manifest.model import Links, Manifest, Receiver, Retention, Service, Slo

__all__ = [
    "Fault",
    "Links",
    "Manifest",
    "ManifestError",
    "Receiver",
    "Retention",
    "Service",
    "Slo",
    "duration_seconds",
    "duration_text",
    "load",
]
