"""Crypto port: the known answers of tests/vectors/balon1_kat.json."""

from balon.protocol import contexts
from balon.protocol.envelope import PADDED_KINDS, Kind, unpad
from balon.protocol.statements import AuthAction, AuthTranscript
from balon_client.ports import ConversationKey, Recipient, WrappedConversationKey
from tests.protocol.kat import ALICE, CONVERSATION, ENVELOPES, KAT, LOGIN, SALT, STREAM, UUID, octets


async def _derive(world):
    return await world.platform.crypto.derive_password_keys(
        world.password(KAT["password"]["password"].encode()),
        login=LOGIN,
        kdf="PBKDF2-SHA256",
        salt=SALT,
        iterations=KAT["password"]["n"],
        user_id=ALICE,
    )


def _mek_context():
    return contexts.mek_context(
        user_id=ALICE, mek_ver=1, kdf="PBKDF2-SHA256", iterations=KAT["password"]["n"], salt=SALT, login=LOGIN
    )


def _envelope(name):
    return bytes.fromhex(ENVELOPES[name]["envelope"])


async def check_seals_and_opens_every_envelope(world):
    for name, answer in ENVELOPES.items():
        kind = Kind(answer["kind"])
        root, context, padded, salt, envelope = (
            bytes.fromhex(answer[field]) for field in ("root", "context", "plaintext", "salt", "envelope")
        )
        plaintext = unpad(padded) if kind in PADDED_KINDS else padded
        key = await world.import_root(root)
        assert await world.seal_with_salt(key, kind, context, plaintext, salt) == envelope, name
        assert await world.platform.crypto.open_many(key, kind, [(context, envelope)]) == [plaintext], name


async def check_password_gives_kek_and_login_key(world):
    keys = await _derive(world)
    assert keys.login_key.public == octets("password", "login_pub")
    mek = await world.platform.crypto.open_root_key(keys.kek, Kind.MEK, _mek_context(), _envelope("mek"))
    keyring = await world.platform.crypto.open_many(
        mek, Kind.KEYRING, [(contexts.keyring_context(ALICE, 1), _envelope("keyring"))]
    )
    assert keyring == [b"{}"]


async def check_login_key_signs_the_proofs(world):
    keys = await _derive(world)
    fields = {
        "origin": KAT["login"]["origin"],
        "login": LOGIN,
        "user_id": ALICE,
        "challenge_id": UUID(KAT["login"]["challenge_id"]),
        "challenge": octets("login", "challenge"),
        "client_nonce": octets("login", "client_nonce"),
        "kdf": "PBKDF2-SHA256",
        "iterations": KAT["password"]["n"],
        "salt": SALT,
    }
    body = KAT["login"]["change_password_body"].encode()
    login = AuthTranscript(action=AuthAction.LOGIN, **fields).serialize()
    change = AuthTranscript(action=AuthAction.CHANGE_PASSWORD, body=body, **fields).serialize()
    assert login == octets("login", "transcript")
    assert change == octets("login", "change_password_transcript")
    proofs = await world.platform.crypto.sign_many(keys.login_key, [login, change])
    assert proofs == [octets("login", "proof"), octets("login", "change_password_proof")]


async def _open_identity(world):
    mek = await world.import_root(bytes.fromhex(ENVELOPES["idk"]["root"]))
    idk_pub = octets("identity", "idk_pub")
    context = contexts.idk_context(ALICE, idk_pub)
    return await world.platform.crypto.open_signing_key(mek, context, _envelope("idk"), idk_pub)


async def check_identity_key_signs_every_statement(world):
    key = await _open_identity(world)
    expected = {
        octets("identity", "bundle"): octets("identity", "signature"),
        octets("conversation", "roster_entry"): octets("conversation", "roster_signature"),
        octets("conversation", "grant"): octets("conversation", "grant_signature"),
        octets("message", "signature_input"): octets("message", "signature"),
        octets("meta", "signature_input"): octets("meta", "signature"),
    }
    crypto = world.platform.crypto
    assert await crypto.sign_many(key, list(expected)) == list(expected.values())
    await crypto.verify_many([(key.public, statement, signature) for statement, signature in expected.items()])


async def check_gateway_signatures_verify(world):
    gateway = octets("inference", "gateway_identity")
    await world.platform.crypto.verify_many(
        [
            (gateway, octets("inference", "gateway_key_statement"), octets("inference", "gateway_key_signature")),
            (gateway, octets("inference", "reply_statement"), octets("inference", "reply_signature")),
        ]
    )


async def check_decryption_key_unwraps_the_conversation_key(world):
    crypto = world.platform.crypto
    mek = await world.import_root(bytes.fromhex(ENVELOPES["rsa"]["root"]))
    rsa_kid, spki = octets("identity", "rsa_kid"), octets("identity", "spki")
    key = await crypto.open_decryption_key(mek, contexts.rsa_context(ALICE, rsa_kid), _envelope("rsa"), spki)
    wrapped = octets("conversation", "wrapped")
    item = WrappedConversationKey(wrapped, CONVERSATION, 0, Recipient(ALICE, spki, rsa_kid))
    assert item.recipient.label(CONVERSATION, 0) == octets("conversation", "grant_label")
    opened = await crypto.unwrap_conversation_key(key, item)
    assert opened.ck_commit == octets("conversation", "ck_commit")
    context = bytes.fromhex(ENVELOPES["message"]["context"])
    payload = await crypto.open_many(opened.root, Kind.MESSAGE, [(context, _envelope("message"))])
    assert payload == [octets("message", "payload")]


async def check_next_epoch_opens_the_one_before(world):
    crypto = world.platform.crypto
    following = ConversationKey(
        await world.import_root(octets("conversation", "ck_next")), octets("conversation", "ck_commit_next")
    )
    [found] = await crypto.open_previous_keys(following, CONVERSATION, 1, [_envelope("prev")])
    assert found.ck_commit == octets("conversation", "ck_commit")
    message = bytes.fromhex(ENVELOPES["message"]["context"]), _envelope("message")
    assert await crypto.open_many(found.root, Kind.MESSAGE, [message]) == [octets("message", "payload")]
    context = contexts.prev_epoch_context(CONVERSATION, 1, 0)
    root = await crypto.open_root_key(following.root, Kind.PREV, context, _envelope("prev"))
    assert await crypto.open_many(root, Kind.MESSAGE, [message]) == [octets("message", "payload")]


async def check_reply_frames_open(world):
    crypto = world.platform.crypto
    key = await crypto.derive_reply_key(
        octets("inference", "reply_secret"),
        enc=octets("inference", "enc"),
        response_nonce=octets("inference", "response_nonce"),
        stream_id=STREAM,
    )
    frames = [bytes.fromhex(frame) for frame in KAT["inference"]["frames"]]
    opened = await crypto.open_frames(key, STREAM, 0, frames)
    assert [frame.final for frame in opened] == [False] * (len(frames) - 1) + [True]
    assert opened[0].plaintext.startswith(b"{")
    resumed = await crypto.open_frames(key, STREAM, 1, frames[1:])
    assert resumed == opened[1:]
