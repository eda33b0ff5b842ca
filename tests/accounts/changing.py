"""The changes of an account that a person proves, as their browser asks for them."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections

from accounts import models
from balon.protocol.statements import AuthAction
from keystore.models import KeyBundle, Keyring
from tests.browsers import Browser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.keys import Keys

TABLES = (
    models.User,
    models.SignInRecord,
    models.RecoveryRecord,
    models.SpentRecoveryKit,
    models.SignInSession,
    KeyBundle,
    Keyring,
)
"""What a change may change, apart from challenges and cookies."""


@dataclass(frozen=True)
class Change:
    """One of the changes that a signed-in person proves with the old login key."""

    path: str
    action: AuthAction
    renew: Callable[[Keys], Keys]
    body: Callable[[Keys, int], dict[str, Any]]


def _rename(keys: Keys) -> Keys:
    return keys.with_new_password(login=f"new.{keys.login}")


CHANGES = {
    "password": Change(
        "accounts/password",
        AuthAction.CHANGE_PASSWORD,
        lambda keys: keys.with_new_password(),
        lambda k, v: k.record_body(v),
    ),
    "login": Change(
        "accounts/login-name", AuthAction.CHANGE_LOGIN, _rename, lambda k, v: k.rename_body(v, bundle_seq=v + 1)
    ),
    "kdf": Change(
        "accounts/kdf",
        AuthAction.KDF_UPGRADE,
        lambda keys: keys.with_new_password(iterations=keys.iterations + 1),
        lambda k, v: k.record_body(v),
    ),
}


def header(proof: dict[str, str]) -> dict[str, str]:
    """A proof as it travels."""
    return {"Balon-Proof": ".".join(proof.values())}


def ask(browser: Browser, change: Change, renewed: Keys, *, account_version: int = 1, **transcript: Any) -> Any:
    """Asks for a change, proved with the browser's own keys; `transcript` alters what the proof says."""
    body = json.dumps(change.body(renewed, account_version)).encode()
    proof = browser.keys.prove(browser.prelogin(), **{"action": change.action, "body": body, **transcript})
    return browser.post(change.path, body, **header(proof))


def begin_recovery(browser: Browser, recovery_id: Any = None) -> dict[str, Any]:
    """The first step of recovery."""
    answer = browser.post("accounts/recovery/prelogin", {"recovery_id": str(recovery_id or browser.keys.recovery_id)})
    assert answer.status_code == 200, answer.content
    content: dict[str, Any] = answer.json()
    return content


def open_recovery(browser: Browser, **transcript: Any) -> Any:
    """The second step, proved with the browser's own kit."""
    body = json.dumps(browser.keys.claim_body()).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), **{"body": body, **transcript})
    return browser.post("accounts/recovery/open", body, **header(proof))


def recover(browser: Browser, renewed: Keys, *, account_version: int = 1, **transcript: Any) -> Any:
    """The last step, proved with the browser's own kit."""
    body = json.dumps(browser.keys.recover_body(renewed, account_version)).encode()
    proof = browser.keys.prove_kit(begin_recovery(browser), **{"body": body, **transcript})
    return browser.post("accounts/recovery", body, **header(proof))


def can_sign_in(keys: Keys) -> bool:
    """Whether these keys sign in."""
    status = Browser(keys).sign_in().status_code
    assert status in {200, 401}
    return bool(status == 200)


def snapshot() -> str:
    """Everything in the tables that a change may change."""
    rows = {model.__name__: list(model.objects.order_by("pk").values()) for model in TABLES}
    return json.dumps(rows, cls=Encoder)


class Encoder(DjangoJSONEncoder):
    def default(self, o: Any) -> Any:
        return o.hex() if isinstance(o, bytes) else super().default(o)


def all_at_once(requests: Sequence[Callable[[], Any]]) -> list[Any]:
    """Sends requests from a thread each, at the same moment."""
    start, answers = threading.Barrier(len(requests)), []

    def run(request: Callable[[], Any]) -> None:
        try:
            start.wait(timeout=20)
            answers.append(request())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def fresh_kit_of(keys: Keys, other: Keys) -> Keys:
    """The first person's keys with the kit of another."""
    return replace(keys, recovery_id=other.recovery_id, recovery_key=other.recovery_key, rec_salt=other.rec_salt)
