"""Part of the crypto port: the keys of an account while they are being made (docs/protocol.md sections 4 and 6)."""

from dataclasses import dataclass
from typing import Protocol

from balon_client.ports.keys import AccountPublicKeys, AccountTerms, RootKey, SealedAccount


class AccountGeneration(Protocol):
    """Account keys that are being generated, or are ready and not sealed yet. Use once: `seal` or `drop`."""

    async def public_keys(self) -> AccountPublicKeys:
        """Waits until the keys are there (RSA-4096 takes 0.4 to 7 s) and gives their public halves.

        May be called any number of times before `seal` or `drop`.

        Raises:
            RandomnessError: The generator's output repeats.
            RuntimeError: The keys were sealed or dropped.
        """

    async def seal(self, kek: RootKey, terms: AccountTerms) -> SealedAccount:
        """Seals MEK under the KEK, identity and RSA key under the MEK, and all three under the recovery key.

        Zeroes every raw byte afterwards, also on failure; the generation cannot be used again.

        Args:
            kek: The key-encryption key derived with exactly `terms.salt`, `terms.iterations`, `terms.login`.
            terms: What the envelopes are bound to.

        Raises:
            RandomnessError: The generator's output repeats.
            RuntimeError: The keys were sealed or dropped.
        """

    def drop(self) -> None:
        """Zeroes and forgets the keys. Harmless when they are sealed or dropped already."""


@dataclass(frozen=True, slots=True)
class OpenedKit:
    """What a recovery kit holds: the master key, and a generation that keeps its identity key and RSA pair."""

    mek: RootKey
    generation: AccountGeneration
