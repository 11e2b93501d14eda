"""Attributes of spans that say why obs delivers them."""

from obs.signals.model import SpanAttribute

KEPT = SpanAttribute("obs.kept", "string", "error or slow, where the share left the trace out and it was kept anyway.")
MISSING = SpanAttribute("obs.spans_missing", "int", "How many spans of the kept request did not fit into what is held.")
