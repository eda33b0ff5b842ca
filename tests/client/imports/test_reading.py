"""Which product a file is from, and what happens to files that are none, or broken, or hostile."""

import copy
import io
import json
import re
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balon_client.errors import ClientError
from balon_client.imports import (
    ImportedConversation,
    RefusedConversation,
    Source,
    errors,
    read_conversations,
    recognize,
    splitting,
)
from balon_client.imports.errors import (
    ConversationRefusedError,
    ConversationTooLargeError,
    DamagedConversationError,
    DamagedExportError,
    DuplicateConversationError,
    EmptyConversationError,
    EmptyExportError,
    ExportFileError,
    ImportRefusedError,
    UnknownExportError,
    UnsupportedExportError,
)
from tests.client.imports.exports import (
    KEY,
    NOW_MS,
    ChatGPT,
    LibreChat,
    OpenWebUI,
    check,
    encode,
    read,
    read_bytes,
    read_one,
    texts,
)

PRODUCTS = {Source.CHATGPT: ChatGPT, Source.OPEN_WEBUI: OpenWebUI, Source.LIBRECHAT: LibreChat}


# --- Recognising ---


@pytest.mark.parametrize("source", PRODUCTS)
def test_each_product_is_recognised(source):
    export = PRODUCTS[source]().build()
    assert recognize(encode(export)) is source
    assert recognize(encode([export])) is source
    assert recognize(io.BytesIO(encode([export]))) is source


def test_damaged_conversations_before_the_first_whole_one_are_no_matter():
    raw = encode([{}, {"title": "Torn"}, *({} for _ in range(17)), ChatGPT().build()])
    assert recognize(raw) is Source.CHATGPT


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", UnknownExportError),
        (b"   ", UnknownExportError),
        (b"<!DOCTYPE html><html>", UnknownExportError),
        (b"%PDF-1.7", UnknownExportError),
        (b"\x89PNG", UnknownExportError),
        ("[{}]".encode("utf-16"), UnknownExportError),
        (b"null", UnknownExportError),
        (b'"conversations"', UnknownExportError),
        (b"[]", EmptyExportError),
        (b" [ ] ", EmptyExportError),
        (b"{}", UnknownExportError),
        (b"[{}]", UnknownExportError),
        (b'{"id": "user-1", "email": "a@example.org"}', UnknownExportError),
        (b'[{"id": 1, "rating": "up"}]', UnknownExportError),
        (b'{"format": "balon-export", "conversations": []}', UnknownExportError),
        (b'[{"mapping": []}]', UnknownExportError),
        (b'[{"chat": "text"}]', UnknownExportError),
        (b'{"conversationId": "a"}', UnknownExportError),
        (b'{"conversationId": "a", "messages": {}}', UnknownExportError),
        (b'[{"mapping": {}', DamagedExportError),
        (b'[{"mapping": {"a": nul}}]', DamagedExportError),
        (b'[{"mapping": {"a": "\xff"}}]', DamagedExportError),
        (b"[1, 2]", DamagedExportError),
        (b'[{"uuid": "a", "name": "n", "chat_messages": []}]', UnsupportedExportError),
    ],
)
def test_files_that_are_no_export(raw, error):
    with pytest.raises(error) as raised:
        recognize(raw)
    assert type(raised.value) is error


def test_every_error_tells_people_what_happened():
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, ClientError)]
    raised = [
        kind()
        for kind in kinds
        if kind not in {ClientError, ImportRefusedError, ExportFileError, ConversationRefusedError}
    ]
    assert len(raised) == 10
    assert len({each.code for each in raised}) == len(raised)
    assert all(each.title.endswith(".") and each.detail.endswith(".") for each in raised)
    assert all(isinstance(each, ExportFileError | ConversationRefusedError) for each in raised)


# --- One bad conversation ---


def test_one_bad_conversation_does_not_spoil_the_others():
    good = [ChatGPT(conversation_id=str(n)).build() for n in range(3)]
    bad = [{"title": "Torn"}, {"title": "Empty", "mapping": {}}]
    results = read(good[0], bad[0], good[1], bad[1], good[2])
    assert [type(each) for each in results] == [ImportedConversation, RefusedConversation] * 2 + [ImportedConversation]
    problems = [each for each in results if isinstance(each, RefusedConversation)]
    assert [(each.number, each.title, type(each.problem)) for each in problems] == [
        (2, "Torn", DamagedConversationError),
        (4, "Empty", EmptyConversationError),
    ]


def test_json_that_does_not_parse_is_one_bad_conversation():
    raw = b"[%s,{tru},%s]" % (encode(ChatGPT().build()), encode(ChatGPT(conversation_id="b").build()))
    first, second, third = read_bytes(raw)
    assert type(second.problem) is DamagedConversationError
    assert (first.source_id, third.source_id) == ("chat-1", "b")


def test_a_conversation_that_stands_twice_is_taken_once():
    first, second = read(ChatGPT().build(), ChatGPT(title="Again").build())
    assert first.title == "Coasts of the north"
    assert (type(second.problem), second.title) == (DuplicateConversationError, "Again")


def test_a_conversation_that_is_too_large_is_left_out(monkeypatch):
    monkeypatch.setattr(splitting, "MAX_CONVERSATION", 4000)
    chat = ChatGPT(conversation_id="large")
    chat.ask("x" * 5000)
    _, second, third = read(ChatGPT().build(), chat.build(), ChatGPT(conversation_id="b").build())
    assert type(second.problem) is ConversationTooLargeError
    assert third.source_id == "b"


def test_what_was_read_before_the_file_breaks_off_stands():
    raw = encode([ChatGPT(conversation_id=str(n)).build() for n in range(3)])
    results = read_conversations(raw[:-400], Source.CHATGPT, id_key=KEY, now_ms=NOW_MS)
    assert [next(results).source_id, next(results).source_id] == ["0", "1"]
    with pytest.raises(DamagedExportError):
        next(results)


def test_a_refusal_holds_nothing_of_the_conversation():
    """An error holds its frames, and they the whole text."""
    (_, refused) = read(ChatGPT().build(), {"title": "Torn", "mapping": {"a": {"message": {"content": "x"}}}})
    assert refused.problem.__traceback__ is None


# --- Any order, any type ---


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("source", PRODUCTS)
def test_the_order_of_nodes_is_no_matter(source, seed):
    chat = grown(source, seed)
    expected = read_one(chat.build())
    built = json.loads(encode(chat.build()))
    shuffle(built, source, seed)
    assert read_one(built) == expected


def grown(source, seed):
    """A conversation with many branches."""
    chat, state = PRODUCTS[source](), seed
    names = [chat.ask("text 0")]
    for number in range(1, 40):
        state = (state * 1_103_515_245 + 12_345) % (1 << 31)
        parent = names[-1] if state % 4 else names[state % len(names)]
        speak = chat.ask if number % 2 == 0 else chat.reply
        names.append(speak(f"text {number}", parent=parent))
    return chat


def shuffle(built, source, seed):
    def turn(items):
        items = list(items)
        return items[seed + 3 :] + items[: seed + 3][::-1]

    if source is Source.CHATGPT:
        built["mapping"] = dict(turn(built["mapping"].items()))
    elif source is Source.OPEN_WEBUI:
        history = built["chat"]["history"]
        history["messages"] = dict(turn(history["messages"].items()))
    else:
        built["messages"] = turn(built["messages"])


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.sampled_from(list(PRODUCTS)))
def test_every_message_of_the_branch_comes_over_once(parents, source):
    chat = PRODUCTS[source]()
    names, above = [chat.ask("text 0")], {0: None}
    for number, parent in enumerate(parents, 1):
        above[number] = parent % number
        names.append((chat.reply if number % 2 else chat.ask)(f"text {number}", parent=names[parent % number]))
    branch, at = [], len(parents)
    while at is not None:
        branch.append(f"text {at}")
        at = above[at]
    found = read_one(chat.build())
    said = re.findall(r"text \d+", "\n".join(texts(found)))
    assert said == branch[::-1]
    assert sum(found.left_out.values()) == len(names) - len(branch)


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(exclude_categories=()))
JUNK |= st.sampled_from(
    ["user", "tool", "text", "root", "node-1", "\ud800", 10**30, [], {}, [[]], {"a": {}}, "data:" * 9]
)
JUNK |= st.lists(JUNK, max_size=3) | st.dictionaries(
    st.sampled_from(["parts", "text", "type", "id", "content"]), JUNK, max_size=3
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def put(value, path, junk):
    if not path:
        return junk
    head, *rest = path
    value[head] = put(value[head], rest, junk)
    return value


def rich(source):
    """One conversation with something of every kind."""
    if source is Source.CHATGPT:
        chat = ChatGPT()
        image = {"content_type": "image_asset_pointer"}
        chat.node(
            "user",
            {"content_type": "multimodal_text", "parts": [image, "Look"]},
            metadata={"attachments": [{"name": "a"}]},
        )
        chat.node("assistant", {"content_type": "code", "language": "python", "text": "1"}, recipient="python")
        chat.node("tool", {"content_type": "execution_output", "text": "1"})
        chat.reply("x \ue200cite\ue202a\ue201", metadata={"content_references": [{"matched_text": "a", "alt": "b"}]})
        chat.reply("y", parent="node-3")
        return chat.build()
    if source is Source.OPEN_WEBUI:
        chat = OpenWebUI()
        question = chat.ask(
            [{"type": "text", "text": "Look"}], files=[{"type": "file", "name": "a"}], models=["a", "b"]
        )
        chat.reply("", modelIdx=0, output=[{"type": "message", "content": [{"text": "x"}]}])
        chat.reply("y", modelIdx=1, parent=question, merged={"content": "z"})
        return chat.build()
    chat = LibreChat()
    chat.ask("Look", files=[{"filename": "a", "type": "image/png"}], quotes=["q"])
    chat.reply(
        "", content=[{"type": "text", "text": {"value": "x"}}, {"type": "tool_call"}, {"type": "steer", "steer": "s"}]
    )
    return chat.nest()


@settings(max_examples=400)
@given(st.sampled_from(list(PRODUCTS)), st.data())
def test_wrong_types_everywhere_give_a_conversation_or_an_error(source, data):
    export = json.loads(encode(rich(source)))
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.sampled_from(list(places(export))))
        export = put(export, where, copy.deepcopy(data.draw(JUNK)))
    raw = json.dumps([export, PRODUCTS[source]().build()]).encode()
    if not isinstance(export, dict):
        with pytest.raises(DamagedExportError):
            list(read_conversations(raw, source, id_key=KEY, now_ms=NOW_MS))
        return
    for result in read_conversations(raw, source, id_key=KEY, now_ms=NOW_MS):
        check(result)


@settings(max_examples=300)
@given(st.sampled_from(list(PRODUCTS)), st.data())
def test_changed_bytes_give_conversations_or_an_error(source, data):
    raw = bytearray(encode([rich(source)]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b'"', b"{", b"]", b"\\", b","])
        )
    with suppress(ExportFileError):
        for result in read_conversations(bytes(raw), source, id_key=KEY, now_ms=NOW_MS):
            check(result)
    with suppress(ExportFileError):
        assert recognize(bytes(raw)) in PRODUCTS


# --- Hostile files ---


def test_hundreds_of_thousands_of_nodes_are_read():
    nodes = ",".join(f'"{n}":{{"parent":"{n - 1}"}}' for n in range(100_000))
    said = '{"author":{"role":"user"},"content":{"content_type":"text","parts":["The end"]}}'
    raw = f'[{{"conversation_id":"c","current_node":"x","mapping":{{{nodes},"x":{{"parent":"99999","message":{said}}}}}}}]'
    (found,) = read_bytes(raw.encode())
    assert texts(found)[0] == "The end"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_no_matter(opening, closing):
    depth = 100_000
    raw = f'[{{"mapping":{opening * depth}1{closing * depth}}},{encode(ChatGPT().build()).decode()}]'
    deep, found = read_bytes(raw.encode())
    assert type(deep.problem) in {DamagedConversationError, EmptyConversationError}
    assert found.source_id == "chat-1"


def test_deep_nesting_inside_a_message_is_no_matter():
    depth = 50_000
    raw = encode(ChatGPT().build()).replace(b'["What is a fjord?"]', b"[" * depth + b"1" + b"]" * depth)
    (found,) = read_bytes(raw)
    assert texts(found)[-1].endswith("A drowned valley.")


def test_halves_of_characters_are_replaced_everywhere():
    half = "\ud800"
    chat = ChatGPT(title=half, conversation_id=half)
    chat.ask(f"a{half}b", name=f"n{half}", metadata={"attachments": [{"name": half}]})
    chat.reply("An answer", model=half)
    found = read_one(chat.build())
    assert (found.title, found.source_id) == ("\ufffd", "\ufffd")
    assert texts(found)[0].endswith("a\ufffdb")
    assert found.messages[1].model == "\ufffd"


def test_the_same_half_of_a_character_is_not_another_one():
    first, second = read(ChatGPT(conversation_id="\ud800").build(), ChatGPT(conversation_id="\ud801").build())
    assert first.id != second.id


def test_memory_does_not_grow_with_the_file(monkeypatch):
    """3 MB are read in little more than one chunk and one conversation; parsed as a whole they take 15."""
    monkeypatch.setattr(splitting, "CHUNK_SIZE", 1 << 16)
    one = encode(ChatGPT(conversation_id="@").build())
    count = (3 << 20) // len(one)
    raw = b"[" + b",".join(one.replace(b"@", b"%d" % n) for n in range(count)) + b"]"
    results = read_conversations(raw, Source.CHATGPT, id_key=KEY, now_ms=NOW_MS)
    tracemalloc.start()
    try:
        number = sum(1 for _ in results)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert number == count
    assert peak < 1 << 20
