"""The admin shows operators that things exist, never what is in them, and changes nothing."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client

from accounts.models import User
from conversations.models import LegacyConversation, LegacyMessage
from keystore.columns import OpaqueField
from tests.browsers import Browser
from tests.moving import Mover, give_texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser(login="operator", password="a long operator's password"))
    return client


@pytest.fixture
def filled(alice: Browser) -> Browser:
    conversation_id = alice.create_conversation()
    alice.send_messages(conversation_id, 1)
    alice.put(f"conversations/{conversation_id}/meta", alice.keys.meta(conversation_id, 1))
    alice.prelogin()
    give_texts(alice, 3)
    mover = Mover(alice).take()
    assert mover.begin(mover.ids[0]).status_code == 201
    return alice


def registered() -> list[Any]:
    return [
        model for model in admin.site._registry if model._meta.app_label in {"accounts", "keystore", "conversations"}
    ]


PLAINTEXT = {LegacyConversation: "title", LegacyMessage: "text"}


def test_no_text_from_before_encryption_is_on_any_page(operator: Client, filled: Browser):
    LegacyConversation.objects.update(title="a title of before")
    LegacyMessage.objects.update(text="a text of before")
    for model, column in PLAINTEXT.items():
        listing = f"/admin/conversations/{model._meta.model_name}/"
        for path in (listing, *(f"{listing}{row.pk}/change/" for row in model.objects.all())):
            text = operator.get(path).content.decode()
            assert "Log out" in text, path
            assert "of before" not in text, path
            assert f"field-{column}" not in text, path


def test_no_opaque_column_is_on_any_page(operator: Client, filled: Browser):
    pages = 0
    for model in registered():
        opaque = [field.name for field in model._meta.fields if isinstance(field, OpaqueField)]
        listing = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for path in (listing, *(f"{listing}{row.pk}/change/" for row in model.objects.all())):
            text = operator.get(path).content.decode()
            assert "Log out" in text, path
            pages += 1
            for row in model.objects.all():
                for value in filter(None, (getattr(row, name) for name in opaque)):
                    assert value.hex() not in text
                    assert repr(value) not in text
            assert not re.search(r"field-(" + "|".join(opaque or ["-"]) + r")\b", text), path
    assert pages > 15


def test_no_password_hash_is_on_any_page(operator: Client):
    person = User.objects.get()
    text = operator.get(f"/admin/accounts/user/{person.pk}/change/").content.decode()
    assert "operator" in text
    assert person.password not in text


def test_nothing_can_be_added_changed_or_deleted(operator: Client, filled: Browser):
    for model in registered():
        listing = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        row = model.objects.first()
        assert operator.post(f"{listing}add/", {}).status_code == 403
        if row is not None:
            assert operator.post(f"{listing}{row.pk}/change/", {}).status_code == 403
            assert operator.post(f"{listing}{row.pk}/delete/", {"post": "yes"}).status_code == 403
            assert model.objects.filter(pk=row.pk).exists()


def test_alice_does_not_get_in(filled: Browser):
    assert filled.client.get("/admin/conversations/message/").status_code == 302
    filled.client.force_login(User.objects.get())
    assert filled.client.get("/admin/conversations/message/").status_code == 302
