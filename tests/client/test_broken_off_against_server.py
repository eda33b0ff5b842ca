"""Changes and recovery that break off, against the real web tier: networks that fail and servers that are killed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest
import pytest_asyncio

from balon_client.errors import ClientError
from tests.client.breaking import CLOSINGS, LOSSES, BreakingHttpxHttp
from tests.client.doubles.network import HttpxHttp
from tests.client.tab import password
from tests.client.test_against_server import RealTab, _short_reply, installation, open_tab, upstream
from tests.client.test_broken_off import FLOWS, Flow, expected, outcome

pytestmark = pytest.mark.usefixtures("rsa_keys_at_hand")
__all__ = ["_short_reply", "installation", "open_tab", "upstream"]
RESTARTED, KILLED = "the server restarts before the request", "the server is killed while it works"
LAST = [(name, flow.requests, how) for name, flow in FLOWS.items() for how in (*LOSSES, *CLOSINGS)]
EVERY = [(name, at) for name in ("password", "rotation", "recovery") for at in range(1, FLOWS[name].requests + 1)]


class DyingHttp(BreakingHttpxHttp):
    """A network whose server dies at the chosen request, and comes back."""

    installation = None
    after_s = 0.0

    async def _break(self, method, path, **options):
        if self.how not in {RESTARTED, KILLED}:
            return await super()._break(method, path, **options)
        if self.how == RESTARTED:
            await self._restart()
            return await HttpxHttp.request(self, method, path, **options)
        asking = asyncio.ensure_future(HttpxHttp.request(self, method, path, **options))
        await asyncio.wait({asking}, timeout=self.after_s)
        await self._restart()
        return await asking

    async def _restart(self) -> None:
        self.installation.processes["web"].kill()
        await asyncio.to_thread(self.installation.stop, "web")
        await asyncio.to_thread(self.installation.start_web)


@dataclass
class Scene:
    """A browser with an account and its kit, on a network that breaks; and other devices, on one that does not."""

    tab: RealTab
    login: str
    kit: str
    open_tab: Callable[[], RealTab]

    async def break_off(self, flow: Flow, at: int, how: str) -> str:
        """Runs a flow that breaks off at a request; gives what was told."""
        http = self.tab.http
        if not flow.needs_session:
            await self.tab.sign_out()
            http.csrf_token = None  # The document that follows has none yet.
        http.break_at(at, how)
        told = await outcome(self.tab, http, flow, self.kit, self.login)
        http.mend()
        return told

    async def is_after(self, flow: Flow) -> bool:
        """Whether it ended as after; exactly one of before and after is so."""
        after, before = flow.credentials(self.login, is_done=True)
        found = [await self._signs_in(*each) for each in (after, before)]
        assert found.count(True) == 1
        return found[0]

    async def _signs_in(self, name: str, secret: str) -> bool:
        """Whether a device that knows nothing signs in, and reads what was written."""
        device = self.open_tab()
        await device.boot()
        try:
            await device.sign_in(name, password(secret))
        except ClientError as error:
            if error.problem_code != "sign-in-refused":
                raise
            return False
        (conversation,) = await device.list_conversations()
        shown = await device.open_conversation(conversation["id"])
        assert shown["messages"][0]["text"] == "kept"
        assert not device.told("alarm")
        return True


@pytest_asyncio.fixture
async def scene(installation, rsa_key, open_tab):
    http, login = DyingHttp(installation.origin), f"{uuid4().hex}@example.org"
    http.installation = installation
    tab = RealTab(installation.origin, rsa_key, http=http)
    await tab.boot()
    kit = (await tab.sign_up(login, password()))["kit"]["text"]
    await tab.say("kept")
    yield Scene(tab, login, kit, open_tab)
    await tab.close()
    await http.close()


@pytest.mark.parametrize(("name", "at", "how"), LAST)
async def test_the_last_request_breaks_off(scene, name, at, how):
    flow = FLOWS[name]
    told = await scene.break_off(flow, at, how)
    assert told in expected(flow, at, how)
    assert await scene.is_after(flow) == flow.is_done(at, how, told)


@pytest.mark.parametrize(("name", "at"), EVERY)
async def test_a_server_that_restarts_in_between_disturbs_nothing(scene, name, at):
    assert await scene.break_off(FLOWS[name], at, RESTARTED) == "signed-in"
    assert await scene.is_after(FLOWS[name])


@pytest.mark.parametrize("after_ms", [1, 15])
@pytest.mark.parametrize("name", ["password", "rotation", "recovery"])
async def test_a_server_that_is_killed_while_it_works_did_all_or_nothing(scene, name, after_ms):
    flow, scene.tab.http.after_s = FLOWS[name], after_ms / 1000
    told = await scene.break_off(flow, flow.requests, KILLED)
    is_after = await scene.is_after(flow)
    assert told == ("signed-in" if is_after else "not-changed")
    if name == "recovery" and not is_after:
        other = scene.open_tab()
        await other.boot()
        assert (await other.recover(scene.kit, password()))["session"]["state"] == "signed-in"
