"""A network that breaks at a chosen request of a flow, over the fake server and the real one alike."""

import asyncio
import copy

from balon_client.errors import NetworkError
from tests.client.doubles.network import HttpxHttp
from tests.client.fake_server import FakeHttp

REQUEST_LOST, ANSWER_LOST, SENT_TWICE = "the request is lost", "the answer is lost", "the request is sent twice"
GONE_BEFORE, GONE_AFTER = "the network goes before the request", "the network goes before the answer"
CLOSED_BEFORE, CLOSED_AFTER = "the tab closes before the request", "the tab closes before the answer"
LOSSES = (REQUEST_LOST, ANSWER_LOST, SENT_TWICE, GONE_BEFORE, GONE_AFTER)
CLOSINGS = (CLOSED_BEFORE, CLOSED_AFTER)
ACTED = {ANSWER_LOST, SENT_TWICE, GONE_AFTER, CLOSED_AFTER}
"""After these the server has done what it was asked for."""


class Breaking:
    """In front of an `Http`: counts the requests of a flow, those about the account, and breaks at one of them.

    An answer that is lost leaves no cookie either.
    """

    at = 0
    how = ""
    seen = 0
    is_gone = False

    def break_at(self, at: int, how: str) -> None:
        """From now on: at the `at`-th request (from 1), in this way. 0: never, but counts."""
        self.at, self.how, self.seen, self.is_gone = at, how, 0, False
        self.hangs = asyncio.Event()

    def mend(self) -> None:
        """The network is whole again."""
        self.at, self.is_gone = 0, False

    def is_counted(self, method: str, path: str) -> bool:
        return method == "POST" and path.startswith("/api/v1/accounts")

    async def request(self, method, path, **options):
        if not self.is_counted(method, path):
            return await super().request(method, path, **options)
        self.seen += 1
        if self.is_gone:
            raise NetworkError
        if self.seen != self.at:
            return await super().request(method, path, **options)
        return await self._break(method, path, **options)

    async def _break(self, method, path, **options):
        if self.how in ACTED:
            kept = self.keep_cookies()
            await super().request(method, path, **options)
            self.restore_cookies(kept)
        if self.how == SENT_TWICE:
            return await super().request(method, path, **options)
        if self.how in CLOSINGS:
            self.hangs.set()
            await asyncio.Event().wait()
        self.is_gone = self.how in {GONE_BEFORE, GONE_AFTER}
        raise NetworkError


class BreakingFakeHttp(Breaking, FakeHttp):
    """To the fake server."""

    def keep_cookies(self):
        return self._jar.cookie

    def restore_cookies(self, kept) -> None:
        self._jar.cookie = kept


class BreakingHttpxHttp(Breaking, HttpxHttp):
    """To a real server."""

    def keep_cookies(self):
        return copy.copy(list(self.client.cookies.jar))

    def restore_cookies(self, kept) -> None:
        self.client.cookies.jar.clear()
        for cookie in kept:
            self.client.cookies.jar.set_cookie(cookie)
