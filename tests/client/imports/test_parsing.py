"""JSON of any depth, as strict as RFC 8259."""

import copy
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports import parsing
from balon_client.imports.errors import ConversationTooLargeError, DamagedConversationError
from balon_client.imports.parsing import parsed_text, parsed_value
from balon_client.imports.splitting import RawValue
from tests.client.imports.test_splitting import VALUES


def parse_deep(text: str):
    with parsed_text(text) as value:
        return copy.deepcopy(value)


def parse_value(value: RawValue):
    with parsed_value(value) as parsed:
        return copy.deepcopy(parsed)


BROKEN = [
    *('{"a"}', '{"a":}', '{"a":1,}', "{,}", '{"a":1 "b":2}', "{a:1}", "{'a':1}", '{"a":1]', "{1:2}", "{[]:1}", "{]"),
    *("[1,]", "[,]", "[1 2]", "[1}", "[01]", "[+1]", "[.5]", "[1.]", "[1e]", "[0x1]", "[-]", "[--1]"),
    *("[NaN]", "[Infinity]", "[-Infinity]", "[nul]", "[True]", "[undefined]"),
    *('["\\x"]', '["\\u12"]', '["a\nb"]', '["a', "[] []", "[]]", "", " ", "[/**/]", "[" + "9" * 5000 + "]"),
]


@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_values_are_the_same_as_those_of_the_standard_library(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_deep(text) == json.loads(text)


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_refused_at_any_depth(text):
    with pytest.raises(ValueError):
        parse_deep(text)
    for depth in (1, 1000):
        with pytest.raises(DamagedConversationError):
            parse_value(RawValue(text.encode(), depth))


@given(st.text(alphabet='[]{}":,0123456789.eE+-truefalsn \\u"', max_size=30))
def test_noise_is_judged_as_the_standard_library_judges_it(text):
    try:
        expected = json.loads(text, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(ValueError):
            parse_deep(text)
    else:
        assert parse_deep(text) == expected


def test_of_a_name_that_stands_twice_the_last_counts():
    assert parse_deep('{"a":1,"a":2}') == {"a": 2}


def test_halves_of_characters_are_parsed():
    assert parse_deep('["\\ud800", "\\ud83d\\ude00"]') == ["\ud800", "\U0001f600"]


@pytest.mark.parametrize("depth", [64, 65, 100_000])
def test_depth_is_no_matter(depth):
    raw = b'{"a":' * depth + b"1" + b"}" * depth
    with parsed_value(RawValue(raw, depth)) as value:
        inner = value
        for _ in range(depth):
            inner = inner["a"]
        assert inner == 1


@pytest.mark.parametrize("end", ["]" * 1000, ""], ids=["whole", "broken off"])
def test_deep_values_are_taken_apart(end, monkeypatch):
    """Freeing them as they are would recurse."""
    seen = []

    def spy(text, containers):
        seen.append(containers)
        return parse(text, containers)

    parse = parsing._parse_deep
    monkeypatch.setattr(parsing, "_parse_deep", spy)
    with suppress(ValueError), parsed_text("[" * 1000 + "1" + end) as value:
        assert value
    (containers,) = seen
    assert len(containers) == 1000
    assert not any(containers)


def test_bytes_that_are_no_utf_8_are_damage():
    with pytest.raises(DamagedConversationError):
        parse_value(RawValue(b'{"a":"\xff"}', 1))


def test_what_was_too_large_to_hold_is_said():
    with pytest.raises(ConversationTooLargeError):
        parse_value(RawValue(None, 1))


def test_too_many_values_are_too_large(monkeypatch):
    monkeypatch.setattr(parsing, "MAX_VALUES", 10)
    with pytest.raises(ConversationTooLargeError):
        parse_value(RawValue(b"[" + b"1," * 20 + b"1]", 1))


def test_memory_that_is_not_there_is_too_large(monkeypatch):
    def fail(_text, _containers):
        raise MemoryError

    monkeypatch.setattr(parsing, "_parse_deep", fail)
    with pytest.raises(ConversationTooLargeError):
        parse_value(RawValue(b"[]", 1000))
