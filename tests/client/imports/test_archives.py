"""Archives: the files of conversations in them, and what an archive can do to whoever opens it."""

import io
import json
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balon_client.imports import ImportedConversation, Source, archives, read_conversations, recognize, splitting
from balon_client.imports.errors import (
    DamagedExportError,
    EmptyExportError,
    ExportFileError,
    ExportTooLargeError,
    LockedExportError,
    UnknownExportError,
)
from tests.client.imports.exports import KEY, NOW_MS, ChatGPT, LibreChat, check, encode, read_bytes


def pack(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def chats(*names: str) -> bytes:
    return encode([ChatGPT(conversation_id=name).build() for name in names])


def sources(raw: bytes) -> list[str]:
    return [each.source_id for each in read_bytes(raw)]


def export(**more: bytes) -> bytes:
    """An archive as ChatGPT makes it."""
    others = {"chat.html": b"<html>", "user.json": b'{"email": "a"}', "message_feedback.json": b"[]"}
    return pack({"conversations.json": chats("a", "b"), **others, **more})


# --- What is read ---


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_conversations_are_read_from_the_archive_as_it_came(method):
    raw = pack({"chat.html": b"<html>", "conversations.json": chats("a", "b"), "user.json": b"{}"}, method)
    assert recognize(raw) is Source.CHATGPT
    assert sources(raw) == ["a", "b"]


def test_a_bare_file_and_its_archive_say_the_same():
    raw = chats("a", "b")
    assert read_bytes(raw) == read_bytes(pack({"conversations.json": raw}))


def test_numbered_files_are_read_in_order():
    files = {f"conversations-{n}.json": chats(str(n)) for n in (10, 2, 0)}
    assert sources(pack({"chat.html": b"", **files, "export_manifest.json": b"{}"})) == ["0", "2", "10"]


def test_a_folder_around_it_is_no_matter():
    assert sources(pack({"my export/conversations.json": chats("a"), "my export/user.json": b"{}"})) == ["a"]


def test_copies_that_macos_adds_are_not_read():
    files = {
        "__MACOSX/x/._conversations.json": b"\x00\x05",
        "x/._conversations.json": b"\x00",
        "x/conversations.json": chats("a"),
    }
    assert sources(pack(files)) == ["a"]
    assert sources(pack({"__MACOSX/._a.json": b"\x00\x05", "a.json": encode(LibreChat().build())})) == ["chat-3"]


@pytest.mark.parametrize(
    "name", ["shared_conversations.json", "conversations.json.bak", "conversations-x.json", "conversations.jsonl"]
)
def test_other_names_are_not_read(name):
    assert sources(pack({name: b"nonsense", "conversations.json": chats("a")})) == ["a"]


def test_many_exports_of_one_conversation_may_be_put_into_one_archive():
    files = {f"{n}.json": encode(LibreChat(conversation_id=n).build()) for n in ("a", "b")}
    raw = pack({**files, "notes.txt": b"x"})
    assert recognize(raw) is Source.LIBRECHAT
    assert sources(raw) == ["a", "b"]


# --- What is not ---


def test_an_archive_of_something_else_is_unknown():
    with pytest.raises(UnknownExportError):
        recognize(pack({"photo.jpg": b"\xff\xd8", "letter.txt": b"Dear"}))


@pytest.mark.parametrize("raw", [pack({}), pack({"photo.jpg": b""})], ids=["nothing", "no JSON"])
def test_an_archive_without_json_is_unknown(raw):
    with pytest.raises(UnknownExportError):
        recognize(raw)


def test_an_archive_without_conversations_is_empty():
    with pytest.raises(EmptyExportError):
        recognize(pack({"conversations.json": b"[]"}))


def test_a_password_is_said():
    raw = bytearray(export())
    raw[6] |= 1
    raw[raw.rindex(b"PK\x01\x02", 0, raw.index(b"conversations.json", 100)) + 8] |= 1
    with pytest.raises(LockedExportError):
        recognize(bytes(raw))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_browsers_lack_are_refused(method):
    with pytest.raises(DamagedExportError):
        recognize(pack({"conversations.json": chats("a")}, method))


def test_a_changed_byte_is_noticed_at_the_end():
    raw = bytearray(pack({"conversations.json": chats("a", "b")}, zipfile.ZIP_STORED))
    raw[raw.index(b"drowned")] ^= 1
    found = []
    with pytest.raises(DamagedExportError):
        found += read_conversations(bytes(raw), Source.CHATGPT, id_key=KEY, now_ms=NOW_MS)


@pytest.mark.parametrize("keep", [4, 30, 100, 300, -1, -10, -60])
def test_an_archive_that_breaks_off_is_damaged(keep):
    with pytest.raises(DamagedExportError):
        recognize(export()[:keep])


@settings(max_examples=300)
@given(st.data())
def test_changed_archives_are_read_or_refused(data):
    raw = bytearray(export())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.none() | st.integers(0, len(raw)))])
    with suppress(ExportFileError):
        for result in read_conversations(cut, recognize(cut), id_key=KEY, now_ms=NOW_MS):
            check(result)


# --- What an archive can do ---


def bomb(unpacked: int) -> bytes:
    """White space that unpacks to a thousand times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("conversations.json", "w") as file:
        file.write(b"[")
        for _ in range(unpacked >> 20):
            file.write(b" " * (1 << 20))
        file.write(b"]")
    return buffer.getvalue()


def test_text_that_no_text_could_be_packed_to_is_not_unpacked():
    with pytest.raises(ExportTooLargeError):
        recognize(bomb(65 << 20))


def test_what_little_is_packed_densely_is_unpacked():
    with pytest.raises(EmptyExportError):
        recognize(bomb(20 << 20))


def test_all_files_of_an_archive_share_one_budget(monkeypatch):
    size = len(chats("a"))
    monkeypatch.setattr(splitting.Budget.__init__, "__defaults__", (3 * size,))
    assert len(sources(pack({f"conversations-{n}.json": chats(str(n)) for n in range(3)}))) == 3
    with pytest.raises(ExportTooLargeError):
        sources(pack({f"conversations-{n}.json": chats(str(n)) for n in range(4)}))


def test_a_list_of_files_is_not_read_however_long_it_is(monkeypatch):
    raw = pack({"conversations.json": chats("a"), **{f"{n}.png": b"" for n in range(2000)}})
    assert sources(raw) == ["a"]
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 80_000)
    with pytest.raises(ExportTooLargeError):
        recognize(raw)


def test_only_what_is_read_is_unpacked():
    """A bomb beside the conversations does not go off."""
    with zipfile.ZipFile(io.BytesIO(bomb(65 << 20))) as packed:
        spaces = packed.read("conversations.json")
    assert sources(export(**{"other.json": spaces})) == ["a", "b"]


def test_the_file_is_left_open():
    file = io.BytesIO(export())
    assert recognize(file) is Source.CHATGPT
    results = list(read_conversations(file, Source.CHATGPT, id_key=KEY, now_ms=NOW_MS))
    assert all(isinstance(each, ImportedConversation) for each in results)
    assert not file.closed
    assert json.loads(chats("a"))
