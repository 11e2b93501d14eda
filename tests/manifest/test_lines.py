"""On which line a key stands, for every way in which TOML can write one."""

from __future__ import annotations

import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obs.manifest.lines import KeyPath, key_lines, line_of

DOCUMENT = '''# a comment with [brackets] = and "quotes"
[project] # another
name = "a = [b] # no comment"
"quoted key" = 1
'literal.key' = 2
dotted . "inner" = 3

[[services]]
text = """
[no.header]
key = "no key"
\\"""
"""
literal = \'\'\'
[[services]] \'\'\'
list = [
  "one", # first
  { a = 1, b.c = "}" },
  ["x", [1, 2]],
]
[[services.slos]]
n = 1
[[services.slos]]
n = 2
[services.slos.more]
deep = 1979-05-27 07:32:00
[[services]]
[[services.slos]]
n = 3
'''

EXPECTED: list[tuple[KeyPath, int]] = [
    (("project",), 2),
    (("project", "name"), 3),
    (("project", "quoted key"), 4),
    (("project", "literal.key"), 5),
    (("project", "dotted", "inner"), 6),
    (("services", 0), 8),
    (("services", 0, "text"), 9),
    (("services", 0, "literal"), 14),
    (("services", 0, "list"), 16),
    (("services", 0, "list", 0), 17),
    (("services", 0, "list", 1, "a"), 18),
    (("services", 0, "list", 1, "b", "c"), 18),
    (("services", 0, "list", 2, 1, 1), 19),
    (("services", 0, "slos", 0, "n"), 22),
    (("services", 0, "slos", 1, "n"), 24),
    (("services", 0, "slos", 1, "more", "deep"), 26),
    (("services", 1), 27),
    (("services", 1, "slos", 0, "n"), 29),
]


@pytest.mark.parametrize(("path", "line"), EXPECTED)
def test_a_key_is_found_on_its_line(path: KeyPath, line: int) -> None:
    """Comments, strings of several lines, quoted and dotted keys, arrays and inline tables shift nothing."""
    assert key_lines(DOCUMENT)[path] == line


def test_a_table_of_dotted_keys_stands_where_the_first_one_stands() -> None:
    """`a.b` on one line and `a.c` on the next open the table `a` once."""
    assert key_lines("a.b = 1\na.c = 2\n") == {("a",): 1, ("a", "b"): 1, ("a", "c"): 2}


def test_a_missing_key_is_told_at_the_table_around_it() -> None:
    """Where a key should stand is the line of its table."""
    assert line_of(("services", 1, "owner"), key_lines(DOCUMENT)) == 27
    assert line_of(("nowhere",), key_lines(DOCUMENT)) == 1


def paths_of(value: object, path: KeyPath = ()) -> set[KeyPath]:
    """Every path of a parsed document."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {path, *(found for key, child in children for found in paths_of(child, (*path, key)))}


TEXTS = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=8)
VALUES = st.recursive(
    st.integers() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def toml(value: object) -> str:
    """A value in TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml(key)} = {toml(child)}" for key, child in value.items()) + " }"
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(toml, value)) + "\n]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower()


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_the_scanner_finds_the_keys_that_the_parser_finds(values: dict[str, object]) -> None:
    """Whatever the document, no key is overlooked and none is invented."""
    text = "".join(f"{toml(key)} = {toml(value)}\n" for key, value in values.items())
    parsed = tomllib.loads(text, parse_float=Decimal)
    assert {(), *key_lines(text)} == paths_of(parsed)
