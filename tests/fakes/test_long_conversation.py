"""The conversations that measurements open are such that the real client takes them without a word."""

from collections.abc import Iterator

import pytest

from balon_client.client import Client
from scripts.bench.conversation import make_conversations
from scripts.bench.stack import running_installation
from tests.fakes.long_conversation import build_platform
from tests.stack.installation import Installation

LOGIN, PASSWORD, COUNT = "alice@example.org", "umbrella-cobalt-thirteen-Walrus-meadow", 120


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Installation, str]]:
    """An installation, and the conversation in it."""
    with running_installation() as installation:
        (conversation_id,) = make_conversations(installation, LOGIN, PASSWORD, [COUNT])
        yield installation, conversation_id


async def test_the_client_opens_it_on_its_last_page_and_reads_back_to_the_first_message(
    made: tuple[Installation, str],
) -> None:
    installation, conversation_id = made
    platform = build_platform(installation.origin)
    client = Client(platform)
    await client.calls["boot"]()
    await client.calls["sign_in"](LOGIN, bytearray(PASSWORD.encode()))
    opened = await client.calls["open_conversation"](conversation_id)
    messages, more = opened["messages"], opened["more"]
    while more:
        older = await client.calls["older_messages"](conversation_id)
        messages, more = older["messages"] + messages, older["more"]
    (listed,) = await client.calls["list_conversations"]()
    await client.close()
    await platform.http.close()
    assert (opened["alarms"], opened["writable"], len(opened["messages"])) == ([], True, 50)
    assert [message["text"].partition(":")[0] for message in messages] == [f"Message {n}" for n in range(1, COUNT + 1)]
    assert listed["alarm"] is None
    assert {message["mark"] for message in messages} == {None}
