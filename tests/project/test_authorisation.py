"""Who may do what: every address and every socket message, tried by everyone. What is not in the table fails.

Seven try: a visitor; Charlie, a stranger with an account; Dave, who is invited; Erin, who reads; Bob, a member; Alice,
the owner; an operator who is signed in to the admin. Requests about "one's own" account (sessions, deletion,
disclosure, keyring) have no other member: there all act on their own, and only what names Alice's rows tells them apart.
"""

import copy
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from accounts.models import SignInSession, User
from conversations.frames import get_frame_log
from conversations.relay import get_relays
from conversations.routing import websocket_urlpatterns
from conversations.socket_shapes import SHAPES
from tests.accounts.rotating import rotation_body, with_new_keys
from tests.browsers import Browser, signed_up
from tests.gateways import NONCE, run_fake_gateway
from tests.keys import uuid7
from tests.moving import Mover, give_texts
from tests.rosters import Room
from tests.sockets import calling, knock, open_socket

WHO = ("visitor", "stranger", "invited", "reader", "member", "owner", "operator")
Status = int | tuple[int, str]
UNSIGNED: Status = (401, "not-signed-in")
UNPROVED: Status = (401, "proof-refused")
MIGRATING: Status = (409, "migration-open")
NOTHING: Status = (404, "not-found")
FORBIDDEN: Status = (403, "forbidden")


@dataclass(frozen=True)
class World:
    """Everyone, and what Alice owns."""

    people: dict[str, Browser]
    shared: Room
    session: str
    mover: Mover

    @property
    def texts(self) -> str:
        """The id of the conversation in plaintext, of which one row is staged."""
        return self.mover.ids[0]

    @property
    def room(self) -> str:
        """The conversation's id."""
        return self.shared.id

    @property
    def places(self) -> dict[str, str]:
        """What stands for the parts of a route in braces."""
        return {
            "<uuid:conversation_id>": self.room,
            "<uuid:user_id>": str(self.people["owner"].keys.user_id),
            "<uuid:session_id>": self.session,
            "<uuid:legacy_conversation_id>": self.texts,
        }


Content = Callable[[Browser, World], Any]


@dataclass(frozen=True)
class Rule:
    """What the seven get, in the order of `WHO`, and what is sent."""

    expected: tuple[Status, ...]
    content: Content = lambda _browser, _world: None


def everyone(status: Status) -> tuple[Status, ...]:
    return (status,) * 7


def people(status: Status) -> tuple[Status, ...]:
    """Whoever is signed in to the page gets this, about themselves."""
    return (UNSIGNED, *(status,) * 5, UNSIGNED)


def only(**statuses: Status) -> tuple[Status, ...]:
    """Those on the roster who are named get this; the others may not, and for strangers there is nothing."""
    told = (statuses.get(role, FORBIDDEN) for role in ("invited", "reader", "member", "owner"))
    return (UNSIGNED, NOTHING, *told, UNSIGNED)


def roster(status: Status) -> tuple[Status, ...]:
    return only(invited=status, reader=status, member=status, owner=status)


def readers(status: Status) -> tuple[Status, ...]:
    return only(reader=status, member=status, owner=status)


def writers(status: Status) -> tuple[Status, ...]:
    return only(member=status, owner=status)


def holder(status: Status) -> tuple[Status, ...]:
    """Only Alice has texts from before encryption."""
    return (UNSIGNED, *(NOTHING,) * 4, status, UNSIGNED)


def held_body(world: World) -> dict[str, Any]:
    return {"lease": world.mover.lease, **world.mover.beginning(world.texts)}


def batch_of(world: World) -> dict[str, Any]:
    message = world.mover.message(world.texts, 1)
    rows = [{"legacy_id": "m0", "message": message}]
    return {"lease": world.mover.lease, "legacy_conversation_id": world.texts, "rows": rows}


def verified_of(world: World) -> dict[str, Any]:
    ids = [world.mover.message(world.texts, 1)["message_id"]]
    return {"lease": world.mover.lease, "legacy_conversation_id": world.texts, "message_ids": ids}


TEXTS = "api/v1/migration/conversations/<uuid:legacy_conversation_id>"
ROOM = "api/v1/conversations/<uuid:conversation_id>"
API: dict[tuple[str, str], Rule] = {
    ("GET", ""): Rule(everyone(200)),
    ("GET", "c/<uuid:conversation_id>"): Rule(everyone(200)),
    ("GET", "healthz"): Rule(everyone(200)),
    ("GET", "readyz"): Rule(everyone(503)),  # No gateway runs in this test.
    ("GET", "api/schema/"): Rule(everyone(200)),
    ("GET", "api/docs/"): Rule(everyone(200)),
    ("GET", "api/v1/session"): Rule(everyone(200)),
    ("POST", "api/v1/accounts"): Rule(everyone(UNPROVED), lambda one, _: one.keys.sign_up_body()),
    ("POST", "api/v1/accounts/prelogin"): Rule(everyone(200), lambda one, _: {"login": one.keys.login}),
    ("POST", "api/v1/accounts/login"): Rule(
        everyone((401, "sign-in-refused")),
        lambda one, world: one.keys.prove(one.prelogin(world.people["owner"].keys.login)) | {"proof": "A" * 86},
    ),
    ("POST", "api/v1/accounts/legacy"): Rule(everyone((401, "proof-refused")), lambda one, _: one.keys.sign_up_body()),
    ("POST", "api/v1/accounts/logout"): Rule(everyone(204)),
    ("GET", "api/v1/accounts/self"): Rule(people(200)),
    ("POST", "api/v1/accounts/password"): Rule(people(UNPROVED), lambda one, _: one.keys.record_body()),
    ("POST", "api/v1/accounts/login-name"): Rule(people(UNPROVED), lambda one, _: one.keys.rename_body()),
    ("POST", "api/v1/accounts/kdf"): Rule(people(UNPROVED), lambda one, _: one.keys.record_body()),
    ("POST", "api/v1/accounts/keys"): Rule(
        (UNSIGNED, *(UNPROVED,) * 4, MIGRATING, UNSIGNED),
        lambda one, _: rotation_body(one, with_new_keys(one.keys), conversations=[]),
    ),
    ("POST", "api/v1/accounts/recovery"): Rule(
        everyone((401, "proof-refused")), lambda one, _: one.keys.recover_body(one.keys.with_new_kit())
    ),
    ("POST", "api/v1/accounts/recovery/prelogin"): Rule(
        everyone(200), lambda one, _: {"recovery_id": str(one.keys.recovery_id)}
    ),
    ("POST", "api/v1/accounts/recovery/open"): Rule(
        everyone((401, "proof-refused")), lambda one, _: one.keys.claim_body()
    ),
    ("GET", "api/v1/accounts/sessions"): Rule(people(200)),
    ("DELETE", "api/v1/accounts/sessions"): Rule(people(204)),
    ("DELETE", "api/v1/accounts/sessions/<uuid:session_id>"): Rule(
        (UNSIGNED, NOTHING, NOTHING, NOTHING, NOTHING, 204, UNSIGNED)
    ),
    ("GET", "api/v1/accounts/deletion"): Rule(people(200)),
    ("POST", "api/v1/accounts/deletion"): Rule(people(UNPROVED), lambda *_: {"account_version": 1}),
    ("DELETE", "api/v1/accounts/deletion"): Rule(people(204)),
    ("GET", "api/v1/accounts/disclosure"): Rule(people(200)),
    ("GET", "api/v1/keys/users/<uuid:user_id>"): Rule(roster(200)),
    ("POST", "api/v1/keys/lookup"): Rule(people(200), lambda _, world: {"login": world.people["owner"].keys.login}),
    ("GET", "api/v1/keys/keyring"): Rule(people(200)),
    ("PUT", "api/v1/keys/keyring"): Rule(
        people(200), lambda one, _: {**one.keys.sign_up_body()["keyring"], "version": 2}
    ),
    ("GET", "api/v1/conversations"): Rule(people(200)),
    ("POST", "api/v1/conversations"): Rule(people(201), lambda one, _: one.keys.new_conversation()),
    ("GET", ROOM): Rule(roster(200)),
    ("DELETE", ROOM): Rule(only(owner=204)),
    ("GET", f"{ROOM}/messages"): Rule(readers(200)),
    ("POST", f"{ROOM}/messages"): Rule(writers(201), lambda one, world: one.keys.message(world.room, 1)),
    ("PUT", f"{ROOM}/meta"): Rule(writers(200), lambda one, world: one.keys.meta(world.room, 1)),
    ("GET", f"{ROOM}/people"): Rule(roster(200)),
    ("POST", f"{ROOM}/roster"): Rule(writers(201), lambda one, world: world.shared.force("rotate", one)),
    ("GET", f"{ROOM}/streams"): Rule(readers(200)),
    ("GET", "api/v1/migration"): Rule(people(200)),
    ("GET", "api/v1/migration/conversations"): Rule(people(200)),
    ("GET", f"{TEXTS}/messages"): Rule(holder(200)),
    ("POST", "api/v1/migration/lease"): Rule(holder(200), lambda _, world: {"tab": world.mover.tab}),
    ("POST", "api/v1/migration/lease/release"): Rule(people(204), lambda _, world: {"lease": world.mover.lease}),
    ("POST", f"{TEXTS}/begin"): Rule(holder(200), lambda _, world: held_body(world)),
    ("POST", "api/v1/migration/batches"): Rule(holder(200), lambda _, world: batch_of(world)),
    ("POST", "api/v1/migration/verified"): Rule(holder(204), lambda _, world: verified_of(world)),
    ("POST", "api/v1/migration/rollback"): Rule(holder(200), lambda _, world: {"lease": world.mover.lease}),
    ("POST", "api/v1/migration/finish"): Rule(
        holder((409, "migration-incomplete")), lambda _, world: {"lease": world.mover.lease}
    ),
    ("GET", "api/v1/inference/config"): Rule(people((503, "gateway-unavailable"))),
}
"""Every address but the admin's, with each of its methods."""

ADMIN_MODELS = {
    "accounts_deletionrequest", "accounts_recoveryrecord", "accounts_signinrecord", "accounts_signinsession",
    "accounts_user", "auth_group", "conversations_conversation", "conversations_legacyconversation", "conversations_legacymessage",
    "conversations_message", "conversations_meta", "conversations_migration",
    "conversations_stream", "keystore_grant", "keystore_keybundle", "keystore_keyring", "keystore_membership",
    "keystore_previouskey", "keystore_rosterentry",
}  # fmt: skip
ADMIN_PAGES = {"changelist": 200, "add": 403, "history": 200, "delete": 403, "change": 200}
"""What an operator gets on each page of a model; everyone else is sent to the sign-in."""
ADMIN = {
    "index": 200, "login": 302, "logout": 405, "password_change": 200, "password_change_done": 200, "app_list": 200,
    "jsi18n": 200, "autocomplete": 403, "view_on_site": 404,
}  # fmt: skip

ON_SOCKETS = WHO[1:-1]
SOCKET: dict[str, tuple[str, ...]] = {
    "infer": ("refused", "refused", "refused", "accepted", "accepted"),
    "subscribe": ("refused", "refused", "stream-ended", "stream-ended", "stream-ended"),
    "stop": ("refused", "refused", "refused", "nothing", "nothing"),
    "presence": ("refused", "refused", "nothing", "nothing", "nothing"),
    "unsubscribe": ("nothing",) * 5,
    "ack": ("nothing",) * 5,
    "ping": ("pong",) * 5,
}
"""What those with an account get; a visitor and an operator are shown the door as they knock."""


@pytest.fixture
def world(settings: Any) -> World:
    return make_world(settings)


def make_world(settings: Any) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    names = ("charlie", "dave", "erin", "bob", "alice")
    charlie, dave, erin, bob, alice = (signed_up(f"{name}@example.org") for name in names)
    operator = Browser()
    operator.client.force_login(User.objects.create_superuser(login="operator@example.org", password="a password"))
    shared = Room(alice)
    shared.admit(alice, bob)
    shared.admit(alice, erin, role="reader")
    shared.act("invite", alice, dave, role="member")
    give_texts(alice, 2)
    mover = Mover(alice).take()
    assert (mover.begin(mover.ids[0]).status_code, mover.stage(mover.ids[0], 1, 1).status_code) == (201, 200)
    for browser in (alice, bob, charlie, dave, erin, operator):
        browser.fetch_session()
    return World(
        people=dict(zip(WHO, (Browser(), charlie, dave, erin, bob, alice, operator), strict=True)),
        shared=shared,
        mover=mover,
        session=str(SignInSession.objects.get(user_id=alice.keys.user_id).pk),
    )


def walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in resolver.url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from walk(pattern, route)
        else:
            yield route, pattern


def methods_of(pattern: URLPattern) -> set[str]:
    view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    if view is None or not issubclass(view, APIView):
        return {"GET"}
    return {method.upper() for method in view.http_method_names if hasattr(view, method)} - {"OPTIONS", "HEAD"}


def everything() -> list[tuple[str, URLPattern]]:
    return list(walk(get_resolver()))


def answer_of(browser: Browser, method: str, path: str, content: Any) -> Status:
    if path.startswith("api/v1/"):
        answer = browser.send(method, path.removeprefix("api/v1/"), content)
    else:
        answer = browser.client.generic(method, f"/{path}")
    if answer.headers.get("Content-Type") == "application/problem+json":
        return (answer.status_code, answer.json()["code"])
    return int(answer.status_code)


def fill(route: str, world: World) -> str:
    for part, value in world.places.items():
        route = route.replace(part, value)
    assert "<" not in route, route
    return route


def test_every_address_and_method_is_in_the_table():
    found = {
        (method, route)
        for route, pattern in everything()
        if not route.startswith("admin/")
        for method in methods_of(pattern)
    }
    assert found == set(API)


def test_every_socket_message_is_in_the_table():
    assert set(SHAPES) == set(SOCKET)
    assert [str(pattern.pattern) for pattern in websocket_urlpatterns] == ["ws/v1/"]


@pytest.mark.django_db
def test_gives_each_what_the_table_says(world: World):
    """One world for all rows: whatever a request did is taken back, in the database and in the browser."""
    told = {(method, route, who): try_as(world, who, method, route) for method, route in API for who in WHO}
    expected = {
        (method, route, who): status
        for (method, route), rule in API.items()
        for who, status in zip(WHO, rule.expected, strict=True)
    }
    assert {place: (status, expected[place]) for place, status in told.items() if status != expected[place]} == {}


def try_as(world: World, who: str, method: str, route: str) -> Status:
    browser = world.people[who]
    cookies, csrf = copy.deepcopy(browser.client.cookies), browser.csrf
    with transaction.atomic():
        status = answer_of(browser, method, fill(route, world), API[(method, route)].content(browser, world))
        transaction.set_rollback(True)
    browser.client.cookies, browser.csrf = cookies, csrf
    return status


@pytest.mark.django_db
def test_the_api_takes_no_other_method(world: World):
    for route, pattern in everything():
        if route.startswith("api/v1/"):
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods_of(pattern):
                status = answer_of(world.people["owner"], method, fill(route, world), {})
                assert status == (405, "method-not-allowed"), (method, route)


@pytest.mark.django_db
def test_every_page_of_the_admin_is_the_operators_alone(world: World):
    names = {str(pattern.name): route for route, pattern in everything() if route.startswith("admin/") and pattern.name}
    expected = {f"{model}_{page}": status for model in ADMIN_MODELS for page, status in ADMIN_PAGES.items()} | ADMIN
    assert set(names) == set(expected)
    primary = str(world.people["owner"].keys.user_id)
    for name, route in names.items():
        path = _admin_path(name, route, primary)
        for who in ("visitor", "owner"):
            answer = world.people[who].client.get(path)
            target = answer.headers.get("Location", "")
            if name == "login":  # The door itself.
                assert (answer.status_code, target) == (200, ""), (who, path)
            else:
                assert answer.status_code == 302, (who, path)
                assert target.startswith("/admin/login/") or (name, target) == ("logout", "/admin/"), (who, path)
        status = world.people["operator"].client.get(path).status_code
        assert status == expected[name] or (status == 302 and "<path:object_id>" in route), path


def _admin_path(name: str, route: str, primary: str) -> str:
    """The address of an admin page; pages of one row are tried with Alice's user, which is no row of other tables."""
    if name == "app_list":
        return "/admin/accounts/"
    values = {"<path:object_id>": primary, "<path:content_type_id>": "1", "<path:object_id>/": primary}
    for part, value in values.items():
        route = route.replace(part, value)
    return f"/{route}"


def socket_message(action: str, browser: Browser, world: World) -> dict[str, Any]:
    stream = {"conversation_id": world.room, "stream_id": str(uuid7())}
    return {
        "infer": lambda: browser.keys.infer(world.room),
        "subscribe": lambda: {"type": action, **stream, "after": -1},
        "stop": lambda: {"type": action, **stream},
        "presence": lambda: {"type": action, "conversation_id": world.room, "state": "here"},
        "unsubscribe": lambda: {"type": action, "stream_id": str(uuid.uuid4())},
        "ack": lambda: {"type": action, "stream_id": str(uuid.uuid4()), "number": 0},
        "ping": lambda: {"type": action, "ref": 7},
    }[action]()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("action", SOCKET)
async def test_a_socket_gives_each_what_the_table_says(settings: Any, action: str):
    with run_fake_gateway() as gateway:
        settings.BALON_INFERENCE_URL = gateway.url
        world = await calling(make_world, settings)
        for who, kind in zip(ON_SOCKETS, SOCKET[action], strict=True):
            browser = world.people[who]
            async with open_socket(browser) as socket:
                if kind == "accepted":
                    gateway.say(NONCE)
                    gateway.finish()
                await socket.send(socket_message(action, browser, world))
                if kind == "nothing":
                    for told in ("refused", "stream-ended", "frame"):
                        await socket.expect_nothing(told)
                else:
                    message = await socket.receive(kind)
                    assert message.get("code", "not-found") == "not-found", (who, message)
        await get_relays().close()
        await get_frame_log().close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["visitor", "operator"])
async def test_a_socket_lets_in_people_alone(settings: Any, who: str):
    world = await calling(make_world, settings)
    browser = world.people[who]
    has_cookie = django_settings.SESSION_COOKIE_NAME in browser.client.cookies
    assert has_cookie == (who == "operator")
    communicator = knock(browser if has_cookie else None)
    assert (await communicator.connect())[0]
    assert await communicator.receive_json_from() == {"type": "session-ended", "reason": "none"}
    assert (await communicator.receive_output())["code"] == 4401
    await communicator.disconnect()
