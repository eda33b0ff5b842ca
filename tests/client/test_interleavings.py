"""Random interleavings of joins, leaves, removals, roles, messages and rotations, through whole clients (A12, A13, A22, A23).

Some steps are taken at the same time. The server is honest: whatever happens, nothing raises an alarm, nothing is lost
or there twice, every member opens what they may read, and nobody else opens it with every key that was ever theirs.
"""

import asyncio
import itertools
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from balon.protocol.roster import Role
from balon_client import roster_writing
from balon_client.errors import ClientError
from tests.client.company import begin, bring_in, codes, conversation_of, user_id_of
from tests.client.conftest import ALICE, BOB, CHARLIE, SPARE, Resident, Town
from tests.client.crowd import Crowd, Diary
from tests.client.doubles.platform import FakeClock, settle
from tests.client.fake_gateway import FakeGateway
from tests.client.fake_server import FakeServer
from tests.client.tab import Profile, password

DAVE = "dave@example.org"
HISTORY, NO_HISTORY = True, False
PEOPLE = (ALICE, BOB, CHARLIE, DAVE)
MEMBERS = (Role.OWNER, Role.MEMBER, Role.READER)
ROLES = ("owner", "member", "reader")
FEW_MESSAGES = 8
"""In one epoch, in place of ten thousand: then a new one begins by itself."""
REFUSALS = frozenset(
    {
        "already-member",
        "conversation-not-found",
        "forbidden",
        "invalid-settings",
        "last-owner",
        "not-found",
        "not-joined",
        "not-member",
        "not-owner",
        "not-writable",
        "reply-running",
    }
)
"""What somebody may be told who did not know yet what another one just did."""


@pytest.fixture(scope="module")
def village(town, rsa_keys) -> Town:
    """The town with a fourth person in it."""
    return asyncio.run(_settle_dave(town, rsa_keys[SPARE]))


async def _settle_dave(town: Town, rsa_key) -> Town:
    clock = FakeClock()
    server = FakeServer(clock, town.state, FakeGateway(clock.now_ms, town.identity))
    profile = Profile(server, clock, rsa_key)
    tab = profile.open_tab()
    await tab.boot()
    await tab.sign_up(DAVE, password())
    await tab.close()
    record = profile.storage.record
    dave = Resident(record.metadata, record.keys, profile.jar.cookie, rsa_key)
    return Town(server.state, town.identity, {**town.residents, DAVE: dave}, town.kit, town.sign_up)


@dataclass(frozen=True)
class Step:
    """What somebody does. Numbers choose among those who may, as the server's roster stands before."""

    kind: str
    who: int
    whom: int
    lag: int
    """How many turns of the loop later than the others of its round it begins."""


KINDS = ("send",) * 4 + (
    "ask",
    "rename",
    "invite",
    "invite",
    "invite anew",
    "accept",
    "accept",
    "decline",
    "leave",
    "remove",
    "role",
)
steps = st.builds(Step, st.sampled_from(KINDS), st.integers(0, 3), st.integers(0, 3), st.sampled_from([0, 0, 1, 3, 9]))
rounds = st.lists(
    st.tuples(st.lists(steps, min_size=1, max_size=3), st.sampled_from([0, 3, 60])), min_size=4, max_size=10
)


class Play:
    """One run: the steps, and what was sent."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.sent: dict[str, str] = {}
        self._numbers = itertools.count(1)

    async def take(self, together: list[Step]) -> None:
        deeds = [self._deed(step) for step in together]
        await asyncio.gather(*(self._begin(step, deed) for step, deed in zip(together, deeds, strict=True) if deed))

    async def _begin(self, step: Step, deed) -> None:
        await settle(step.lag)
        try:
            await deed()
        except ClientError as error:
            if error.problem_code not in REFUSALS:
                raise

    def _deed(self, step: Step):
        """The call, with who does it and to whom; None where there is nobody to do it."""
        crowd = self.crowd
        joined, invited = crowd.with_role(*MEMBERS), crowd.with_role(Role.INVITED)
        owners, writers = crowd.with_role(Role.OWNER), crowd.with_role(Role.OWNER, Role.MEMBER)
        actors = {"accept": invited, "decline": invited, "leave": joined}
        actors |= dict.fromkeys(("send", "ask", "rename"), writers)
        who = _choose(actors.get(step.kind, owners), step.who)
        if who is None:
            return None
        others = {"remove": joined + invited, "role": joined}.get(step.kind, crowd.outside)
        whom = _choose([each for each in others if each != who], step.whom)
        return self._call(step, crowd.tabs[who], whom)

    def _call(self, step: Step, tab, whom: str | None):
        id_, number = self.crowd.conversation_id, next(self._numbers)
        alone = {
            "send": lambda: self._send(tab, f"Text {number}"),
            "ask": lambda: self._send(tab, f"@assistant {number}"),
            "rename": lambda: tab.rename(id_, f"Title {number}"),
            "accept": lambda: tab.accept_invitation(id_),
            "decline": lambda: tab.decline_invitation(id_),
            "leave": lambda: tab.leave(id_),
        }
        if step.kind in alone or whom is None:
            return alone.get(step.kind)
        role, whom_id = ROLES[step.whom % 3], user_id_of(self.crowd.tabs[whom])
        return {
            "invite": lambda: tab.invite(id_, whom, role, HISTORY),
            "invite anew": lambda: tab.invite(id_, whom, role, NO_HISTORY),
            "remove": lambda: tab.remove_member(id_, whom_id),
            "role": lambda: tab.change_role(id_, whom_id, role),
        }[step.kind]

    async def _send(self, tab, text: str) -> None:
        sent = await tab.send(self.crowd.conversation_id, text, None)
        self.sent[sent["message_id"]] = text

    async def verify_end(self) -> None:
        """What every member sees, in the tab that was there all along and in a fresh one."""
        crowd = self.crowd
        stored = [each["message_id"] for each in crowd.conversation["messages"]]
        assert len(stored) == len(set(stored)), "something is there twice"
        assert set(self.sent) <= set(stored), "something that was sent is lost"
        assert [tab.alarms for tab in crowd.tabs.values()] == [[]] * len(crowd.tabs)
        for login in crowd.with_role(*MEMBERS):
            fresh = crowd.tabs[login].profile.open_tab()
            await fresh.boot()
            await fresh.list_conversations()
            for tab in (crowd.tabs[login], fresh):
                await self._verify_view(tab, login)

    async def _verify_view(self, tab, login: str) -> None:
        view = await tab.open_conversation(self.crowd.conversation_id)
        assert codes(view) == set(), login
        assert [each["id"] for each in view["messages"]] == self.crowd.readable_by(login), login
        shown = {each["id"]: each["text"] for each in view["messages"]}
        assert shown == {id_: self.sent.get(id_, text) for id_, text in shown.items()}
        assert all(each["text"] is not None and each["mark"] is None for each in view["messages"]), view
        assert view["title"] == conversation_of(tab, self.crowd.conversation_id).meta.title


def _choose(people: list[str], number: int) -> str | None:
    return people[number % len(people)] if people else None


async def play(village: Town, story) -> None:
    clock = FakeClock()
    server = Diary(clock, village.state, FakeGateway(clock.now_ms, village.identity))
    profiles = {login: village.residents[login].open_browser(server, clock) for login in PEOPLE}
    try:
        await _play(server, {login: profile.open_tab() for login, profile in profiles.items()}, story)
    finally:
        for profile in profiles.values():
            await profile.close()


async def _play(server: Diary, tabs, story) -> None:
    for tab in tabs.values():
        await tab.boot()
        await tab.online()
    crowd = Crowd(server, tabs)
    crowd.conversation_id = await begin(tabs[ALICE])
    await tabs[ALICE].set_assistant(crowd.conversation_id, "mention")
    await bring_in(tabs[ALICE], tabs[BOB], crowd.conversation_id, role="owner")
    run = Play(crowd)
    for together, pause in story:
        await run.take(together)
        await settle(pause)
        crowd.verify_secrecy()
    await crowd.calm()
    crowd.verify_secrecy()
    await run.verify_end()


SETTINGS = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)


OVERTAKEN = [
    ([Step("send", 0, 0, 0)], 0),
    ([Step("send", 1, 0, 0)], 0),
    ([Step("invite", 0, 0, 0)], 0),
    ([Step("ask", 1, 0, 3), Step("send", 1, 0, 1), Step("remove", 1, 1, 0)], 0),
]
"""A message under a new key is read before the removal that began it."""


@pytest.mark.timeout(600)  # Where it fails, the story is made shorter before it is told.
def test_members_read_what_they_may_and_nobody_else_does(village, monkeypatch):
    monkeypatch.setattr(roster_writing, "MOST_MESSAGES", FEW_MESSAGES)

    @SETTINGS
    @given(rounds)
    @example(OVERTAKEN)
    def holds(story):
        asyncio.run(play(village, story))

    holds()
