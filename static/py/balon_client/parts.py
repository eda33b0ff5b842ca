"""What every part of a signed-in session works with."""

from dataclasses import dataclass

from balon_client.account import Account
from balon_client.events import Events
from balon_client.keyring import Keyring
from balon_client.migration_api import MigrationApi
from balon_client.ports import Crypto, Platform


@dataclass(frozen=True, slots=True)
class Parts:
    """The world, the server, the page, the person and what the person trusts."""

    platform: Platform
    api: MigrationApi
    events: Events
    account: Account
    keyring: Keyring

    @property
    def crypto(self) -> Crypto:
        """The crypto port."""
        return self.platform.crypto

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self.platform.clock.now_ms()
