"""Signals of a process, in the names that every Prometheus client library uses."""

from obs.signals.model import BYTES, SECONDS, Counter, Gauge, Label

WORKER = Label("worker", "The worker's number within its target, from 0; a number is used again after a restart.")

CPU = Counter(
    name="process.cpu",
    unit=SECONDS,
    labels=(WORKER,),
    help="CPU time spent by the process, user and system.",
    means="1 a second is one core in full use. A Python process cannot use much more than one core.",
)
RESIDENT_MEMORY = Gauge(
    name="process.resident_memory",
    unit=BYTES,
    labels=(WORKER,),
    across="each",
    help="Memory of the process that is held in RAM.",
    means="Flat after warm-up. A steady climb over hours is a leak; the limit of the container ends it.",
)
VIRTUAL_MEMORY = Gauge(
    name="process.virtual_memory",
    unit=BYTES,
    labels=(WORKER,),
    across="each",
    help="Address space of the process.",
    means="Rarely matters by itself.",
)
OPEN_FDS = Gauge(
    name="process.open_fds",
    labels=(WORKER,),
    across="each",
    help="Open file descriptors: files, sockets, pipes.",
    means="Follows open connections. A steady climb is a leak of sockets or files.",
)
MAX_FDS = Gauge(
    name="process.max_fds",
    labels=(WORKER,),
    across="each",
    help="The most file descriptors that the process may open.",
    means="At this number every new connection fails.",
)
THREADS = Gauge(
    name="process.threads",
    labels=(WORKER,),
    across="each",
    help="Threads of the process.",
    means="Flat after warm-up. A climb points at a pool without a bound.",
)
START_TIME = Gauge(
    name="process.start_time",
    unit=SECONDS,
    labels=(WORKER,),
    across="each",
    help="When the process started, in seconds since 1970.",
    means="A jump is a restart; many jumps are a crash loop.",
)
