"""What the server holds about an account: all of it, explained, to its person and from the command."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import SignInSession, User
from balon.protocol.encoding import encode_b64u
from conversations.disclosure import WITHHELD, take_rows
from conversations.disclosure_tables import NOT_ABOUT_PEOPLE, TABLES, UnexplainedTableError, verify_explained
from conversations.models import LegacyMessage
from tests.accounts.legacy import Newcomer
from tests.accounts.test_deletion import OWNED, add_stream, ask, fill
from tests.browsers import Browser
from tests.keys import public_bytes
from tests.people import admit
from tests.project.test_data_inventory import listed
from tests.traces import marks_of, rows_that_name

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(alice: Browser, bob: Browser) -> Browser:
    """Alice with a row in every table, beside Bob who has rows of his own."""
    room = fill(alice)
    bob.send_messages(bob.create_conversation(), 1)
    add_stream(alice, room)
    ask(alice)
    return alice


def tables_of(browser: Browser) -> dict[str, dict[str, Any]]:
    answer = browser.get("accounts/disclosure")
    assert answer.status_code == 200
    assert list(answer.json()) == ["tables"]
    return {table["name"]: table for table in answer.json()["tables"]}


def archive_of(login: str, path: Path) -> dict[str, bytes]:
    call_command("disclose", login, str(path), stdout=StringIO())
    with ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_tells_every_table_that_has_rows_of_the_account(full: Browser):
    tables = tables_of(full)
    held = rows_that_name(marks_of(full.keys.login, full.keys.user_id))
    assert set(held) == OWNED
    assert {name for name, table in tables.items() if table["total"]} >= OWNED
    for name, count in held.items():
        assert tables[name]["total"] >= count, name
    assert {tuple(table) for table in tables.values()} == {("name", "explanation", "rows", "total")}


def test_tells_every_column_of_the_inventory(full: Browser):
    about_people = {table.model._meta.db_table for table in TABLES}
    expected = {place for place in listed() if place[0] in about_people}
    told = {
        (name, column)
        for name, table in tables_of(full).items()
        for row in table["rows"]
        for column in row
        if not column.endswith("_opened") and name != "sealed_frames"
    }
    assert told == {place for place in expected if place[0] in {name for name, _ in told}}
    assert {name for name, _ in told} >= OWNED


def test_explains_each_table_in_plain_words():
    for table in TABLES:
        assert 40 < len(table.explanation) < 600
        assert table.explanation.endswith(".")


def test_tells_the_numbers_as_they_are(full: Browser):
    tables = tables_of(full)
    assert tables["conversations_message"]["total"] == len(tables["conversations_message"]["rows"]) == 3
    assert tables["accounts_signinsession"]["total"] == 2
    assert tables["accounts_user"]["rows"][0]["login"] == "alice@example.org"
    assert tables["sealed_frames"]["rows"] == [
        {
            "stream_id": tables["conversations_stream"]["rows"][0]["stream_id"],
            "number": 0,
            "frame": encode_b64u(b"a sealed frame"),
        }
    ]


def test_opens_what_the_installation_key_opens(full: Browser):
    (row,) = tables_of(full)["accounts_signinrecord"]["rows"]
    records = full.get("accounts/self").json()["records"]
    assert row["login_pub_opened"] == encode_b64u(public_bytes(full.keys.login_key))
    assert row["salt_opened"] == encode_b64u(full.keys.salt)
    assert row["mek_env_opened"] == records["mek_env"]
    assert row["mek_env_sealed"] != row["mek_env_opened"]


def test_tells_what_was_written_before_encryption_as_the_operator_has_it(full: Browser):
    tables = tables_of(full)
    assert [row["text"] for row in tables["conversations_legacymessage"]["rows"]] == [LegacyMessage.objects.get().text]
    assert "plaintext" in tables["conversations_legacymessage"]["explanation"]


def test_withholds_the_values_of_cookies(full: Browser, tmp_path: Path):
    cookies = list(SignInSession.objects.values_list("cookie_key", flat=True))
    assert all(cookies)
    text = json.dumps(tables_of(full)) + repr(archive_of("alice@example.org", tmp_path / "alice.zip"))
    assert not [cookie for cookie in cookies if cookie in text]
    assert text.count(WITHHELD) >= 8


def test_tells_nothing_of_anyone_else(full: Browser, bob: Browser, tmp_path: Path):
    marks = marks_of("bob@example.org", bob.keys.user_id)
    texts = [json.dumps(tables_of(full)), repr(archive_of("alice@example.org", tmp_path / "alice.zip"))]
    assert not [mark for mark in marks if any(mark in text for text in texts)]
    assert not {"accounts_deletionrequest", "django_admin_log", "conversations_meta"} & {
        name for name, table in tables_of(bob).items() if table["total"]
    }


def test_tells_the_messages_of_a_shared_conversation_to_both(alice: Browser, bob: Browser):
    room = alice.create_conversation()
    alice.send_messages(room, 2)
    admit(bob, room)
    assert tables_of(bob)["conversations_message"]["total"] == 2
    assert tables_of(bob)["keystore_membership"]["total"] == 2
    assert tables_of(bob)["keystore_grant"]["total"] == 0


def test_a_long_table_shows_its_first_rows_and_its_length(alice: Browser, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("conversations.disclosure_views.MAX_ROWS", 3)
    alice.send_messages(alice.create_conversation(), 5)
    table = tables_of(alice)["conversations_message"]
    assert [row["position"] for row in table["rows"]] == [1, 2, 3]
    assert table["total"] == 5


def test_takes_no_more_rows_than_fit():
    rows = [{"a": "x" * 100} for _ in range(10)]
    assert len(take_rows(iter(rows), count=5, size=10_000)) == 5
    assert len(take_rows(iter(rows), count=10, size=250)) == 3
    assert len(take_rows(iter(rows), count=10, size=1)) == 1
    assert take_rows(iter([]), count=10, size=1) == []


def test_a_visitor_gets_401():
    assert Browser().get("accounts/disclosure").status_code == 401


def test_every_table_is_explained_or_tells_nothing_of_people():
    verify_explained(apps.get_models(include_auto_created=True))
    labels = {model._meta.label_lower for model in apps.get_models(include_auto_created=True)}
    told = {table.model._meta.label_lower for table in TABLES}
    assert told | set(NOT_ABOUT_PEOPLE) == labels
    assert not told & set(NOT_ABOUT_PEOPLE)


@isolate_apps("conversations")
def test_a_new_table_that_nobody_explained_stops_it(alice: Browser, monkeypatch: pytest.MonkeyPatch):
    class Diary(models.Model):
        class Meta:
            app_label = "conversations"

        def __str__(self) -> str:
            return "diary"

    with pytest.raises(UnexplainedTableError, match=r"conversations\.diary"):
        verify_explained([*apps.get_models(include_auto_created=True), Diary])
    monkeypatch.setattr(apps, "get_models", lambda **_: [Diary])
    with pytest.raises(UnexplainedTableError):
        alice.get("accounts/disclosure")


def test_the_archive_holds_all_rows_and_explains_each_file(full: Browser, tmp_path: Path):
    path = tmp_path / "alice.zip"
    files = archive_of(" Alice@Example.org ", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    index = files.pop("README.txt").decode()
    assert set(files) == {f"{table.model._meta.db_table}.json" for table in TABLES} | {"sealed_frames.json"}
    tables = tables_of(full)
    for name, content in files.items():
        table = tables[name.removesuffix(".json")]
        assert json.loads(content) == table["rows"], name
        assert f"\n{name}, rows: {table['total']}\n" in index
        assert " ".join(table["explanation"].split()) in " ".join(index.split())
    for words in ("alice@example.org", "which the operator holds", "withheld", "backups", "logs of the web tier"):
        assert words in index


def test_the_archive_is_never_written_over_another_file(alice: Browser, tmp_path: Path):
    path = tmp_path / "taken"
    path.write_text("something else")
    with pytest.raises(CommandError, match="cannot be made"):
        archive_of("alice@example.org", path)
    assert path.read_text() == "something else"


@pytest.mark.parametrize("login", ["nobody@example.org", "operator@example.org"])
def test_the_command_knows_people_only(alice: Browser, login: str, tmp_path: Path, settings: Any):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    User.objects.create_superuser(login="operator@example.org", password="a long operator's password")
    with pytest.raises(CommandError, match="No person"):
        archive_of(login, tmp_path / "file.zip")
    assert not (tmp_path / "file.zip").exists()


def test_tells_all_of_an_old_account_but_the_hash_that_signs_in(tmp_path: Path):
    dora = Newcomer().move_in()
    hashed = User.objects.get().password
    files = archive_of(dora.login, tmp_path / "dora.zip")
    (user,), (record,) = (json.loads(files[f"accounts_{name}.json"]) for name in ("user", "legacysigninrecord"))
    assert (user["login"], user["password"]) == (dora.login, WITHHELD)
    assert record["login_pub_opened"] == encode_b64u(public_bytes(dora.old_key))
    assert record["salt_opened"] == encode_b64u(dora.salt.encode())
    assert json.loads(files["accounts_signinrecord.json"]) == []
    assert hashed.rpartition("$")[2] not in repr(files)


def test_half_an_archive_is_not_left_behind(alice: Browser, tmp_path: Path, settings: Any):
    from cryptography.fernet import Fernet

    from accounts.errors import InstallationKeyError

    settings.BALON_INSTALLATION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(InstallationKeyError):
        archive_of("alice@example.org", tmp_path / "file.zip")
    assert not (tmp_path / "file.zip").exists()
