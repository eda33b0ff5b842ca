"""Identifiers are the same at every import, and tell nobody where a message came from."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports import Source
from balon_client.imports.identifiers import Identifiers
from tests.client.imports.exports import KEY, ChatGPT, LibreChat, OpenWebUI, read_one

PARTS = st.lists(st.text(alphabet=st.characters(exclude_categories=())), min_size=1, max_size=4)


def ids(conversation) -> list[uuid.UUID]:
    return [conversation.id, *(message.id for message in conversation.messages)]


def test_known_answers():
    identifiers = Identifiers(KEY, Source.CHATGPT)
    assert str(identifiers.derive("conversation", "id", "chat-1")) == "e4bb779c-c4d5-8048-a8c2-d9bc23d024ff"
    assert (
        str(identifiers.derive("message", "id", "chat-1", "node-1", "", "0")) == "91402ee9-c7cd-80dd-a631-697cf5523e91"
    )


@given(PARTS, PARTS)
def test_other_parts_are_another_identifier(parts, others):
    identifiers = Identifiers(KEY, Source.CHATGPT)
    assert (identifiers.derive(*parts) == identifiers.derive(*others)) == (parts == others)


@given(PARTS)
def test_identifiers_are_of_version_8(parts):
    made = Identifiers(KEY, Source.LIBRECHAT).derive(*parts)
    assert (made.version, made.variant) == (8, uuid.RFC_4122)


def test_each_product_and_each_key_has_identifiers_of_its_own():
    made = {Identifiers(key, source).derive("a") for source in Source for key in (KEY, bytes(32))}
    assert len(made) == 2 * len(Source)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_keys_of_another_size_are_refused(size):
    with pytest.raises(ValueError, match="32 bytes"):
        Identifiers(bytes(size), Source.CHATGPT)


@pytest.mark.parametrize("make", [ChatGPT, OpenWebUI, LibreChat])
def test_a_second_import_gives_the_same(make):
    assert read_one(make().build()) == read_one(make().build())


@pytest.mark.parametrize("make", [ChatGPT, OpenWebUI, LibreChat])
def test_a_conversation_that_went_on_keeps_its_identifiers(make):
    chat = make()
    chat.ask("One")
    chat.reply("Two")
    before = ids(read_one(chat.build()))
    chat.ask("Three")
    assert ids(read_one(chat.build()))[: len(before)] == before


@pytest.mark.parametrize("make", [ChatGPT, OpenWebUI, LibreChat])
def test_without_the_key_nobody_can_tell_what_was_imported(make):
    """The server sees identifiers. Another key gives others throughout, and none stands in the export."""
    mine, others = ids(read_one(make().build())), ids(read_one(make().build(), key=bytes(32)))
    assert not set(mine) & set(others)
