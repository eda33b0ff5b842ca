"""Recovery kits as text: what is written once, and what a person brings back (docs/protocol.md section 6)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from balon.protocol.errors import RecoveryKitError
from balon.protocol.password import KDF_ALGORITHM
from balon.protocol.recovery import (
    CREDENTIAL_PREFIX,
    RECOVERY_ITERATIONS,
    RecoveryCredential,
    decode_recovery_code,
    parse_credential,
    serialize_credential,
)
from balon.protocol.types import PublicKey
from balon_client.errors import ClientError
from balon_client.ports import AccountTerms, SealedAccount

_MOST_TEXT: Final = 1 << 18
_MOST_PIECES: Final = 400
"""Into how many pieces a mail program may have broken a credential."""
_CODE: Final = re.compile(
    r"(?<![0-9A-Za-z])(?=((?:[0-9A-Za-z]{4}[-\s]+){13}[0-9A-Za-z]{2}|[0-9A-Za-z]{54})(?![0-9A-Za-z]))"
)
_PIECE: Final = re.compile(r"\s*>?\s*([0-9A-Za-z_-]+)")


class KitDamagedCodeError(ClientError):
    """The recovery code is not there, or its check characters do not fit."""

    code = "kit-damaged-code"
    title = "The recovery code is incomplete or mistyped."
    detail = (
        "It has 13 groups of four letters and digits and one of two. Compare it with your kit, letter by letter. "
        "Nothing was sent."
    )


class KitDamagedCredentialError(ClientError):
    """The recovery credential is not there, or its checksum does not fit."""

    code = "kit-damaged-credential"
    title = "The recovery credential is incomplete or changed."
    detail = (
        "It is the long text that begins with BALON-RECOVERY-1. Give all of it, best as the file that you saved. "
        "Nothing was sent."
    )


class KitMismatchError(ClientError):
    """Code and credential are of two kits."""

    code = "kit-mismatch"
    title = "This code and this credential do not belong together."
    detail = "Each is whole, but they are of two kits. Look for the ones that were made together. Nothing was sent."


class KitOtherAccountError(ClientError):
    """A kit of another account than the one that is signed in."""

    code = "kit-other-account"
    title = "This is the kit of another account."
    detail = "It is whole, but it does not open the account that you are signed in to."


class KitUsedError(ClientError):
    """A kit that a newer one has replaced."""

    code = "kit-used"
    title = "This kit was used before, or a newer one has taken its place."
    detail = "Each kit works once, and a new one is made when it is used. Look for your newest kit."


class RecoveryRefusedError(ClientError):
    """The server knows no such kit, or refuses the proof."""

    code = "recovery-refused"
    title = "The server does not know this kit."
    detail = (
        "The kit is whole, but the server has no account for it: it may be of another server, or the account was "
        "deleted. Nothing was changed."
    )


@dataclass(frozen=True, slots=True)
class ReadKit:
    """A kit that was read and whose checksums fit. `code` is 32 secret bytes: derive with them and forget them."""

    code: bytes = field(repr=False)
    credential: RecoveryCredential


def read_kit(text: object) -> ReadKit:
    """Finds code and credential in a kit's file, or in whatever was pasted, in any order and with any line breaks.

    Raises:
        KitDamagedCredentialError: There is no credential, or what there is was cut or changed.
        KitDamagedCodeError: There is no code, or its check characters do not fit.
    """
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise KitDamagedCredentialError
    credential, rest = _find_credential(text)
    return ReadKit(_find_code(rest), credential)


def _find_credential(text: str) -> tuple[RecoveryCredential, str]:
    start = text.find(CREDENTIAL_PREFIX)
    while start >= 0:
        for end, candidate in _candidates(text, start):
            try:
                return parse_credential(candidate), f"{text[:start]}\n.\n{text[end:]}"
            except RecoveryKitError:
                continue
        start = text.find(CREDENTIAL_PREFIX, start + 1)
    raise KitDamagedCredentialError


def _candidates(text: str, start: int) -> Iterator[tuple[int, str]]:
    """The text from a prefix on, longer by a piece each time: where it ends, its checksum tells."""
    candidate, end = CREDENTIAL_PREFIX, start + len(CREDENTIAL_PREFIX)
    for _ in range(_MOST_PIECES):
        piece = _PIECE.match(text, end)
        if piece is None:
            return
        candidate, end = candidate + piece[1], piece.end()
        yield end, candidate


def _find_code(text: str) -> bytes:
    for found in _CODE.finditer(text):
        try:
            return decode_recovery_code(found[1])
        except RecoveryKitError:
            continue
    raise KitDamagedCodeError


def kit_of(terms: AccountTerms, sealed: SealedAccount, idk_pub: PublicKey, now_ms: int) -> dict[str, str]:
    """The kit for the page (docs/worker.md): code, credential, and the whole file. Shown once, kept nowhere."""
    credential = serialize_credential(
        RecoveryCredential(
            user_id=terms.user_id,
            recovery_id=terms.recovery_id,
            kdf=KDF_ALGORITHM,
            iterations=RECOVERY_ITERATIONS,
            rec_salt=terms.rec_salt,
            rec_env=sealed.rec_env,
            idk_pub=idk_pub,
        )
    )
    day = datetime.fromtimestamp(now_ms / 1000, UTC).date().isoformat()
    return {
        "login": terms.login,
        "recovery_code": sealed.recovery_code,
        "credential": credential,
        "filename": f"balon-recovery-kit-{terms.login}.txt",
        "text": KIT_TEXT.format(login=terms.login, day=day, code=sealed.recovery_code, credential=credential),
    }


KIT_TEXT: Final = """\
BALON RECOVERY KIT

Login name: {login}
Made on:    {day}

This kit is the only way back into your account if you lose your password. Nobody else has a copy: whoever runs the
server cannot reset your password. If you lose both password and kit, your conversations are lost for good.

Whoever has this whole file has your account. Print it or keep it offline, and do not send it by mail or chat.
Best of all, keep recovery code and credential in two places: one without the other is of no use.

Recovery code:

{code}

Recovery credential:

{credential}
"""
