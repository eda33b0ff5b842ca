"""What the server sees, as the server tells it (docs/worker.md): passed on as it is, in no other form."""

import pytest

from tests.client.conftest import ALICE
from tests.client.lies import changed
from tests.client.tab import refused

PATH = "/api/v1/accounts/disclosure"


async def test_every_table_is_told_with_its_explanation(alice, server):
    told = await alice.disclosure()
    users, messages = told["tables"]
    assert (users["name"], users["explanation"], users["total"]) == ("accounts_user", "The account.", 1)
    assert users["rows"][0]["login"] == ALICE
    assert users["rows"][0]["last"] is None
    assert users["rows"][0]["is_active"] is True
    assert (messages["rows"], messages["total"]) == ([], 0)


async def test_values_of_any_plain_kind_pass_unchanged(alice, server):
    row = {"a": "x" * 100_000, "b": -5, "c": None, "d": False, "e": ""}
    server.lie("GET", PATH, changed("tables.1.rows", [row]))
    server.lie("GET", PATH, changed("tables.1.total", 7))
    table = (await alice.disclosure())["tables"][1]
    assert (table["rows"], table["total"]) == ([row], 7)


async def test_nobody_asks_without_a_session(stranger):
    assert await refused(stranger.disclosure()) == "signed-out"


async def test_nobody_asks_without_keys(alice):
    await alice.lock()
    assert await refused(alice.disclosure()) == "locked"


@pytest.mark.parametrize(
    "lie",
    [
        changed("tables", None),
        changed("tables", {}),
        changed("tables.0", "all"),
        changed("tables.0.name", "x" * 201),
        changed("tables.0.explanation", None),
        changed("tables.0.total", 0),
        changed("tables.0.total", "many"),
        changed("tables.0.rows", {}),
        changed("tables.0.rows", [["a"]]),
        changed("tables.0.rows", [{"a": {"b": 1}}]),
        changed("tables.0.rows", [{"a": [1]}]),
        changed("tables.0.rows", [{"a": 1.5}]),
        changed("tables.0.rows", [{"a": 1 << 53}]),
        changed("tables.0.rows", [{"a": "\ud800"}]),
        changed("tables.0.rows", [{"\ud800": 1}]),
        changed("tables.0.rows", [{str(number): 1 for number in range(101)}]),
        changed("tables.0.rows", [{}] * 1001),
        lambda _: [],
    ],
)
async def test_an_answer_of_another_form_is_refused(alice, server, lie):
    server.lie("GET", PATH, lie)
    assert await refused(alice.disclosure()) == "server-answer-refused"
