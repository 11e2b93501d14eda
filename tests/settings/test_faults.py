"""What a user reads when a setting is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from obs.settings import OPTIONS, SettingError, resolve

ALL = ", ".join(OPTIONS)
BOOLEAN = "true or false (in the environment also 1, 0, yes, no, on, off)"
LEVELS = "debug, info, warning, error or critical"
NAME = "a text of printable characters, not empty"
PAIRS = (
    "a table of texts by name (in the environment key=value,key=value); service, version, environment, owner are "
    "options of their own"
)
PORT = "a whole number from 0 to 65535"
SAMPLERS = (
    "always_on, always_off, parentbased_always_on, parentbased_always_off, traceidratio, parentbased_traceidratio"
)
TIMEOUT = "seconds from 0.001 to 86400"
URL = "an http:// or https:// URL without user, password, query and fragment"
SHARES = (
    "a table of shares from 0 to 1 by route, such as `GET /items/{item_id}` or `/static/*` (in the environment "
    "route=share,route=share)"
)
WORDS = "a list of texts (in the environment separated by commas)"


def fault(arguments: dict[str, object], environ: dict[str, str], folder: Path) -> str:
    """What is told of these settings."""
    with pytest.raises(SettingError) as caught:
        resolve(arguments, environ, folder)
    return str(caught.value)


class Hostile:
    """Something that fails when it is printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log_levle", f"log_levle (argument): there is no such option; did you mean log_level? (options: {ALL})"),
        ("xyzzy", f"xyzzy (argument): there is no such option (options: {ALL})"),
    ],
)
def test_an_unknown_argument_is_told_with_the_nearest_name(name: str, expected: str, tmp_path: Path) -> None:
    """A misspelt argument is never ignored."""
    assert fault({name: "info"}, {}, tmp_path) == expected


@pytest.mark.parametrize(
    ("name", "value", "shown", "allowed"),
    [
        ("enabled", "true", "'true'", BOOLEAN),
        ("enabled", 1, "1", BOOLEAN),
        ("service", "", "''", NAME),
        ("service", "a\nb", "'a\\nb'", NAME),
        ("version", 1.0, "1.0", "a text of printable characters"),
        ("owner", "x" * 81 + "\n", "'" + "x" * 80 + "...'", "a text of printable characters"),
        ("log_level", "warn", "'warn'", f"{LEVELS}; did you mean 'warning'?"),
        ("log_level", 20, "20", LEVELS),
        ("log_format", "xml", "'xml'", "auto, console or json"),
        ("logs_to", "", "''", "stdout, otlp or both"),
        ("metrics_port", True, "True", PORT),
        ("metrics_port", 65536, "65536", PORT),
        ("metrics_port", "9464", "'9464'", PORT),
        pytest.param("metrics_port", 10**5000, "a value of type int", PORT, id="too long to print"),
        ("metrics_path", "metrics", "'metrics'", "a path that starts with /, without query"),
        ("sample", 1.01, "1.01", "a number from 0 to 1"),
        ("sample", float("nan"), "nan", "a number from 0 to 1"),
        ("sample_routes", {"/ok": 1, "items": 0.5}, "'items' with 0.5", SHARES),
        ("sample_routes", {"GET /{a}": 1.5}, "'GET /{a}' with 1.5", SHARES),
        ("sample_routes", {"/{a}{b}": 1}, "'/{a}{b}' with 1", SHARES),
        ("sample_routes", {"/{a:path}/{b:path}": 1}, "'/{a:path}/{b:path}' with 1", SHARES),
        ("sample_routes", 0.5, "0.5", SHARES),
        ("exit_deadline", 10**400, "a value of type int", "seconds from 0 to 600"),
        ("otlp_timeout", 0, "0", TIMEOUT),
        ("redact_keys", "iban", "'iban'", WORDS),
        ("disable", ["a", 5], "a value of type list", WORDS),
        ("endpoint", "localhost:4318", "'localhost:4318'", URL),
        ("endpoint", "http://h:99999", "'http://h:99999'", URL),
        ("endpoint", Hostile(), "a value of type Hostile", URL),
        ("local_dir", "", "''", "a path"),
        ("resource_attributes", {"a": 1}, "a value of type dict", PAIRS),
        ("resource_attributes", {"service.name": "s"}, "a value of type dict", PAIRS),
        ("otlp_compression", "zstd", "'zstd'", "none or gzip"),
    ],
)
def test_a_refused_argument_is_told_with_what_is_allowed(
    name: str, value: object, shown: str, allowed: str, tmp_path: Path
) -> None:
    """The line names key, origin, value, what is allowed, and the nearest word where there are few."""
    assert fault({name: value}, {}, tmp_path) == f"{name} (argument): {shown} is not allowed; it takes {allowed}"


@pytest.mark.parametrize(
    ("name", "variable", "text", "allowed"),
    [
        ("metrics_port", "OBS_METRICS_PORT", "http", PORT),
        ("enabled", "OBS_ENABLED", "flase", BOOLEAN),
        ("otlp_timeout", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s", TIMEOUT),
        ("sample_routes", "OBS_SAMPLE_ROUTES", "/items=often", SHARES),
        ("resource_attributes", "OTEL_RESOURCE_ATTRIBUTES", "team", PAIRS),
    ],
)
def test_a_refused_variable_is_named(name: str, variable: str, text: str, allowed: str, tmp_path: Path) -> None:
    """A fault in the environment names the variable that holds it, once."""
    expected = f"{name} ({variable} in the environment): {text!r} is not allowed; it takes {allowed}"
    assert fault({}, {variable: text}, tmp_path) == expected


def test_a_sampler_ratio_out_of_range_is_refused(tmp_path: Path) -> None:
    """The ratio counts only together with a sampler that takes one."""
    environ = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}
    assert fault({}, environ, tmp_path) == (
        "sample (OTEL_TRACES_SAMPLER_ARG in the environment): '7' is not allowed; it takes a number from 0 to 1"
    )


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ({"otlp_headers": "hunter2"}, {}),
        ({"otlp_headers": {"a b": "hunter2"}}, {}),
        ({"otlp_headers": {"key": "hunter2\n"}}, {}),
        ({}, {"OBS_OTLP_HEADERS": "hunter2"}),
        ({}, {"OTEL_EXPORTER_OTLP_HEADERS": "key=a,hunter2"}),
        ({"endpoint": "http://user:hunter2@h:1"}, {}),
        ({"endpoint": "http://user:hun/ter2@h:1"}, {}),
        ({"endpoint": "http://h:1/?key=hunter2"}, {}),
    ],
)
def test_a_secret_is_never_in_a_fault(arguments: dict[str, object], environ: dict[str, str], tmp_path: Path) -> None:
    """A refused value that may hold a password or a key is not printed."""
    text = fault(arguments, environ, tmp_path)
    assert "hunter2" not in text
    assert "ter2@" not in text


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """Three mistakes in three origins are three lines of one error."""
    (tmp_path / "pyproject.toml").write_text("[tool.obs]\nsample = 2\n")
    with pytest.raises(SettingError) as caught:
        resolve({"log_level": 5}, {"OBS_METRICS_PORT": "x"}, tmp_path)
    assert [line.split(" ")[0] for line in caught.value.faults] == ["log_level", "metrics_port", "sample"]


def test_a_weaker_origin_is_checked_too(tmp_path: Path) -> None:
    """A wrong variable is told even where an argument overrides it, for it is wrong all the same."""
    assert fault({"sample": 1}, {"OBS_SAMPLE": "x"}, tmp_path).startswith("sample (OBS_SAMPLE in the environment)")


def test_turned_off_is_validated_all_the_same(tmp_path: Path) -> None:
    """`enabled=False` hides no mistake that would appear on the day it is turned on."""
    assert fault({"enabled": False, "log_level": "loud"}, {}, tmp_path).startswith("log_level (argument)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tool.obs]\nsampel = 1\n", " [tool.obs]): there is no such option; did you mean sample? (options: "),
        ('[tool.obs]\nenabled = "yes"\n', "enabled ({file} [tool.obs]): 'yes' is not allowed; it takes true or false"),
        ("[tool]\nobs = 5\n", "{file}: tool.obs is no table; write [tool.obs]"),
        ("[tool.obs]\n\nlog_level = \n", "{file}:3: is no valid TOML: Invalid value"),
        ('a = "', "{file}:1: is no valid TOML: "),
    ],
)
def test_a_fault_in_the_project_file_names_the_file(text: str, expected: str, tmp_path: Path) -> None:
    """The origin is the file, with the line where it is no TOML at all."""
    file = tmp_path / "pyproject.toml"
    file.write_text(text)
    assert expected.format(file=file) in fault({}, {}, tmp_path)


def test_a_project_file_in_another_encoding_is_a_fault_with_its_line(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told with their line."""
    file = tmp_path / "pyproject.toml"
    file.write_bytes(b"[tool.obs]\nservice = '\xff'\n")
    assert fault({}, {}, tmp_path) == f"{file}:2: is no valid UTF-8"


def test_a_project_file_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    """A service that may not read a file which it does not need still starts."""
    file = tmp_path / "pyproject.toml"
    file.symlink_to(file)
    assert resolve({}, {}, tmp_path).warnings == (f"{file} cannot be read: Too many levels of symbolic links",)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("OBS_LOG_LEVLE", "debug", " is no option of obs; did you mean OBS_LOG_LEVEL?"),
        ("OBS_XYZZY", "1", " is no option of obs"),
        (
            "OTEL_TRACES_SAMPLER",
            "xray",
            f": obs does not know 'xray' and goes on without it; it knows {SAMPLERS}",
        ),
        ("OTEL_SDK_DISABLED", "1", ": obs does not know '1' and goes on without it; it knows true, false"),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "grpc",
            ": obs does not know 'grpc' and goes on without it; it knows http/protobuf",
        ),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://collector:4318/v1/traces",
            ": obs sends all signals to one place; set OTEL_EXPORTER_OTLP_ENDPOINT",
        ),
    ],
)
def test_what_looks_wrong_is_a_warning(name: str, text: str, expected: str, tmp_path: Path) -> None:
    """A misspelt variable, or one that only another SDK understands, stops no service, but somebody hears of it."""
    assert resolve({}, {name: text}, tmp_path).warnings == (f"{name} in the environment{expected}",)


def test_what_is_right_gives_no_warning(tmp_path: Path) -> None:
    """Known variables, and those of other programs, are passed over in silence."""
    environ = {"OBS_LOG_LEVEL": "debug", "OTEL_TRACES_SAMPLER": "always_on", "OTHER": "1"}
    assert resolve({}, environ, tmp_path).warnings == ()
