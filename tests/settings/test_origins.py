"""Where a setting's value comes from, and which origin wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs.settings import OPTIONS, Settings, resolve

OTEL_CASES = [
    ("service", {"OTEL_SERVICE_NAME": "shop"}, "shop"),
    ("service", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=shop,team=a"}, "shop"),
    ("service", {"OTEL_SERVICE_NAME": "shop", "OTEL_RESOURCE_ATTRIBUTES": "service.name=other"}, "shop"),
    ("version", {"OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2"}, "1.2"),
    ("environment", {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging"}, "staging"),
    ("environment", {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=old"}, "old"),
    ("owner", {"OTEL_RESOURCE_ATTRIBUTES": "service.owner=team%20a"}, "team a"),
    (
        "resource_attributes",
        {"OTEL_RESOURCE_ATTRIBUTES": "service.name=s,k8s.pod.name=p%2C1"},
        {"k8s.pod.name": "p,1"},
    ),
    ("endpoint", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"}, "http://collector:4318"),
    (
        "otlp_headers",
        {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc=,x-scope=1"},
        {"authorization": "Bearer abc=", "x-scope": "1"},
    ),
    ("otlp_certificate", {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/etc/ca.pem"}, "/etc/ca.pem"),
    ("otlp_timeout", {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5"}, 2.5),
    ("otlp_compression", {"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, "gzip"),
    ("enabled", {"OTEL_SDK_DISABLED": "TRUE"}, False),
    ("enabled", {"OTEL_SDK_DISABLED": "false"}, True),
    ("sample", {"OTEL_TRACES_SAMPLER": "always_off"}, 0.0),
    ("sample", {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, 0.25),
    ("sample", {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5"}, 0.5),
    ("sample", {"OTEL_TRACES_SAMPLER_ARG": "0.5"}, 1.0),
]


@pytest.mark.parametrize(("name", "environ", "expected"), OTEL_CASES)
def test_a_variable_of_opentelemetry_sets_its_option(
    name: str, environ: dict[str, str], expected: object, tmp_path: Path
) -> None:
    """Each variable that OpenTelemetry defines reaches its option, decoded and typed."""
    assert getattr(resolve({}, environ, tmp_path).settings, name) == expected


def test_a_variable_that_disables_nothing_says_nothing(tmp_path: Path) -> None:
    """`OTEL_SDK_DISABLED=false` does not turn on what the project turned off."""
    (tmp_path / "pyproject.toml").write_text("[tool.obs]\nenabled = false\n")
    assert resolve({}, {"OTEL_SDK_DISABLED": "false"}, tmp_path).settings.enabled is False


def test_every_listed_variable_of_opentelemetry_has_a_case() -> None:
    """No row of the options table names a variable that the cases above leave out."""
    listed = {(option.name, variable.name) for option in OPTIONS.values() for variable in option.otel}
    assert listed == {(name, variable) for name, environ, _ in OTEL_CASES for variable in environ} & listed


ORIGINS = ["argument", "OBS_SERVICE in the environment", "OTEL_SERVICE_NAME in the environment", "pyproject", "default"]


@pytest.mark.parametrize("strongest", range(5))
def test_the_strongest_origin_wins_and_is_named(strongest: int, tmp_path: Path) -> None:
    """Argument, `OBS_*`, `OTEL_*`, `[tool.obs]`, default: in this order, whichever are there."""
    project = tmp_path / "pyproject.toml"
    arguments = {"service": "from-argument"} if strongest < 1 else {}
    environ = {"OBS_SERVICE": "from-obs"} if strongest < 2 else {}
    environ |= {"OTEL_SERVICE_NAME": "from-otel"} if strongest < 3 else {}
    project.write_text('[tool.obs]\nservice = "from-project"\n' if strongest < 4 else "[tool.other]\n")
    found = resolve(arguments, environ, tmp_path)
    expected = ["from-argument", "from-obs", "from-otel", "from-project", found.settings.service][strongest]
    assert (found.settings.service, found.origins["service"]) == (
        expected,
        ORIGINS[strongest].replace("pyproject", f"{project} [tool.obs]"),
    )


OWN_VARIABLES = [
    ("enabled", "off", False),
    ("enabled", "Yes", True),
    ("log_level", "DEBUG", "debug"),
    ("metrics_port", "0", 0),
    ("sample", "0.1", 0.1),
    ("redact_keys", "iban, pin,", ("iban", "pin")),
    ("resource_attributes", "a=1,b=x%20y", {"a": "1", "b": "x y"}),
    ("otlp_headers", "k=v", {"k": "v"}),
    ("local_dir", "/var/lib/obs", Path("/var/lib/obs")),
    ("exit_deadline", "0", 0.0),
]


@pytest.mark.parametrize(("name", "text", "expected"), OWN_VARIABLES)
def test_an_own_variable_is_read_in_the_type_of_its_option(
    name: str, text: str, expected: object, tmp_path: Path
) -> None:
    """Text of the environment becomes the option's type."""
    assert getattr(resolve({}, {OPTIONS[name].variable: text}, tmp_path).settings, name) == expected


def test_the_nearest_project_file_upwards_is_read(tmp_path: Path) -> None:
    """A folder below the project finds its `[tool.obs]`, and a relative path in it starts at the project."""
    (tmp_path / "pyproject.toml").write_text('[tool.obs]\nlocal_dir = "state"\nredact_keys = ["iban"]\n')
    below = tmp_path / "src" / "shop"
    below.mkdir(parents=True)
    settings = resolve({}, {}, below).settings
    assert (settings.local_dir, settings.redact_keys) == (tmp_path / "state", ("iban",))


def test_a_relative_path_elsewhere_starts_at_the_working_folder(tmp_path: Path) -> None:
    """An argument's relative path is made absolute, so that a later change of folder does not move it."""
    assert resolve({"local_dir": "state"}, {}, tmp_path).settings.local_dir == tmp_path / "state"


def test_resource_attributes_of_all_origins_are_put_together(tmp_path: Path) -> None:
    """What a platform sets in the environment stays when the code adds more; the stronger origin wins a key."""
    found = resolve(
        {"resource_attributes": {"team": "a"}}, {"OTEL_RESOURCE_ATTRIBUTES": "team=b,pod=p,service.name=s"}, tmp_path
    )
    assert found.settings.resource_attributes == {"team": "a", "pod": "p"}
    assert found.origins["resource_attributes"] == "argument, OTEL_RESOURCE_ATTRIBUTES in the environment"


@pytest.mark.parametrize("empty", [{"OBS_LOG_LEVEL": ""}, {"OBS_LOG_LEVEL": "  "}])
def test_an_empty_variable_counts_as_not_set(empty: dict[str, str], tmp_path: Path) -> None:
    """A variable that a compose file passes on without a value changes nothing."""
    assert resolve({}, empty, tmp_path).origins["log_level"] == "default"


def test_none_as_an_argument_means_not_given(tmp_path: Path) -> None:
    """A caller may hand on an optional value as it is."""
    assert resolve({"endpoint": None}, {"OBS_ENDPOINT": "http://h:1"}, tmp_path).settings.endpoint == "http://h:1"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"XDG_STATE_HOME": "/state"}, "/state/obs"), ({"HOME": "/home/u"}, "/home/u/.local/state/obs")],
)
def test_the_state_folder_is_the_users(
    environ: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a setting, local mode's files go where the XDG specification puts state."""
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert resolve({}, {}, tmp_path).settings.local_dir == Path(expected)


def test_settings_without_anything_are_the_defaults(tmp_path: Path) -> None:
    """The table's defaults and the resolved ones agree, but for what is found out about the service."""
    resolved = resolve({"service": "python", "version": ""}, {}, tmp_path).settings
    # An empty version is a value too, so nothing is looked up.
    assert resolved == Settings()


def test_headers_are_not_in_the_repr() -> None:
    """A traceback that shows the settings shows no key."""
    assert "hunter2" not in repr(Settings(otlp_headers={"authorization": "hunter2"}))
