"""What the receiver tells about itself, in the instruments that the catalogue declares."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from obs.signals import model
from obs.signals import receiver as signals

SIGNALS = ("logs", "traces")


class Telemetry:
    """The receiver's own metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.records = self._counter(signals.RECORDS)
        self.duplicates = self._counter(signals.DUPLICATES)
        self.dropped = self._counter(signals.DROPPED)
        self.received = self._counter(signals.RECEIVED)
        self.stored = self._gauge(signals.STORED)
        self.waiting = self._gauge(signals.WAITING)
        reasons = signals.DROPPED.labels[1].values
        for signal in SIGNALS:
            for counter in (self.records, self.duplicates, self.received):
                counter.labels(signal)
            for reason in reasons:
                self.dropped.labels(signal, reason)

    def exposition(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, declared: model.Counter) -> Counter:
        return Counter(declared.family, declared.help, declared.label_names, registry=self.registry)

    def _gauge(self, declared: model.Gauge) -> Gauge:
        return Gauge(declared.family, declared.help, declared.label_names, registry=self.registry)
