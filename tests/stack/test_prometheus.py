"""Prometheus' configuration: what it says at which speed, and that the real program takes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from obs_stack.prometheus import Surroundings, render

Run = Callable[..., CompletedProcess[str]]

SURROUNDINGS = Surroundings(rules="rules/*.yaml", targets="targets/*.json", alertmanager="127.0.0.1:1")


@pytest.mark.parametrize(("speed", "interval", "timeout"), [(1, "15s", "10s"), (3, "5s", "5s"), (60, "250ms", "250ms")])
def test_speed_divides_the_intervals_exactly(speed: int, interval: str, timeout: str) -> None:
    """Scraping and evaluation go faster by the factor, and no scrape may take longer than its interval."""
    times = yaml.safe_load(render(SURROUNDINGS, speed=speed))["global"]
    assert times == {"scrape_interval": interval, "scrape_timeout": timeout, "evaluation_interval": interval}


def test_speed_that_gives_no_whole_milliseconds_is_refused() -> None:
    """15 s in seven parts would be rounded; the error names a speed that works."""
    with pytest.raises(ValueError, match="15s divided by 7 is no whole number of milliseconds; use 60"):
        render(SURROUNDINGS, speed=7)


@pytest.mark.parametrize("speed", [1, 60])
def test_prometheus_takes_it(speed: int, tmp_path: Path, promtool: Run) -> None:
    """The checker finds nothing wrong, and knows every key."""
    path = tmp_path / "prometheus.yaml"
    path.write_text(render(SURROUNDINGS, speed=speed))
    checked = promtool("check", "config", path)
    assert checked.returncode == 0, checked.stderr


def test_services_and_the_stack_itself_are_scraped() -> None:
    """Services are discovered from files; Prometheus, Alertmanager and the receiver are watched where they listen."""
    config = yaml.safe_load(render(SURROUNDINGS))
    services, *own = config["scrape_configs"]
    assert services["file_sd_configs"][0]["files"] == ["targets/*.json"]
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in own} == {
        "prometheus": ["127.0.0.1:9090"],
        "alertmanager": ["127.0.0.1:1"],
        "obs-receiver": ["127.0.0.1:4318"],
    }
    assert config["alerting"]["alertmanagers"][0]["static_configs"] == [{"targets": ["127.0.0.1:1"]}]
