"""Deletion of the account: proved again with the password, or nothing is asked for (A2, A31)."""

import pytest

from balon_client.errors import NetworkError
from tests.client.conftest import ALICE
from tests.client.fake_server import WAITING_MS, problem
from tests.client.lies import changed, flip
from tests.client.tab import password, refused

PATH = "/api/v1/accounts/deletion"
PRELOGIN = "/api/v1/accounts/prelogin"


def asked_for(server) -> list:
    return server.asked("POST", PATH)


async def test_deletion_is_asked_for_and_cancelled(alice, server, clock):
    assert await alice.deletion() == {"delete_after_ms": None}
    due = {"delete_after_ms": clock.now_ms() + WAITING_MS}
    assert await alice.request_deletion(password()) == due
    assert await alice.deletion() == due
    assert asked_for(server)[-1].body == {"account_version": 1}
    assert await alice.cancel_deletion() == {"delete_after_ms": None}
    assert await alice.deletion() == {"delete_after_ms": None}


async def test_asking_again_changes_nothing(alice, clock):
    first = await alice.request_deletion(password())
    await clock.advance(60)
    assert await alice.request_deletion(password()) == first


async def test_the_password_is_zeroed_whatever_happens(alice, server):
    texts = [password(), password("wrong"), bytearray(), password(), bytearray(b"x" * 2000)]
    for number, text in enumerate(texts):
        server.offline = number == 3
        if number in {1, 2, 3, 4}:
            await refused(alice.request_deletion(text))
        else:
            await alice.request_deletion(text)
        assert not any(text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (password("not the password"), "wrong-password"),
        (bytearray(), "invalid-password"),
        (bytearray(b"x" * 1025), "invalid-password"),
    ],
)
async def test_what_is_noticed_here_is_not_sent(alice, server, text, code):
    assert await refused(alice.request_deletion(bytearray(text))) == code
    assert server.asked("POST", PRELOGIN) == asked_for(server) == []


async def test_nobody_asks_without_a_session(stranger, server):
    secret = password()
    assert await refused(stranger.request_deletion(secret)) == "signed-out"
    assert not any(secret)
    assert await refused(stranger.deletion()) == "signed-out"
    assert asked_for(server) == []


async def test_nobody_asks_without_keys(alice, server):
    await alice.lock()
    assert await refused(alice.request_deletion(password())) == "locked"
    assert await refused(alice.cancel_deletion()) == "locked"
    assert asked_for(server) == []


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (changed("n", 599_999), "kdf-refused"),
        (changed("n", 1), "kdf-refused"),
        (changed("kdf", "PBKDF2-SHA1"), "kdf-refused"),
        (changed("salt", "AAAA"), "kdf-refused"),
        (changed("n", 600_001), "account-terms-changed"),
        (changed("salt", lambda salt: flip(salt, 0)), "account-terms-changed"),
        (changed("user_id", "01234567-89ab-4def-8123-456789abcdef"), "account-terms-changed"),
        (changed("challenge", "AAAA"), "server-answer-refused"),
        (changed("challenge_id", None), "server-answer-refused"),
    ],
)
async def test_after_a_lie_of_prelogin_nothing_is_proved(alice, server, lie, code):
    server.lie("POST", PRELOGIN, lie)
    assert await refused(alice.request_deletion(password())) == code
    assert asked_for(server) == []
    assert server.account_of(ALICE).get("delete_after_ms") is None


async def test_the_proof_is_for_this_body_and_this_action_alone(alice, server):
    """The fake server verifies the proof; one over another body does not stand."""
    verify, seen = server._verify, []

    def other_body(account, action, proof, body):
        seen.append(str(action))
        verify(account, action, proof, body.replace(b"1", b"2"))

    server._verify = other_body
    assert await refused(alice.request_deletion(password())) == "account-changed"
    assert seen == ["delete-account"]


def refuse(code, status):
    def rewrite(_answer):
        raise problem(status, code)

    return rewrite


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [(401, "proof-refused", "account-changed"), (409, "version-conflict", "account-changed"), (429, "throttled", None)],
)
async def test_a_refusal_is_told_and_the_session_stands(alice, server, status, code, told):
    server.lie("POST", PATH, refuse(code, status))
    assert await refused(alice.request_deletion(password())) == (told or code)
    assert alice.session["state"] == "signed-in"


async def test_a_lost_answer_can_be_asked_for_again(alice, server):
    def lose(_answer):
        raise NetworkError

    server.lie("POST", PATH, lose, times=1)
    assert await refused(alice.request_deletion(password())) == "network"
    known = await alice.deletion()
    assert known["delete_after_ms"] is not None
    assert await alice.request_deletion(password()) == known


@pytest.mark.parametrize("value", [None, "soon", -1, 1.5, True, [], 1 << 60])
async def test_an_answer_of_another_form_is_refused(alice, server, value):
    server.lie("POST", PATH, changed("delete_after_ms", value))
    assert await refused(alice.request_deletion(password())) == "server-answer-refused"
    if value is not None:
        server.lie("GET", PATH, changed("delete_after_ms", value))
        assert await refused(alice.deletion()) == "server-answer-refused"


async def test_an_answer_without_the_field_is_not_a_no(alice, server):
    server.lie("GET", PATH, lambda _: {})
    assert await refused(alice.deletion()) == "server-answer-refused"
