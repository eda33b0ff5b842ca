"""The gateway's identity: one Ed25519 key that lives as long as the installation (docs/protocol.md section 9).

Browsers pin it on first use. It must rest where the web tier cannot read it: whoever has it can pose as the gateway.
"""

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.types import PublicKey, Signature, Statement
from inference.errors import IdentityError

_FILENAME = "identity.pem"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Identity:
    """Signs what the gateway vouches for: its HPKE keys and its replies."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self.public_key = PublicKey(raw)
        self.gateway_id = hashlib.sha256(raw).digest()

    def sign_statement(self, statement: Statement) -> Signature:
        """Signs an encoded context: 64 bytes (RFC 8032)."""
        return Signature(self._key.sign(statement))


def load_identity(folder: Path) -> Identity:
    """Reads the identity from a folder, and makes it first if there is none.

    Several processes may start at once: the first one that puts its file in place wins, and all use that one.

    Raises:
        IdentityError: The file is readable by others, belongs to another user, or holds no Ed25519 key.
    """
    path = folder / _FILENAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _create(path)
        return Identity(_read(path))
    except OSError as error:
        raise IdentityError(f"The gateway's identity in {folder} cannot be read or made: {error.strerror}.") from error


def _create(path: Path) -> None:
    """Writes a new key aside and links it into place, so that the file is whole once its name exists."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()


def _read(path: Path) -> Ed25519PrivateKey:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS:
            raise IdentityError(f"{path} must belong to the gateway's user with mode 0600.")
        pem = file.read(4096)
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise IdentityError(f"{path} holds no private key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError(f"{path} holds no Ed25519 key.")
    return key
