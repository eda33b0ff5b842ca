"""Conversations are cut out of a file wherever its chunks end, and nothing is looked at twice."""

import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports import splitting
from balon_client.imports.errors import DamagedExportError, ExportTooLargeError, UnknownExportError
from balon_client.imports.splitting import Budget, split_values

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)


class Chunks:
    """A file that gives its bytes in pieces of some sizes."""

    def __init__(self, raw: bytes, sizes: list[int]) -> None:
        self.raw, self.at, self.sizes = raw, 0, itertools.cycle(sizes)

    def read(self, _size: int) -> bytes:
        start, self.at = self.at, self.at + next(self.sizes)
        return self.raw[start : self.at]


def split(raw: bytes, sizes: list[int] | None = None) -> list[bytes]:
    return [value.raw for value in split_values(Chunks(raw, sizes or [1 << 20]), Budget())]


def depth_of(value) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(OBJECTS, st.lists(st.integers(1, 9), min_size=1), st.sampled_from([None, 1]), st.booleans())
def test_objects_are_cut_out_wherever_the_chunks_end(objects, sizes, indent, ascii_only):
    raw = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    values = list(split_values(Chunks(raw, sizes), Budget()))
    assert [json.loads(value.raw) for value in values] == objects
    assert [value.depth for value in values] == [depth_of(each) for each in objects]


@pytest.mark.parametrize("size", range(1, 12))
def test_brackets_quotes_and_backslashes_in_strings_are_no_borders(size):
    objects = [{'a"b': '\\"]}[{', "c\\": "\\\\", "": '"'}, {"]": ["}", "\\", '\\"']}]
    assert [json.loads(raw) for raw in split(json.dumps(objects).encode(), [size])] == objects


def test_one_object_may_stand_alone():
    assert split(b'  {"a": [1]}\n') == [b'{"a": [1]}']


def test_a_byte_order_mark_is_passed_over():
    assert split(b'\xef\xbb\xbf[{"a":1}]') == [b'{"a":1}']


@pytest.mark.parametrize(
    "raw", [b"", b" \n", b"\xef\xbb\xbf", b"<html>", b"null", b'"a"', b"1", b"]", b"}", b"\x1f\x8b", b"\xff\xfe[\x00"]
)
def test_what_begins_otherwise_is_no_export(raw):
    with pytest.raises(UnknownExportError):
        split(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"[",
        b"[ ",
        b"{",
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":',
        b'[{"a":"',
        b'[{"a":"\\',
        b'[{"a":"\\"}]',
        b'[{"a":1}] x',
        b'[{"a":1}][]',
        b'{"a":1}{',
        b"[1]",
        b"[null]",
        b'["a"]',
        b'[[{"a":1}]]',
        b"[}",
    ],
)
def test_what_breaks_off_or_goes_on_is_damaged(raw):
    with pytest.raises(DamagedExportError):
        split(raw)


def test_what_came_before_the_damage_stands():
    values = split_values(io.BytesIO(b'[{"a":1},{"b":2},{"c"'), Budget())
    assert [next(values).raw, next(values).raw] == [b'{"a":1}', b'{"b":2}']
    with pytest.raises(DamagedExportError):
        next(values)


def test_a_value_that_is_too_long_is_passed_over(monkeypatch):
    monkeypatch.setattr(splitting, "MAX_CONVERSATION", 20)
    raw = b'[{"a":"%s"},{"b":2}]' % (b"x" * 100)
    assert split(raw, [7]) == [None, b'{"b":2}']


def test_a_value_with_too_many_containers_is_passed_over(monkeypatch):
    monkeypatch.setattr(splitting, "MAX_CONTAINERS", 9)
    assert split(b'[{"a":[%s]},{"b":2}]' % b",".join([b"{}"] * 100), [7]) == [None, b'{"b":2}']


def test_no_more_is_read_than_the_budget():
    file = io.BytesIO(b"[" + b'{"a":1},' * 100 + b"{}]")
    with pytest.raises(ExportTooLargeError):
        list(split_values(file, Budget(100)))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":"' + b'\\"' * 2_000_000 + b'"}',
        b'{"a":"' + b"x" * 8_000_000 + b'"}',
        b'{"a":[' + b'"",' * 500_000 + b'""]}',
        b"{" + b'"a":{' * 300_000 + b"}" * 300_001,
        b"[" + b" " * 8_000_000 + b"{}]",
    ],
    ids=["escapes", "one string", "many strings", "deep", "space"],
)
def test_large_values_take_time_in_proportion(raw):
    """In chunks of 4 KiB: whatever looks at a chunk again and again would take hours."""
    (value,) = split_values(Chunks(raw, [4096]), Budget())
    assert len(value.raw) >= 2
