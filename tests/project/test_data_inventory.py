"""docs/data-inventory.md lists every column of every table, and no other."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from keystore.columns import OpaqueField

INVENTORY = Path(__file__).parents[2] / "docs" / "data-inventory.md"
CLASSES = {"ciphertext", "metadata", "plaintext", "public"}
ROW = re.compile(r"^\| `(\w+)\.(\w+)` \| (\w+) \| .+ \|$", re.MULTILINE)


def listed() -> dict[tuple[str, str], str]:
    rows = ROW.findall(INVENTORY.read_text(encoding="utf-8"))
    found = {(table, column): kind for table, column, kind in rows}
    assert len(found) == len(rows), "A column is listed twice."
    return found


def columns() -> dict[tuple[str, str], type]:
    return {
        (model._meta.db_table, field.column): type(field)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_concrete_fields
    }


def test_lists_every_column_and_no_other():
    assert set(listed()) == set(columns())


@pytest.mark.django_db
def test_the_database_has_no_table_without_a_model():
    tables = set(connection.introspection.table_names()) - {"django_migrations"}
    assert tables == {table for table, _ in columns()}


def test_every_column_has_one_class():
    assert set(listed().values()) <= CLASSES


def test_plaintext_is_what_was_there_before_encryption_and_nothing_else():
    assert {column for column, kind in listed().items() if kind == "plaintext"} == {
        ("conversations_legacyconversation", "title"),
        ("conversations_legacymessage", "text"),
    }


def test_ciphertext_rests_in_opaque_columns_alone():
    kinds = columns()
    assert {
        column for column, kind in listed().items() if kind == "ciphertext" and kinds[column] is not OpaqueField
    } == set()


def test_an_opaque_column_is_never_called_metadata_without_need():
    metadata = {column for column, kind in listed().items() if kind == "metadata" and columns()[column] is OpaqueField}
    assert metadata == {
        ("accounts_challenge", "login_tag"),
        ("accounts_challenge", "value"),
        ("conversations_conversation", "head_hash"),
        ("conversations_formerholder", "tag"),
        ("conversations_message", "prev_hash"),
        ("conversations_message", "envelope_hash"),
        ("conversations_migration", "lease_hash"),
    }
