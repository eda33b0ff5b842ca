"""What comes over from Open WebUI, kind by kind."""

import pytest

from balon_client.imports.errors import DamagedConversationError, DuplicateConversationError, EmptyConversationError
from tests.client.imports.exports import (
    START_S,
    OpenWebUI,
    encode,
    left_out,
    read,
    read_bytes,
    read_one,
    refusal,
    spoken,
    texts,
)

THOUGHTS = '<details type="reasoning" done="true" duration="3">\n<summary>Thought</summary>\n> Hm.\n</details>\n'
CALL = '<details type="tool_calls" done="true" id="c" name="tide" arguments="{&quot;at&quot;: 1}">\n<summary>Done</summary>\n</details>\n'


def test_a_chat_comes_over_with_title_times_and_models():
    found = read_one(OpenWebUI().build())
    assert found.title == "Coasts of the south"
    assert found.source_id == "chat-2"
    assert found.created_ms == START_S * 1000
    assert spoken(found) == [("user", "What is a ria?"), ("assistant", "Another drowned valley.")]
    assert [message.model for message in found.messages] == [None, "imagined:7b"]
    assert [message.created_ms for message in found.messages] == [START_S * 1000, (START_S + 1) * 1000]
    assert left_out(found) == {}


def test_the_wrapper_may_be_missing():
    bare = {**OpenWebUI().build()["chat"], "id": "bare", "title": "Bare"}
    found = read_one(bare)
    assert (found.source_id, found.title, len(found.messages)) == ("bare", "Bare", 2)
    assert found.created_ms == START_S * 1000


def test_one_chat_that_is_not_in_a_list_is_read():
    (found,) = read_bytes(encode(OpenWebUI().build()))
    assert found.source_id == "chat-2"


def test_messages_in_a_plain_list_are_read_in_order():
    messages = [
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two", "model": "m"},
        {"role": "user", "content": "Three"},
    ]
    found = read_one({"id": "old", "title": "Old", "chat": {"title": "Old", "messages": messages}})
    assert spoken(found) == [("user", "One"), ("assistant", "Two"), ("user", "Three")]
    assert [message.source_id for message in found.messages] == ["#0", "#1", "#2"]


def test_messages_of_a_list_with_the_same_identifier_stay_apart():
    messages = [
        {"id": "a", "role": "user", "content": "One"},
        {"id": "a", "role": "assistant", "content": "Two"},
        {"id": "#1", "role": "user", "content": "Three"},
    ]
    found = read_one({"chat": {"messages": messages}})
    assert texts(found) == ["One", "Two", "Three"]


def test_chats_without_any_identifier_are_known_by_what_is_in_them():
    def chat(text):
        return {"title": "Old", "messages": [{"role": "user", "content": text}]}

    first, second, third = read(chat("One"), chat("Two"), chat("One"))
    assert first.id != second.id
    assert type(third.problem) is DuplicateConversationError


def test_the_tree_counts_where_there_is_a_list_as_well():
    chat = OpenWebUI().build()
    chat["chat"]["messages"] = [{"role": "user", "content": "stale"}]
    assert texts(read_one(chat)) == ["What is a ria?", "Another drowned valley."]


def test_other_branches_are_counted():
    chat = OpenWebUI()
    question = chat.ask("A question")
    chat.reply("The first answer")
    chat.reply("The second answer", parent=question)
    found = read_one(chat.build())
    assert texts(found) == ["A question", "*[Not imported: a message of another branch]*\n\nThe second answer"]
    assert left_out(found) == {"branch": 1}


def test_an_edited_first_question_is_counted():
    chat = OpenWebUI()
    chat.ask("A worse wording", name="a")
    chat.ask("A better wording", name="b")
    chat.messages["b"]["parentId"] = None
    found = read_one(chat.build())
    assert texts(found) == ["A better wording"]
    assert left_out(found) == {"branch": 1}


def test_the_wrapper_may_name_the_current_message():
    chat = OpenWebUI()
    question = chat.ask("A question")
    first = chat.reply("The first answer")
    chat.reply("The second answer", parent=question)
    built = chat.build(current_message_id=first)
    built["chat"]["history"]["currentId"] = None
    assert texts(read_one(built))[1].endswith("The first answer")


# --- Several models ---


def test_answers_of_several_models_all_come_over_and_the_one_that_went_on_is_last():
    chat = OpenWebUI()
    question = chat.ask("A question", models=["a", "b", "c"])
    of_a = chat.reply("Of a", model="a", modelIdx=0)
    chat.reply("Of b, once", model="b", modelIdx=1, parent=question)
    chat.reply("Of b, again", model="b", modelIdx=1, parent=question)
    chat.reply("Of c", model="c", modelIdx=2, parent=question)
    chat.ask("And then?", parent=of_a)
    found = read_one(chat.build())
    note = "*[Not imported: a message of another branch]*\n\n"
    assert spoken(found) == [
        ("user", "A question"),
        ("assistant", f"{note}Of b, again"),
        ("assistant", "Of c"),
        ("assistant", "Of a"),
        ("user", "And then?"),
    ]
    assert [message.model for message in found.messages] == [None, "b", "c", "a", None]
    assert left_out(found) == {"branch": 1}


def test_another_answer_of_the_same_model_is_a_branch():
    chat = OpenWebUI()
    question = chat.ask("A question", models=["a", "b"])
    chat.reply("Of a, once", model="a", modelIdx=0)
    chat.reply("Of a, again", model="a", modelIdx=0, parent=question)
    assert left_out(read_one(chat.build())) == {"branch": 1}


def test_a_merged_answer_follows_the_answer_it_was_made_of():
    chat = OpenWebUI()
    chat.ask("A question")
    chat.reply("Of one", merged={"status": True, "content": f"{THOUGHTS}Of both"})
    found = read_one(chat.build())
    assert texts(found) == ["A question", "Of one", "Of both"]
    assert [message.model for message in found.messages] == [None, "imagined:7b", None]


# --- Kinds of content ---


@pytest.mark.parametrize(
    ("fold", "note", "kind"),
    [
        (THOUGHTS, "", "reasoning"),
        (CALL, "*[Not imported: the use of a tool]*\n\n", "tool"),
        (
            '<details type="code_interpreter" done="true" output="2">\n```python\n1+1\n```\n</details>',
            "*[Not imported: the use of a tool]*\n\n",
            "tool",
        ),
    ],
    ids=["reasoning", "tool_calls", "code_interpreter"],
)
def test_folds_are_cut_out_of_replies(fold, note, kind):
    chat = OpenWebUI()
    chat.ask("A question")
    chat.reply(f"{fold}An answer")
    found = read_one(chat.build())
    assert texts(found)[1] == f"{note}An answer"
    assert left_out(found) == {kind: 1}


def test_folds_between_paragraphs_leave_their_note_there():
    chat = OpenWebUI()
    chat.reply(f"Before\n{CALL}{CALL}{THOUGHTS}after")
    assert texts(read_one(chat.build())) == ["Before\n\n*[Not imported: 2 uses of tools]*\n\nafter"]


@pytest.mark.parametrize(
    "text",
    [
        "<details>\n<summary>More</summary>\nx</details>",
        '<details type="reasoning" done="false">\nnever ends',
        '<details type="poem">x</details>',
    ],
)
def test_other_folds_stay(text):
    chat = OpenWebUI()
    chat.reply(text)
    assert texts(read_one(chat.build())) == [text]


def test_folds_in_a_question_stay():
    chat = OpenWebUI()
    chat.ask(f"What does {THOUGHTS.strip()} mean?")
    assert texts(read_one(chat.build())) == [f"What does {THOUGHTS.strip()} mean?"]


def test_pictures_and_files_leave_notes():
    chat = OpenWebUI()
    files = [
        {"type": "image", "url": "data:image/png;base64,AAAA"},
        {"type": "file", "name": "tides.csv", "file": {}},
        {"type": "collection", "name": "Notes"},
    ]
    chat.ask("Look", files=files)
    found = read_one(chat.build())
    assert texts(found) == ["*[Not imported: an image, 2 files (tides.csv, Notes)]*\n\nLook"]
    assert left_out(found) == {"image": 1, "file": 2}


def test_pictures_inside_a_text_are_cut_out():
    chat = OpenWebUI()
    chat.reply("Here: ![tide](data:image/png;base64,iVBORw0KGgo=) and ![map](https://maps.example/a.png).")
    assert texts(read_one(chat.build())) == [
        "Here:\n\n*[Not imported: an image]*\n\n and ![map](https://maps.example/a.png)."
    ]


def test_content_may_be_a_list_of_parts():
    chat = OpenWebUI()
    chat.ask(
        [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:"}}, {"type": "smell"}]
    )
    found = read_one(chat.build())
    assert texts(found) == ["Look\n\n*[Not imported: an image, something of an unknown kind]*"]


def test_a_reply_may_stand_in_its_output_alone():
    output = [
        {"type": "reasoning", "content": [{"type": "output_text", "text": "Hm."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "An answer"}]},
    ]
    chat = OpenWebUI()
    chat.ask("A question")
    chat.reply("", output=output)
    assert texts(read_one(chat.build())) == ["A question", "An answer"]


def test_system_messages_stay_behind():
    chat = OpenWebUI()
    chat.add("system", "Be brief.")
    chat.ask("A question")
    found = read_one(chat.build())
    assert texts(found) == ["A question"]
    assert left_out(found) == {"hidden": 1}


# --- What cannot be read ---


@pytest.mark.parametrize(
    "chat", [None, 7, {}, {"history": None}, {"history": {"messages": []}}, {"messages": [1]}], ids=str
)
def test_a_chat_without_messages_is_refused(chat):
    (found,) = read_bytes(encode([OpenWebUI().build(), {"id": "x", "title": "Torn", "chat": chat}]))[1:]
    assert type(found.problem) is DamagedConversationError
    assert found.title == "Torn"


@pytest.mark.parametrize("messages", [{}, {"a": None}, {"a": {"role": "assistant", "content": ""}}], ids=str)
def test_a_chat_in_which_nothing_was_said_is_refused(messages):
    empty = {"id": "x", "chat": {"history": {"messages": messages}}}
    (found,) = read_bytes(encode([OpenWebUI().build(), empty]))[1:]
    assert type(found.problem) is EmptyConversationError


def test_a_conversation_of_another_product_is_refused():
    assert refusal(OpenWebUI().build()) is DamagedConversationError
