"""People from before encryption: a Django password hash, and what their browser makes of the password."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from accounts.legacy_hashes import adopt_hashes
from accounts.models import User
from balon.protocol.contexts import legacy_login_info
from balon.protocol.password import LEGACY_ALGORITHM, MIN_ITERATIONS
from balon.protocol.statements import AuthAction
from tests.browsers import Browser
from tests.keys import Keys

PASSWORD = "corréct horse ﬁve"
"""Its NFKC form is another one, which Django did not take."""
SALT = "k3Jd9sLq0ZxW1vBn7MtyRA"


_stretch = lru_cache(
    lambda password, salt, iterations: hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
)
encode_hash = lru_cache(PBKDF2PasswordHasher().encode)
"""Django's own hash: `_stretch` must come to the same."""


@dataclass
class Newcomer:
    """Somebody at their first sign-in since encryption."""

    login: str = "dora@example.org"
    password: str = PASSWORD
    salt: str = SALT
    iterations: int = MIN_ITERATIONS
    browser: Browser = field(default_factory=Browser)

    def move_in(self) -> Newcomer:
        """Puts the account into the database as the release before encryption left it."""
        encoded = encode_hash(self.password, self.salt, self.iterations)
        user = User.objects.create(login=self.login, password=encoded)
        self.browser.keys = Keys(self.login, user_id=user.pk)
        adopt_hashes()
        return self

    @property
    def old_key(self) -> Ed25519PrivateKey:
        """The login key of the old hash, derived as a browser would (section 12)."""
        octets = _stretch(self.password, self.salt, self.iterations)
        info = legacy_login_info(self.browser.keys.user_id)
        seed = HKDF(algorithm=SHA256(), length=32, salt=b"", info=info).derive(octets)
        return Ed25519PrivateKey.from_private_bytes(seed)

    def upgrade(self, content: dict[str, Any] | None = None, **lies: Any) -> Any:
        """The first sign-in; `lies` alter the transcript."""
        keys = self.browser.keys
        raw = json.dumps(content or keys.sign_up_body()).encode()
        terms = {"kdf": LEGACY_ALGORITHM, "iterations": self.iterations, "salt": self.salt.encode()}
        prover = replace(keys, login_key=self.old_key)
        fields = {"action": AuthAction.LEGACY_UPGRADE, "body": raw, **terms, **lies}
        proof = prover.prove(self.browser.prelogin(), **fields)
        return self.browser.post("accounts/legacy", raw, **{"Balon-Proof": ".".join(proof.values())})
