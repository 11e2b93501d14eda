"""Signals that say what a target is: its service, version and build."""

from obs.signals.model import Info, Label, LogField

TARGET = Info(
    name="target",
    labels=(
        Label("service_name", "The service."),
        Label("service_version", "Its version."),
        Label("service_instance_id", "This start of it."),
        Label("deployment_environment_name", "Where it is deployed: production, staging, ..."),
        Label("service_owner", "The team that is called when it breaks."),
    ),
    help="The resource that every signal of this target belongs to.",
    means="Join on job and instance to filter by version, environment or owner.",
)
BUILD = Info(
    name="service.build",
    labels=(
        Label("version", "The service's version."),
        Label("obs_version", "The version of obs-kit in it."),
        Label("python_version", "The interpreter's version."),
    ),
    help="What was built into this target.",
    means="Two versions at once are a roll-out, or one that got stuck.",
)

FIELDS = (
    LogField("@timestamp", "date", "When it happened."),
    LogField("log.level", "keyword", "debug, info, warning, error or critical."),
    LogField("log.logger", "keyword", "The logger's name."),
    LogField("message", "text", "What happened."),
    LogField("ecs.version", "keyword", "The version of the Elastic Common Schema that the record follows."),
    LogField("service.name", "keyword", "The service."),
    LogField("service.version", "keyword", "Its version."),
    LogField("service.environment", "keyword", "Where it is deployed."),
    LogField("service.node.name", "keyword", "The target: this start of the service."),
    LogField("event.dataset", "keyword", "The stream that the record belongs to; one a service."),
    LogField("event.id", "keyword", "The record's id, made once at its source, the same in every store."),
    LogField("process.pid", "long", "The process that wrote it."),
    LogField("trace.id", "keyword", "The trace during which it was written."),
    LogField("span.id", "keyword", "The span during which it was written."),
    LogField("error.type", "keyword", "The exception's class."),
    LogField("error.message", "text", "The exception's text."),
    LogField("error.stack_trace", "text", "The exception's traceback."),
    LogField("obs.truncated", "boolean", "Whether something of the record was too large, and was cut."),
    LogField("obs.partial", "boolean", "Whether a value of the record changed while it was read."),
    LogField("obs.extra", "text", "Fields of a record that has more of them than 200, as JSON."),
    LogField("obs_processor_error", "keyword", "The processor of structlog that failed on the record, and how."),
    LogField("labels", "flattened", "Fields of the application that would clash with ECS."),
)
