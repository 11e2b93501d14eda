"""Signals of the local receiver, which keeps logs and traces on a machine without Elasticsearch."""

from obs.signals.model import BYTES, Counter, Gauge, Label

SOURCE = "obs receiver"

SIGNAL = Label("signal", "Which signal.", ("logs", "traces"))

RECORDS = Counter(
    name="obs.receiver.records",
    labels=(SIGNAL,),
    help="Records that were stored.",
    means="Follows the traffic of the services. Flat while they work means that nothing arrives.",
    source=SOURCE,
)
DUPLICATES = Counter(
    name="obs.receiver.duplicates",
    labels=(SIGNAL,),
    help="Records that had been stored before and were not stored again.",
    means="Near zero; a burst follows a retry after a time-out.",
    source=SOURCE,
)
DROPPED = Counter(
    name="obs.receiver.dropped",
    labels=(
        SIGNAL,
        Label(
            "reason",
            "size and age: the caps removed the oldest; invalid: unusable; overload: refused, the sender tries again.",
            ("size", "age", "invalid", "overload"),
        ),
    ),
    help="Records that are not, or no longer, stored.",
    means="size and age grow once the store is full. invalid: a sender is broken. overload: more arrives than is "
    "written.",
    source=SOURCE,
)
RECEIVED = Counter(
    name="obs.receiver.received",
    unit=BYTES,
    labels=(SIGNAL,),
    help="Bytes of the bodies that arrived, uncompressed.",
    means="Follows the records.",
    source=SOURCE,
)
STORED = Gauge(
    name="obs.receiver.stored",
    unit=BYTES,
    labels=(SIGNAL,),
    help="Bytes that the signal's store takes.",
    means="Grows to the cap and stays there.",
    source=SOURCE,
)
WAITING = Gauge(
    name="obs.receiver.waiting_records",
    help="Records that wait for the writer.",
    means="Near zero. Thousands mean that the disk is slower than the senders.",
    source=SOURCE,
)
