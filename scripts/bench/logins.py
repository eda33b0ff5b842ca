"""Does time tell whether an account exists (docs/threats.md A4)? Sign-in and recovery, known against unknown.

Known and unknown names and kits take turns, so that whatever else the machine does falls on both alike. Each proof has
the right form and the wrong key, so both are refused. What counts is how far the medians lie apart in relation to the
spread of single requests: someone who measures once learns nothing below a fraction of it.
"""

import json
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.statements import AuthAction
from scripts.bench.rows import Row
from scripts.bench.stack import Caller, running_installation
from tests.keys import Keys

ROUNDS = 300
WARM_UP = 20
APART = 0.25
"""How far the medians may lie apart, in widths of the middle half of the requests."""

Attempt = Callable[[Caller, Keys], float]


def measure() -> list[Row]:
    """Times the steps of sign-in and recovery for a name and a kit that exist, and for as many that do not."""
    with running_installation() as installation:
        caller = Caller(installation)
        caller.sign_up()
        wrong = Ed25519PrivateKey.generate()
        keys = replace(caller.keys, login_key=wrong, recovery_key=wrong)
        rows = [row for step, attempt in STEPS.items() for row in compare(step, caller, keys, attempt=attempt)]
        caller.close()
    return rows


def compare(step: str, caller: Caller, keys: Keys, *, attempt: Attempt) -> list[Row]:
    """Lets the known name and kit and unknown ones take turns."""
    known: list[float] = []
    unknown: list[float] = []
    for number in range(ROUNDS + WARM_UP):
        stranger = replace(keys, login=f"nobody-{number}@example.org", recovery_id=uuid.uuid4())
        pair = [(known, keys), (unknown, stranger)]
        for times, person in pair if number % 2 else reversed(pair):
            times.append(attempt(caller, person))
    del known[:WARM_UP], unknown[:WARM_UP]
    spread = max(_middle_half(known), _middle_half(unknown))
    apart = abs(statistics.median(known) - statistics.median(unknown))
    return [
        Row.against(f"{step}, known against unknown, median", _median(known), "ms", _median(unknown)),
        Row.against(f"{step}: spread (middle half)", _middle_half(known), "ms", _middle_half(unknown)),
        Row.against(f"{step}: medians apart, against spread", apart, "ms", spread, APART),
    ]


def _median(times: list[float]) -> float:
    return statistics.median(times)


def _middle_half(times: list[float]) -> float:
    lower, _, upper = statistics.quantiles(times, n=4)
    return upper - lower


def _time_prelogin(caller: Caller, keys: Keys) -> float:
    return _timed(lambda: caller.prelogin(keys.login), 200)


def _time_login(caller: Caller, keys: Keys) -> float:
    challenge = caller.prelogin(keys.login).raise_for_status().json()
    proof = keys.prove(challenge, AuthAction.LOGIN)
    return _timed(lambda: caller.post("accounts/login", proof), 401)


def _begin_recovery(caller: Caller, keys: Keys) -> httpx.Response:
    return caller.post("accounts/recovery/prelogin", {"recovery_id": str(keys.recovery_id)})


def _time_recovery_prelogin(caller: Caller, keys: Keys) -> float:
    return _timed(lambda: _begin_recovery(caller, keys), 200)


def _time_recovery(caller: Caller, keys: Keys) -> float:
    challenge = _begin_recovery(caller, keys).raise_for_status().json()
    claim = keys.claim_body()
    proof = keys.prove_kit(challenge, json.dumps(claim).encode())
    header = {"Balon-Proof": ".".join(proof.values())}
    return _timed(lambda: caller.post("accounts/recovery/open", claim, **header), 401)


STEPS: dict[str, Attempt] = {
    "prelogin": _time_prelogin,
    "login": _time_login,
    "recovery, prelogin": _time_recovery_prelogin,
    "recovery, proof": _time_recovery,
}


def _timed(request: Callable[[], httpx.Response], expected: int) -> float:
    started = time.perf_counter()
    answer = request()
    elapsed_ms = (time.perf_counter() - started) * 1000
    if answer.status_code != expected:
        raise RuntimeError(f"{answer.status_code}: {json.dumps(answer.json())}")
    return elapsed_ms
