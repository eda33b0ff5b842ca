"""Texts, titles and notes that fit, whatever stood in the export."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balon_client.imports.limits import MAX_TEXT_BYTES, MAX_TITLE
from balon_client.imports.markdown import cut_citations, cut_inline_images, cut_spans, fence, put_together, quote
from balon_client.imports.model import LeftOut
from balon_client.imports.notes import Omission, write_note
from balon_client.imports.open_webui import read_open_webui
from balon_client.imports.texts import split_text
from balon_client.imports.values import name_of, text_of, title_of
from balon_client.payloads import MAX_TEXT, Payload, parse_payload
from tests.client.imports.exports import SERVER_LIMIT, ChatGPT, OpenWebUI, read_one, texts

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


# --- Values ---


@given(ANY_TEXT)
def test_text_always_has_a_utf_8_form(text):
    clean = text_of(text)
    clean.encode()
    assert "\r" not in clean
    assert "\x00" not in clean
    assert text_of(clean) == clean


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a\ud800b", "a\ufffdb"),
        ("a\x00b", "a\ufffdb"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("é\r", "é\n"),
        (7, ""),
        (None, ""),
        (["a"], ""),
    ],
)
def test_what_texts_become(raw, text):
    assert text_of(raw) == text


@given(ANY_TEXT)
def test_titles_fit(title):
    made = title_of(title)
    if made is not None:
        assert 0 < len(made) <= MAX_TITLE
        assert made == made.strip()
        assert made.splitlines() == [made]


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("  Tides\n and \t coasts ", "Tides and coasts"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 199 + "…"),
        ("\ud800", "\ufffd"),
        ("\x1b[31m red", "[31m red"),
        (" \n", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_what_titles_become(raw, title):
    assert title_of(raw) == title


def test_names_are_cut():
    assert name_of("m" * 300) == "m" * 200
    assert name_of(" \n") is None


# --- Long texts ---


@given(
    st.lists(st.sampled_from(["a", "é", "\U0001f30a", '"', "\\", "\x01", "\n", "\n\n", " "]), min_size=1, max_size=8),
    st.integers(1, 300_000),
)
def test_long_texts_become_several_that_fit(parts, times):
    text = ("x" + "".join(parts)) * times
    split = split_text(text)
    for part in split:
        assert len(part) <= MAX_TEXT
        payload = Payload(role="assistant", text=part, model="\x01" * 200)
        assert len(payload.serialize()) < SERVER_LIMIT
        assert parse_payload(payload.serialize()) == payload
    bodies = [re.sub(r"\A\*\[Part \d+ of \d+\]\*\n\n", "", part) for part in split]
    assert "".join("".join(bodies).split()) == "".join(text.split())
    assert [part.startswith(f"*[Part {n} of {len(split)}]*") for n, part in enumerate(split, 1)] == [
        False,
        *[True] * (len(split) - 1),
    ]


def test_a_text_that_fits_just_so_stays_whole():
    text = "a" * (MAX_TEXT_BYTES - 2)
    assert split_text(text) == [text]
    assert len(split_text(text + "a")) == 2


def test_long_texts_are_split_between_paragraphs_if_they_can():
    paragraph = "word " * 400 + "end."
    for part in split_text("\n\n".join([paragraph] * 1000)):
        assert part.endswith("end.")


def test_a_long_message_becomes_several_with_identifiers_of_their_own():
    chat = ChatGPT()
    chat.ask("tide " * 500_000)
    found = read_one(chat.build())
    assert len(found.messages) == 3
    assert {message.source_id for message in found.messages} == {"node-1"}
    assert [message.text[:17] for message in found.messages[1:]] == ["*[Part 2 of 3]*\n\n", "*[Part 3 of 3]*\n\n"]


# --- Notes ---


@pytest.mark.parametrize(
    ("omissions", "note"),
    [
        ([], ""),
        ([Omission(LeftOut.REASONING), Omission(LeftOut.CITATION, 3), Omission(LeftOut.HIDDEN)], ""),
        ([Omission(LeftOut.IMAGE)], "*[Not imported: an image]*"),
        (
            [Omission(LeftOut.IMAGE), Omission(LeftOut.TOOL), Omission(LeftOut.IMAGE)],
            "*[Not imported: 2 images, the use of a tool]*",
        ),
        ([Omission(LeftOut.FILE, name="a.txt")], "*[Not imported: a file (a.txt)]*"),
        ([Omission(LeftOut.FILE, name=str(n)) for n in range(7)], "*[Not imported: 7 files (0, 1, 2, 3, 4, …)]*"),
        ([Omission(LeftOut.BRANCH, 2), Omission(LeftOut.BRANCH)], "*[Not imported: 3 messages of other branches]*"),
    ],
)
def test_what_notes_say(omissions, note):
    assert write_note(omissions) == note


@given(ANY_TEXT)
def test_no_name_of_a_file_ends_a_note_or_makes_markdown(name):
    note = write_note([Omission(LeftOut.FILE, name=name)])
    inner = note.removeprefix("*[Not imported: ").removesuffix("]*")
    assert not set(inner) & set("*[]<>`#|~!\n\u202e\u2066")
    assert len(note) < 250
    note.encode("utf-8", "surrogatepass")


def test_every_kind_has_a_note_or_none():
    assert {kind for kind in LeftOut if not write_note([Omission(kind)])} == {
        LeftOut.REASONING,
        LeftOut.HIDDEN,
        LeftOut.CITATION,
    }


# --- Markdown ---


@given(st.text(alphabet="`\na ~"))
def test_nothing_ends_a_fence_from_inside(code):
    opening, *body, closing = fence(code, "python").split("\n")
    assert opening == closing + "python"
    assert "\n".join(body) == code
    assert not any(line.strip().startswith(closing) for line in body)


def test_quotes_mark_each_line():
    assert quote("a\n\nb") == "> a\n>\n> b"


@given(st.lists(st.sampled_from(["(", ")", "x", "[("]), max_size=30).map("".join))
def test_cutting_spans_loses_nothing_else(text):
    pieces = cut_spans(text, re.compile(r"\("), ")", lambda _match: Omission(LeftOut.OTHER))
    cut = "".join(piece for piece in pieces if isinstance(piece, str))
    assert cut == re.sub(r"\([^)]*\)", "", text)
    assert sum(isinstance(piece, Omission) for piece in pieces) == len(re.findall(r"\([^)]*\)", text))


def test_pieces_become_paragraphs():
    image, thought = Omission(LeftOut.IMAGE), Omission(LeftOut.REASONING)
    pieces = ["\n  a\n", thought, " ", "b", image, thought, " \n", image, "c"]
    assert put_together(pieces) == "  a\n\nb\n\n*[Not imported: 2 images]*\n\nc"


def test_texts_without_marks_are_left_alone():
    text = "plain \ue300 text"
    assert cut_citations(text, lambda _mark: None) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "![" * 300_000,
        "![](data:" * 200_000,
        "![](data:" * 200_000 + ")",
        '<details type="reasoning"' * 100_000,
        '<details type="reasoning"' * 100_000 + "</details>",
        "<details " + " " * 1_000_000,
        "\ue200" * 500_000,
        "\ue202turn" * 300_000,
        "【1†" * 300_000,
        "`" * 1_000_000,
        ":::thinking\n" * 100_000,
        "\n:::" * 300_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_texts_take_time_in_proportion(text):
    """Whatever looks for the end of a span from each of its beginnings would take hours."""
    for chat in (OpenWebUI(), ChatGPT()):
        chat.reply(text)
        chat.ask("A question")
        assert "A question" in texts(read_one(chat.build()))
    cut_inline_images(text)


def test_hostile_code_takes_time_in_proportion():
    chat = ChatGPT()
    chat.node("assistant", {"content_type": "code", "text": "` " * 500_000})
    assert texts(read_one(chat.build()))[0].startswith("```\n` `")


def test_many_files_and_models_take_time_in_proportion():
    chat = OpenWebUI()
    question = chat.ask("A question", files=[{"type": "file", "name": "f" * 100}] * 100_000)
    for number in range(20_000):
        chat.reply("Of a model", modelIdx=number, parent=question)
    transcript = read_open_webui(chat.build())
    assert len(transcript.drafts) == 20_001
