"""Who can read a conversation, and where its plaintext exists (docs/protocol.md section 9)."""

from typing import Any, Final

from balon_client.conversations import Conversation
from balon_client.inference import Gateway
from balon_client.views import NameOf

PLAINTEXT_PLACES: Final = (
    "In this browser, while you are signed in and Balon is not locked.",
    (
        "In the memory of the inference gateway, while it answers: it reads the messages that are sent with a question "
        "and writes the reply. It keeps and logs neither."
    ),
)


def describe_members(conversation: Conversation, names: NameOf) -> list[dict[str, Any]]:
    """Who is in a conversation; nobody that could be named where the roster was refused."""
    members = conversation.roster.members.values() if conversation.roster else ()
    return [
        {
            "user_id": str(member.user_id),
            "name": names(member.user_id),
            "you": member.user_id == conversation.own_id,
            "role": str(member.role),
        }
        for member in members
    ]


def describe_safety(conversation: Conversation, names: NameOf, gateway: Gateway) -> dict[str, Any]:
    """The value of the call `safety`."""
    return {
        "members": describe_members(conversation, names),
        "epoch": conversation.epoch,
        "gateway": {"fingerprint": gateway.pinned()["fingerprint"]},
        "plaintext_places": list(PLAINTEXT_PLACES),
    }
