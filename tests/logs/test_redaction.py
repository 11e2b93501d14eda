"""Secrets reach no output, and what is no secret is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs import logs
from obs.logs import redact, redact_text

HERE = Path(__file__).parent


def rows(name: str) -> list[list[str]]:
    """The rows of a corpus: field or text, what carries the secret, the secret."""
    text = (HERE / name).read_text(encoding="utf-8")
    return [line.replace("\\n", "\n").split("\t") for line in text.splitlines()]


SECRETS = rows("secrets.tsv")
INNOCENTS = rows("innocents.tsv")


def test_the_corpora_are_large_enough_to_mean_something() -> None:
    """More than a hundred secrets and a hundred innocents are tried."""
    assert len(SECRETS) >= 100
    assert len(INNOCENTS) >= 100


@pytest.mark.parametrize(("kind", "carrier", "secret"), SECRETS)
def test_secret_is_not_in_the_record(
    kind: str, carrier: str, secret: str, start: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret under its key, in a message, in a nested value or in an exception is in no byte of the line."""
    start()
    log = logs.get_logger()
    if kind == "field":
        log.info("event", **{carrier: secret})
        log.info("event", nested=[{"deep": {carrier: secret}}], headers=[(carrier, secret)])
        log.info("event", payload=f'{{"{carrier}": "{secret}"}}')
    else:
        log.info(carrier)
        log.info("event", field=carrier, nested=[{"deep": (carrier,)}], raw=carrier.encode())
        try:
            raise ValueError(carrier)
        except ValueError:
            log.exception("failed")
    out = capsys.readouterr().out
    assert secret not in out
    assert out.count("[redacted]") >= 3


@pytest.mark.parametrize(("kind", "carrier", "value"), INNOCENTS)
def test_innocent_is_left_alone(kind: str, carrier: str, value: str) -> None:
    """What only resembles a secret is written as it was given."""
    if kind == "field":
        assert redact({carrier: value}) == {carrier: value}
    else:
        assert redact_text(carrier) == carrier
        assert redact({"field": carrier, "list": [carrier]}) == {"field": carrier, "list": [carrier]}


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
    "password=,;,;", " ", ",a", "-", "token ", "\\", "-a=", "\u00e9=", "password: ",
]  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", EVIL)
def test_text_that_is_made_to_be_slow_is_read_in_linear_time(unit: str) -> None:
    """A hostile megabyte is done at once; at quadratic cost it would take hours and the test would time out."""
    text = "password=" + unit * (1_000_000 // len(unit))
    assert len(redact_text(text)) <= len(text) + len(unit) * 1_000_000
