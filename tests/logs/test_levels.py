"""Levels change while the process runs, for all loggers or for some, and at SIGHUP with the settings."""

from __future__ import annotations

import logging
import logging.config
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import obs
from obs import logs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


def messages(lines: Lines) -> list[str]:
    """What was written."""
    return [record["message"] for record in lines()]


def test_level_of_all_loggers(start: Start, lines: Lines) -> None:
    """Both kinds of logger follow, also loggers that were made before."""
    start()
    own, standard = logs.get_logger("a"), logging.getLogger("b")
    own.debug("no")
    obs.set_level("debug")
    own.debug("own")
    standard.debug("standard")
    obs.set_level("error")
    own.warning("no")
    standard.warning("no")
    assert messages(lines) == ["own", "standard"]


def test_level_of_one_logger_and_its_descendants(start: Start, lines: Lines) -> None:
    """One library is made quiet or talkative; the others stay, also after a later configuration."""
    start()
    obs.set_level("warning", logger="sqlalchemy")
    obs.set_level("debug", logger="shop")
    logging.config.dictConfig(
        {"version": 1, "disable_existing_loggers": False, "loggers": {"sqlalchemy": {"level": "DEBUG"}}}
    )
    for log in (logging.getLogger("sqlalchemy.engine"), logs.get_logger("sqlalchemy.engine")):
        log.info("no")
        log.warning("sql")
    for log in (logging.getLogger("shop.orders"), logs.get_logger("shop.orders")):
        log.debug("shop")
    for log in (logging.getLogger("shopping"), logs.get_logger("shopping")):
        log.debug("no")
        log.info("other")
    assert messages(lines) == ["sql", "sql", "shop", "shop", "other", "other"]


def test_stop_gives_levels_back(start: Start) -> None:
    """Afterwards each logger of the standard library has the level that it had, however often it was changed."""
    logging.getLogger("sqlalchemy").setLevel(logging.INFO)
    before = logging.getLogger().level
    room = start()
    for level in ("debug", "warning", "error"):
        logs.set_level(level)
        logs.set_level(level, logger="sqlalchemy")
    room.stop(1)
    assert (logging.getLogger().level, logging.getLogger("sqlalchemy").level) == (before, logging.INFO)
    logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)


def test_wrong_level_is_an_error_that_offers_the_nearest(start: Start) -> None:
    """Nothing is changed by it."""
    start()
    with pytest.raises(obs.SettingError, match="did you mean 'debug'"):
        obs.set_level("debgu")  # type: ignore[arg-type]


SERVICE = """
import os, signal, sys
{before}
import obs
obs.init(service="shop", metrics_port=0)
log = obs.get_logger("shop")
log.info("ready")
for line in sys.stdin:
    log.debug(line.strip(), iban="DE89")
"""


def served(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """A service without a terminal that logs what it reads."""
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE.format(before=before)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with settings that can be changed."""
    (tmp_path / "pyproject.toml").write_text('[tool.obs]\nlog_level = "info"\n')
    return tmp_path


@pytest.mark.parametrize(
    "before",
    ["", "signal.signal(signal.SIGHUP, lambda *_: os.write(1, b'\"the own handler\"\\n'))"],
    ids=["", "chained"],
)
def test_settings_are_read_again_at_sighup(before: str, project: Path) -> None:
    """The level and the redaction follow the file, and a handler that was there is called as well."""
    process = served(project, before)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        (project / "pyproject.toml").write_text('[tool.obs]\nlog_level = "debug"\nredact_keys = ["iban"]\n')
        assert '"ready"' in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        shown = [process.stdout.readline() for _ in range(2 if before else 1)]
        assert any("the settings were read again" in line for line in shown)
        assert any("the own handler" in line for line in shown) is bool(before)
        process.stdin.write("second\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert '"message":"second","iban":"[redacted]"' in line
    finally:
        process.kill()
        process.communicate()
