"""HTTP service: what its users meet, what limits it, and the requests behind the numbers."""

from obs.signals.http import ACTIVE_REQUESTS, METHOD, ROUTE, SERVER_DURATION, STATUS
from obs.signals.model import REQUESTS
from obs.signals.process import CPU, MAX_FDS, OPEN_FDS, RESIDENT_MEMORY
from obs_dashboards.dashboard import Choice, Dashboard
from obs_dashboards.layout import Row
from obs_dashboards.links import HTTP_SERVICE, PYTHON_RUNTIME
from obs_dashboards.lucene import LogQuery, any_of, between, of_service
from obs_dashboards.panels import TRACE_PAGE, Column, Link, Threshold, heat, logs, records, stat, table, timeseries
from obs_dashboards.queries import (
    INSTANCE,
    JOB,
    RANGE,
    errors,
    fullness,
    heatmap,
    increase,
    quantile,
    quantiles,
    rate,
    value,
    where,
)

CHOSEN_ROUTES = where(ROUTE, "=~", "$route")
FAILED = where(STATUS, "=~", "5..")
SLOW_NANOSECONDS = 250_000_000

ERROR_SHARES = (Threshold(0.01, "yellow"), Threshold(0.05, "red"))
FULL = (Threshold(0.8, "yellow"), Threshold(0.95, "red"))
ONE_ROUTE = Link(
    "Only this route",
    f"/d/{HTTP_SERVICE}?var-job=${{__field.labels.job}}&var-route=${{__field.labels.http_route}}&${{__url_time_range}}",
)
RUNTIME = Link(
    "Python runtime of this service", f"/d/{PYTHON_RUNTIME}?var-job=${{__field.labels.job}}&${{__url_time_range}}"
)

ERRORS_SAY = (
    "The share of requests answered with 5xx. Zero is normal. When it rises, look at which route it is, then open a "
    "failed request below: its trace shows the call that broke."
)

SUMMARY = Row(
    "Summary",
    panels=(
        stat(
            "Requests a second",
            rate(SERVER_DURATION, CHOSEN_ROUTES),
            unit=REQUESTS.rate,
            says="Traffic. It follows the hour and the day; a sudden fall means that requests no longer arrive.",
        ),
        stat(
            "Failed requests", errors(SERVER_DURATION, FAILED, CHOSEN_ROUTES), says=ERRORS_SAY, thresholds=ERROR_SHARES
        ),
        stat("95th percentile of duration", quantile(SERVER_DURATION, 0.95, CHOSEN_ROUTES)),
        stat("Requests in flight", value(ACTIVE_REQUESTS)),
    ),
)

TRAFFIC = Row(
    "Traffic and errors",
    panels=(
        timeseries(
            "Requests by route",
            rate(SERVER_DURATION, CHOSEN_ROUTES, by=(JOB, ROUTE)),
            unit=REQUESTS.rate,
            links=(ONE_ROUTE,),
            says="Which routes are called how often. An empty route is a request that no route matched; many of them "
            "are a broken client or a scanner.",
        ),
        timeseries(
            "Requests by status code",
            rate(SERVER_DURATION, CHOSEN_ROUTES, by=(JOB, STATUS)),
            unit=REQUESTS.rate,
            links=(RUNTIME,),
            says="What the requests were answered with. 4xx are the callers' faults unless a release changed what is "
            "accepted; 5xx are the service's own.",
        ),
        timeseries(
            "Failed requests by route",
            errors(SERVER_DURATION, FAILED, CHOSEN_ROUTES, by=(JOB, ROUTE)),
            thresholds=ERROR_SHARES,
            links=(ONE_ROUTE,),
            says=ERRORS_SAY,
        ),
    ),
)

DURATION = Row(
    "Duration",
    panels=(
        timeseries("Duration", *quantiles(SERVER_DURATION, CHOSEN_ROUTES), links=(RUNTIME,)),
        heat("Distribution of durations", heatmap(SERVER_DURATION, CHOSEN_ROUTES)),
        timeseries(
            "95th percentile by route",
            quantile(SERVER_DURATION, 0.95, CHOSEN_ROUTES, by=(JOB, ROUTE), exemplar=True),
            links=(ONE_ROUTE,),
        ),
    ),
)

SATURATION = Row(
    "Saturation",
    panels=(
        timeseries("Requests in flight by method", value(ACTIVE_REQUESTS, by=(JOB, METHOD))),
        timeseries("CPU", rate(CPU, by=(JOB, INSTANCE)), links=(RUNTIME,)),
        timeseries("Memory", value(RESIDENT_MEMORY, by=(JOB, INSTANCE), agg="sum"), width=4, links=(RUNTIME,)),
        timeseries("File descriptors in use", fullness(OPEN_FDS, MAX_FDS), width=4, thresholds=FULL),
    ),
)

ROUTES = Row(
    "Routes",
    panels=(
        table(
            "Top routes",
            increase(SERVER_DURATION, CHOSEN_ROUTES, by=(JOB, ROUTE)),
            errors(SERVER_DURATION, FAILED, CHOSEN_ROUTES, by=(JOB, ROUTE), over=RANGE),
            quantile(SERVER_DURATION, 0.95, CHOSEN_ROUTES, by=(JOB, ROUTE), over=RANGE),
            columns={
                "job": Column("Service"),
                "http_route": Column("Route"),
                "Value #A": Column("Requests", unit="short"),
                "Value #B": Column("Failed", unit="percentunit"),
                "Value #C": Column("95th percentile", unit="s"),
            },
            says="Every route over the whole time in view, the most used first. A route that is both much used and "
            "slow is where work pays off.",
        ),
    ),
)

LOGS = Row(
    "Requests and logs",
    panels=(
        records(
            "Failed or slow requests",
            LogQuery(
                of_service(
                    any_of(
                        between("http.response.status_code", 500, 599),
                        between("event.duration", SLOW_NANOSECONDS, None),
                    )
                ),
                shape="raw_data",
                limit=100,
            ),
            columns={
                "@timestamp": Column("Time"),
                "service.name": Column("Service"),
                "http.request.method": Column("Method"),
                "http.route": Column("Route"),
                "http.response.status_code": Column("Status"),
                "event.duration": Column("Duration", unit="ns"),
                "trace.id": Column("Trace", link=TRACE_PAGE, link_title="Show this trace"),
            },
            says="The newest requests that were answered with 5xx or took longer than 250 ms. A click on the trace "
            "shows every service that took part, with its spans and log lines.",
        ),
        logs(
            "Logs",
            LogQuery(of_service()),
            says="Every line of the chosen services, newest first. Open a line to see its fields; trace.id finds the "
            "lines of the same request in other services.",
        ),
    ),
)

DASHBOARD = Dashboard(
    uid=HTTP_SERVICE,
    title="HTTP service",
    description="Rate, errors, duration and saturation of services that answer HTTP, in any language that follows "
    "OpenTelemetry's names.",
    source=SERVER_DURATION,
    choices=(Choice("route", "Route", ROUTE, all_value=".*"),),
    rows=(SUMMARY, TRAFFIC, DURATION, SATURATION, ROUTES, LOGS),
    tags=("http",),
)
