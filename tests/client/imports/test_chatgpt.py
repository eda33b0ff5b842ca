"""What comes over from ChatGPT, kind by kind."""

import json

import pytest

from balon_client.imports.errors import DamagedConversationError, EmptyConversationError
from tests.client.imports.exports import START_S, ChatGPT, left_out, read, read_one, refusal, spoken, texts

IMAGE = {"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1", "width": 9, "height": 9}
BRANCH_NOTE = "*[Not imported: a message of another branch]*"


def replied(content, **message) -> ChatGPT:
    """A conversation with one node of the assistant between a question and an answer."""
    chat = ChatGPT()
    chat.ask("A question")
    chat.node("assistant", content, **message)
    chat.reply("An answer")
    return chat


# --- Plain conversations ---


def test_a_conversation_comes_over_with_title_times_and_models():
    chat = ChatGPT()
    chat.node("system", "")
    chat.ask("What is a fjord?")
    chat.reply("A **drowned** valley.", model="gpt-imagined-mini")
    found = read_one(chat.build())
    assert found.title == "Coasts of the north"
    assert found.source_id == "chat-1"
    assert found.created_ms == START_S * 1000 + 250
    assert spoken(found) == [("user", "What is a fjord?"), ("assistant", "A **drowned** valley.")]
    assert [message.model for message in found.messages] == [None, "gpt-imagined-mini"]
    assert [message.source_id for message in found.messages] == ["node-2", "node-3"]
    assert [message.created_ms for message in found.messages] == [(START_S + at) * 1000 + 500 for at in (2, 3)]
    assert left_out(found) == {}


def test_parts_of_one_message_stay_together():
    chat = ChatGPT()
    chat.node("user", {"content_type": "text", "parts": ["First.", "", "Second."]})
    assert texts(read_one(chat.build())) == ["First.\n\nSecond."]


def test_the_first_of_two_identifiers_counts():
    assert read_one(ChatGPT(id="other").build()).source_id == "chat-1"
    assert read_one(ChatGPT(conversation_id=None, id="other").build()).source_id == "other"


def test_a_conversation_without_identifier_is_known_by_its_first_message():
    old = ChatGPT(conversation_id=None)
    old.ask("Hello", name="first")
    begun = read_one(old.build())
    old.reply("Hello to you")
    later = read_one(old.build())
    assert begun.id == later.id
    assert begun.source_id == "first"


# --- Branches ---


def test_the_branch_on_screen_comes_over_and_the_others_are_counted():
    chat = ChatGPT()
    question = chat.ask("Which fjord is longest?")
    first = chat.reply("The first answer")
    chat.ask("A question that was given up", parent=first)
    chat.reply("Its answer")
    second = chat.reply("The second answer", parent=question)
    chat.ask("And how deep?", parent=second)
    found = read_one(chat.build())
    assert texts(found) == [
        "Which fjord is longest?",
        "*[Not imported: 3 messages of other branches]*\n\nThe second answer",
        "And how deep?",
    ]
    assert left_out(found) == {"branch": 3}


def test_an_edited_first_question_leaves_its_note_in_the_first_reply():
    chat = ChatGPT()
    chat.ask("A worse wording", parent="root")
    chat.ask("A better wording", parent="root")
    chat.reply("An answer")
    assert texts(read_one(chat.build())) == ["A better wording", f"{BRANCH_NOTE}\n\nAn answer"]


def test_steps_of_tools_and_hidden_nodes_of_other_branches_do_not_count_as_messages():
    chat = ChatGPT()
    question = chat.ask("A question")
    chat.node("tool", "searched", parent=question)
    chat.node("system", "be brief", parent=question)
    chat.node("assistant", "search()", parent=question, recipient="web")
    chat.reply("An answer", parent=question)
    assert left_out(read_one(chat.build())) == {}


@pytest.mark.parametrize("current", [None, "gone", 7, ["node-1"]], ids=str)
def test_without_a_current_node_the_newest_message_tells_the_branch(current):
    chat = ChatGPT()
    question = chat.ask("A question")
    chat.reply("Newer", create_time=START_S + 100)
    chat.reply("Older", parent=question, create_time=START_S + 50)
    found = read_one(chat.build(current_node=current))
    assert texts(found) == ["A question", f"{BRANCH_NOTE}\n\nNewer"]


# --- Trees that do not hold ---


def test_a_missing_parent_is_said():
    chat = ChatGPT()
    chat.ask("The rest of it", parent="gone")
    chat.reply("An answer")
    found = read_one(chat.build())
    assert texts(found) == [
        "The rest of it",
        "*[Not imported: earlier messages that the file does not hold]*\n\nAn answer",
    ]
    assert left_out(found) == {"gap": 1}


def test_a_circle_ends_the_branch():
    chat = ChatGPT()
    chat.ask("One", name="a", parent="c")
    chat.reply("Two", name="b", parent="a")
    chat.ask("Three", name="c", parent="b")
    found = read_one(chat.build())
    assert [text.rpartition("\n")[2] for text in texts(found)] == ["One", "Two", "Three"]
    assert left_out(found) == {"gap": 1}


def test_a_circle_beside_the_branch_is_counted_once():
    chat = ChatGPT()
    chat.ask("One", name="a", parent="b")
    chat.reply("Two", name="b", parent="a")
    chat.ask("On screen", parent="root")
    assert left_out(read_one(chat.build())) == {"branch": 2}


def test_a_node_that_is_its_own_parent_ends_the_branch():
    chat = ChatGPT()
    chat.ask("One", name="a", parent="a")
    assert left_out(read_one(chat.build())) == {"gap": 1}


# --- Kinds of content ---


def test_pictures_and_files_of_a_question_leave_notes_where_they_stood():
    chat = ChatGPT()
    attachments = [
        {"name": "tide_table.pdf", "mime_type": "application/pdf"},
        {"name": "a.png", "mime_type": "image/png"},
    ]
    content = {"content_type": "multimodal_text", "parts": ["Before", IMAGE, IMAGE, "after."]}
    chat.node("user", content, metadata={"attachments": attachments})
    found = read_one(chat.build())
    assert texts(found) == [
        "*[Not imported: a file (tide\\_table.pdf)]*\n\nBefore\n\n*[Not imported: 2 images]*\n\nafter."
    ]
    assert left_out(found) == {"file": 1, "image": 2}


def test_a_picture_that_is_only_attached_counts_too():
    chat = ChatGPT()
    chat.ask("Look", metadata={"attachments": [{"name": "a.png", "mimeType": "image/png"}]})
    assert texts(read_one(chat.build())) == ["*[Not imported: an image]*\n\nLook"]


def test_a_question_that_is_a_picture_alone_stays_a_question():
    chat = ChatGPT()
    chat.node("user", {"content_type": "multimodal_text", "parts": [IMAGE]})
    chat.reply("A skerry.")
    found = read_one(chat.build())
    assert spoken(found) == [("user", "*[Not imported: an image]*"), ("assistant", "A skerry.")]


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"content_type": "audio_asset_pointer"}, "audio"),
        ({"content_type": "real_time_user_audio_video_asset_pointer"}, "audio"),
        ({"content_type": "video_container_asset_pointer"}, "video"),
        ({"content_type": "hologram"}, "other"),
    ],
)
def test_other_parts_are_counted_by_kind(part, kind):
    chat = ChatGPT()
    chat.node("user", {"content_type": "multimodal_text", "parts": [part, "Listen"]})
    found = read_one(chat.build())
    assert left_out(found) == {kind: 1}
    assert texts(found)[0].startswith("*[Not imported: ")


def test_what_was_said_aloud_comes_over_as_text():
    chat = ChatGPT()
    spoken_part = {"content_type": "audio_transcription", "text": "How high is the tide?", "direction": "in"}
    chat.node(
        "user", {"content_type": "multimodal_text", "parts": [{"content_type": "audio_asset_pointer"}, spoken_part]}
    )
    assert texts(read_one(chat.build())) == ["*[Not imported: a recording]*\n\nHow high is the tide?"]


def test_code_is_fenced_so_that_nothing_in_it_ends_the_fence():
    code = {"content_type": "code", "language": "python", "text": 'print("```")\n'}
    assert texts(read_one(replied(code).build()))[1] == '````python\nprint("```")\n\n````'


@pytest.mark.parametrize("language", ["unknown", "", None, "a b", "```"])
def test_a_language_that_is_none_is_left_away(language):
    code = {"content_type": "code", "language": language, "text": "x"}
    assert texts(read_one(replied(code).build()))[1] == "```\nx\n```"


def test_code_for_the_interpreter_comes_over_and_what_it_printed_is_noted():
    chat = replied({"content_type": "code", "language": "unknown", "text": "1 + 1"}, recipient="python")
    chat.mapping["node-3"]["parent"] = chat.node(
        "tool", {"content_type": "execution_output", "text": "2"}, parent="node-2"
    )
    found = read_one(chat.build(current_node="node-3"))
    assert texts(found) == ["A question", "```python\n1 + 1\n```", "*[Not imported: the use of a tool]*\n\nAn answer"]


@pytest.mark.parametrize(
    "content",
    [
        {"content_type": "execution_output", "text": "2"},
        {"content_type": "tether_quote", "url": "u", "domain": "d", "text": "quoted", "title": "t"},
        {"content_type": "tether_browsing_display", "result": "L1: x", "summary": None, "assets": []},
        {"content_type": "system_error", "name": "E", "text": "failed"},
        {"content_type": "text", "parts": ["anything"]},
    ],
    ids=lambda content: content["content_type"],
)
def test_what_tools_answer_is_a_step(content):
    chat = ChatGPT()
    chat.ask("A question")
    chat.node("tool", content)
    chat.reply("An answer")
    found = read_one(chat.build())
    assert texts(found) == ["A question", "*[Not imported: the use of a tool]*\n\nAn answer"]
    assert left_out(found) == {"tool": 1}


def test_calls_of_tools_are_steps():
    found = read_one(replied('search("fjord")', recipient="web.run").build())
    assert left_out(found) == {"tool": 1}


def test_a_picture_that_a_tool_made_stands_between_the_questions():
    chat = ChatGPT()
    chat.ask("Draw a skerry")
    chat.node("assistant", '{"prompt": "skerry"}', recipient="dalle.text2im")
    chat.node("tool", {"content_type": "multimodal_text", "parts": [IMAGE, "made"]})
    chat.ask("Thanks")
    found = read_one(chat.build())
    assert spoken(found) == [
        ("user", "Draw a skerry"),
        ("assistant", "*[Not imported: the use of a tool, an image]*"),
        ("user", "Thanks"),
    ]
    assert left_out(found) == {"tool": 1, "image": 1}


def test_notes_after_the_last_reply_go_to_its_end():
    chat = ChatGPT()
    chat.ask("Draw a skerry")
    chat.reply("Here it is:")
    chat.node("tool", {"content_type": "multimodal_text", "parts": [IMAGE]})
    assert texts(read_one(chat.build()))[1] == "Here it is:\n\n*[Not imported: an image]*"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]}, "reasoning"),
        ({"content_type": "reasoning_recap", "content": "Thought for 3 s"}, "reasoning"),
        ({"content_type": "user_editable_context", "user_profile": "p", "user_instructions": "i"}, "hidden"),
        ({"content_type": "model_editable_context", "model_set_context": "m"}, "hidden"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["content_type"],
)
def test_what_was_not_on_screen_is_counted_and_leaves_no_note(content, kind):
    found = read_one(replied(content).build())
    assert texts(found) == ["A question", "An answer"]
    assert left_out(found) == {kind: 1}


@pytest.mark.parametrize(
    ("message", "kind"),
    [({"metadata": {"is_visually_hidden_from_conversation": True}}, "hidden"), ({"channel": "analysis"}, "reasoning")],
)
def test_hidden_messages_and_thoughts_stay_behind(message, kind):
    found = read_one(replied("Not on screen", **message).build())
    assert texts(found) == ["A question", "An answer"]
    assert left_out(found) == {kind: 1}


def test_system_messages_stay_behind():
    chat = ChatGPT()
    chat.node("system", "You are helpful.")
    chat.ask("A question")
    found = read_one(chat.build())
    assert texts(found) == ["A question"]
    assert left_out(found) == {"hidden": 1}


def test_an_unknown_role_is_counted():
    chat = ChatGPT()
    chat.node("oracle", "42")
    chat.ask("A question")
    assert left_out(read_one(chat.build())) == {"other": 1}


@pytest.mark.parametrize(
    ("kind", "text"),
    [("document", "# Tides\n\nHigh and low."), ("code/python", "```python\n# Tides\n\nHigh and low.\n```")],
)
def test_a_canvas_comes_over_as_it_was_begun(kind, text):
    written = json.dumps({"name": "Tides", "type": kind, "content": "# Tides\n\nHigh and low."})
    found = read_one(replied(written, recipient="canmore.create_textdoc").build())
    assert texts(found)[1] == text


@pytest.mark.parametrize("written", ["", "{", "[]", '{"content": 7}', '{"content": " "}', "[" * 5000])
def test_a_canvas_without_a_document_is_a_step(written):
    found = read_one(
        replied({"content_type": "code", "text": written or " "}, recipient="canmore.create_textdoc").build()
    )
    assert texts(found)[-1].endswith("An answer")
    assert left_out(found) in ({"tool": 1}, {})


# --- Marks of sources ---


def test_marks_of_sources_are_written_out_as_far_as_the_export_says_how():
    cite = "\ue200cite\ue202turn0search1\ue202turn0search2\ue201"
    references = [{"matched_text": cite, "type": "grouped_webpages", "alt": "([Tides](https://tides.example))"}]
    chat = ChatGPT()
    chat.reply(
        f"High at noon {cite}, low at six \ue200cite\ue202turn0search9\ue201.",
        metadata={"content_references": references},
    )
    found = read_one(chat.build())
    assert texts(found) == ["High at noon ([Tides](https://tides.example)), low at six ."]
    assert left_out(found) == {"citation": 1}


def test_names_in_marks_are_kept():
    chat = ChatGPT()
    chat.reply('As \ue200entity\ue202["people", "Ada Tidewater", 0]\ue201 wrote.')
    assert texts(read_one(chat.build())) == ["As Ada Tidewater wrote."]


def test_old_marks_and_loose_delimiters_go():
    chat = ChatGPT()
    chat.reply("High\ue203 at noon\ue204【12†source】, low【3:1†tides.pdf】 at six\ue202turn3view4.")
    found = read_one(chat.build())
    assert texts(found) == ["High at noon, low at six."]
    assert left_out(found) == {"citation": 2}


def test_marks_in_a_question_stay():
    chat = ChatGPT()
    chat.ask("What does 【12†source】 mean?")
    assert texts(read_one(chat.build())) == ["What does 【12†source】 mean?"]


# --- What cannot be read ---


@pytest.mark.parametrize("mapping", [None, [], "x", 7], ids=str)
def test_a_conversation_without_a_tree_is_refused(mapping):
    assert refusal(ChatGPT().build(mapping=mapping)) is DamagedConversationError


@pytest.mark.parametrize(
    "mapping", [{}, {"a": None}, {"a": {"message": None}}, {"a": {"message": {"content": 1}}}], ids=str
)
def test_a_conversation_in_which_nothing_was_said_is_refused(mapping):
    assert refusal(ChatGPT().build(mapping=mapping)) is EmptyConversationError


def test_a_refused_conversation_is_told_by_number_and_title():
    _, second, third = read(ChatGPT().build(), {"title": "Torn", "mapping": 3}, ChatGPT(conversation_id="b").build())
    assert (second.number, second.title) == (2, "Torn")
    assert third.source_id == "b"
