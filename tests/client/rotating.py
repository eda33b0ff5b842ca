"""A person who replaces all their keys, and what is whole afterwards."""

from uuid import UUID

from balon.protocol.encoding import decode_b64u
from balon.protocol.statements import Bundle
from tests.client.company import room
from tests.client.conftest import ALICE
from tests.client.fake_rooms import roster_of
from tests.client.tab import PASSWORD, password

NEW = "a whole new password, quite long"
THIRD = "the third password of all, no shorter"
PATH = "/api/v1/accounts/keys"
LIST = "/api/v1/conversations"


async def rotate(tab, *, new_identity=False, old=PASSWORD, new=NEW):
    if new_identity:
        tab.client._platform.crypto._rsa_key = None
    return await tab.rotate_account_keys(password(old), password(new), new_identity)


async def begun(tab, text="First") -> str:
    """A conversation with one exchange; gives its id."""
    return (await tab.say(text))["conversation_id"]


def sent(server):
    """What the last rotation sent."""
    return server.asked("POST", PATH)[-1].body


def bundle_of(server, login=ALICE) -> Bundle:
    return Bundle.parse(decode_b64u(server.account_of(login)["bundle"]["statement"]))


def rsa_kid_in(server, conversation_id, login=ALICE) -> bytes:
    """The key that a conversation's roster shows of a person."""
    members = roster_of(room(server, conversation_id)).members
    return members[UUID(server.account_of(login)["user_id"])].rsa_kid


async def verify_whole(server, elsewhere, conversation_id, *, is_done):
    """Nothing in between: the account, the conversation and the kit are all old, or all new."""
    account = server.account_of(ALICE)
    assert account["account_version"] == (2 if is_done else 1)
    assert (rsa_kid_in(server, conversation_id), len(server.spent)) == (bundle_of(server).rsa_kid, int(is_done))
    stands, gone = (NEW, PASSWORD) if is_done else (PASSWORD, NEW)
    assert await elsewhere(ALICE, password(gone)) == "sign-in-refused"
    keyring = await elsewhere(ALICE, password(stands))
    assert list(map(str, keyring.conversations)) == [conversation_id]
