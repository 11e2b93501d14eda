"""Python runtime: what a Python process uses, what its garbage collector does, and whether its telemetry arrives."""

from obs.signals.own_health import (
    DROPPED,
    EXPORT_FAILURES,
    EXPORTED,
    HELD_BYTES,
    INTERNAL_ERRORS,
    LAST_EXPORT,
    LOG_RECORDS,
    LOGS_LEFT_OUT,
    QUEUE_CAPACITY,
    QUEUE_SIZE,
    SAMPLING_SHARE,
    SCRAPE_DURATION,
    TRACES_CAPPED,
    TRACES_KEPT,
)
from obs.signals.process import CPU, MAX_FDS, OPEN_FDS, RESIDENT_MEMORY, START_TIME, THREADS, WORKER
from obs.signals.runtime import GC_COLLECTED, GC_COLLECTIONS, GC_PAUSE, GC_UNCOLLECTABLE, GENERATION, PYTHON
from obs.signals.target import BUILD, TARGET
from obs_dashboards.dashboard import Dashboard
from obs_dashboards.layout import Row
from obs_dashboards.links import HTTP_SERVICE, PYTHON_RUNTIME
from obs_dashboards.panels import Column, Link, Threshold, heat, stat, table, timeseries
from obs_dashboards.queries import (
    INSTANCE,
    JOB,
    age,
    changes,
    facts,
    fullness,
    heatmap,
    number_of,
    quantiles,
    rate,
    value,
)

EACH_WORKER = (JOB, INSTANCE, WORKER)
FULL = (Threshold(0.8, "yellow"), Threshold(0.95, "red"))
ANY = (Threshold(0.001, "red"),)
REQUESTS_OF_SERVICE = Link(
    "Requests of this service", f"/d/{HTTP_SERVICE}?var-job=${{__field.labels.job}}&${{__url_time_range}}"
)

TARGETS = Row(
    "Targets",
    panels=(
        stat(
            "Targets",
            number_of(TARGET),
            says="How many starts of the service are alive. It changes with a deployment; a fall at any other time is "
            "a crash.",
        ),
        stat(
            "Uptime",
            age(START_TIME, by=(JOB,)),
            says="Age of the youngest process. It falls to zero at each restart; again and again is a crash loop.",
        ),
        timeseries(
            "Restarts of workers",
            changes(START_TIME),
            width=12,
            thresholds=(Threshold(1, "yellow"),),
            says="Workers that were replaced within a living target. Zero is normal, unless the server recycles "
            "workers.",
        ),
        table(
            "What runs",
            facts(BUILD),
            columns={
                "job": Column("Service"),
                "instance": Column("Instance"),
                "version": Column("Version"),
                "obs_version": Column("obs"),
                "python_version": Column("Python"),
            },
            width=12,
        ),
        table(
            "Where it runs",
            facts(TARGET),
            columns={
                "job": Column("Service"),
                "instance": Column("Instance"),
                "service_owner": Column("Owner"),
                "deployment_environment_name": Column("Environment"),
            },
            width=12,
        ),
    ),
)

PROCESS = Row(
    "Process",
    panels=(
        timeseries(
            "CPU", rate(CPU, by=EACH_WORKER), thresholds=(Threshold(0.9, "yellow"),), links=(REQUESTS_OF_SERVICE,)
        ),
        timeseries("Memory", value(RESIDENT_MEMORY, by=EACH_WORKER), links=(REQUESTS_OF_SERVICE,)),
        timeseries("Threads", value(THREADS, by=EACH_WORKER)),
        timeseries("Open file descriptors", value(OPEN_FDS, by=EACH_WORKER), width=12),
        timeseries("File descriptors in use", fullness(OPEN_FDS, MAX_FDS, by=EACH_WORKER), width=12, thresholds=FULL),
    ),
)

GARBAGE = Row(
    "Garbage collector",
    panels=(
        timeseries("Collections", rate(GC_COLLECTIONS, by=(JOB, GENERATION))),
        timeseries("Objects freed", rate(GC_COLLECTED, by=(JOB, GENERATION))),
        timeseries("Objects that could not be freed", rate(GC_UNCOLLECTABLE, by=(JOB, GENERATION)), thresholds=ANY),
        timeseries(
            "Pauses",
            *quantiles(GC_PAUSE),
            width=12,
            thresholds=(Threshold(0.01, "yellow"), Threshold(0.1, "red")),
            links=(REQUESTS_OF_SERVICE,),
        ),
        heat("Distribution of pauses", heatmap(GC_PAUSE), width=12),
    ),
)

TELEMETRY = Row(
    "Telemetry",
    panels=(
        timeseries("Log records by level", rate(LOG_RECORDS, by=(JOB, *LOG_RECORDS.labels))),
        timeseries("Records delivered", rate(EXPORTED, by=(JOB, *EXPORTED.labels))),
        timeseries("Records given up", rate(DROPPED, by=(JOB, *DROPPED.labels)), thresholds=ANY),
        timeseries("Deliveries that failed", rate(EXPORT_FAILURES, by=(JOB, *EXPORT_FAILURES.labels))),
        timeseries(
            "Delivery queue", fullness(QUEUE_SIZE, QUEUE_CAPACITY, by=(JOB, *QUEUE_SIZE.labels)), thresholds=FULL
        ),
        timeseries(
            "Since the last delivery",
            age(LAST_EXPORT, by=(JOB, *LAST_EXPORT.labels)),
            says="About a second while there is traffic. Growing with traffic means that the backend does not accept.",
        ),
        timeseries("Share of traces sampled", value(SAMPLING_SHARE, by=(JOB,))),
        timeseries("Errors and slow requests kept", rate(TRACES_KEPT, by=(JOB, *TRACES_KEPT.labels))),
        timeseries("Traces over the cap", rate(TRACES_CAPPED, by=(JOB,)), thresholds=ANY),
        timeseries("Spans held until their request ends", value(HELD_BYTES, by=(JOB, INSTANCE))),
        timeseries("Duration of a scrape", value(SCRAPE_DURATION, by=(JOB, INSTANCE))),
        timeseries(
            "Log records left out of storms",
            rate(LOGS_LEFT_OUT, by=(JOB, *LOGS_LEFT_OUT.labels)),
            thresholds=ANY,
        ),
        timeseries(
            "Faults inside obs",
            rate(INTERNAL_ERRORS, by=(JOB, *INTERNAL_ERRORS.labels)),
            thresholds=ANY,
            may_be_empty="obs counts a fault of its own only once one has happened.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid=PYTHON_RUNTIME,
    title="Python runtime",
    description="Processes, memory, garbage collector and telemetry of services that run obs.",
    source=PYTHON,
    rows=(TARGETS, PROCESS, GARBAGE, TELEMETRY),
    tags=("python",),
)
