"""Does time tell whether an account exists (docs/threats.md A4)? Prelogin and login, known against unknown names.

Known and unknown take turns, so that whatever else the machine does falls on both alike. Each login carries a proof of
the right form and the wrong key, so both are refused. What counts is how far the medians lie apart in relation to the
spread of single requests: someone who measures once learns nothing below a fraction of it.
"""

import json
import statistics
import time
from collections.abc import Callable

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balon.protocol.statements import AuthAction
from scripts.bench.rows import Row
from scripts.bench.stack import Caller, running_installation

ROUNDS = 300
WARM_UP = 20
APART = 0.25
"""How far the medians may lie apart, in widths of the middle half of the requests."""

Attempt = Callable[[str], float]


def measure() -> list[Row]:
    """Times both steps of sign-in for a name that exists and for as many that do not."""
    with running_installation() as installation:
        caller = Caller(installation)
        caller.sign_up()
        caller.keys.login_key = Ed25519PrivateKey.generate()
        rows = [
            *compare("prelogin", lambda login: _time_prelogin(caller, login), caller.keys.login),
            *compare("login", lambda login: _time_login(caller, login), caller.keys.login),
        ]
        caller.close()
    return rows


def compare(step: str, attempt: Attempt, known_login: str) -> list[Row]:
    """Lets known and unknown names take turns."""
    known: list[float] = []
    unknown: list[float] = []
    for number in range(ROUNDS + WARM_UP):
        pair = [(known, known_login), (unknown, f"nobody-{number}@example.org")]
        for times, login in pair if number % 2 else reversed(pair):
            times.append(attempt(login))
    del known[:WARM_UP], unknown[:WARM_UP]
    spread = max(_middle_half(known), _middle_half(unknown))
    apart = abs(statistics.median(known) - statistics.median(unknown))
    return [
        Row.against(f"{step}, known against unknown name, median", _median(known), "ms", _median(unknown)),
        Row.against(f"{step}: spread (middle half)", _middle_half(known), "ms", _middle_half(unknown)),
        Row.against(f"{step}: medians apart, against spread", apart, "ms", spread, APART),
    ]


def _median(times: list[float]) -> float:
    return statistics.median(times)


def _middle_half(times: list[float]) -> float:
    lower, _, upper = statistics.quantiles(times, n=4)
    return upper - lower


def _time_prelogin(caller: Caller, login: str) -> float:
    return _timed(lambda: caller.prelogin(login), 200)


def _time_login(caller: Caller, login: str) -> float:
    challenge = caller.prelogin(login).raise_for_status().json()
    proof = caller.keys.prove(challenge, AuthAction.LOGIN, login=login)
    return _timed(lambda: caller.post("accounts/login", proof), 401)


def _timed(request: Callable[[], httpx.Response], expected: int) -> float:
    started = time.perf_counter()
    answer = request()
    elapsed_ms = (time.perf_counter() - started) * 1000
    if answer.status_code != expected:
        raise RuntimeError(f"{answer.status_code}: {json.dumps(answer.json())}")
    return elapsed_ms
