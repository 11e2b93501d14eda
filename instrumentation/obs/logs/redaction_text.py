"""Secrets in running text: behind the key that names them, behind a scheme, in a URL, and by their own shape.

Every pattern begins in few places and repeats within bounds, so that a text of any content is read in linear time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from obs.logs import redaction_rules as rules
from obs.logs import redaction_tokens as tokens
from obs.logs.redaction_keys import Keys
from obs.logs.redaction_rules import MARKER

_PART = re.compile(r"[^A-Za-z]+")

# Two ways to see a text at a glance: its long words as runs of `a`, its digits as runs of `0`.
_WORD_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_AS_WORDS = bytes(97 if byte in _WORD_CHARACTERS else 32 for byte in range(256))
_AS_DIGITS = bytes(48 if 48 <= byte < 58 else 97 for byte in range(256))
# What stands between the groups of a card's number; the last two bytes are a space that does not break.
_BETWEEN_DIGITS = b" -.\xc2\xa0"
_LONG_WORD = b"a" * tokens.SHORTEST
_LONG_NUMBER = b"0" * 13
# A text without any of these names no secret that stands behind it without a mark; what parts them is a blank or a tag.
_HINTS = ("oken", "pass", "ecret", "key", "basic", "earer", "pwd", "egotiate", "ntlm", " -")


def redacted(text: str, keys: Keys) -> str:
    """The text with each secret in it replaced; a text without one is looked at for about a microsecond."""
    marked = ":" in text or "=" in text
    if marked or "%3" in text or "u003" in text:
        text = _behind_marks(text, keys)
    if marked:
        text = _in_urls(text)
    seen = text.encode("utf-8", "replace")
    if _LONG_WORD in seen.translate(_AS_WORDS):
        text = _by_shape(text)
    if _LONG_NUMBER in seen.translate(_AS_DIGITS, _BETWEEN_DIGITS):
        text = rules.CARD.sub(_card, text)
    if " " in text or "\t" in text or "</" in text:
        small = text.lower()
        for hint in _HINTS:
            if hint in small:
                return _behind_words(text, keys)
    return text


def _behind_marks(text: str, keys: Keys) -> str:
    """Values behind a key and a colon or an equals sign, or in the next field or element."""
    if any(_names_a_secret(text, match, keys) for match in rules.KEY.finditer(text)):
        text = rules.AUTHORIZATION.sub(_authorization, text)
        text = rules.COOKIE.sub(rf"\1{MARKER}", text)
        text = "".join(_assignments(text, keys))
    if "alue" in text or "ALUE" in text:
        text = rules.NAME_AND_VALUE.sub(lambda match: _named(match, keys), text)
    if 'name="' in text:
        text = rules.FORM_PART.sub(lambda match: _named(match, keys), text)
    if "(" in text:
        text = rules.AUTH_PAIR.sub(rf"\1{MARKER}\3", text)
    return text


def _in_urls(text: str) -> str:
    if "ig=" in text or "ature=" in text or "edential=" in text:
        text = rules.URL_SIGNATURE.sub(rf"\1{MARKER}", text)
    if "code=" in text or "key=" in text or "auth=" in text:
        text = rules.URL_CODE.sub(_code, text)
    if "@" in text:
        if "://" in text:
            text = rules.URL_USER.sub(_url_user, text)
        if "@tcp(" in text or "@unix(" in text or ":thin:" in text:
            text = rules.OTHER_USER.sub(lambda match: f"{match[1] or match[2]}{MARKER}", text)
    if ":AA" in text:
        text = rules.BOT.sub(MARKER, text)
    return text


def _by_shape(text: str) -> str:
    text = tokens.WORD.sub(tokens.masked, text)
    if "hooks" in text:
        text = rules.HOOK.sub(rf"\1{MARKER}", text)
    if "Q~" in text or "1//0" in text:
        text = rules.WITH_MARKS.sub(MARKER, text)
    return text


def _behind_words(text: str, keys: Keys) -> str:
    """Values that only a space parts from the word that names them, on a command line too."""
    if "PRIVATE KEY" in text or "Private-Lines" in text:
        text = rules.PRIVATE_KEY.sub(MARKER, text)
    text = rules.SCHEME.sub(_scheme, text)
    text = rules.AFTER_A_WORD.sub(lambda match: _after_a_word(match, keys), text)
    if "</" in text:
        text = rules.ELEMENT.sub(lambda match: _named(match, keys), text)
    if " -" in text:
        text = rules.USER_OPTION.sub(rf"\1{MARKER}", text)
        text = rules.COMMAND.sub(rf"\1{MARKER}", text)
        if "curl" in text:
            text = rules.COOKIE_OPTION.sub(rf"\1{MARKER}", text)
    return text


def _names_a_secret(text: str, match: re.Match[str], keys: Keys) -> bool:
    """Whether a key is sensitive, alone or with the word before it as in `API key: ...`."""
    key = match[1]
    if keys.sensitive(key):
        return True
    if key.lower() not in rules.LAST_WORDS:
        return False
    begin = match.start(1)
    before = rules.WORD_BEFORE.search(text[max(0, begin - rules.BEFORE_A_KEY) : begin])
    return before is not None and keys.sensitive(f"{before[1]}_{key}")


def _assignments(text: str, keys: Keys) -> Iterator[str]:
    """The text in pieces, with the value behind each sensitive key replaced."""
    done = 0
    for match in rules.KEY.finditer(text):
        if match.start() < done or not _names_a_secret(text, match, keys):
            continue
        found = rules.VALUE.match(text, match.end())
        if found is not None and not _tells_nothing(text, match, found):
            yield text[done : found.start("value")]
            yield MARKER
            done = found.end()
    yield text[done:]


def _tells_nothing(text: str, key: re.Match[str], found: re.Match[str]) -> bool:
    """Whether what follows a sensitive key is no value: nothing, a marker, or prose as in `password: required`."""
    before, quote, value = found.group("open", "quote", "value")
    bare = value.strip("\\\"'“”`").rstrip()
    if not bare or bare.startswith(MARKER[:-1]) or bare.lower() in {"none", "null", "true", "false"}:
        return True
    if rules.PLACEHOLDER.fullmatch(bare) or _is_in_a_path(text, key):
        return True
    if key[1].lower() == "pwd" and bare.startswith(("/", "~")):
        return True  # the working directory
    if before == "[" or before.startswith("[ "):
        return _is_sentence(bare)  # what a form answers about its fields
    # Prose follows a colon and a space; an equals sign or a quote makes it a value.
    return not quote and key[0].endswith((" ", "\t")) and "=" not in key[0] and _is_prose(bare)


def _is_in_a_path(text: str, key: re.Match[str]) -> bool:
    """Whether the key is a part of a resource's name, as in `arn:aws:secretsmanager:region:account:secret:name`."""
    return text[max(0, key.start() - 100) : key.start()].rpartition(" ")[2].startswith("arn:")


def _is_prose(text: str) -> bool:
    return all(part in rules.PROSE for part in _PART.split(text.lower()) if part) and not any(map(str.isdigit, text))


def _is_sentence(text: str) -> bool:
    return text.count(" ") > 1 and not any(map(str.isdigit, text))


def _looks_secret(value: str) -> bool:
    """Whether a word that follows the name of a secret can be one: letters and digits in it, and no place or time."""
    bare = value.rstrip(".!?:)]}>")
    if len(bare) < 6 or not any(map(str.isdigit, bare)) or not any(map(str.isalpha, bare)):
        return False
    return "/" not in bare and "(" not in bare and "=" not in bare and MARKER[1:] not in value


def _after_a_word(match: re.Match[str], keys: Keys) -> str:
    before, name, value = match.groups()
    secret = keys.sensitive(name.replace(" ", "_")) and _looks_secret(value)
    return f"{before}{MARKER}" if secret else match[0]


def _named(match: re.Match[str], keys: Keys) -> str:
    before, name, value = match.groups()
    if not keys.sensitive(name) or not value.strip() or rules.PLACEHOLDER.fullmatch(value) or _is_sentence(value):
        return match[0]
    quote = value[:1] if value[:1] in "\"'" else ""
    return f"{before}{quote}{MARKER}"


def _authorization(match: re.Match[str]) -> str:
    before, scheme, value = match.groups()
    if scheme.lower() in rules.PROSE - {"basic", "bearer", "token"} or _is_prose(value):
        return match[0]
    return f"{before}{MARKER}"


def _code(match: re.Match[str]) -> str:
    before, value = match.groups()
    mixed = any(map(str.isdigit, value)) and not value.islower() and not value.isupper()
    return f"{before}{MARKER}" if mixed else match[0]


def _url_user(match: re.Match[str]) -> str:
    user = match[1]
    # `ssh://git@host` names an account; a long word without a password is a token.
    if ":" not in user and user.isalpha() and len(user) <= 12:
        return match[0]
    return f"://{MARKER}@"


def _scheme(match: re.Match[str]) -> str:
    scheme, space, value = match.groups()
    kind = scheme.lower()
    if kind == "bearer":
        # `Bearer realm="api"` is what a server asks for.
        secret = not _is_prose(value) and "=" not in value.rstrip("=")
    elif kind == "basic":
        secret = _is_basic(value)
    else:
        secret = len(value) >= 16 and any(map(str.isdigit, value))
    return f"{scheme}{space}{MARKER}" if secret else match[0]


def _is_basic(value: str) -> bool:
    """Whether this is what the Basic scheme sends: a name, a colon and a password in base64."""
    try:
        return b":" in base64.b64decode(value[: len(value) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return False


def is_card(digits: str) -> bool:
    """Whether this is the number of a payment card: an issuer's beginning and length, and the check digit."""
    return rules.CARD_ISSUER.fullmatch(digits) is not None and _luhn(digits)


_NOT_DIGITS = str.maketrans("", "", " -.\u00a0")


def _card(match: re.Match[str]) -> str:
    return MARKER if is_card(match[0].translate(_NOT_DIGITS)) else match[0]


def _luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others. Source: ISO/IEC 7812-1, annex B."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0
