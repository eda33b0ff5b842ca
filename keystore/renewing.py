"""New keys of an account: its bundle, and what is sealed under its master key (docs/protocol.md section 4)."""

from dataclasses import dataclass
from uuid import UUID

from balon.protocol import statements
from keystore.errors import InvalidStatementError, VersionConflictError
from keystore.models import KeyBundle
from keystore.services import ResealedKeys, reseal_account_keys, verify_bundle
from keystore.signatures import Signed


@dataclass(frozen=True, slots=True)
class RenewedKeys:
    """The next bundle of an account, and what is sealed under its new master key."""

    bundle: Signed
    sealed: ResealedKeys


def replace_account_keys(*, user_id: UUID, login: str, keys: RenewedKeys) -> statements.Bundle:
    """Replaces the keys of an account by others; within the caller's transaction.

    The row of the bundle stays locked until the end of the transaction, and whoever puts this person on a roster looks
    at it under a lock too: so no roster gets the old keys after the caller has read on which ones they are.

    Returns:
        The new bundle.

    Raises:
        InvalidStatementError: The bundle does not state this user and login, is not the next one, is not signed by
            the identity key it states, or brings no other encryption key.
        VersionConflictError: Bundle or keyring are not at the version that the client saw.
    """
    bundle = verify_bundle(keys.bundle, user_id=user_id, login=login)
    stored = KeyBundle.objects.select_for_update().get(pk=user_id)
    if bundle.bundle_seq != stored.bundle_seq + 1:
        raise VersionConflictError
    if bundle.rsa_kid == stored.rsa_kid:
        raise InvalidStatementError("The encryption key must be another one.")
    stored.bundle_seq, stored.idk_pub, stored.rsa_kid = bundle.bundle_seq, bundle.idk_pub, bundle.rsa_kid
    stored.statement, stored.signature = keys.bundle.statement, keys.bundle.signature
    stored.save()
    reseal_account_keys(user_id=user_id, keys=keys.sealed)
    return bundle
