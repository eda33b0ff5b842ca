"""Times that make sense, whatever the export says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports.limits import CLOCK_LEEWAY_MS, EARLIEST_MS
from balon_client.imports.times import fill_times, is_sane, parse_time
from tests.client.imports.exports import NOW_MS


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_700_000_000, 1_700_000_000_000),
        (1_700_000_000.5, 1_700_000_000_500),
        (1_700_000_000_000, 1_700_000_000_000),
        (1_700_000_000_000_000, 1_700_000_000_000),
        (1_700_000_000_000_000_000, 1_700_000_000_000),
        ("2024-05-01T16:35:11.530Z", 1_714_581_311_530),
        ("2024-05-01T18:35:11.530+02:00", 1_714_581_311_530),
        ("2024-05-01T16:35:11.530000", 1_714_581_311_530),
    ],
)
def test_units_and_forms(value, ms):
    assert parse_time(value) == ms


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "yesterday",
        "1700000000",
        "2024-13-01T00:00:00Z",
        "0" * 10_000,
        [],
        {},
        0,
        -1,
        1e300,
        10**4000,
        float("nan"),
        float("inf"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_time(value):
    assert parse_time(value) is None


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str))
def test_anything_is_a_time_or_none(value):
    parsed = parse_time(value)
    assert parsed is None or type(parsed) is int


TIMES = st.lists(st.none() | st.integers(-1, NOW_MS * 2), min_size=1, max_size=30)


@given(TIMES, st.none() | st.integers(-1, NOW_MS * 2))
def test_filled_times_never_run_backwards(times, created_ms):
    filled = fill_times(times, created_ms=created_ms, now_ms=NOW_MS)
    assert len(filled) == len(times)
    assert filled == sorted(filled)
    assert filled[0] >= EARLIEST_MS
    assert filled[-1] <= NOW_MS + CLOCK_LEEWAY_MS


@given(st.lists(st.integers(EARLIEST_MS, NOW_MS), min_size=1))
def test_times_that_make_sense_stay(times):
    assert fill_times(sorted(times), created_ms=None, now_ms=NOW_MS) == sorted(times)


A, B = 1_700_000_000_000, 1_700_000_009_000


@pytest.mark.parametrize(
    ("times", "created_ms", "filled"),
    [
        ([None, B, None], A, [A, B, B]),
        ([None, A], B, [A, A]),
        ([None, None], A, [A, A]),
        ([None, A], None, [A, A]),
        ([None], None, [NOW_MS]),
        ([B, A, None], None, [B, B, B]),
        ([A, 7, NOW_MS * 3, B], None, [A, A, A, B]),
        ([None], 7, [NOW_MS]),
    ],
)
def test_missing_and_silly_times(times, created_ms, filled):
    assert fill_times(times, created_ms=created_ms, now_ms=NOW_MS) == filled


def test_the_borders_of_sense():
    assert is_sane(EARLIEST_MS, NOW_MS)
    assert not is_sane(EARLIEST_MS - 1, NOW_MS)
    assert is_sane(NOW_MS + CLOCK_LEEWAY_MS, NOW_MS)
    assert not is_sane(NOW_MS + CLOCK_LEEWAY_MS + 1, NOW_MS)
