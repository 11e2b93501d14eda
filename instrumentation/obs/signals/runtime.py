"""Signals of the Python interpreter."""

from obs.signals.model import SECONDS, Counter, Histogram, Info, Label
from obs.signals.process import WORKER

GENERATION = Label("generation", "The collector's generation: 0 is young and frequent, 2 is full.", ("0", "1", "2"))

GC_COLLECTIONS = Counter(
    name="python.gc.collections",
    labels=(WORKER, GENERATION),
    help="Runs of the garbage collector.",
    means="Follows allocation. Many runs of generation 2 cost pauses.",
)
GC_COLLECTED = Counter(
    name="python.gc.objects_collected",
    labels=(WORKER, GENERATION),
    help="Objects that the garbage collector freed.",
    means="Objects that stood in reference cycles.",
)
GC_UNCOLLECTABLE = Counter(
    name="python.gc.objects_uncollectable",
    labels=(WORKER, GENERATION),
    help="Objects that the garbage collector found but could not free.",
    means="Zero in a healthy process; anything else is a leak.",
)
GC_PAUSE = Histogram(
    name="python.gc.pause",
    unit=SECONDS,
    buckets=(0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    labels=(GENERATION,),
    help="How long one run of the garbage collector held the process.",
    means="Below 10 ms is normal. Long pauses of generation 2 show as spikes of latency on every route.",
)
PYTHON = Info(
    name="python",
    labels=(
        Label("implementation", "CPython or another."),
        Label("major", "The major version."),
        Label("minor", "The minor version."),
        Label("patchlevel", "The patch level."),
        Label("version", "The version in full."),
    ),
    help="The interpreter that runs the service.",
    means="Differs within a service only while a new image rolls out.",
)
