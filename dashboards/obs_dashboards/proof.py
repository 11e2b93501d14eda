"""The proof of data: every query of every dashboard, and every selector in it alone, is put to the running stores.

A query can hide that a part of it finds nothing (`a or b`, `a / (b or c)`), so that a dashboard with a misspelt metric
looks like a quiet service. Here each vector selector is asked on its own as well, once with "All" chosen in the
variables and once with one service and one target that are alive.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from obs_dashboards import promql
from obs_dashboards.lint.model import Dashboard, Place, Target, parse
from obs_dashboards.lint.templates import arguments_of, variable_query
from obs_dashboards.panels import MAY_BE_EMPTY
from obs_dashboards.stores import LogStore, Prometheus, StoreError
from obs_dashboards.variables import substitute

Kind = Literal["panel", "variable", "annotation", "selector", "logs", "trace"]

MOST_MAY_BE_EMPTY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that is asked.

    Args:
        place: Dashboard, panel (or variable, or annotation) and refId.
        kind: What is asked: a whole query, one of its selectors, log records, or the spans behind one of them.
        text: The query, with Grafana's variables.
        instant: Whether only the newest value is wanted.
        windowed: Whether it is a selector that stands in a window.
        may_be_empty: Why no answer is normal; empty when it is not.
    """

    place: Place
    kind: Kind
    text: str
    instant: bool = False
    windowed: bool = False
    may_be_empty: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Args:
        question: What was asked.
        chosen: What was chosen in the variables: ``All``, or a service and a target.
        asked: The query with the variables filled in.
        returned: How many series, values or records came back.
        fault: What went wrong; empty when nothing did.
    """

    question: Question
    chosen: str
    asked: str
    returned: int
    fault: str = ""

    @property
    def holds(self) -> bool:
        """Whether there was data, or none was needed."""
        return not self.fault and (self.returned > 0 or bool(self.question.may_be_empty))

    def __str__(self) -> str:
        outcome = self.fault or f"{self.returned} returned"
        return f"{self.question.place} [{self.question.kind}, {self.chosen}]: {outcome}: {self.asked}"


@dataclass(frozen=True, slots=True)
class Proof:
    """Every answer, and whether they are enough."""

    answers: tuple[Answer, ...]

    @property
    def missing(self) -> tuple[Answer, ...]:
        """The answers that should have held data and did not."""
        return tuple(answer for answer in self.answers if not answer.holds)

    @property
    def excused(self) -> float:
        """The share of queries that are allowed to be empty, from 0 to 1."""
        return sum(bool(answer.question.may_be_empty) for answer in self.answers) / max(len(self.answers), 1)

    @property
    def holds(self) -> bool:
        """Whether everything was asked and answered, with few enough exceptions."""
        return bool(self.answers) and not self.missing and self.excused <= MOST_MAY_BE_EMPTY

    def __str__(self) -> str:
        held = len(self.answers) - len(self.missing)
        return f"{held} of {len(self.answers)} queries returned data; {self.excused:.1%} may be empty"


def questions(dashboards: Mapping[str, str]) -> tuple[Question, ...]:
    """Everything that the dashboards ask.

    Args:
        dashboards: The JSON of each dashboard by its file's name.
    """
    return tuple(question for _, text in sorted(dashboards.items()) for question in _questions(parse(text)))


def prove(
    dashboards: Mapping[str, str],
    *,
    prometheus: str,
    receiver: str = "",
    span: float = 900,
    job: str = "",
    now: Callable[[], float] = time.time,
) -> Proof:
    """Ask everything, with all services chosen and with one.

    Args:
        dashboards: The JSON of each dashboard by its file's name.
        prometheus: The address of Prometheus' HTTP API, such as ``http://127.0.0.1:9090``.
        receiver: The address of the store of logs and traces; empty leaves their queries out.
        span: How many seconds back from now the panels look.
        job: The one service to choose; by default the first that each dashboard's variable offers.
        now: The clock, in seconds since 1970.

    Raises:
        StoreError: A store does not answer at all.
    """
    asker = _Asker(Prometheus(prometheus), LogStore(receiver) if receiver else None, span, now())
    return Proof(tuple(answer for _, text in sorted(dashboards.items()) for answer in asker.answers(parse(text), job)))


def _questions(dashboard: Dashboard) -> Iterator[Question]:
    for variable in dashboard.variables_of_type("query"):
        yield Question(place=dashboard.place_of(variable), kind="variable", text=variable_query(variable))
    for target in dashboard.annotations:
        yield from _of_target(target, "annotation", "")
    for panel in dashboard.panels:
        excuse = str(panel.json.get("description", "")).partition(MAY_BE_EMPTY)[2]
        for target in panel.targets:
            yield from _of_target(target, "panel", excuse)


def _of_target(target: Target, kind: Kind, excuse: str) -> Iterator[Question]:
    if target.kind != "prometheus":
        yield Question(place=target.place, kind="logs", text=target.text, may_be_empty=excuse)
        if any(metric.get("type") == "raw_data" for metric in target.json.get("metrics", ())):
            yield Question(place=target.place, kind="trace", text=target.text, may_be_empty=excuse)
        return
    instant = bool(target.json.get("instant"))
    yield Question(place=target.place, kind=kind, text=target.text, instant=instant, may_be_empty=excuse)
    for each in dict.fromkeys((one.text, one.range is not None) for one in promql.selected(promql.parse(target.text))):
        yield Question(
            place=target.place, kind="selector", text=each[0], instant=True, windowed=each[1], may_be_empty=excuse
        )


class _Asker:
    """Puts questions to the stores, each distinct one once."""

    def __init__(self, prometheus: Prometheus, logs: LogStore | None, span: float, now: float) -> None:
        self._prometheus = prometheus
        self._span = span
        self._now = now
        self._known: dict[tuple[Kind, bool, bool, str], int] = {}
        self._ways: dict[Kind, Callable[[Question, str], int]] = {
            "panel": self._query,
            "annotation": self._query,
            "selector": self._selector,
            "variable": self._variable,
        }
        if logs is not None:
            self._ways["logs"] = lambda _, text: logs.records(text)
            self._ways["trace"] = lambda _, text: logs.spans_behind(text)

    def answers(self, dashboard: Dashboard, job: str) -> Iterator[Answer]:
        asked = tuple(question for question in _questions(dashboard) if question.kind in self._ways)
        for chosen, values in self._choices(dashboard, job):
            for question in asked:
                yield self._answer(question, chosen, substitute(question.text, values))

    def _choices(self, dashboard: Dashboard, job: str) -> Iterator[tuple[str, dict[str, str]]]:
        """All of everything, and one living target of one service."""
        times = {"__rate_interval": "1m", "__interval": "15s", "__range": f"{self._span:.0f}s"}
        everything = {str(each["name"]): str(each["allValue"]) for each in dashboard.variables_of_type("query")}
        yield "All", everything | times
        instances = next(each for each in dashboard.variables if each.get("name") == "instance")
        series, _ = arguments_of(variable_query(instances)) or ("", "")
        alive = substitute(series, everything | ({"job": job} if job else {}))
        found = self._prometheus.newest(f"count by (job, instance) ({alive})", self._now)
        one = min(((each.get("job", ""), each.get("instance", "")) for each in found), default=(job, "none is alive"))
        yield " ".join(one), everything | times | dict(zip(("job", "instance"), one, strict=True))

    def _answer(self, question: Question, chosen: str, text: str) -> Answer:
        key = (question.kind, question.instant, question.windowed, text)
        try:
            if key not in self._known:
                self._known[key] = self._ways[question.kind](question, text)
        except StoreError as error:
            return Answer(question, chosen, text, 0, str(error))
        return Answer(question, chosen, text, self._known[key])

    def _query(self, question: Question, text: str) -> int:
        if question.instant:
            return len(self._prometheus.newest(text, self._now))
        return self._prometheus.over_time(text, self._now - self._span, self._now)

    def _selector(self, question: Question, text: str) -> int:
        window = f"[{self._span:.0f}s]" if question.windowed else ""
        return len(self._prometheus.newest(f"{text}{window}", self._now))

    def _variable(self, _: Question, text: str) -> int:
        series, label = arguments_of(text) or ("", "")
        return self._prometheus.label_values(label, series)
