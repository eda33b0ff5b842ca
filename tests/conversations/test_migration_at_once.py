"""Several tabs at once, lost answers and broken connections; on PostgreSQL under `BALON_TEST_SERVICES=real`."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from conversations import migration, migration_lease
from conversations.deletion import delete_account
from conversations.legacy_loading import load_legacy
from conversations.models import Conversation, LegacyHolder, LegacyMessage, Message, Migration, MigrationRow
from tests.accounts.changing import all_at_once
from tests.accounts.test_deletion import ask, make_due
from tests.browsers import Browser
from tests.conversations.test_snapshots import Interruption
from tests.legacy_texts import to_file
from tests.moving import Mover, give_texts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mover(alice: Browser) -> Mover:
    give_texts(alice, 2, 1, 3)
    return Mover(alice)


def device(mover: Mover) -> Mover:
    """The same person on another device."""
    browser = Browser(mover.browser.keys)
    assert browser.sign_in().status_code == 200
    return mover.twin(browser)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def take(mover: Mover) -> Any:
    return mover.browser.post("migration/lease", {"tab": mover.tab})


# --- The lease ---


def test_one_tab_works_until_it_was_silent_for_thirty_seconds(mover: Mover, monkeypatch: pytest.MonkeyPatch):
    now = [1_800_000_000_000]
    for module in ("migration_lease", "migration_selectors"):
        monkeypatch.setattr(f"conversations.{module}.now_ms", lambda: now[0])
    second, phone = mover.twin(), device(mover)
    mover.take()
    first = mover.lease
    assert mover.get()["lease"] == second.get()["lease"] == {"is_own": True, "expires_ms": now[0] + 30_000}
    assert phone.get()["lease"] == {"is_own": False, "expires_ms": now[0] + 30_000}
    for other in (second, phone):
        assert code(take(other)) == (409, "lease-held")
        assert take(other).json()["expires_ms"] == now[0] + 30_000
        assert code(other.post("rollback")) in {(409, "lease-lost"), (400, "invalid")}
    now[0] += 20_000
    assert mover.begin(mover.ids[0]).status_code == 201  # It renews the lease too.
    now[0] += 29_999
    assert code(take(phone)) == (409, "lease-held")
    assert mover.take().lease == first
    now[0] += 30_001
    assert mover.get()["lease"] is None
    assert mover.stage(mover.ids[0]).status_code == 200  # Nobody else took it.
    now[0] += 30_001
    phone.take()
    for path in ("rollback", "finish"):
        assert code(mover.post(path)) == (409, "lease-lost")
    assert mover.post("lease/release").status_code == 204
    assert phone.begin(phone.ids[1]).status_code == 201
    phone.post("lease/release")
    assert code(phone.post("rollback")) == (409, "lease-lost")
    assert second.take().post("rollback").json()["state"] == "ready"


def test_the_lease_of_another_session_is_worth_nothing(mover: Mover):
    phone = device(mover)
    phone.lease = mover.take().lease
    assert code(phone.post("rollback")) == (409, "lease-lost")
    assert migration_lease.Migration.objects.get().lease_hash != bytes(32)


def test_of_six_tabs_at_once_one_gets_the_lease(mover: Mover):
    answers = all_at_once([partial(take, device(mover)) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert Migration.objects.count() == 1


def test_how_far_it_is_is_of_one_moment(alice: Browser, monkeypatch: pytest.MonkeyPatch):
    """Texts that are deleted between two queries are neither counted twice nor missed."""
    monkeypatch.setattr(migration, "PURGED_AT_ONCE", 1)
    give_texts(alice, *[2] * 6)
    mover = Mover(alice).take().move()
    elsewhere = Browser(alice.keys)
    assert elsewhere.sign_in().status_code == 200
    for before_query in range(1, 30):
        before = elsewhere.get("migration").json() | {"lease": None}
        interruption = Interruption(before_query, lambda: mover.post("finish"))
        with connection.execute_wrapper(interruption):
            found = elsewhere.get("migration").json() | {"lease": None}
        if not interruption.happened:
            break
        assert found in (before, elsewhere.get("migration").json() | {"lease": None}), before_query
        assert found["messages"] == 12
    assert before_query > 5


# --- Broken off ---


def steps(mover: Mover) -> list[Callable[[], Any]]:
    """All calls of a whole migration, in order."""
    calls: list[Callable[[], Any]] = []
    for legacy in mover.ids:
        length = len(mover.texts(legacy))
        calls.append(partial(mover.begin, legacy))
        calls += [partial(mover.stage, legacy, number, number) for number in range(1, length + 1)]
        calls.append(partial(mover.verify, legacy))
    return calls


def test_broken_off_between_any_two_calls_it_goes_on(alice: Browser, monkeypatch: pytest.MonkeyPatch):
    """Whatever was done, with its answer lost, another tab does all of it again from the start and nothing stands twice."""
    monkeypatch.setattr(migration, "PURGED_AT_ONCE", 1)
    give_texts(alice, 2, 1)
    mover = Mover(alice).take()
    before = list(LegacyMessage.objects.order_by("pk").values_list())
    for done in itertools.count():
        calls = steps(mover)
        for call in calls[:done]:
            assert call().status_code in {200, 201, 204}
        mover.post("lease/release")
        mover = mover.twin().take()
        for call in steps(mover):
            assert call().status_code in {200, 201, 204}
        assert Message.objects.count() == MigrationRow.objects.filter(is_verified=True).count() == 3
        if done >= len(calls):
            break
        mover.repeat("rollback", "ready")
        assert list(LegacyMessage.objects.order_by("pk").values_list()) == before
    while mover.post("finish").json()["state"] != "finished":
        mover.post("lease/release")
        mover = mover.twin().take()
    assert (LegacyMessage.objects.count(), Message.objects.count()) == (0, 3)


def test_the_same_batch_from_six_requests_is_stored_once(mover: Mover):
    mover.take()
    legacy = mover.ids[-1]
    mover.begin(legacy)
    rows = mover.rows(legacy, range(1, len(mover.texts(legacy)) + 1))
    posts = [partial(mover.post, "batches", legacy_conversation_id=legacy, rows=rows) for _ in range(6)]
    assert {answer.status_code for answer in all_at_once(posts)} == {200}
    assert Message.objects.count() == len(rows)


def test_batches_and_a_rollback_at_once_leave_whole_conversations_or_none(mover: Mover):
    mover.take()
    for legacy in mover.ids:
        mover.begin(legacy)
    rows = {legacy: mover.rows(legacy, range(1, len(mover.texts(legacy)) + 1)) for legacy in mover.ids}
    posts = [
        *(partial(mover.post, "batches", legacy_conversation_id=legacy, rows=rows[legacy]) for legacy in mover.ids),
        partial(mover.post, "rollback"),
    ]
    assert {answer.status_code for answer in all_at_once(posts)} <= {200, 404}
    assert (Conversation.objects.count(), Message.objects.count(), MigrationRow.objects.count()) == (0, 0, 0)
    assert mover.get()["state"] == "ready"


def test_a_file_that_is_loaded_while_it_finishes_brings_nothing_back(mover: Mover):
    mover.take().move()
    login = mover.browser.keys.login
    line = {"type": "user", "legacy_id": login, "login": login, "password": ""}

    def finish_and_rename() -> None:
        mover.repeat("finish", "finished")
        User.objects.filter(login=login).update(login="renamed@example.org")

    all_at_once([partial(load_legacy, to_file([line] * 40), lambda *_: None), finish_and_rename])
    assert (User.objects.count(), LegacyHolder.objects.count(), LegacyMessage.objects.count()) == (1, 0, 0)


def test_an_account_is_deleted_in_the_middle_of_it(mover: Mover, bob: Browser):
    mover.take()
    legacy = mover.ids[-1]
    mover.begin(legacy)
    give_texts(bob, 1)
    ask(mover.browser)
    make_due()
    rows = mover.rows(legacy, range(1, len(mover.texts(legacy)) + 1))
    posts: list[Callable[[], Any]] = [
        partial(mover.post, "batches", legacy_conversation_id=legacy, rows=rows),
        partial(delete_account, mover.browser.keys.user_id),
    ]
    outcome = all_at_once(posts)
    assert True in outcome
    assert {answer.status_code for answer in outcome if answer is not True} <= {200, 401, 404}
    assert (LegacyMessage.objects.count(), Message.objects.count(), Migration.objects.count()) == (1, 0, 0)
