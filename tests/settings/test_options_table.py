"""The options table is the only place where an option is described."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_origin, get_type_hints

import pytest

from obs.settings import OPTIONS, Arguments, Option, Settings, resolve


def test_each_attribute_of_settings_is_a_row() -> None:
    """Names of the table and attributes of the settings are the same, in the same order."""
    assert list(OPTIONS) == [field.name for field in fields(Settings)]


@pytest.mark.parametrize("option", OPTIONS.values(), ids=list(OPTIONS))
def test_a_row_is_complete(option: Option) -> None:
    """Each option has a help of one sentence, a default that its own check accepts, and its variable first."""
    default = option.default() if callable(option.default) else option.default
    assert option.kind.check(default) == default
    assert option.help.endswith(".")
    assert option.kind.allowed
    assert option.environment[0] == f"OBS_{option.name.upper()}"


def test_every_option_has_an_origin() -> None:
    """Whoever asks where a value came from gets an answer for each option."""
    assert list(resolve({}, {}).origins) == list(OPTIONS)


def test_the_arguments_that_editors_know_are_the_options() -> None:
    """Each option is an argument of `obs.init()` of its own type, which may be None."""
    arguments = get_type_hints(Arguments)
    assert list(arguments) == list(OPTIONS)
    for name, kind in get_type_hints(Settings).items():
        taken = [get_origin(part) or part for part in get_args(arguments[name])]
        assert type(None) in taken
        assert any(issubclass(get_origin(kind) or kind, part) for part in taken), name
