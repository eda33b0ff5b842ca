"""What the client's sources may not hold: other primitives, other places for cryptography, loose handles (A7, A19, A37, A46)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "static" / "py"
PAGE = ROOT / "static" / "js"
ADAPTERS = CLIENT / "balon_client" / "adapters"
SOURCES = sorted(
    path for folder in (CLIENT, PAGE) for suffix in ("py", "js", "mjs") for path in folder.rglob(f"*.{suffix}")
)
SUPPORT = PAGE / "support.js"


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def lines_with(pattern: str, *, outside: tuple[Path, ...] = ()) -> list[str]:
    """Where a pattern occurs, as path:line."""
    found = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        if path not in outside
        for number, line in enumerate(source(path).splitlines(), 1)
        if found.search(line)
    ]


def test_the_sources_are_there():
    names = {path.name for path in SOURCES}
    assert {"keys.mjs", "envelope.mjs", "app.py", "runtime.js"} <= names
    assert lines_with("RSA-OAEP")


@pytest.mark.parametrize(
    "primitive",
    ["RSA-PSS", "RSASSA", "PKCS1", "AES-CBC", "AES-CTR", "AES-KW", "ECDSA", "ECDH", "SHA-1", "SHA-384", "P-256", "MD5"],
)
def test_no_primitive_but_those_of_the_protocol_is_named(primitive):
    assert lines_with(rf"{primitive}\b") == []


def test_nothing_draws_randomness_from_a_generator_that_is_not_for_keys():
    assert lines_with(r"Math\.random|^\s*import random\b|^\s*from random\b") == []


def test_keys_are_touched_by_the_adapters_alone():
    """The page only asks whether the primitives are there."""
    adapters = tuple(ADAPTERS.glob("*.mjs"))
    assert lines_with(r"\.(importKey|exportKey|deriveKey|deriveBits|wrapKey|unwrapKey)\(", outside=adapters) == []
    assert lines_with(r"\bsubtle\b|\.generateKey\(", outside=(*adapters, SUPPORT)) == []


def calls(name: str) -> list[str]:
    """The arguments of every call of a method in the adapters, on one line each."""
    text = "".join(source(path) for path in sorted(ADAPTERS.glob("*.mjs")))
    return [re.sub(r"\s+", " ", found) for found in re.findall(rf"\.{name}\(((?:[^()]|\([^()]*\))*)\)", text)]


def test_only_a_key_that_is_being_made_is_extractable():
    """The RSA pair until it is sealed, and for a moment the login or identity seed whose public key is asked for."""
    assert len(calls("importKey")) >= 10
    loose = [
        call
        for name in ("importKey", "generateKey", "deriveKey", "unwrapKey")
        for call in calls(name)
        if "false" not in call
    ]
    assert loose == [
        '"pkcs8", pkcs8, "Ed25519", extractable, ["sign"]',
        'RSA_4096, true, ["encrypt", "decrypt", "unwrapKey"]',
    ]
    assert re.findall(r"importSeed\((\w+), (\w+)\)", source(ADAPTERS / "keys.mjs")) == [
        ("seed", "extractable"),
        ("seed", "true"),
        ("seed", "false"),
    ]


def test_the_master_key_is_sealed_under_the_password_and_the_kit_and_nothing_else():
    """No key of the server's has a place to stand in: no escrow (A7)."""
    keys, generation = source(ADAPTERS / "keys.mjs"), source(ADAPTERS / "generation.mjs")
    sealing = r"envelope\.seal\(([.\w]+), KIND\.(\w+), \w+, ([#.\w]+)\)"
    assert re.findall(sealing, keys) == [("newKek", "MEK", "mek"), ("made.root", "PREV", "old")]
    assert re.findall(sealing, generation) == [
        ("kek", "MEK", "this.#mek"),
        ("mek", "IDK", "this.#seed"),
        ("mek", "RSA", "this.#pkcs8"),
        ("recovery", "RECOVERY", "everything"),
    ]
    assert len(re.findall(r"envelope\.seal\(", "".join(map(source, ADAPTERS.glob("*.mjs"))))) == 6
    # Drawn, packed for the kit, sealed, imported, zeroed.
    assert generation.count("#mek") == 5
    assert lines_with(r"seal_many\([^)]*Kind\.(MEK|IDK|RSA|RECOVERY|PREV)") == []


def test_a_master_key_changes_its_password_in_one_place_and_for_derived_keys_alone():
    """Whoever re-seals has both KEKs from the password: no key that an answer brought comes near (A7)."""
    callers = {line.partition(":")[0] for line in lines_with(r"\.reseal_master_key\(")}
    assert callers <= {"static/py/balon_client/credentials.py"}


def test_what_goes_to_an_rsa_key_is_a_conversation_key_and_nothing_else():
    """Only what was drawn for a conversation, or came out of one's own wrap, is wrapped for a key from outside (A7)."""
    keys, everything = source(ADAPTERS / "keys.mjs"), "".join(map(source, ADAPTERS.glob("*.mjs")))
    assert re.findall(r"subtle\.encrypt\(\{ \.\.\.RSA_OAEP, label \}, encryption, (\w+)\)", keys) == ["secret"]
    # The probe of a pair is random bytes; the third one is AES-GCM in envelope.mjs, the fourth HPKE's.
    assert re.findall(r"subtle\.encrypt\(RSA_OAEP, await importEncryption\(spki\), (\w+)\)", keys) == ["probe"]
    assert len(re.findall(r"subtle\.encrypt\(", everything)) == 4
    assert re.findall(r"wrapFor\(.+, (\w+)\)", everything) == ["secret", "secret"]
    wrapping = re.findall(r"const secret = (.+?);(?=(?:(?!const secret)[\s\S])*?wrapFor\()", keys)
    assert wrapping == ["drawRandom()", "await openWrap(key, wrapped, label)"]
    assert len(re.findall(r"\bwrapKey\b", everything)) == 0


def test_own_keys_are_wrapped_anew_for_keys_of_a_verified_roster_alone():
    """For oneself with new keys, and for whom one invites: both go by the roster that every member signs for (A7)."""
    callers = {line.partition(":")[0].rpartition("/")[2] for line in lines_with(r"\.rewrap_each\(")}
    assert callers <= {"rekeying.py", "roster_writing.py", "entries.py"}


def test_key_id_and_commitment_are_compared_in_constant_time():
    opening = source(ADAPTERS / "envelope.mjs").partition("async function openOne")[2].partition("\n}\n")[0]
    compared = re.findall(r"!equalInConstantTime\((.*)\)\) throw refuseDecryption", opening)
    assert compared == ["header.subarray(0, 24), batch.header", "commit, envelope.subarray(HEADER_SIZE, PREFIX_SIZE)"]
    comparison = source(ADAPTERS / "primitives.mjs").partition("function equalInConstantTime")[2].partition("\n}\n")[0]
    assert re.findall(r"\b(?:if|return|break|continue)\b.*", comparison) == [
        "if (a.length !== b.length) return false;",
        "return difference === 0;",
    ]
