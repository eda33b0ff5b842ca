"""What tests of several people do again and again: invite, accept, look, speak as the server."""

from uuid import UUID

from tests.client.doubles.platform import settle

ROOM = "/api/v1/conversations/[^/]+"


def user_id_of(tab) -> str:
    return str(tab.keys.parts.account.user_id)


def conversation_of(tab, conversation_id: str):
    return tab.keys.chat.library.get(UUID(conversation_id))


async def begin(tab, text: str = "First") -> str:
    """A conversation with one exchange; gives its id."""
    return (await tab.say(text))["conversation_id"]


async def invite(host, guest, conversation_id: str, *, role: str = "member", history: bool = True) -> None:
    """Invites, and waits until the guest sees it."""
    login = guest.keys.parts.account.login
    await host.invite(conversation_id, login, role, history)
    await guest.until(lambda: is_invited(guest, conversation_id), "invited")


def is_invited(tab, conversation_id: str) -> bool:
    known = conversation_of(tab, conversation_id)
    return known is not None and known.is_invitation


async def bring_in(host, guest, conversation_id: str, *, role: str = "member", history: bool = True) -> None:
    """Invites and accepts, and waits until the host knows."""
    await invite(host, guest, conversation_id, role=role, history=history)
    await guest.accept_invitation(conversation_id)
    user_id = UUID(user_id_of(guest))
    await host.until(lambda: conversation_of(host, conversation_id).roster.role_of(user_id) == role, "accepted")
    await settle(50)


async def item_of(tab, conversation_id: str) -> dict:
    (found,) = [item for item in await tab.list_conversations() if item["id"] == conversation_id]
    return found


def texts(view) -> list:
    return [message["text"] for message in view["messages"]]


def codes(view) -> set[str]:
    return {alarm["code"] for alarm in view["alarms"]}


def room(server, conversation_id: str) -> dict:
    """A conversation as the server keeps it."""
    return server.state.conversations[conversation_id]


async def fresh_tab(tab):
    """Another tab of the same person, that holds nothing yet."""
    await tab.clock.advance(3)  # The keyring is saved.
    opened = tab.profile.open_tab()
    await opened.boot()
    await opened.list_conversations()
    return opened
