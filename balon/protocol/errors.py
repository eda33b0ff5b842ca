"""The protocol's error tree."""


class ProtocolError(ValueError):
    """Bytes or values that docs/protocol.md does not allow."""


class EncodingError(ProtocolError):
    """Text or bytes that are not the one canonical encoding of anything."""


class EnvelopeError(ProtocolError):
    """An envelope whose layout or padding is not what the reader expects (docs/protocol.md section 3)."""


class PasswordPolicyError(ProtocolError):
    """A login name, password or derivation parameter outside the policy (docs/protocol.md section 2)."""


class StatementError(ProtocolError):
    """A signed statement that does not parse or does not say what it must (docs/protocol.md section 10)."""


class RosterError(StatementError):
    """A roster entry that may not follow the entries before it (docs/protocol.md section 7)."""


class OutdatedEntryError(RosterError):
    """A roster entry that does not follow the newest one: somebody else was faster, or it is a replay."""


class ForbiddenEntryError(RosterError):
    """A roster entry that its actor has no right to make."""


class LastOwnerError(RosterError):
    """A roster entry after which nobody would own the conversation."""


class RosterFullError(RosterError):
    """A roster entry after which more people would be in the conversation than it may hold."""


class RecoveryKitError(ProtocolError):
    """A recovery code or credential that is not one (docs/protocol.md section 6)."""


class DamagedRecoveryKitError(RecoveryKitError):
    """A recovery code or credential of the right form whose check digits do not fit: mistyped or cut."""


class FrameError(ProtocolError):
    """A sealed request or a stream of frames that is not laid out as docs/protocol.md section 9 says."""


class SignatureFormError(ProtocolError):
    """An Ed25519 key or signature that a strict verification refuses whatever it signs (RFC 8032 section 5.1.7)."""
