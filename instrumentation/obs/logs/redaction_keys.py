"""Which keys name a secret, word by word: `db_password`, `X-Api-Key` and `refreshToken` do, `primary_key` does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from obs.logs import redaction_rules as rules

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VERDICTS_KEPT = 4096
LONGEST = 256


@lru_cache(maxsize=_VERDICTS_KEPT)
def words(key: str) -> tuple[str, ...]:
    """The words of a key, in lower case: `X-Api-Key`, `apiKey` and `API_KEY` are the same two.

    Example:
        >>> words("refreshToken2")
        ('refresh', 'token')
    """
    return tuple(word.lower() for word in _WORD.findall(key[:LONGEST]))


class Keys:
    """Judges keys, and remembers its verdicts.

    Args:
        further: Keys whose values are secrets too, such as ``iban``; compared word by word.
        safe: Keys whose values are none, whatever their names.
    """

    def __init__(self, further: Iterable[str] = (), safe: Iterable[str] = ()) -> None:
        self._own = frozenset(filter(None, map(words, further)))
        self._sequences = rules.SEQUENCES | self._own
        self._safe = frozenset(filter(None, map(words, safe)))
        self._verdicts: dict[str, bool] = {}
        self._nested_verdicts: dict[tuple[str, ...], bool] = {}

    def sensitive(self, key: str) -> bool:
        """Whether a value under this key is a secret by its name."""
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = not self.safe(key) and self._judge(words(key))
            if len(self._verdicts) < _VERDICTS_KEPT and len(key) <= LONGEST:
                self._verdicts[key] = verdict
        return verdict

    def safe(self, key: str, path: tuple[str, ...] = ()) -> bool:
        """Whether the project said that a value under this key is no secret.

        Args:
            key: A key, which may be dotted; its last part decides too.
            path: The words of the keys that it stands under.
        """
        if not self._safe:
            return False
        parts = words(key)
        return parts in self._safe or (*path, *parts) in self._safe or words(key.rpartition(".")[2]) in self._safe

    def _judge(self, parts: tuple[str, ...]) -> bool:
        if self._own and any(_contains(parts, own) for own in self._own):
            return True
        if not parts or (_only_tells(parts) and parts[-2:] not in rules.HEADERS):
            return False
        if not rules.WORDS.isdisjoint(parts) or "_".join(parts) in rules.WHOLE or parts[-2:] in rules.HEADERS:
            return True
        if any(len(part) > 6 and part.endswith(rules.ENDINGS) for part in parts):
            return True
        return any(_contains(parts, sequence) for sequence in rules.SEQUENCES)

    def follow_one_another(self, parts: tuple[str, ...]) -> bool:
        """Whether the words of nested keys name a secret together, as in `{"card": {"number": ...}}`."""
        verdict = self._nested_verdicts.get(parts)
        if verdict is None:
            verdict = any(_contains(parts, sequence) for sequence in self._sequences) and not _only_tells(parts)
            if len(self._nested_verdicts) < _VERDICTS_KEPT:
                self._nested_verdicts[parts] = verdict
        return verdict


def _contains(parts: tuple[str, ...], sequence: tuple[str, ...]) -> bool:
    size = len(sequence)
    return any(parts[start : start + size] == sequence for start in range(len(parts) - size + 1))


def _only_tells(parts: tuple[str, ...]) -> bool:
    """Whether the words tell about a secret instead of naming one."""
    if len(parts) < 2:
        return False
    last = parts[-1]
    happened = last.endswith(rules.HAPPENED) and last not in rules.STILL_A_SECRET
    return happened or last in rules.DESCRIPTIONS or parts[0] in rules.QUESTIONS
