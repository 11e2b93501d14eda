"""Lucene queries against a small corpus: which records each finds, and how a wrong one is refused."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs_dashboards.lucene import any_of, between, of_service
from obs_dashboards.variables import substitute
from obs_stack.receiver.lucene import LuceneError, translate
from obs_stack.receiver.lucene.regex import matches
from obs_stack.receiver.otlp.values import Json, to_json
from obs_stack.receiver.storage.logs import LogFilter, LogRow, LogStore, find_logs

SECOND = 1_000_000_000
NOW = 1_767_268_800 * SECOND

CORPUS: dict[str, dict[str, Json]] = {
    "ok": {
        "service.name": "gateway",
        "log.level": "info",
        "message": "GET /checkout answered in time",
        "http.route": "/checkout",
        "http.response.status_code": 200,
        "event.duration": 1_500_000,
    },
    "slow": {
        "service.name": "gateway",
        "log.level": "warning",
        "message": "Payment was SLOW",
        "http.route": "/items/{id}",
        "http.response.status_code": 200,
        "event.duration": 2_000_000_000,
        "cached": True,
    },
    "bad": {
        "service.name": "shop-orders",
        "log.level": "error",
        "message": "payment failed: card_declined",
        "error.type": "CardError",
        "error.message": "the bank said no",
        "error.stack_trace": "Traceback in charge()",
        "http.route": "/checkout",
        "http.response.status_code": 503,
        "labels.method": "card",
    },
    "worker": {
        "service.name": "worker",
        "log.level": "debug",
        "message": 'says "hello" 100% of the time; DROP TABLE logs',
        "tags": ["nightly", "batch"],
        "temperature": -5,
        "ratio": 0.25,
        "path": "C:\\temp",
    },
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """The corpus in a store, one second between two records, the last one now."""
    store = LogStore(tmp_path_factory.mktemp("lucene"))
    rows = []
    for number, (name, record) in enumerate(CORPUS.items()):
        rows.append(
            LogRow(
                time_unix_nano=NOW - (len(CORPUS) - 1 - number) * SECOND,
                event_id=name,
                service=str(record["service.name"]),
                level=str(record["log.level"]),
                message=str(record["message"]),
                error_message=str(record.get("error.message", "")),
                stack_trace=str(record.get("error.stack_trace", "")),
                trace_id="ab" * 16 if name == "bad" else "",
                span_id="",
                dataset="",
                record=to_json(record),
            )
        )
    store.insert(rows)
    store.connection.create_function("regexp", 2, matches, deterministic=True)
    yield store.connection
    store.connection.close()


def found(corpus: sqlite3.Connection, query: str) -> set[str]:
    """The names of the records that a query finds."""
    condition = translate(query, now=NOW)
    return {row[0] for row in corpus.execute(f"SELECT event_id FROM logs WHERE {condition.sql}", condition.parameters)}


EVERY = set(CORPUS)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Everything.
        ("", EVERY),
        ("*", EVERY),
        ("  ", EVERY),
        # Bare words look into what the record says, whatever their case.
        ("payment", {"slow", "bad"}),
        ("PAYMENT", {"slow", "bad"}),
        ("bank", {"bad"}),
        ("pay*", {"slow", "bad"}),
        ("*ment", {"slow", "bad"}),
        ("p?yment", {"slow", "bad"}),
        ("ment", set()),
        ("card_declined", {"bad"}),
        ("card", set()),
        ('"payment failed"', {"bad"}),
        ('"failed payment"', set()),
        ("nothinglikethis", set()),
        ('"hello"', {"worker"}),
        ('"100%"', {"worker"}),
        ('"--"', set()),
        # A field has exactly the value.
        ("service.name:gateway", {"ok", "slow"}),
        ("service.name:Gateway", set()),
        ("service.name:shop-orders", {"bad"}),
        ("service.name:gate", set()),
        ("service.name:gate*", {"ok", "slow"}),
        ("service.name:*o*", {"bad", "worker"}),
        ('http.route:"/items/{id}"', {"slow"}),
        (r"http.route:\/checkout", {"ok", "bad"}),
        ("http.route:*check*", {"ok", "bad"}),
        ("message:payment", {"slow", "bad"}),
        ("message:bank", set()),
        ("error.message:bank", {"bad"}),
        ("error.stack_trace:charge", {"bad"}),
        ("labels.method:card", {"bad"}),
        ("tags:batch", {"worker"}),
        ("tags:night*", {"worker"}),
        ("cached:true", {"slow"}),
        ("cached:false", set()),
        ("http.response.status_code:200", {"ok", "slow"}),
        ("http.response.status_code:2*", {"ok", "slow"}),
        ("ratio:0.250", {"worker"}),
        ("temperature:-5", {"worker"}),
        (r"path:C\:\\temp", {"worker"}),
        (r"path:C\:\\*", {"worker"}),
        (f"trace.id:{'ab' * 16}", {"bad"}),
        ("nofield:x", set()),
        # Ranges.
        ("http.response.status_code:[500 TO 599]", {"bad"}),
        ("http.response.status_code:[200 TO 503]", {"ok", "slow", "bad"}),
        ("http.response.status_code:{200 TO 503]", {"bad"}),
        ("http.response.status_code:[200 TO 503}", {"ok", "slow"}),
        ("http.response.status_code:>=500", {"bad"}),
        ("http.response.status_code:>503", set()),
        ("http.response.status_code:<500", {"ok", "slow"}),
        ("event.duration:[2000000000 TO *]", {"slow"}),
        ("event.duration:[* TO *]", {"ok", "slow"}),
        ("temperature:[-10 TO -1]", {"worker"}),
        ("service.name:[a TO h]", {"ok", "slow"}),
        ("labels.method:[a TO d]", {"bad"}),
        ("@timestamp:[now-1s TO now]", {"bad", "worker"}),
        ('@timestamp:["2026-01-01T12:00:00Z" TO *]', {"worker"}),
        ("@timestamp:<2026-01-01T11:59:58Z", {"ok"}),
        # Whether a field is there.
        ("_exists_:error.type", {"bad"}),
        ("_exists_:error", {"bad"}),
        ("_exists_:trace.id", {"bad"}),
        ("error.type:*", {"bad"}),
        ("_exists_:labels", {"bad"}),
        ("_exists_:message", EVERY),
        # Regular expressions match the whole value.
        ("service.name:/.+/", EVERY),
        ("service.name:/gate/", set()),
        ("service.name:/gate.*/", {"ok", "slow"}),
        ("service.name:/(gateway|worker)/", {"ok", "slow", "worker"}),
        (r"http.route:/\/items\/.*/", {"slow"}),
        ("http.response.status_code:/5[0-9]{2}/", {"bad"}),
        # How conditions are joined.
        ("payment AND log.level:error", {"bad"}),
        ("payment && log.level:error", None),
        ("log.level:error OR log.level:debug", {"bad", "worker"}),
        ("log.level:(error OR debug)", {"bad", "worker"}),
        ("NOT service.name:gateway", {"bad", "worker"}),
        ("payment NOT slow", {"bad"}),
        ("payment -slow", {"bad"}),
        ("payment slow", {"slow", "bad"}),
        ("+payment slow", {"slow", "bad"}),
        ("+payment +slow", {"slow"}),
        ("-payment", {"ok", "worker"}),
        ("payment AND NOT (slow OR hello)", {"bad"}),
        ("hello OR payment AND slow", {"slow", "worker"}),
        ("(hello OR payment) AND slow", {"slow"}),
        ("log.level:(+error -debug)", {"bad"}),
        ("NOT cached:true", {"ok", "bad", "worker"}),
        ("NOT http.response.status_code:[500 TO *]", {"ok", "slow", "worker"}),
    ],
)
def test_a_query_finds_its_records(corpus: sqlite3.Connection, query: str, expected: set[str] | None) -> None:
    """Each form of the language finds these records and no others; None stands for a refusal."""
    if expected is None:
        with pytest.raises(LuceneError):
            translate(query)
    else:
        assert found(corpus, query) == expected


@pytest.mark.parametrize(
    ("job", "expected"), [(".+", {"bad", "slow"}), ("gateway", {"slow"}), ("(shop-orders|worker)", {"bad"})]
)
def test_the_panels_own_queries_are_understood(corpus: sqlite3.Connection, job: str, expected: set[str]) -> None:
    """What the generators of dashboards write, with Grafana's variable filled in, finds what the panel promises."""
    conditions = any_of(between("http.response.status_code", 500, 599), between("event.duration", 1_000_000_000, None))
    assert found(corpus, substitute(of_service(conditions), {"job": job})) == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("(payment", "the query ends too early; close the bracket or write a value (at character 8)"),
        ("payment)", "unexpected ')'; put a value with special signs in quotes (at character 8)"),
        ("http.route:/checkout", "unexpected '/'; put a value with special signs in quotes (at character 12)"),
        ('message:"open', "unexpected '\"'; close the quotation mark (at character 9)"),
        ("payment~2", "fuzzy search with ~ is not supported; use * and ? (at character 1)"),
        ("a payment^2", "a boost with ^ is not supported: results are in order of time (at character 3)"),
        ("a && b", "'&&' is not an operator here; write AND (at character 3)"),
        ("!a", "'!a' is not an operator here; write NOT (at character 1)"),
        ("[1 TO 2]", "a range needs a field, such as http.response.status_code:[500 TO 599] (at character 1)"),
        ("message:[a TO b]", "message is text and has no order; use words (at character 9)"),
        ("/pay.*/", "a regular expression needs a keyword field, such as service.name:/a.*/ (at character 1)"),
        ("a:/(b+)+/", "'+' can only follow a single character or a [class] (at character 3)"),
        ("a:/b{/", "a repetition is written {n}, {n,} or {n,m} (at character 3)"),
        ("a:/.*.*.*.*/", "more than 3 open-ended repetitions (at character 3)"),
        ("a:/<1-5>/", "'<' in a regular expression is not supported; write \\< for the sign (at character 3)"),
        ("a:(b:c)", "a field stands inside another field's brackets (at character 4)"),
        ("a*:b", "a field's name has no wildcards or quotes; name one field (at character 1)"),
        ("a:*b*c*d*e*", "a term may have 4 wildcards (at character 3)"),
        ("@timestamp:[soon TO now]", "'soon' is no point in time"),
        ("@timestamp:2026", 'a time is asked for by a range, such as @timestamp:["2026-01-31" TO now]'),
        ("a:[b* TO c]", "an end of a range is a value or a lone * (at character 4)"),
        ("x" * 2001, "a query may have 2000 characters, this one has 2001"),
        ("a " * 201, "a query may have 200 terms (at character 401)"),
        ("(" * 51 + "a" + ")" * 51, "brackets are nested deeper than 50 (at character 52)"),
        ("\ud800", "a query must be valid Unicode"),
    ],
)
def test_a_wrong_query_is_one_clear_sentence(query: str, said: str) -> None:
    """It says what is wrong, what to write instead, and where."""
    with pytest.raises(LuceneError) as refused:
        translate(query)
    assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    "hostile",
    [
        "'; DROP TABLE logs; --",
        "service.name:\"x' OR '1'='1\"",
        "a'b:c",
        'a.b\\"c:d',
        '_exists_:"x\' OR 1=1 --"',
        "service.name:x')OR(1=1",
        'message:"\\" OR message : *"',
        "$.x:y",
        "a[0]:y",
        "#:y",
        "service.name:%",
        "service.name:[' TO ']",
        "message:NEAR",
        "NEAR\\(a b\\)",
        "message:\\^a",
        "\0",
        'message:"\0"',
        "a\0b:c",
    ],
)
def test_a_hostile_query_is_text_or_is_refused(corpus: sqlite3.Connection, hostile: str) -> None:
    """No part of a query becomes SQL or the full-text index's syntax: it finds nothing it should not, or is refused."""
    with contextlib.suppress(LuceneError):
        assert found(corpus, hostile) <= {"worker", "bad"}
    assert found(corpus, "*") == EVERY


WORDS = st.sampled_from(
    ["a", "service.name:", "AND", "OR", "NOT", "(", ")", "[", "]", "{", "}", "TO", "*", "?", '"', "'", "\\", "/", "+",
     "-", "~", "^", ":", ">=", "<", "1", "-5", "message:", "_exists_:", "@timestamp:", "now", " ", "&&", "é", "\0", "%"]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=25).map("".join), st.lists(WORDS).map(" ".join)))
def test_any_text_is_understood_or_refused(corpus: sqlite3.Connection, query: str) -> None:
    """Whatever is typed either runs as a condition or raises the one error, and never anything else."""
    try:
        condition = translate(query)
    except LuceneError:
        return
    assert condition.sql.count("?") == len(condition.parameters)
    assert find_logs(corpus, LogFilter(condition), 10).total <= len(CORPUS)


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, st.sampled_from(["service.name", "x.y"]))
def test_any_value_in_quotes_is_found_as_it_is(corpus: sqlite3.Connection, value: str, field: str) -> None:
    """A quoted value is that value and nothing else, whatever signs are in it."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    record = to_json({"event.id": "probe", field: value})
    row = LogRow(NOW, "probe", value if field == "service.name" else "", "", "", "", "", "", "", "", record)
    corpus.execute("BEGIN")
    corpus.execute(f"INSERT INTO logs ({', '.join(LogRow._fields)}) VALUES ({', '.join('?' * len(row))})", row)
    try:
        assert "probe" in found(corpus, f'{field}:"{quoted}"')
    finally:
        corpus.execute("ROLLBACK")
