"""OTLP over HTTP: what arrives is read within limits, turned into rows, and acknowledged once it is stored."""
