"""Types that must not mix, so that the type checker guards the trust boundary.

Whatever leaves the device takes `Ciphertext`, `Envelope` or `WrappedKey`; only opening yields `Plaintext`.
"""

from typing import NewType

Plaintext = NewType("Plaintext", bytes)
"""Bytes that only the participants may know."""

Ciphertext = NewType("Ciphertext", bytes)
"""AES-256-GCM or HPKE output, tag included."""

Envelope = NewType("Envelope", bytes)
"""A sealed envelope of at least 104 bytes (docs/protocol.md section 3)."""

WrappedKey = NewType("WrappedKey", bytes)
"""A conversation key under RSA-4096-OAEP: 512 bytes (docs/protocol.md section 7)."""

KeyID = NewType("KeyID", bytes)
"""16 bytes that name a root key inside an envelope (docs/protocol.md section 3)."""

Signature = NewType("Signature", bytes)
"""An Ed25519 signature: 64 bytes (RFC 8032)."""

PublicKey = NewType("PublicKey", bytes)
"""A raw Ed25519 or X25519 public key: 32 bytes."""

Statement = NewType("Statement", bytes)
"""The encoded context of one label, ready to be signed or verified."""
