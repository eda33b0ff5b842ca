"""Puts people together in tests."""

from tests.browsers import Browser
from tests.keys import public_bytes


def admit(person: Browser, conversation_id: str, role: str = "member") -> None:
    """Puts a person on a roster by the row, for tests where invitations are not the matter."""
    from keystore.models import Membership

    Membership.objects.create(
        conversation_id=conversation_id,
        user_id=person.keys.user_id,
        idk_pub=public_bytes(person.keys.idk),
        rsa_kid=person.keys.rsa_kid,
        role=role,
    )


def dismiss(person: Browser, conversation_id: str) -> None:
    """Takes a person off a roster by the row."""
    from keystore.models import Membership

    Membership.objects.filter(conversation_id=conversation_id, user_id=person.keys.user_id).delete()
