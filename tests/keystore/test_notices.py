"""Hints to sockets: where they cannot be sent, what was committed stands and nobody is told of a failure."""

import asyncio
import contextlib
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from keystore import notices


class BrokenLayer:
    """A channel layer whose Redis is away."""

    async def group_send(self, group: str, event: dict[str, Any]) -> None:
        raise ConnectionError(group, event)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("around", [transaction.atomic, contextlib.nullcontext])
def test_hints_that_cannot_be_sent_fail_nothing(around: Any, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(notices, "get_channel_layer", BrokenLayer)
    with around():
        notices.notify_on_commit([uuid4()], "messages", uuid4())
        notices.end_sockets_on_commit(uuid4(), "ended")
    assert [record.exc_info[0] for record in caplog.records] == [ConnectionError, ConnectionError]


class SlowLayer:
    """Takes each event at once, and counts how many it is sent at the same time."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.now, self.most = 0, 0

    async def group_send(self, group: str, _event: dict[str, Any]) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        self.sent.append(group)


def test_a_large_room_is_told_whole_with_few_connections_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = SlowLayer()
    monkeypatch.setattr(notices, "get_channel_layer", lambda: layer)
    groups = [f"person.{number}" for number in range(199)]
    asyncio.run(notices.send_to_groups(groups, {"type": "notice"}))
    assert sorted(layer.sent) == sorted(groups)
    assert 1 < layer.most <= 10
