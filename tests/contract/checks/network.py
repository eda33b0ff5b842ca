"""Http and socket ports, against tests/contract/server.py."""

import asyncio

from balon_client.errors import NetworkError, ProblemError, ResponseError, SocketClosedError
from balon_client.ports import encode_json
from tests.contract.world import raises


async def check_a_get_carries_query_and_no_token(world):
    http = world.platform.http
    http.csrf_token = "token"
    answer = await http.request("GET", "/echo", query={"limit": 50, "cursor": "a b&c"})
    assert answer.status == 200
    assert answer.value["query"] == "limit=50&cursor=a+b%26c"
    assert "x-csrftoken" not in answer.value["headers"]
    assert answer.value["body"] == ""


async def check_a_post_carries_its_bytes_as_they_are(world):
    http = world.platform.http
    http.csrf_token = "token"
    body = encode_json({"text": "é ✓", "list": [1, None]})
    answer = await http.request("POST", "/echo", body=body, proof="a.b.c")
    assert answer.status == 201
    assert answer.value["body"].encode() == body
    headers = answer.value["headers"]
    assert headers["x-csrftoken"] == "token"
    assert headers["balon-proof"] == "a.b.c"
    assert headers["content-type"] == "application/json"
    assert headers["origin"] == world.platform.origin


async def check_an_empty_answer(world):
    answer = await world.platform.http.request("DELETE", "/empty")
    assert (answer.status, answer.value) == (204, None)


async def check_problems_become_errors(world):
    with raises(ProblemError) as caught:
        await world.platform.http.request("PUT", "/problem", body=b"{}")
    error = caught[0]
    assert (error.status, error.server_code, error.title, error.detail) == (409, "seq-conflict", "No.", "Because.")
    assert error.retry_after_s == 7
    assert error.problem["code"] == "seq-conflict"


async def check_errors_that_are_no_problem_documents(world):
    with raises(ProblemError) as caught:
        await world.platform.http.request("GET", "/plain-error")
    assert caught[0].problem["code"] == "http-502"
    for path in ("/html", "/not-json", "/redirect"):
        with raises(ResponseError):
            await world.platform.http.request("GET", path)


async def check_a_late_answer_is_a_network_error(world):
    with raises(NetworkError):
        await world.platform.http.request("GET", "/slow", timeout_s=0.2)


async def check_a_socket_speaks_both_ways(world):
    connection = await world.platform.socket.connect("/ws/echo")
    assert await connection.receive() == ["hello"]
    await connection.send("echo é ✓")
    assert await connection.receive() == ["echo é ✓"]
    await connection.close()
    with raises(SocketClosedError):
        await connection.receive()
    with raises(SocketClosedError):
        await connection.send("too late")
    await connection.close()


async def check_a_burst_arrives_whole_and_in_order(world):
    connection = await world.platform.socket.connect("/ws/echo")
    await connection.receive()
    await connection.send("burst 2000")
    seen: list[str] = []
    while len(seen) < 2000:
        seen += await connection.receive()
    assert seen == [str(number) for number in range(2000)]
    await connection.close()


async def check_what_came_before_the_close_is_given_first(world):
    connection = await world.platform.socket.connect("/ws/echo")
    await connection.receive()
    await connection.send("close 4401")
    assert await connection.receive() == ["last words"]
    with raises(SocketClosedError) as caught:
        await connection.receive()
    assert caught[0].close_code == 4401


async def check_closing_wakes_who_waits(world):
    connection = await world.platform.socket.connect("/ws/echo")
    await connection.receive()
    waiting = asyncio.ensure_future(connection.receive())
    await asyncio.sleep(0.05)
    await connection.close()
    with raises(SocketClosedError):
        await asyncio.wait_for(waiting, 5)


async def check_a_socket_that_does_not_open(world):
    for path in ("/ws/none", "/ws/stuck"):
        with raises(NetworkError):
            await world.platform.socket.connect(path, timeout_s=0.5)
