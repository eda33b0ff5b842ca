"""The lease under which one tab works on a migration at a time (docs/api.md)."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from balon_client.errors import ClientError, ProblemError
from balon_client.migration_problems import MigrationElsewhereError
from balon_client.parts import Parts

T = TypeVar("T")
_CONFLICT: Final = 409
_HELD: Final = "lease-held"
_LOST: Final = "lease-lost"


class Lease:
    """The lease of one tab. Each write renews it; one that lapsed is taken anew, unless another tab has it by then."""

    def __init__(self, parts: Parts) -> None:
        self._api = parts.api
        self._tab_id = parts.platform.random.uuid7()
        self._token: str | None = None

    @property
    def is_held(self) -> bool:
        """Whether this tab has taken it and not released it."""
        return self._token is not None

    async def take(self) -> None:
        """Takes it, or renews it.

        Raises:
            MigrationElsewhereError: Another tab has it.
        """
        try:
            self._token = await self._api.take_lease(self._tab_id)
        except ProblemError as error:
            if error.problem_code != _HELD:
                raise
            raise MigrationElsewhereError from None

    async def write(self, request: Callable[[str], Awaitable[T]]) -> T:
        """Sends something under the lease.

        Raises:
            MigrationElsewhereError: Another tab has it by now.
            ClientError: Whatever the request raises.
        """
        if self._token is None:
            await self.take()
        try:
            return await request(self._token or "")
        except ProblemError as error:
            if error.status != _CONFLICT or error.problem_code != _LOST:
                raise
        await self.take()
        return await request(self._token or "")

    async def release(self) -> None:
        """Lets it go. Where the server does not hear of it, it lapses."""
        token, self._token = self._token, None
        if token is None:
            return
        try:
            await self._api.release_lease(token)
        except ClientError:
            return
