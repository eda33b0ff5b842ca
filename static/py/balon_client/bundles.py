"""Public keys of others, as their bundles state them: believed under their own identity key (section 4; A6)."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from balon.protocol.errors import PasswordPolicyError, StatementError
from balon.protocol.password import normalize_login
from balon.protocol.roster import Member
from balon.protocol.statements import Bundle
from balon_client.alarms import AlarmError
from balon_client.conversation_records import PersonRecord
from balon_client.ports import Crypto, Recipient


class BundleRefusedError(AlarmError):
    """Somebody's public keys are not signed by the identity key that they have, or are other ones (A6)."""

    code = "person-keys-refused"
    title = "The keys that the server gives for somebody in this conversation do not hold."
    detail = (
        "They are not the ones that this person signed and that the conversation's members saw: somebody may be trying "
        "to read along. Nothing was shared or written. Try again later; if it comes back, ask whoever runs the server."
    )


async def verify_bundles(crypto: Crypto, records: Sequence[PersonRecord]) -> dict[UUID, Bundle]:
    """Verifies what bundles say of themselves: form, person, login name, and the signature of the key that they state.

    Whether that key is the person's is for the caller to judge.

    Raises:
        BundleRefusedError: One does not hold.
    """
    bundles = [_parse(record) for record in records]
    items = [
        (bundle.idk_pub, record.bundle.statement, record.bundle.signature)
        for bundle, record in zip(bundles, records, strict=True)
    ]
    if None in await crypto.verify_each(items):
        raise BundleRefusedError
    return {bundle.user_id: bundle for bundle in bundles}


def _parse(record: PersonRecord) -> Bundle:
    try:
        bundle = Bundle.parse(record.bundle.statement)
        is_login = normalize_login(bundle.login) == bundle.login
    except (StatementError, PasswordPolicyError):
        raise BundleRefusedError from None
    if not is_login or (bundle.user_id, bundle.login) != (record.user_id, record.login):
        raise BundleRefusedError
    return bundle


def recipients_of(members: Iterable[Member], bundles: Mapping[UUID, Bundle]) -> list[Recipient]:
    """Those whom a new key is wrapped for, with the public keys of their bundles.

    An account that was deleted stays on the roster and has no bundle: nobody is there to read.

    Args:
        members: Of a verified roster whose keys are accepted.
        bundles: Verified, of everyone who has an account.

    Raises:
        BundleRefusedError: A bundle states other keys than the roster.
    """
    recipients = []
    for member in sorted(members, key=lambda each: each.user_id.int):
        bundle = bundles.get(member.user_id)
        if bundle is None:
            continue
        if (bundle.idk_pub, bundle.rsa_kid) != (member.idk_pub, member.rsa_kid):
            raise BundleRefusedError
        recipients.append(Recipient(bundle.user_id, bundle.spki, bundle.rsa_kid))
    return recipients
