"""Secrets reach no output, and what is no secret is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs import logs
from obs.logs import redact, redact_text
from obs.settings import SettingError, resolve

HERE = Path(__file__).parent


def rows(name: str) -> list[list[str]]:
    """The rows of a corpus: field or text, what carries the secret, the secret."""
    text = (HERE / name).read_text(encoding="utf-8")
    return [line.replace("\\n", "\n").split("\t") for line in text.splitlines()]


SECRETS = rows("secrets.tsv")
INNOCENTS = rows("innocents.tsv")


def test_the_corpora_are_large_enough_to_mean_something() -> None:
    """Hundreds of secrets and hundreds of innocents are tried, none of them twice."""
    assert len({tuple(row) for row in SECRETS}) == len(SECRETS) >= 200
    assert len({tuple(row) for row in INNOCENTS}) == len(INNOCENTS) >= 200


def log_secret(kind: str, carrier: str, secret: str) -> None:
    """Log a secret in every way in which it can be in a record."""
    log = logs.get_logger()
    if kind == "field":
        log.info("event", **{carrier: secret})
        log.info("event", nested=[{"deep": {carrier: secret}}], headers=[(carrier, secret)])
        log.info("event", payload=f'{{"{carrier}": "{secret}"}}')
        return
    log.info(carrier)
    log.info("event", field=carrier, nested=[{"deep": (carrier,)}], raw=carrier.encode())
    try:
        raise ValueError(carrier)
    except ValueError:
        log.exception("failed")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_in_a_record(
    log_format: str, start: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret under its key, in a message, in a nested value or in an exception is in no byte of a line."""
    start(log_format=log_format)
    leaked = []
    for kind, carrier, secret in SECRETS:
        log_secret(kind, carrier, secret)
        out = capsys.readouterr().out
        if secret in out or out.count("[redacted]") < 3:
            leaked.append(carrier)
    assert leaked == []


def test_no_innocent_is_hurt() -> None:
    """What only resembles a secret is written as it was given."""
    hurt = []
    for kind, carrier, value in INNOCENTS:
        if kind == "field":
            kept = redact({carrier: value}) == {carrier: value}
        else:
            kept = redact({"field": carrier, "list": [carrier]}) == {"field": carrier, "list": [carrier]}
        if not kept:
            hurt.append(carrier)
    assert hurt == []


@pytest.mark.parametrize("value", [None, True, False, "", [], {}])
def test_value_that_can_be_no_secret_is_kept(value: object) -> None:
    """`password=None` and `has_token=True` tell something without giving anything away."""
    assert redact({"password": value, "has_token": value}) == {"password": value, "has_token": value}


def test_nested_keys_name_a_secret_together() -> None:
    """`{"card": {"number": ...}}` and a list of headers are as secret as `card_number` and `authorization`."""
    assert redact({"card": {"number": "x", "type": "visa"}, "headers": (("cookie", "a=b"), ("accept", "x"))}) == {
        "card": {"number": "[redacted]", "type": "visa"},
        "headers": (("cookie", "[redacted]"), ("accept", "x")),
    }


def test_a_pair_of_texts_is_not_taken_for_a_header_and_its_secret_shown() -> None:
    """What looks like a header's name may hold the secret itself."""
    secret = "abcdefghijklmnopqrstuvwx"
    assert secret not in str(redact({"tags": [f"Bearer {secret}", "x"], "more": (f"password={secret}", "y")}))


def test_numbers_are_secrets_under_a_singular_name_only() -> None:
    """A numeric PIN is a secret; a count of secrets is not; a card number is one wherever it stands."""
    assert redact({"otp": 123456, "secrets": 3, "order": 4111111111111111}) == {
        "otp": "[redacted]",
        "secrets": 3,
        "order": "[redacted]",
    }


def test_own_keys_are_added_by_the_settings(
    start: Callable[..., Any], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """`redact_keys` names further secrets, compared word by word."""
    start(redact_keys=("iban", "tax-id"))
    logs.get_logger().info("paid", customerIban="DE89", tax_id=5, taxi="yes", note="iban=DE89 ok")
    (record,) = lines()
    assert record["customerIban"] == record["tax_id"] == "[redacted]"
    assert record["taxi"] == "yes"
    assert record["note"] == "iban=[redacted] ok"


def test_own_patterns_are_added_by_the_settings(
    start: Callable[..., Any], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """`redact_patterns` names further shapes, masked in messages, fields and exceptions."""
    start(redact_patterns=(r"CUST-\d{6,12}", r"^[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}\b"))
    logs.get_logger().info("welcome CUST-123456", iban="DE89 3704 0044 0532 0130", deep=[{"a": "CUST-654321!"}])
    (record,) = lines()
    assert record["message"] == "welcome [redacted]"
    assert record["iban"] == "[redacted]"
    assert record["deep"] == [{"a": "[redacted]!"}]


@pytest.mark.parametrize(
    "pattern", [r"\d+", "x*", r"(\w{1,20}){1,20}", "(a|a){1,30}b", r"(a)\1", "(", "", ".{0,64}.{0,64}.{0,64}x", r"\Ax"]
)
def test_pattern_that_could_be_slow_or_is_none_is_refused(pattern: str) -> None:
    """A pattern that could take more than linear time is an error that names it and says how to write it."""
    with pytest.raises(SettingError) as refused:
        resolve({"redact_patterns": ["fine", pattern]})
    assert repr(pattern) in str(refused.value)
    assert "repeats within bounds" in str(refused.value)


def test_field_that_is_marked_safe_is_shown(
    start: Callable[..., Any], lines: Callable[[], list[dict[str, Any]]]
) -> None:
    """`safe_keys` keeps a value that its name or its shape would have masked, and only that one."""
    start(safe_keys=("session_id", "order.number"))
    logs.get_logger().info("m", session_id="s-1", order={"number": "4111111111111111"}, user_session_id="x", otp="1")
    logs.get_logger().info("m", session_id="s-2")
    first, second = lines()
    assert (first["session_id"], second["session_id"]) == ("s-1", "s-2")
    assert first["order"] == {"number": "4111111111111111"}
    assert first["user_session_id"] == first["otp"] == "[redacted]"


def test_name_beside_its_value_tells_that_it_is_a_secret() -> None:
    """A container's environment is a list of names and values."""
    environment = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "fast"}]
    assert redact({"env": environment}) == {
        "env": [{"name": "DB_PASSWORD", "value": "[redacted]"}, {"name": "MODE", "value": "fast"}]
    }


def test_what_surrounds_a_secret_stays_readable() -> None:
    """Only the secret is replaced, in URLs, JSON, queries and headers."""
    assert (
        redact_text("GET https://bob:hunter2@db/x?token=abc&page=2")
        == "GET https://[redacted]@db/x?token=[redacted]&page=2"
    )
    assert (
        redact_text('{"user": "bob", "password": "a\\"b", "n": 1}')
        == '{"user": "bob", "password": "[redacted]", "n": 1}'
    )


EVIL = [
    "a=", "eyJ", "eyJ.", "-----BEGIN PRIVATE KEY-----", "://", "://a", "1", "1 ", "4111-", "Bearer ", "password=",
    "password='", "a", "cookie:", "authorization: basic ", "://@", "=\\\"'", 'password:"', "a.b-", "sk-a-", "?sig=",
    "password=,;,;", " ", ",a", "-", "token ", "\\", "-a=", "\u00e9=", "password: ", "name=password value=",
    "name=password\n", "<a ", "<password>", "token 'a1", "password=['", "mysql -a", "mysql a ", "a%3D", "api key: ",
    "eyJaaaaa.aaaaa_", "password: |\n ", "password=\u201c", "12345678:AA", "password=f(", "auth=(", "-u a:", "://a:b",
    "a:b@tcp(", "4111.1111.", "%5Bpassword", "aaa8Q~", "1//0", "Private-Lines: 1 ", "authorization: a =\"", "a_b-",
    "?code=a1B", "xoxe.", "arn:secret:", "name=\"a\"\n\n",
]  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", EVIL)
def test_text_that_is_made_to_be_slow_is_read_in_linear_time(unit: str) -> None:
    """A hostile text is done at once; at quadratic cost it would take minutes and the test would time out."""
    text = "password=" + unit * (200_000 // len(unit))
    assert len(redact_text(text)) <= len(text) + len(unit) * 200_000
