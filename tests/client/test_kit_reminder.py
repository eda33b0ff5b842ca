"""When the person is reminded to check the recovery kit, and what counts as an answer (docs/worker.md)."""

import pytest

from balon_client.kit_reminder import REMIND_AFTER_MS
from tests.client.changing import changing_server
from tests.client.conftest import ALICE
from tests.client.tab import Tab, password, refused

NEW = "a whole new password, quite long"
MONTH_S = REMIND_AFTER_MS / 1000


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


async def is_due(tab: Tab) -> bool:
    return (await tab.kit_reminder())["due"]


async def pass_time(tab: Tab, seconds: float) -> None:
    """Signs out, and in again later: no session lasts a month."""
    await tab.sign_out()
    tab.clock._now_s += seconds
    await tab.sign_in_as(ALICE)


async def test_a_kit_that_nobody_said_was_saved_is_due_at_once(alice):
    assert await alice.kit_reminder() == {"due": True, "checked_ms": None}


async def test_putting_off_lasts_a_month(alice):
    await alice.put_off_kit_reminder()
    assert not await is_due(alice)
    await pass_time(alice, MONTH_S - 1)
    assert not await is_due(alice)
    await pass_time(alice, 1)
    assert await alice.kit_reminder() == {"due": True, "checked_ms": None}


async def test_a_check_that_succeeds_counts_for_a_month(alice, town, clock):
    checked_ms = clock.now_ms()
    await alice.check_kit(town.kit["text"])
    assert await alice.kit_reminder() == {"due": False, "checked_ms": checked_ms}
    await pass_time(alice, MONTH_S)
    assert await alice.kit_reminder() == {"due": True, "checked_ms": checked_ms}


async def test_a_check_that_fails_counts_for_nothing(alice, town):
    assert await refused(alice.check_kit(town.kit["text"][:-40])) == "kit-damaged-credential"
    assert await is_due(alice)


async def test_one_answer_counts_on_every_device(alice, town, second_device):
    assert await is_due(second_device)
    await alice.check_kit(town.kit["text"])
    await alice.keys.parts.keyring.save()
    await second_device.keys.parts.keyring.refresh()
    assert not await is_due(second_device)


async def test_answers_of_two_devices_meet_in_the_newest(alice, town, second_device, clock):
    """Whoever saves second applies the own answer to the keyring of the first."""
    await alice.check_kit(town.kit["text"])
    await second_device.put_off_kit_reminder()
    for tab in (alice, second_device):
        await tab.keys.parts.keyring.save()
    settings = second_device.keys.parts.keyring.content.settings
    assert settings.kit_checked_ms == settings.kit_asked_ms == clock.now_ms()


async def test_other_settings_leave_the_answers_alone(alice, town):
    await alice.check_kit(town.kit["text"])
    await alice.update_settings({"idle_minutes": 30})
    assert not await is_due(alice)


async def test_a_new_password_keeps_the_kit_and_its_check(alice, town):
    await alice.check_kit(town.kit["text"])
    await alice.change_password(password(), password(NEW))
    assert not await is_due(alice)


async def test_the_new_kit_of_a_recovery_is_due_at_once(alice, town):
    await alice.check_kit(town.kit["text"])
    await alice.put_off_kit_reminder()
    await alice.sign_out()
    made = await alice.recover(town.kit["text"], password(NEW))
    assert await alice.kit_reminder() == {"due": True, "checked_ms": None}
    await alice.check_kit(made["kit"]["text"])
    assert not await is_due(alice)


async def test_what_was_answered_survives_a_sign_in(alice, town):
    await alice.check_kit(town.kit["text"])
    await pass_time(alice, 0)
    assert not await is_due(alice)


async def test_nobody_is_reminded_who_is_locked_or_signed_out(alice):
    await alice.lock()
    assert await refused(alice.kit_reminder()) == "locked"
    await alice.sign_out()
    assert await refused(alice.put_off_kit_reminder()) == "signed-out"
