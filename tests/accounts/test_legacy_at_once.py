"""First sign-ins while operators handle old hashes; on PostgreSQL under `BALON_TEST_SERVICES=real`."""

from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from accounts.legacy_hashes import adopt_hashes, retire_hashes
from accounts.models import LegacySignInRecord, SignInRecord, User
from tests.accounts.changing import all_at_once
from tests.accounts.legacy import Newcomer, encode_hash
from tests.browsers import Browser
from tests.conversations.test_snapshots import Interruption

pytestmark = pytest.mark.django_db(transaction=True)
COMMANDS = pytest.mark.parametrize("command", [adopt_hashes, retire_hashes])


@pytest.fixture
def dora() -> Newcomer:
    return Newcomer().move_in()


def assert_upgraded(dora: Newcomer) -> None:
    assert (LegacySignInRecord.objects.count(), SignInRecord.objects.count()) == (0, 1)
    assert not User.objects.get().has_usable_password()
    assert Browser(dora.browser.keys).sign_in().status_code == 200


def run_interrupted(command: Callable[[], Counter[str]], write: Callable[[], object]) -> Counter[str]:
    """Lets a write come in behind the list of accounts, which is the second query."""
    interruption = Interruption(3, write)
    with connection.execute_wrapper(interruption):
        counts = command()
    assert interruption.happened
    return counts


@COMMANDS
def test_who_signs_in_meanwhile_gets_no_record_again(dora: Newcomer, command: Callable[[], Counter[str]]):
    assert run_interrupted(command, dora.upgrade) == {}
    assert_upgraded(dora)


@COMMANDS
def test_a_password_that_is_changed_meanwhile_counts(dora: Newcomer, command: Callable[[], Counter[str]]):
    newer = Newcomer(password="a newer one", salt="b" * 11 + "c" * 11, iterations=700_000, browser=dora.browser)
    encoded = encode_hash(newer.password, newer.salt, newer.iterations)
    assert run_interrupted(command, lambda: User.objects.update(password=encoded)).total() == 1
    assert newer.upgrade().status_code == 201
    assert_upgraded(dora)


@COMMANDS
def test_at_once_with_the_first_sign_in_there_is_one_way_in(dora: Newcomer, command: Callable[[], Counter[str]]):
    outcomes = all_at_once([command, dora.upgrade])
    assert [answer.status_code for answer in outcomes if not isinstance(answer, Counter)] == [201]
    assert_upgraded(dora)
