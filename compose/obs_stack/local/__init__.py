"""Local mode: Prometheus, Alertmanager and the receiver as plain processes on this machine, without Docker."""
