"""The REST calls that change an account (docs/api.md): proved bodies out, parsed records in."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from balon_client.api import Api
from balon_client.records import Active, KeyringRecord, Signed
from balon_client.wire import Fields

_RECOVERY: Final = "/api/v1/accounts/recovery"
_ROTATION_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class RecoveryPrelogin:
    """What the proof of a recovery key needs; `login` is unchecked."""

    login: str
    challenge_id: UUID
    challenge: bytes

    @classmethod
    def parse(cls, value: Any) -> "RecoveryPrelogin":
        """Reads the answer of recovery/prelogin."""
        fields = Fields(value, "recovery")
        return cls(
            login=fields.text("login", limit=254),
            challenge_id=fields.uuid("challenge_id"),
            challenge=fields.raw("challenge", size=32),
        )


@dataclass(frozen=True, slots=True)
class RecoverableRecords:
    """What a kit's holder gets before the kit opens: what its envelope is bound to, and the sealed keyring."""

    account_version: int
    mek_ver: int
    bundle: Signed
    keyring: KeyringRecord

    @classmethod
    def parse(cls, value: Any) -> "RecoverableRecords":
        """Reads the answer of recovery/open."""
        fields = Fields(value, "recovery")
        return cls(
            account_version=fields.integer("account_version"),
            mek_ver=fields.integer("mek_ver", least=1),
            bundle=Signed.parse(fields.item("bundle")),
            keyring=KeyringRecord.parse(fields.item("keyring")),
        )


class AccountApi(Api):
    """Changes of one account, and recovery, which nobody is signed in for."""

    async def change(self, path: str, body: bytes, proof: str) -> Active:
        """Replaces the sign-in record; `body` is sent exactly as the proof covers it.

        Args:
            path: Below accounts/: password, login-name or kdf.
            body: The raw body.
            proof: The header of `sign_proof`.
        """
        answer = await self._request("POST", f"/api/v1/accounts/{path}", body, proof=proof)
        return self._keep_token(Active.parse(answer, with_records=True))

    async def rotate(self, body: bytes, proof: str) -> Active:
        """Gives the account new keys everywhere. It may be a large body, and work for the server: this waits long."""
        answer = await self._request("POST", "/api/v1/accounts/keys", body, proof=proof, timeout_s=_ROTATION_S)
        return self._keep_token(Active.parse(answer, with_records=True))

    async def recovery_prelogin(self, recovery_id: UUID) -> RecoveryPrelogin:
        """Asks for the login name of a kit's account and a challenge."""
        await self._ensure_token()
        answer = await self._request("POST", f"{_RECOVERY}/prelogin", {"recovery_id": str(recovery_id)})
        return RecoveryPrelogin.parse(answer)

    async def recovery_open(self, body: bytes, proof: str) -> RecoverableRecords:
        """Asks for what a kit is opened with."""
        return RecoverableRecords.parse(await self._request("POST", f"{_RECOVERY}/open", body, proof=proof))

    async def recover(self, body: bytes, proof: str) -> Active:
        """Gives the account new keys."""
        answer = await self._request("POST", _RECOVERY, body, proof=proof)
        return self._keep_token(Active.parse(answer, with_records=True))
