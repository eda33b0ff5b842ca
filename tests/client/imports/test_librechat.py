"""What comes over from LibreChat, kind by kind."""

import pytest

from tests.client.imports.exports import NO_PARENT, LibreChat, encode, left_out, read_bytes, read_one, spoken, texts


def branched() -> LibreChat:
    chat = LibreChat()
    question = chat.ask("A question")
    first = chat.reply("The first answer", parent=question)
    chat.ask("A question that was given up", parent=first)
    second = chat.reply("The second answer", parent=question)
    chat.ask("And then?", parent=second)
    return chat


def test_a_conversation_comes_over_with_title_times_and_models():
    found = read_one(LibreChat().build())
    assert found.title == "Coasts of the east"
    assert found.source_id == "chat-3"
    assert found.created_ms == 1_714_579_200_500
    assert spoken(found) == [("user", "What is a skerry?"), ("assistant", "A rock in the sea.")]
    assert [message.model for message in found.messages] == [None, "imagined-large"]
    assert [message.created_ms for message in found.messages] == [1_714_579_200_500, 1_714_579_201_500]
    assert left_out(found) == {}


@pytest.mark.parametrize("under", ["messages", "messagesTree"])
def test_nested_and_listed_messages_say_the_same(under):
    listed, nested = read_one(branched().build()), read_one(branched().nest(under))
    assert listed == nested
    assert texts(listed)[-2:] == ["*[Not imported: 2 messages of other branches]*\n\nThe second answer", "And then?"]
    assert left_out(listed) == {"branch": 2}


def test_without_times_the_branch_that_stands_last_is_the_one():
    chat = branched()
    for message in chat.messages:
        del message["createdAt"]
    assert texts(read_one(chat.build())) == texts(read_one(branched().build()))
    assert texts(read_one(chat.nest())) == texts(read_one(branched().build()))


def test_messages_that_were_just_written_have_no_time_yet_and_are_the_newest():
    chat = LibreChat()
    question = chat.ask("A question")
    chat.reply("An answer of yesterday")
    chat.reply("An answer of just now", parent=question)
    del chat.messages[-1]["createdAt"]
    assert texts(read_one(chat.build()))[-1].endswith("An answer of just now")


def test_messages_that_name_no_parents_follow_each_other():
    chat = LibreChat()
    for text in ("One", "Two", "Three"):
        chat.ask(text, parentMessageId=None, messageId=None)
    found = read_one(chat.build())
    assert texts(found) == ["One", "Two", "Three"]
    assert len({message.id for message in found.messages}) == 3


def test_messages_with_the_same_identifier_stay_apart_where_they_are_nested():
    chat = LibreChat()
    chat.ask("One", name="a")
    chat.reply("Two", name="b")
    nested = chat.nest()
    nested["messages"][0]["children"][0]["messageId"] = "a"
    assert texts(read_one(nested)) == ["One", "Two"]


def test_another_beginning_is_counted():
    chat = LibreChat()
    chat.ask("A worse wording")
    chat.ask("A better wording", parent=NO_PARENT)
    found = read_one(chat.build())
    assert texts(found) == ["A better wording"]
    assert left_out(found) == {"branch": 1}


def test_thousands_of_messages_may_be_nested():
    depth = 4000
    opening = "".join(
        f'{{"messageId":"m{n}","isCreatedByUser":{"true" if n % 2 == 0 else "false"},"text":"text {n}","children":['
        for n in range(depth)
    )
    raw = f'{{"conversationId":"deep","recursive":true,"title":"Deep","messages":[{opening}{"]}" * depth}]}}'
    (found,) = read_bytes(raw.encode())
    assert texts(found) == [f"text {n}" for n in range(depth)]
    assert [message.role for message in found.messages[:2]] == ["user", "assistant"]


# --- Kinds of content ---


def test_content_counts_before_text():
    chat = LibreChat()
    chat.reply("stale", content=[{"type": "text", "text": "An answer"}])
    assert texts(read_one(chat.build())) == ["An answer"]


@pytest.mark.parametrize(
    ("part", "text", "counts"),
    [
        ({"type": "text", "text": {"value": "Said"}}, "Said", {}),
        ({"type": "text", "text": "Said"}, "Said", {}),
        ({"type": "think", "think": "Hm."}, "", {"reasoning": 1}),
        (
            {"type": "tool_call", "tool_call": {"name": "tide", "output": "high"}},
            "*[Not imported: the use of a tool]*",
            {"tool": 1},
        ),
        ({"type": "image_file", "image_file": {"file_id": "f"}}, "*[Not imported: an image]*", {"image": 1}),
        ({"type": "image_url", "image_url": {"url": "data:"}}, "*[Not imported: an image]*", {"image": 1}),
        ({"type": "video_url", "video_url": {}}, "*[Not imported: a video]*", {"video": 1}),
        ({"type": "input_audio", "input_audio": {}}, "*[Not imported: a recording]*", {"audio": 1}),
        ({"type": "summary", "content": [{"type": "text", "text": "s"}]}, "", {"hidden": 1}),
        ({"type": "error", "error": "busy"}, "", {}),
        ({"type": "agent_update", "agent_update": {}}, "", {}),
        ({"type": "steer", "steer": "Shorter,\nplease"}, "> Shorter,\n> please", {}),
        ({"type": "hologram"}, "*[Not imported: something of an unknown kind]*", {"other": 1}),
        (None, "", {}),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else None,
)
def test_parts_of_content(part, text, counts):
    chat = LibreChat()
    chat.ask("A question")
    chat.reply("", content=[part, {"type": "text", "text": "An answer"}])
    found = read_one(chat.build())
    assert texts(found)[1] == "\n\n".join(filter(None, [text, "An answer"]))
    assert left_out(found) == counts


def test_files_leave_notes():
    chat = LibreChat()
    chat.ask("Look", files=[{"filename": "tides.csv", "type": "text/csv"}, {"filename": "a.png", "type": "image/png"}])
    chat.reply("Here", attachments=[{"filename": "plot.png", "type": "image/png"}, {"type": "web_search"}])
    found = read_one(chat.build())
    assert texts(found) == [
        "*[Not imported: a file (tides.csv), an image]*\n\nLook",
        "*[Not imported: an image]*\n\nHere",
    ]
    assert left_out(found) == {"file": 1, "image": 2}


def test_quotes_of_a_question_stand_before_it():
    chat = LibreChat()
    chat.ask("Why?", quotes=["It is high.\nIt is low."])
    assert texts(read_one(chat.build())) == ["> It is high.\n> It is low.\n\nWhy?"]


def test_thoughts_inside_an_older_text_are_cut_out():
    chat = LibreChat()
    chat.reply(":::thinking\nHm.\n:::\n\nAn answer")
    found = read_one(chat.build())
    assert texts(found) == ["An answer"]
    assert left_out(found) == {"reasoning": 1}


@pytest.mark.parametrize(
    "mark", ["\ue202turn0search1", "\\ue202turn0search1", "\ue200\ue202turn0search1\ue202turn0news2\ue201"]
)
def test_marks_of_sources_go(mark):
    chat = LibreChat()
    chat.reply(f"High at noon{mark}.")
    assert texts(read_one(chat.build())) == ["High at noon."]


def test_an_agent_is_known_by_its_name():
    chat = LibreChat()
    chat.reply("An answer", model="agent_x7", sender="Harbour master")
    assert read_one(chat.build()).messages[0].model == "Harbour master"


def test_only_what_the_person_wrote_is_a_question():
    chat = LibreChat()
    chat.add("One", mine=True, isCreatedByUser="true", model="imagined")
    chat.add("Two", mine=True, model="imagined")
    found = read_one(chat.build())
    assert [(message.role, message.model) for message in found.messages] == [("assistant", "imagined"), ("user", None)]


def test_the_export_is_one_object():
    (found,) = read_bytes(encode(LibreChat().build()))
    assert found.source_id == "chat-3"
