"""The identity persists, is nobody else's to read, and is never made twice."""

import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from balon.protocol.types import Statement
from inference.errors import IdentityError
from inference.identity import load_identity


def test_it_is_made_once_with_mode_0600(tmp_path: Path):
    folder = tmp_path / "var" / "gateway"
    first = load_identity(folder)
    assert load_identity(folder).public_key == first.public_key
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    statement = Statement(b"anything")
    Ed25519PublicKey.from_public_bytes(first.public_key).verify(first.sign_statement(statement), statement)


def test_processes_that_start_at_once_agree(tmp_path: Path):
    with ThreadPoolExecutor(8) as pool:
        identities = list(pool.map(load_identity, [tmp_path] * 32))
    assert len({identity.public_key for identity in identities}) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int):
    load_identity(tmp_path)
    (tmp_path / "identity.pem").chmod(mode)
    with pytest.raises(IdentityError, match="0600"):
        load_identity(tmp_path)


def test_a_file_that_holds_no_key_is_refused_and_kept(tmp_path: Path):
    path = tmp_path / "identity.pem"
    for content in (b"", b"not a key"):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(IdentityError, match="no private key"):
            load_identity(tmp_path)
        assert path.read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path):
    pem = X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "identity.pem").write_bytes(pem)
    (tmp_path / "identity.pem").chmod(0o600)
    with pytest.raises(IdentityError, match="no Ed25519 key"):
        load_identity(tmp_path)


def test_a_link_is_refused(tmp_path: Path):
    load_identity(tmp_path / "elsewhere")
    (tmp_path / "identity.pem").symlink_to(tmp_path / "elsewhere" / "identity.pem")
    with pytest.raises(IdentityError):
        load_identity(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(IdentityError, match="file"):
        load_identity(tmp_path / "file" / "gateway")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's prctl")
def test_the_process_leaves_no_core_dump_and_no_debugger():
    program = (
        "import ctypes, resource; from inference.__main__ import harden_process; harden_process();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0) 0"
