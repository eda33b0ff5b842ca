"""Rules about the source that no linter here can say (docs/decisions/0001-import-layers.md, threat A46)."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WEB_TIER = ("balon", "accounts", "keystore", "conversations")
CIPHERS = ("cryptography.fernet", "cryptography.hazmat.primitives.ciphers", "cryptography.hazmat.primitives.hpke")
SECRETIVE = ("proof", "signature", "token", "tag", "digest", "hash", "envelope", "statement", "stream_env", "secret")


def sources(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_protocol_imports_the_standard_library_and_itself():
    found = {name for _, tree in sources("balon/protocol") for name in imports(tree)}
    assert "hashlib" in found
    foreign = {name for name in found if not name.startswith("balon.protocol.")}
    assert {name.split(".")[0] for name in foreign} - {"balon"} <= sys.stdlib_module_names
    assert {name for name in foreign if name.startswith("balon")} <= {"balon.protocol"}


def test_one_module_of_the_web_tier_imports_a_cipher():
    found = {str(path) for path, tree in sources(*WEB_TIER) for name in imports(tree) if name.startswith(CIPHERS)}
    assert found == {"accounts/sealing.py"}


def test_the_web_tier_holds_no_private_key_but_the_one_of_nobody_and_those_of_old_hashes():
    """An old hash is password-equivalent; its key is derived to keep the public half alone (section 12)."""
    found = {str(path) for path, tree in sources(*WEB_TIER) for name in imports(tree) if "PrivateKey" in name}
    assert found == {"accounts/legacy_hashes.py", "accounts/proofs.py"}


def test_a_private_key_of_an_old_hash_gives_its_public_half_and_nothing_else():
    (tree,) = [tree for path, tree in sources("accounts") if path.name == "legacy_hashes.py"]
    uses = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = [use for use in uses if "Ed25519PrivateKey" in use]
    assert sorted(made, key=len) == [
        "Ed25519PrivateKey.from_private_bytes(seed)",
        "Ed25519PrivateKey.from_private_bytes(seed).public_key()",
        "Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()",
    ]
    assert sum(isinstance(node, ast.Name) and node.id == "Ed25519PrivateKey" for node in ast.walk(tree)) == 1


def compared_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Attributes and names on either side of == and !=, other than in `assert`, with a value that is not a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Attribute | ast.Name):
                    yield node.lineno, side.attr if isinstance(side, ast.Attribute) else side.id


def test_finds_a_comparison_that_takes_as_long_as_the_bytes_agree():
    tree = ast.parse("if row.login_tag != hash_login(x): pass")
    assert list(compared_names(tree)) == [(1, "login_tag")]


def test_what_a_thief_could_probe_is_compared_in_constant_time():
    found = [
        f"{path}:{line} {name}"
        for path, tree in sources("accounts", "keystore", "conversations")
        for line, name in compared_names(tree)
        if name.split("_")[-1] in {word.split("_")[-1] for word in SECRETIVE}
    ]
    assert found == []
