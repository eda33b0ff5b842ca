"""The world of a check under CPython: the doubles."""

from balon.protocol.envelope import Kind
from balon_client.ports import PasswordBuffer, Platform, RootKey
from tests.client.doubles.crypto import PycaCrypto
from tests.client.doubles.envelopes import seal_envelope
from tests.client.doubles.network import HttpxHttp, WebsocketsSocket
from tests.client.doubles.platform import MemoryFiles, MemoryKeyStore, MemoryTabs, SystemClock, TabsHub, system_random
from tests.contract.crafted import craft_envelopes


class CPythonWorld:
    """The doubles."""

    def __init__(self, origin: str) -> None:
        hub, http = TabsHub(), HttpxHttp(origin)
        self.platform = Platform(
            crypto=PycaCrypto(),
            key_store=MemoryKeyStore(),
            http=http,
            socket=WebsocketsSocket(http),
            tabs=MemoryTabs(hub),
            clock=SystemClock(),
            random=system_random(),
            files=MemoryFiles(),
            origin=origin,
        )
        self.other_tabs = MemoryTabs(hub)

    async def close(self) -> None:
        await self.platform.http.close()

    def password(self, octets: bytes) -> PasswordBuffer:
        return PasswordBuffer(bytearray(octets))

    def password_bytes(self, password) -> bytes:
        return bytes(password)

    async def import_root(self, octets: bytes) -> RootKey:
        return RootKey(octets)

    async def seal_with_salt(self, root, kind, context, plaintext, salt) -> bytes:
        return seal_envelope(root.native, Kind(kind), context, plaintext, salt)

    def crafted(self, name):
        return [bytes.fromhex(envelope) for envelope in craft_envelopes()[name]]
