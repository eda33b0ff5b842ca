"""Sessions, deletion, disclosure and export against the real web tier: two sides written apart agree on every answer."""

import io
import json
import zipfile

from tests.client.tab import password, refused
from tests.client.test_against_server import _short_reply, alice, installation, login, open_tab, upstream
from tests.client.test_changes_against_server import entered

__all__ = ["_short_reply", "alice", "installation", "login", "open_tab", "upstream"]


async def test_sessions_are_listed_and_ended(alice, open_tab, login):
    other = await entered(open_tab, login, password())
    listed = {each["id"]: each for each in await alice.list_sessions()}
    assert sum(each["current"] for each in listed.values()) == 1
    other_id = other.storage.record.metadata["session_id"]
    assert not listed[other_id]["current"]
    assert await alice.end_session(other_id) is None
    await other.until(lambda: other.client._session.view["state"] == "signed-out")
    assert other_id not in {each["id"] for each in await alice.list_sessions()}
    assert await alice.end_session(other_id) is None
    third = await entered(open_tab, login, password())
    assert await alice.end_other_sessions() is None
    await third.until(lambda: third.client._session.view["state"] == "signed-out")
    assert [each["current"] for each in await alice.list_sessions()] == [True]


async def test_deletion_is_asked_for_and_cancelled(alice):
    assert await alice.deletion() == {"delete_after_ms": None}
    assert await refused(alice.request_deletion(password("wrong"))) == "wrong-password"
    due = await alice.request_deletion(password())
    assert due["delete_after_ms"] > 0
    assert await alice.request_deletion(password()) == due == await alice.deletion()
    assert await alice.cancel_deletion() == await alice.deletion() == {"delete_after_ms": None}


async def test_the_disclosure_has_every_table_and_no_text(alice, login):
    await alice.say("a sentence that nobody else reads")
    tables = {each["name"]: each for each in (await alice.disclosure())["tables"]}
    assert tables["accounts_user"]["rows"][0]["login"] == login
    assert any("message" in name and table["total"] >= 2 for name, table in tables.items())
    assert all(table["explanation"] for table in tables.values())
    assert "a sentence that nobody" not in json.dumps(tables)


async def test_the_export_has_what_was_said(alice):
    sent = await alice.say("one more sentence")
    with zipfile.ZipFile(io.BytesIO(await alice.export_everything())) as packed:
        told = json.loads(packed.read("balon.json"))
    found = {each["id"]: each for each in told["conversations"]}[sent["conversation_id"]]
    assert found["messages"][0]["text"] == "one more sentence"
    assert [each["mark"] for each in found["messages"]] == [None, None]
    assert told["not_given"] == told["refused"] == []
