"""Changes and recovery that break off at any request, in any way: they end as before or as after, and say which.

A way that the network takes, a tab that closes: each at each request of each flow. Against the real web tier, where
servers are killed too, this is in test_broken_off_against_server.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from balon_client.errors import ClientError
from tests.client.breaking import ACTED, CLOSINGS, GONE_AFTER, GONE_BEFORE, LOSSES, SENT_TWICE, BreakingFakeHttp
from tests.client.changing import changing_server, signs_in_elsewhere
from tests.client.conftest import ALICE
from tests.client.rotating import NEW, rotate
from tests.client.tab import PASSWORD, password, refused

pytestmark = pytest.mark.usefixtures("rsa_keys_at_hand")

CLOSED = "closed"


@dataclass(frozen=True)
class Flow:
    """A change of an account: how many requests it makes, and what signs in before and after it."""

    requests: int
    run: Callable[..., Awaitable[object]]
    password: str = PASSWORD
    prefix: str = ""
    needs_session: bool = True
    goes_on: bool = False
    """Whether it sends its last request again, where nobody knows what became of it."""

    def is_done(self, at: int, how: str, told: str) -> bool:
        """Whether the account is changed: the last request came to the server, or a flow went on after a hiccup."""
        return told == "signed-in" or (at == self.requests and how in ACTED)

    def credentials(self, login: str, *, is_done: bool) -> tuple[tuple[str, str], tuple[str, str]]:
        """What signs in now, and what does not."""
        before, after = (login, PASSWORD), (f"{self.prefix}{login}", self.password)
        return (after, before) if is_done else (before, after)


FLOWS = {
    "password": Flow(2, lambda tab, _kit, _login: tab.change_password(password(), password(NEW)), NEW),
    "login name": Flow(2, lambda tab, _kit, login: tab.change_login(f"new.{login}", password()), prefix="new."),
    "rotation": Flow(2, lambda tab, _kit, _login: rotate(tab), NEW, goes_on=True),
    "recovery": Flow(4, lambda tab, kit, _login: tab.recover(kit, password(NEW)), NEW, needs_session=False),
}
STEPS = [
    (name, at, how)
    for name, flow in FLOWS.items()
    for at in range(1, flow.requests + 1)
    for how in (*LOSSES, *CLOSINGS)
]


def expected(flow: Flow, at: int, how: str) -> set[str]:
    """What the person may be told. Whoever is told that nothing was changed may rely on it."""
    if how in CLOSINGS:
        return {CLOSED}
    if at == flow.requests and how in {GONE_BEFORE, GONE_AFTER}:
        return {"outcome-unknown"}
    if how == SENT_TWICE:
        # The proof that opens a kit is spent by the first copy; what came of it is lost, and the kit works still.
        return {"recovery-refused"} if (flow.requests, at) == (4, 2) else {"signed-in"}
    return {"signed-in"} if at == flow.requests and (how in ACTED or flow.goes_on) else {"not-changed"}


async def outcome(tab, http, flow: Flow, kit: str, login: str) -> str:
    """Runs a flow; gives the state of the session, or the code of the problem. A tab that is to close is closed."""
    running = asyncio.ensure_future(flow.run(tab, kit, login))
    hanging = asyncio.ensure_future(http.hangs.wait())
    await asyncio.wait({running, hanging}, return_when=asyncio.FIRST_COMPLETED)
    if hanging.done():
        running.cancel()
        await tab.close()
        return CLOSED
    hanging.cancel()
    try:
        view = await running
    except ClientError as error:
        return error.problem_code
    return view.get("session", view)["state"]


@pytest.fixture
def server(town, clock):
    return changing_server(town, clock)


@pytest.fixture
def elsewhere(server, clock, rsa_key):
    return signs_in_elsewhere(server, clock, rsa_key)


@pytest.fixture
def kit(town):
    return town.kit["text"]


async def breaking_tab(browser, flow: Flow):
    """A tab of a browser in which Alice is signed in, or is not, with a network that breaks."""
    if not flow.needs_session:
        browser.jar.cookie = browser.storage.record = None
    http = BreakingFakeHttp(browser.server, browser.jar)
    tab = browser.open_tab(http=http)
    await tab.boot()
    return tab, http


@pytest.fixture
def break_off(alices_browser, kit):
    """Runs a flow that breaks off at a request in some way; gives what was told, and whether the account is changed."""

    async def run(name: str, at: int, how: str) -> tuple[str, bool]:
        flow = FLOWS[name]
        tab, http = await breaking_tab(alices_browser, flow)
        http.break_at(at, how)
        told = await outcome(tab, http, flow, kit, ALICE)
        return told, flow.is_done(at, how, told)

    return run


@pytest.mark.parametrize("name", FLOWS)
async def test_the_steps_are_all_requests_of_the_flow(alices_browser, kit, name):
    tab, http = await breaking_tab(alices_browser, FLOWS[name])
    http.break_at(0, "")
    assert await outcome(tab, http, FLOWS[name], kit, ALICE) == "signed-in"
    assert http.seen == FLOWS[name].requests


@pytest.mark.parametrize(("name", "at", "how"), STEPS)
async def test_it_ends_as_before_or_as_after(break_off, elsewhere, name, at, how):
    told, is_done = await break_off(name, at, how)
    assert told in expected(FLOWS[name], at, how)
    stands, gone = FLOWS[name].credentials(ALICE, is_done=is_done)
    assert await elsewhere(gone[0], password(gone[1])) == "sign-in-refused"
    assert not isinstance(await elsewhere(stands[0], password(stands[1])), str)


@pytest.mark.parametrize(("name", "at", "how"), [step for step in STEPS if step[2] in CLOSINGS])
async def test_a_browser_whose_tab_closed_goes_on_or_asks_for_the_password(alices_browser, break_off, name, at, how):
    _, is_done = await break_off(name, at, how)
    again = alices_browser.open_tab()
    goes_on = FLOWS[name].needs_session and not is_done
    assert (await again.boot())["state"] == ("signed-in" if goes_on else "signed-out")
    assert not again.alarms
    assert (alices_browser.storage.record is None) == (not goes_on)


@pytest.mark.parametrize(("at", "how"), [step[1:] for step in STEPS if step[0] == "recovery"])
async def test_the_kit_works_until_it_was_used(alices_browser, kit, break_off, at, how):
    _, is_used = await break_off("recovery", at, how)
    again = alices_browser.open_tab()
    await again.boot()
    if is_used:
        assert await refused(again.recover(kit, password())) == "kit-used"
    else:
        assert (await again.recover(kit, password()))["session"]["state"] == "signed-in"


async def test_a_change_that_was_lost_can_be_repeated(alices_browser, kit):
    flow = FLOWS["password"]
    tab, http = await breaking_tab(alices_browser, flow)
    http.break_at(flow.requests, GONE_BEFORE)
    assert await outcome(tab, http, flow, kit, ALICE) == "outcome-unknown"
    http.mend()
    assert (await flow.run(tab, kit, ALICE))["state"] == "signed-in"
    assert alices_browser.server.account_of(ALICE)["account_version"] == 2


# --- Sign-up: there is no before, but the kit is shown once ---

CAROL = "carol@example.org"
SIGN_UP_REQUESTS = 2


@pytest.mark.parametrize("at", range(1, SIGN_UP_REQUESTS + 1))
@pytest.mark.parametrize("how", LOSSES)
async def test_whoever_is_signed_up_gets_the_kit(profile, elsewhere, at, how):
    http = BreakingFakeHttp(profile.server, profile.jar)
    tab = profile.open_tab(http=http)
    await tab.boot()
    http.break_at(at, how)
    exists = (at == SIGN_UP_REQUESTS and how in ACTED) or how == SENT_TWICE
    if exists and how != GONE_AFTER:
        made = await tab.sign_up(CAROL, password())
        assert await tab.check_kit(made["kit"]["text"]) is None
    else:
        assert await refused(tab.sign_up(CAROL, password())) == "network"
    http.mend()
    assert (await elsewhere(CAROL, password()) != "sign-in-refused") == exists


async def test_the_steps_are_all_requests_of_sign_up(profile):
    http = BreakingFakeHttp(profile.server, profile.jar)
    tab = profile.open_tab(http=http)
    await tab.boot()
    http.break_at(0, "")
    await tab.sign_up(CAROL, password())
    assert http.seen == SIGN_UP_REQUESTS


async def test_a_name_of_someone_else_is_taken_whatever_the_password(profile):
    tab = profile.open_tab()
    await tab.boot()
    assert await refused(tab.sign_up(ALICE, password())) == "login-taken"
