"""An installation with somebody's account from before encryption, and the page that lets such accounts in."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from balon.protocol.password import MIN_ITERATIONS
from scripts.assets.plan import Plan
from scripts.build_assets import build_assets
from tests.fakes.openai_server import MODEL, FakeOpenAIServer
from tests.legacy_texts import to_file
from tests.stack.installation import Installation, free_port
from tests.stack.wiretap import Wiretap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LOGIN = "dora@example.org"
PASSWORD = "corréct-horse-ﬁve-Walrus"
"""Its NFKC form, which a browser derives new keys from, is another one than Django's hash was made of."""


def hash_of(password: str) -> str:
    """Django's hash, as an older release stored it."""
    return PBKDF2PasswordHasher().encode(password, "k3Jd9sLq0ZxW1vBn7MtyRA", MIN_ITERATIONS)


@contextmanager
def old_installation_in(
    folder: Path, upstream: FakeOpenAIServer, texts: Iterable[dict[str, Any]] = (), **settings: str
) -> Iterator[tuple[Installation, Wiretap]]:
    """Runs one behind a wire tap, with Dora's account and her old texts as lines of docs/legacy.md."""
    tap = Wiretap(free_port())
    with old_installation_at(tap.origin, free_port(), folder, upstream, texts, **settings) as installation:
        try:
            tap.start(installation.port)
            yield installation, tap
        finally:
            tap.close()


@contextmanager
def old_installation_at(
    origin: str,
    port: int,
    folder: Path,
    upstream: FakeOpenAIServer,
    texts: Iterable[dict[str, Any]] = (),
    /,
    **settings: str,
) -> Iterator[Installation]:
    """The same at an address of its own, with nothing in between where the origin has the same port."""
    shutil.copytree(Plan().out, folder / "dist")  # Only what differs is built anew.
    build_assets(Plan(out=folder / "dist", best=False, legacy_sign_in=True), development=True)
    own = {
        "BALON_ASSETS": str(folder / "dist"),
        "BALON_UPSTREAM_URL": upstream.url,
        "BALON_UPSTREAM_MODELS": MODEL,
        "BALON_UPSTREAM_API_KEY": "test-key",
    }
    installation = Installation(folder / "var", origin, {**own, **settings}, port=port)
    try:
        installation.start()
        dora = {"type": "user", "legacy_id": 1, "login": LOGIN, "password": hash_of(PASSWORD)}
        (folder / "old.jsonl").write_bytes(to_file([dora, *texts]).getvalue())
        installation.manage("load_legacy", str(folder / "old.jsonl"))
        assert installation.manage("adopt_legacy_hashes") == "1 adopted\n"
        yield installation
    finally:
        installation.close()
