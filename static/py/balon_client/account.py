"""The signed-in person: identifiers, verified public keys and key handles."""

from dataclasses import dataclass
from uuid import UUID

from balon.protocol.roster import Member, Role
from balon.protocol.statements import Bundle
from balon_client.ports import AccountKeys, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who is signed in. The bundle was verified and its private halves were opened and compared with it."""

    bundle: Bundle
    keys: AccountKeys
    session_id: str
    account_version: int
    expires_at_ms: int

    @property
    def user_id(self) -> UUID:
        """The person's id."""
        return self.bundle.user_id

    @property
    def login(self) -> str:
        """The person's login name."""
        return self.bundle.login

    @property
    def owner(self) -> Member:
        """The person as the owner of a conversation."""
        return Member(self.user_id, self.bundle.idk_pub, self.bundle.rsa_kid, Role.OWNER)

    @property
    def recipient(self) -> Recipient:
        """The person as one a conversation key is wrapped for."""
        return Recipient(self.user_id, self.bundle.spki, self.bundle.rsa_kid)
