"""What the keyring keeps of a migration: how much there was, and whether it is gone (docs/protocol.md section 12)."""

from dataclasses import dataclass

from balon_client.wire import Fields


@dataclass(frozen=True, slots=True)
class MigrationMark:
    """How many conversations and messages the server ever offered in plaintext.

    Old texts are never changed before Finish, so both stay. `is_purged`: the server said that all of it is deleted.
    """

    conversations: int
    messages: int
    is_purged: bool = False

    def to_json(self) -> dict[str, int | bool]:
        """As it stands in the keyring."""
        return {"conversations": self.conversations, "messages": self.messages, "purged": self.is_purged}

    @classmethod
    def parse(cls, fields: Fields) -> "MigrationMark":
        """Reads `migration`."""
        return cls(fields.integer("conversations"), fields.integer("messages"), fields.flag("purged"))
