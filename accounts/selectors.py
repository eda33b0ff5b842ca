"""Reads of accounts and sessions."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, F, Q, QuerySet

from accounts.decoys import Decoy, derive_decoy
from accounts.errors import InstallationKeyError
from accounts.models import (
    LegacySignInRecord,
    RecoveryRecord,
    Sentinel,
    SignInRecord,
    SignInSession,
    SpentRecoveryKit,
    User,
)
from accounts.proofs import Subject
from accounts.sealing import open_at_rest
from balon.protocol.encoding import NIL_UUID
from balon.protocol.password import DEFAULT_ITERATIONS, KDF_ALGORITHM, LEGACY_ALGORITHM, SALT_SIZE
from keystore.clock import now_ms

SENTINEL_PLACE = b"sentinel"
SENTINEL_VALUE = b"Balon installation key"
_DISTRIBUTION_KEY = "accounts.derivations"
_DISTRIBUTION_S = 300
_SEALED_COLUMNS = ("login_pub", "salt", "mek_env")


@dataclass(frozen=True, slots=True)
class SignInKeys:
    """A sign-in record, opened: the parameters, the login key (32 bytes) and the sealed master key."""

    subject: Subject
    login_pub: bytes
    mek_ver: int
    mek_env: bytes


@dataclass(frozen=True, slots=True)
class Kit:
    """A recovery kit on record: whose, its public key (32 bytes), and whether it was used."""

    user: User
    recovery_id: UUID
    rec_pub: bytes
    spent: bool


def find_kit(recovery_id: UUID) -> Kit | None:
    """The kit of an active person, standing or spent. The same two queries whatever there is."""
    standing = RecoveryRecord.objects.select_related("user").filter(recovery_id=recovery_id, user__is_active=True)
    used = SpentRecoveryKit.objects.select_related("user").filter(pk=recovery_id, user__is_active=True)
    current, spent = standing.first(), used.first()
    record = current or spent
    if record is None:
        return None
    return Kit(user=record.user, recovery_id=recovery_id, rec_pub=record.rec_pub, spent=current is None)


def get_recovery_id(user_id: UUID) -> UUID:
    """The id of a person's standing kit.

    Raises:
        RecoveryRecord.DoesNotExist: The person has no account of this kind.
    """
    return RecoveryRecord.objects.values_list("recovery_id", flat=True).get(pk=user_id)


def place_of(column: str, user_id: UUID) -> bytes:
    """Where a sealed value of a sign-in record rests."""
    return f"sign-in/{column}/{user_id}".encode()


def find_account(login: str) -> User | None:
    """The active person with this login name who can sign in; None for operators and strangers."""
    return (
        User.objects.select_related("sign_in_record")
        .filter(login=login, is_active=True, sign_in_record__isnull=False)
        .first()
    )


def find_account_or_legacy(login: str) -> User | None:
    """As `find_account`, or the account from before encryption that waits for its first sign-in."""
    return (
        User.objects.select_related("sign_in_record", "legacy_record")
        .filter(Q(sign_in_record__isnull=False) | Q(legacy_record__isnull=False), login=login, is_active=True)
        .first()
    )


def get_prelogin_subject(login: str, user: User | None) -> Subject:
    """The derivation parameters of an account, or made-up ones. Both take the same work."""
    decoy = derive_decoy(login)
    kind = kind_at(decoy.quantile)
    if user is None:
        open_at_rest(_token_of_nobody(tuple(settings.BALON_INSTALLATION_KEYS)), place=SENTINEL_PLACE)
        return Subject(login, decoy.user_id, kind.kdf, kind.iterations, _salt_of(decoy, kind))
    if hasattr(user, "sign_in_record"):
        record = user.sign_in_record
        salt = open_at_rest(record.salt_sealed, place=place_of("salt", user.pk))
        return Subject(login, user.pk, record.kdf, record.iterations, salt)
    legacy = user.legacy_record
    salt = open_at_rest(legacy.salt_sealed, place=place_of("legacy_salt", user.pk))
    return Subject(login, user.pk, LEGACY_ALGORITHM, legacy.iterations, salt)


@dataclass(frozen=True, slots=True)
class DerivationKind:
    """How passwords of some accounts are derived, as far as it tells such accounts from others."""

    kdf: str
    iterations: int
    salt_size: int


def _salt_of(decoy: Decoy, kind: DerivationKind) -> bytes:
    return decoy.salt if kind.kdf == KDF_ALGORITHM else decoy.legacy_salt[: kind.salt_size]


def kind_at(quantile: float) -> DerivationKind:
    """The kind at a place (0 to 1) of the real distribution, so that made-up accounts follow it.

    Accounts from before encryption come last and only become fewer, so that a made-up account too turns from an old
    one into a new one and never back.
    """
    distribution: list[tuple[DerivationKind, int]] | None = cache.get(_DISTRIBUTION_KEY)
    if distribution is None:
        distribution = [*_count_modern(), *_count_legacy()]
        cache.set(_DISTRIBUTION_KEY, distribution, timeout=_DISTRIBUTION_S)
    remaining = quantile * sum(count for _, count in distribution)
    for kind, count in distribution:
        if remaining < count:
            return kind
        remaining -= count
    return DerivationKind(KDF_ALGORITHM, DEFAULT_ITERATIONS, SALT_SIZE)


def _count_modern() -> list[tuple[DerivationKind, int]]:
    rows = SignInRecord.objects.values_list("iterations").annotate(count=Count("pk")).order_by("iterations")
    return [(DerivationKind(KDF_ALGORITHM, iterations, SALT_SIZE), count) for iterations, count in rows]


def _count_legacy() -> list[tuple[DerivationKind, int]]:
    places = ("iterations", "salt_size")
    rows = LegacySignInRecord.objects.values_list(*places).annotate(count=Count("pk")).order_by(*places)
    return [(DerivationKind(LEGACY_ALGORITHM, iterations, size), count) for iterations, size, count in rows]


@dataclass(frozen=True, slots=True)
class LegacyKeys:
    """A legacy sign-in record, opened: the parameters, and the login key that the old hash gave (32 bytes)."""

    subject: Subject
    login_pub: bytes


def find_legacy_keys(user: User | None) -> LegacyKeys | None:
    """Opens the legacy sign-in record of an account; for nobody, does the same work for nothing.

    Raises:
        InstallationKeyError: It does not open.
    """
    record = LegacySignInRecord.objects.filter(pk=user.pk if user else NIL_UUID).first()
    if user is None or record is None:
        for _ in range(2):
            open_at_rest(_token_of_nobody(tuple(settings.BALON_INSTALLATION_KEYS)), place=SENTINEL_PLACE)
        return None
    login_pub = open_at_rest(record.login_pub_sealed, place=place_of("legacy_login_pub", user.pk))
    salt = open_at_rest(record.salt_sealed, place=place_of("legacy_salt", user.pk))
    return LegacyKeys(Subject(user.login, user.pk, LEGACY_ALGORITHM, record.iterations, salt), login_pub)


def find_sign_in_keys(user: User | None) -> SignInKeys | None:
    """Opens the sign-in record of an account; for nobody, does the same work for nothing.

    Raises:
        InstallationKeyError: It does not open.
    """
    record = SignInRecord.objects.filter(pk=user.pk if user else NIL_UUID).first()
    if user is None or record is None:
        for _ in _SEALED_COLUMNS:
            open_at_rest(_token_of_nobody(tuple(settings.BALON_INSTALLATION_KEYS)), place=SENTINEL_PLACE)
        return None
    login_pub, salt, mek_env = (
        open_at_rest(getattr(record, f"{column}_sealed"), place=place_of(column, user.pk)) for column in _SEALED_COLUMNS
    )
    subject = Subject(user.login, user.pk, record.kdf, record.iterations, salt)
    return SignInKeys(subject=subject, login_pub=login_pub, mek_ver=record.mek_ver, mek_env=mek_env)


def get_sign_in_keys(user: User) -> SignInKeys:
    """Opens the sign-in record of an account that has one.

    Raises:
        InstallationKeyError: It does not open, or it is missing.
    """
    keys = find_sign_in_keys(user)
    if keys is None:
        raise InstallationKeyError("An account has no sign-in record.")
    return keys


def find_session(session_id: UUID) -> SignInSession | None:
    """The session with its user, if it stands."""
    return standing_sessions().select_related("user").filter(pk=session_id).first()


def filter_sessions(session_ids: Collection[UUID]) -> set[UUID]:
    """Those sessions that stand now, in one query."""
    return set(standing_sessions().filter(pk__in=session_ids).values_list("pk", flat=True))


def standing_sessions() -> QuerySet[SignInSession]:
    """Sessions that did not expire and that neither a change of the account nor its closing ended."""
    return SignInSession.objects.filter(
        expires_ms__gt=now_ms(), user__is_active=True, account_version=F("user__account_version")
    )


def verify_installation_key() -> None:
    """Opens the sentinel.

    Raises:
        InstallationKeyError: The installation keys are not those that this database was made with.
        Sentinel.DoesNotExist: The database was never migrated.
    """
    token = Sentinel.objects.earliest("pk").token
    open_at_rest(token, place=SENTINEL_PLACE)


@lru_cache(maxsize=2)
def _token_of_nobody(_keys: tuple[str, ...]) -> bytes:
    """The sentinel: under keys that open no record it opens as little, so nobody looks like anybody even then."""
    return bytes(Sentinel.objects.earliest("pk").token)
