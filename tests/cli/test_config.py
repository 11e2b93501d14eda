"""`obs config` shows what obs works by, and never a secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obs.cli import main
from obs.settings import OPTIONS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str) -> dict[str, str]:
    """The lines of the table by option."""
    return {line.split()[0]: line for line in text.splitlines()}


def test_each_option_is_shown_with_value_origin_and_help(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line an option, in the order of the options table, below a heading."""
    (folder / "pyproject.toml").write_text('[tool.obs]\nredact_keys = ["iban", "pin"]\n')
    monkeypatch.setenv("OBS_LOG_LEVEL", "debug")
    assert main(["config"]) == 0
    shown = rows(capsys.readouterr().out)
    assert list(shown) == ["OPTION", *OPTIONS]
    assert "  debug  " in shown["log_level"]
    assert "  OBS_LOG_LEVEL in the environment  " in shown["log_level"]
    assert "  iban, pin  " in shown["redact_keys"]
    assert f"  {folder}/pyproject.toml [tool.obs]  " in shown["redact_keys"]
    assert shown["enabled"].endswith(OPTIONS["enabled"].help)


def test_columns_stand_below_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    """Every help begins in the same column."""
    main(["config"])
    lines = capsys.readouterr().out.splitlines()
    start = lines[0].index("WHAT IT DOES")
    assert [line[start:] for line in lines[1:]] == [option.help for option in OPTIONS.values()]


def test_json_holds_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads value, origin and variables of each option."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert main(["config", "--json"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert list(options) == list(OPTIONS)
    assert options["sample"] == {
        "value": 0.0,
        "origin": "OTEL_TRACES_SAMPLER in the environment",
        "environment": ["OBS_SAMPLE", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"],
        "help": OPTIONS["sample"].help,
    }


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"]])
def test_a_headers_value_is_masked(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which headers are sent is shown, what is in them is not."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2")
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "hunter2" not in output
    assert "authorization" in output


def test_warnings_go_to_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt variable is told beside the table, which stays readable for programs."""
    monkeypatch.setenv("OBS_LOG_LEVLE", "debug")
    assert main(["config"]) == 0
    expected = "warning: OBS_LOG_LEVLE in the environment is no option of obs; did you mean OBS_LOG_LEVEL?\n"
    assert capsys.readouterr().err == expected


def test_faults_are_lines_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two wrong variables are two lines on stderr, and exit code 2."""
    monkeypatch.setenv("OBS_LOG_LEVEL", "loud")
    monkeypatch.setenv("OBS_SAMPLE", "2")
    assert main(["config"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split(" ")[0] for line in captured.err.splitlines()] == ["log_level", "sample"]
