"""Signals of obs about itself: what it delivered, dropped, and could not do."""

from obs.signals.model import BYTES, COUNT, RATIO, SECONDS, TIMESTAMP, Counter, Gauge, Label

SIGNAL = Label("signal", "Which signal.", ("logs", "traces"))

EXPORTED = Counter(
    name="obs.export.records",
    labels=(SIGNAL,),
    help="Records that the backend has accepted.",
    means="Follows traffic. Flat while the service works means that nothing arrives.",
)
DROP_REASONS = ("queue_full", "rejected", "undelivered", "unencodable", "not_held")
FAILURE_REASONS = ("connection", "timeout", "status", "other")

DROPPED = Counter(
    name="obs.dropped",
    labels=(SIGNAL, Label("reason", "queue_full, rejected, undelivered, unencodable or not_held.", DROP_REASONS)),
    help="Records that were given up.",
    means="Zero. queue_full: the backend is slower than the service; rejected: it refused them; undelivered: the "
    "process ended first; not_held: spans of an error or slow request that was too large to be held until its end.",
)
EXPORT_FAILURES = Counter(
    name="obs.export.failures",
    labels=(SIGNAL, Label("reason", "connection, timeout, status or other.", FAILURE_REASONS)),
    help="Attempts to deliver a batch that failed; a batch is tried again.",
    means="A few during a restart of the backend. A steady rate means that it is down or refuses.",
)
QUEUE_SIZE = Gauge(
    name="obs.queue.size",
    labels=(SIGNAL,),
    across="sum",
    help="Records that wait for delivery.",
    means="Near zero. Growing towards the capacity means that drops are near.",
)
QUEUE_CAPACITY = Gauge(
    name="obs.queue.capacity",
    labels=(SIGNAL,),
    across="sum",
    help="The most records that may wait.",
    means="A constant of the settings times the workers.",
)
LAST_EXPORT = Gauge(
    name="obs.export.last_success",
    unit=TIMESTAMP,
    labels=(SIGNAL,),
    across="max",
    help="When the backend last accepted a batch, in seconds since 1970.",
    means="Seconds ago while there is traffic.",
)
INTERNAL_ERRORS = Counter(
    name="obs.internal_errors",
    labels=(Label("where", "The part of obs that failed."),),
    help="Errors inside obs that were kept from the application.",
    means="Zero. Anything else is a fault of obs: the logs of level warning name it.",
)
SERIES_DROPPED = Counter(
    name="obs.series.dropped",
    labels=(Label("metric", "The metric that reached its cap."),),
    help="Records that went to the overflow series because the metric has too many label values.",
    means="Zero. A label holds something unbounded, such as an id.",
)
LOG_RECORDS = Counter(
    name="obs.log.records",
    labels=(Label("level", "The record's level.", ("debug", "info", "warning", "error", "critical")),),
    help="Log records that the service wrote.",
    means="The rate of error and critical against the rest is the service's own opinion of itself.",
)
# Errors are always written.
CUT_LEVELS = ("debug", "info", "warning")
LOGS_LEFT_OUT = Counter(
    name="obs.log.left_out",
    labels=(Label("level", "The record's level.", CUT_LEVELS),),
    help="Log records of a storm of one message that were not written.",
    means="Zero. A loop logs one message more often than the setting `log_storm` allows; the logs name it.",
)
BROKEN_FILES = Counter(
    name="obs.metrics.broken_files",
    labels=(),
    unit=COUNT,
    help="Workers' metric files that were found empty, truncated or damaged at a scrape and left out.",
    means="Zero. A full disk or a killed machine leaves them.",
)
SCRAPE_DURATION = Gauge(
    name="obs.scrape.duration",
    unit=SECONDS,
    across="max",
    help="How long the last scrape took to answer.",
    means="Milliseconds. Seconds mean far too many series.",
)
KEPT_REASONS = ("error", "slow")
TRACES_KEPT = Counter(
    name="obs.traces.kept",
    labels=(Label("reason", "error or slow.", KEPT_REASONS),),
    help="Traces that the share left out and that were kept because of how they ended.",
    means="Follows the errors and the slow requests of the service.",
)
TRACES_CAPPED = Counter(
    name="obs.traces.capped",
    labels=(),
    help="Traces that the share would have sampled and the setting `sample_per_second` left out.",
    means="Zero, unless traffic is far above the usual, or a caller chooses its trace ids so that they are sampled.",
)
SAMPLING_SHARE = Gauge(
    name="obs.sampling.share",
    unit=RATIO,
    across="min",
    help="The share of new traces that is sampled now, routes with one of their own left aside.",
    means="The setting `sample`. Less while the backend is too slow for traces: fewer are sampled until it keeps up.",
)
HELD_BYTES = Gauge(
    name="obs.held.size",
    unit=BYTES,
    across="sum",
    help="About what the spans of unsampled requests take that have not ended yet, in steps of 64 KiB.",
    means="Follows the requests at a time. At 16 MiB a worker, further spans are not held.",
)
