"""A session that goes on from its record, if the server agrees: with handles, or with the password (section 11)."""

from balon_client.accounts import verify_terms
from balon_client.alarms import AlarmError
from balon_client.api import Api
from balon_client.errors import DecryptionError, NetworkError, ProblemError, ResponseError
from balon_client.events import Events
from balon_client.keyring import open_keyring
from balon_client.making import derive_keys
from balon_client.opening import OpenedAccount, open_keys, open_mek, verify_bundle
from balon_client.ports import AccountKeys, PasswordBuffer, Platform
from balon_client.problems import WrongPasswordError
from balon_client.session_record import KeptSession, ServerSession


async def probe_server(api: Api, events: Events) -> ServerSession:
    """Asks which session the server holds open. An answer that makes no sense counts as none, with an alarm."""
    try:
        return await api.session()
    except (NetworkError, ProblemError, ResponseError):
        return "unreachable"
    except AlarmError as alarm:
        events.publish_alarm(alarm.problem)
        return None


async def reopen_with_handles(platform: Platform, kept: KeptSession, keys: AccountKeys) -> OpenedAccount:
    """Goes on with handles, after a reload or in another tab.

    Raises:
        AlarmError: The record's bundle or keyring do not hold.
    """
    bundle = await verify_bundle(platform.crypto, kept.terms, kept.records.bundle)
    content = await open_keyring(platform.crypto, keys.mek, kept.active.user_id, kept.records.keyring)
    return OpenedAccount(kept.account(bundle, keys), kept.records, content)


async def reopen_with_password(platform: Platform, kept: KeptSession, password: PasswordBuffer) -> OpenedAccount:
    """Opens the sealed keys of a record, without the network. Zeroes the password, whatever happens.

    Raises:
        WrongPasswordError: It does not open them.
        AlarmError: It opens them, but they do not hold.
    """
    try:
        terms = verify_terms(kept.terms)
    except AlarmError:
        platform.crypto.zero(password)
        raise
    derived = await derive_keys(platform, password, terms)
    try:
        mek = await open_mek(platform.crypto, derived.kek, terms, kept.records)
    except DecryptionError:
        raise WrongPasswordError from None
    bundle, keys = await open_keys(platform.crypto, mek, terms, kept.records)
    content = await open_keyring(platform.crypto, mek, kept.active.user_id, kept.records.keyring)
    return OpenedAccount(kept.account(bundle, keys), kept.records, content)
