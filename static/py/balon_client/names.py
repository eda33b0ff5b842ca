"""What people are called: by their login names, so that no two look alike and nobody looks like somebody else.

A login name is what a person's bundle states; only pins and safety numbers say who somebody is. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

DELETED: Final = "Deleted account"
ASSISTANT: Final = "Assistant"
YOU: Final = "You"
_SHORT_ID: Final = 8
_RESERVED: Final = frozenset({"assistant", "you", "deletedaccount", "system"})
_LOOK_ALIKES: Final = str.maketrans({"0": "o", "1": "i", "l": "i", "3": "e", "4": "a", "5": "s", "7": "t"})


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody as far as names go. `since_ms` is None for who is no contact; whoever is known longer keeps a name."""

    user_id: UUID
    login: str | None
    is_verified: bool = False
    since_ms: int | None = None


def name_people(people: Iterable[KnownPerson], own: tuple[UUID, str]) -> dict[UUID, str]:
    """Gives everyone a name of their own.

    Login names are unique at an honest server. Where two people have one, the server lies about the second, or the
    first gave it up since: the one who is known longer keeps it, the other is told apart by their identifier.

    Args:
        people: Everyone else, in any order.
        own: User id and login name of this person, who keeps theirs.
    """
    names, taken = {own[0]: own[1]}, {_shape_of(own[1])}
    for person in sorted(people, key=_precedence):
        if person.user_id in names:
            continue
        name = _plain_name(person.login)
        if _shape_of(name) in taken:
            name = _distinct(name, person.user_id, taken)
        taken.add(_shape_of(name))
        names[person.user_id] = name
    return names


def _precedence(person: KnownPerson) -> tuple[bool, bool, int, int]:
    return not person.is_verified, person.since_ms is None, person.since_ms or 0, person.user_id.int


def _plain_name(login: str | None) -> str:
    """A login name; with a word beside it where it reads like something that is no person."""
    if not login:
        return DELETED
    return f"{login} (a person)" if _shape_of(login.partition("@")[0]) in _RESERVED else login


def _distinct(name: str, user_id: UUID, taken: Iterable[str]) -> str:
    short = f"{name} (another account, {user_id.hex[:_SHORT_ID]})"
    return f"{name} (another account, {user_id})" if _shape_of(short) in taken else short


def _shape_of(name: str) -> str:
    """What a name looks like at a glance: without punctuation, with letters for the digits that resemble them."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return letters.translate(_LOOK_ALIKES).replace("rn", "m").replace("vv", "w")


Names = Mapping[UUID, str]
"""Names by user id, as `name_people` gives them."""
