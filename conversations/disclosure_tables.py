"""Every table that can hold rows of an account, in plain words, and how its rows are found.

docs/data-inventory.md explains each column. A table that is in neither list here stops every disclosure: whoever adds
one has to say what it tells about people, or why it tells nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Model, Q

from accounts import models as accounts
from accounts.decoys import hash_login
from conversations.models import (
    Conversation,
    HeldConversation,
    LegacyConversation,
    LegacyHolder,
    LegacyMessage,
    Message,
    Meta,
    Migration,
    MigrationRow,
    Stream,
)
from keystore.models import Grant, KeyBundle, Keyring, Membership, PreviousKey, RosterEntry
from keystore.selectors import conversation_ids_of


class UnexplainedTableError(Exception):
    """A table that nobody explained: what it holds of people cannot be told, so nothing is."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rows are looked for."""

    user_id: UUID
    login: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, what it holds in plain words, and which of its rows are about an account."""

    model: type[Model]
    explanation: str
    about: Callable[[Account], Q]
    withheld: tuple[str, ...] = ()


def _own(account: Account) -> Q:
    return Q(user_id=account.user_id)


def _places(account: Account) -> Q:
    return Q(conversation_id__in=conversation_ids_of(account.user_id))


def _places_or(column: str) -> Callable[[Account], Q]:
    return lambda account: _places(account) | Q(**{column: account.user_id})


def _cookies(account: Account) -> Q:
    keys = accounts.SignInSession.objects.filter(user_id=account.user_id).values("cookie_key")
    return Q(pk__in=keys)


def _notes(account: Account) -> Q:
    return Q(content_type=ContentType.objects.get_for_model(accounts.User), object_id=str(account.user_id))


TABLES = (
    Table(
        accounts.User,
        "The account: its login name, when it was made, whether it is open. The password is not here: the server never "
        "had it. The column only says so; of an account from before encryption, until its first sign-in since, it is "
        "the old password hash, and withheld for that: whoever has it could sign in.",
        lambda account: Q(pk=account.user_id),
        ("password",),
    ),
    Table(
        accounts.SignInRecord,
        "What sign-in is judged by: how the password is turned into keys in the browser, the public key that proofs "
        "fit, and the master key, sealed under a key that only the password gives. Three columns rest encrypted once "
        "more; the operator holds that key, so they are shown opened as well. With them one can guess passwords, each "
        "guess at the cost of all iterations.",
        _own,
    ),
    Table(
        accounts.LegacySignInRecord,
        "Of an account from before encryption, until its first sign-in since: how the old password hash was made, and "
        "the public key that proofs of it fit. Two columns rest encrypted under the installation key, so they are "
        "shown opened as well. With them one can guess passwords.",
        _own,
    ),
    Table(
        accounts.RecoveryRecord,
        "Which recovery kit is valid, and the public key that proves that someone holds it. Neither opens anything.",
        _own,
    ),
    Table(
        accounts.SpentRecoveryKit,
        "Recovery kits that were used, when, and the public keys that tell them. They work no more.",
        _own,
    ),
    Table(
        accounts.Challenge,
        "Random values that were sent out to be signed at sign-in, kept for an hour. They tell when someone tried.",
        lambda account: _own(account) | Q(login_tag=hash_login(account.login)),
    ),
    Table(
        accounts.SignInSession,
        "Where the account is signed in: browser and system in a few words, since when, when last used. The value of "
        "the cookie is withheld: an operator has it, and whoever has it could act as that browser, but read nothing.",
        _own,
        ("cookie_key",),
    ),
    Table(
        Session,
        "The cookies of these sessions, as the web framework keeps them: an id and an end. The cookie's value is "
        "withheld, as above.",
        _cookies,
        ("session_key",),
    ),
    Table(
        accounts.DeletionRequest,
        "That the deletion of the account was asked for, and from when on it will be carried out.",
        _own,
    ),
    Table(
        KeyBundle,
        "The public keys of the account, signed, and the private ones, sealed under the master key. The statement "
        "names the login name.",
        _own,
    ),
    Table(
        Keyring,
        "The account's private notes on contacts, pins and settings, sealed under the master key. The size and the "
        "time of the last change can be seen.",
        _own,
    ),
    Table(
        Conversation,
        "The conversations that the account is in: when they began, when the newest message came, how many there are.",
        lambda account: Q(pk__in=conversation_ids_of(account.user_id)),
    ),
    Table(
        Membership,
        "Who is in these conversations, and in which role.",
        _places,
    ),
    Table(
        RosterEntry,
        "The signed history of who came and went in these conversations, with the public keys that people came with.",
        _places,
    ),
    Table(
        PreviousKey,
        "Former keys of these conversations, each sealed under the next one, so that members can read what came "
        "before. How often the key changed can be seen.",
        _places,
    ),
    Table(
        Grant,
        "The keys of these conversations, each sealed to the account's own encryption key.",
        _own,
    ),
    Table(
        Message,
        "The messages of these conversations, the account's and the others', sealed. Who stored which when, its size "
        "to 256 bytes and its place can be seen; what it says, and whether a person or the model said it, cannot.",
        _places_or("sender_id"),
    ),
    Table(
        Meta,
        "Titles and settings of these conversations, sealed.",
        _places_or("author_id"),
    ),
    Table(
        Stream,
        "Replies on their way, a day at most: who asked when. The secret that opens a reply is sealed under the "
        "conversation's key.",
        _places_or("sender_id"),
    ),
    Table(
        LegacyHolder,
        "That the account came from before encryption and may have texts that are not encrypted yet.",
        _own,
    ),
    Table(
        LegacyConversation,
        "Conversations from before encryption, with their titles, in plaintext: the operator can read them until the "
        "account's browser has moved them, and they are deleted then.",
        lambda account: Q(holder_id=account.user_id),
    ),
    Table(
        LegacyMessage,
        "Messages from before encryption, in plaintext: the operator can read them until the account's browser has "
        "moved them, and they are deleted then.",
        lambda account: Q(conversation__holder_id=account.user_id),
    ),
    Table(
        HeldConversation,
        "Which conversation from before encryption becomes which encrypted one, while they are moved.",
        _places,
    ),
    Table(
        MigrationRow,
        "Which message from before encryption has its encrypted one already, and whether the browser checked that.",
        lambda account: Q(held_id__in=conversation_ids_of(account.user_id)),
    ),
    Table(
        Migration,
        "How far the encryption of these texts is: begun, being finished or over, when, and how many were deleted.",
        _own,
    ),
    Table(
        LogEntry,
        "What operators did to the account: ended its sessions, suspended it, reinstated it.",
        _notes,
    ),
)
NOT_ABOUT_PEOPLE = {
    "accounts.sentinel": "A known text that shows whether the installation key is the right one.",
    "auth.group": "Not used.",
    "auth.group_permissions": "Not used.",
    "auth.permission": "The web framework's list of permissions.",
    "contenttypes.contenttype": "The web framework's list of tables.",
    "conversations.formerholder": "Keyed hashes of people's names in the system before encryption, so that their texts "
    "are never loaded again. None tells whose account it was.",
}


def verify_explained(models: Iterable[type[Model]]) -> None:
    """Makes sure that every table is in one of the lists.

    Raises:
        UnexplainedTableError: One is in neither.
    """
    explained = {table.model._meta.label_lower for table in TABLES} | set(NOT_ABOUT_PEOPLE)  # noqa: SLF001
    missing = {model._meta.label_lower for model in models} - explained  # noqa: SLF001 - Django documents it
    if missing:
        raise UnexplainedTableError(f"Tables that nobody explained: {', '.join(sorted(missing))}.")
