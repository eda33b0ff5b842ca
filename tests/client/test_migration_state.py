"""The state machine of a migration and the size of its batches: pure, so judged for every input."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from balon_client.migration_pace import (
    BATCHES,
    TARGET_S,
    adapt_batch,
    rate_of,
    seconds_left,
    shrink_batch,
)
from balon_client.migration_state import RowOrderError, Rows, RowState

ORDER = [RowState.PLAIN, RowState.STAGED, RowState.VERIFIED, RowState.PURGED]
TOTAL = 5
sizes = st.sampled_from(BATCHES)
durations = st.floats(0, 600, allow_nan=False)


# --- Rows ---


class AnyOrder(RuleBasedStateMachine):
    """Whatever is tried: a row only ever takes the next step, or all go back to plain before the first is purged."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = Rows(TOTAL)
        self.seen = self._states()

    def _states(self) -> list[RowState]:
        return [self.rows.state_of(number) for number in range(1, TOTAL + 1)]

    @rule(up_to=st.integers(-1, TOTAL + 1), what=st.sampled_from(["stage", "verify"]))
    def move(self, up_to: int, what: str) -> None:
        try:
            getattr(self.rows, what)(up_to)
        except RowOrderError:
            assert self._states() == self.seen

    @rule(what=st.sampled_from(["account", "purge", "roll_back"]))
    def end(self, what: str) -> None:
        try:
            getattr(self.rows, what)()
        except RowOrderError:
            assert self._states() == self.seen

    @precondition(lambda self: self.seen)
    @invariant()
    def steps_are_those_of_the_machine(self) -> None:
        now = self._states()
        is_rolled_back = set(now) == {RowState.PLAIN} and RowState.PURGED not in self.seen
        for before, after in zip(self.seen, now, strict=True):
            assert is_rolled_back or ORDER.index(after) - ORDER.index(before) in {0, 1}
        assert now == sorted(now, key=ORDER.index, reverse=True), "rows are moved in their order"
        self.seen = now


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
TestAnyOrder = AnyOrder.TestCase


def test_nothing_is_purged_before_all_of_it_is_verified():
    rows = Rows(2)
    rows.stage(2)
    rows.verify(1)
    for step in (rows.account, rows.purge):
        with pytest.raises(RowOrderError):
            step()
    rows.verify(2)
    with pytest.raises(RowOrderError):
        rows.purge()
    rows.account()
    rows.purge()
    with pytest.raises(RowOrderError):
        rows.roll_back()


# --- Batches ---


@given(sizes, sizes, durations)
def test_a_batch_has_one_to_five_hundred_rows(size, rows, seconds):
    assert adapt_batch(size, min(size, rows), seconds) in BATCHES
    assert shrink_batch(size) in BATCHES


@given(sizes, durations, durations)
def test_the_longer_a_batch_took_the_smaller_is_the_next(size, one, other):
    quick, slow = sorted((one, other))
    assert adapt_batch(size, size, quick) >= adapt_batch(size, size, slow)


@given(sizes, durations)
def test_what_takes_too_long_shrinks_and_what_is_quick_grows(size, seconds):
    after = adapt_batch(size, size, seconds)
    if seconds > TARGET_S:
        assert after < size or size == BATCHES[0]
    elif seconds < TARGET_S / 2:
        assert after > size or size == BATCHES[-1]
    else:
        assert after == size


@given(sizes, st.floats(0.0001, 2))
def test_at_a_steady_pace_a_batch_settles_at_about_its_time(size, seconds_a_row):
    for _ in range(30):
        size = adapt_batch(size, size, size * seconds_a_row)
    took = size * seconds_a_row
    assert took <= TARGET_S or size == BATCHES[0]
    assert took >= TARGET_S / 4 or size == BATCHES[-1] or (size + 1) * seconds_a_row > TARGET_S / 2


def test_a_batch_that_was_smaller_than_it_might_have_been_does_not_make_others_larger():
    assert adapt_batch(50, 3, 0.01) == 50
    assert adapt_batch(50, 3, 6.0) == 1


@given(st.integers(0, 10**6), st.floats(0, 10**6, allow_nan=False), st.integers(0, 10**6))
def test_what_is_left_follows_from_the_rate(rows, seconds, left):
    rate = rate_of(rows, seconds)
    rest = seconds_left(left, rate)
    assert (rate is None) == (rows == 0 or seconds < 3) == (rest is None)
    if rate:
        assert rest == math.ceil(left / max(rate, 0.1))
