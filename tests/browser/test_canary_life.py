"""A39 over the whole life of an account: nothing that people alone know is in what a server holds or an operator can make.

Every path is used with a text of its own. Then the search goes through the database, the logs and the wire, and through
what an operator can produce: the archive of `manage.py disclose`, a dump of all tables, and every page of the admin.
"""

import io
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from balon.protocol.encoding import decode_b64u, encode_b64u
from balon.protocol.recovery import parse_credential
from tests.browser.person import Person
from tests.browser.test_canary import PROMPT, REPLY, TITLE, haystacks, places_of, use_every_path
from tests.browser.test_leaving import exported
from tests.fakes.openai_server import FakeOpenAIServer
from tests.stack.installation import ROOT, Installation
from tests.stack.wiretap import Wiretap

PASSWORDS = [f"kanarie-{name}-Hx52Bd-and-some-more-words" for name in ("first", "changed", "recovered", "wrong")]
OPERATOR, OPERATORS_PASSWORD = "operator@example.org", "a long operator's password"
LINK = re.compile(r'href="(/admin/[^"?#]*)')


@dataclass
class Life:
    """A person after all that happens to an account, and the kits that they had."""

    person: Person
    kits: list[str] = field(default_factory=list)

    def secrets(self) -> dict[str, bytes]:
        """What only they know: passwords, kits with and without hyphens, what kits hold, what was written."""
        known = [PROMPT, REPLY, TITLE, *PASSWORDS]
        found = {text: text.encode() for text in known}
        for number, kit in enumerate(self.kits):
            code = next(line for line in kit.splitlines() if line.count("-") == 13)
            credential = next(line for line in kit.splitlines() if line.startswith("BALON-RECOVERY-1."))
            envelope = parse_credential(credential).rec_env
            found |= {
                f"code {number}": code.encode(),
                f"code {number} without hyphens": code.replace("-", "").encode(),
                f"credential {number}": credential[200:300].encode(),
                f"envelope of kit {number}": envelope[400:460],
            }
        return found


@pytest.fixture
def life(page: Page, upstream: FakeOpenAIServer) -> Life:
    """Signs up, writes, checks the kit, changes password and name, exports, asks for deletion, recovers."""
    person = Person(page, password=PASSWORDS[0])
    person.sign_up()
    found = Life(person, [person.kit_text])
    use_every_path(person, upstream)
    use_every_setting(person)
    person.sign_out()
    person.open_recovery()
    person.recover(PASSWORDS[2], text=person.kit_text)
    person.put_kit_away()
    found.kits.append(person.kit_text)
    person.page.get_by_role("navigation", name="Conversations").get_by_role("link").first.click()
    person.expect_reply(REPLY)
    return found


def use_every_setting(person: Person) -> None:
    """All that the settings offer."""
    person.open_settings()
    person.check_kit(person.kit_text)
    expect(person.page.get_by_text("Your kit is good:")).to_be_visible()
    person.change_password(PASSWORDS[1], current=PASSWORDS[3])
    expect(person.alert.filter(has_text="This is not your password.")).to_be_visible()
    person.page.get_by_role("form", name="Change password").get_by_role("button", name="Cancel").click()
    person.change_password(PASSWORDS[1])
    expect(person.page.get_by_text("Your password is changed.")).to_be_visible()
    person.login = f"{person.login}-renamed"
    person.change_login(person.login, password=PASSWORDS[1])
    expect(person.page.get_by_text("Your login name is changed.")).to_be_visible()
    assert any(PROMPT.encode() in exported(person).read(name) for name in exported(person).namelist())
    person.request_deletion(PASSWORDS[1])
    expect(person.page.get_by_text("The waiting period has begun.")).to_be_visible()
    person.page.get_by_role("link", name="What the server sees").click()
    expect(person.page.get_by_role("heading", level=2).first).to_be_visible()


# --- What an operator can make ---


def disclosed(installation: Installation, login: str, folder: Path) -> dict[str, bytes]:
    """The members of the archive of `manage.py disclose`."""
    installation.manage("disclose", login, str(folder / "disclosed.zip"))
    with zipfile.ZipFile(io.BytesIO((folder / "disclosed.zip").read_bytes())) as archive:
        return {f"disclosed/{name}": archive.read(name) for name in archive.namelist()}


def make_operator(installation: Installation) -> None:
    """As docs/operations.md says."""
    environment = {**installation.environment, "DJANGO_SUPERUSER_PASSWORD": OPERATORS_PASSWORD}
    command = [sys.executable, "manage.py", "createsuperuser", "--noinput", "--login", OPERATOR]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)


def pages_of_the_admin(origin: str) -> dict[str, bytes]:
    """Every page that an operator reaches by its links, but for those that end the session."""
    found: dict[str, bytes] = {}
    with httpx.Client(base_url=origin, trust_env=False, follow_redirects=True) as browser:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get("/admin/login/").text)
        assert token is not None
        form = {"username": OPERATOR, "password": OPERATORS_PASSWORD, "csrfmiddlewaretoken": token[1]}
        answer = browser.post("/admin/login/?next=/admin/", data=form)
        assert "Log out" in answer.text
        waiting = ["/admin/"]
        while waiting:
            path = waiting.pop()
            if path in found or re.search("logout|password_change|jsi18n", path):
                continue
            found[path] = browser.get(path).content
            waiting += LINK.findall(found[path].decode())
    return found


def everything(life: Life, installation: Installation, wiretap: Wiretap, folder: Path) -> dict[str, bytes]:
    """All that the server holds, and all that its operator can make of it."""
    found = haystacks(installation, wiretap)
    found |= disclosed(installation, life.person.login, folder)
    found["dump of all tables"] = installation.manage("dumpdata").encode()
    make_operator(installation)
    pages = pages_of_the_admin(f"http://127.0.0.1:{installation.port}")
    return found | {f"admin {path}": content for path, content in pages.items()}


@pytest.mark.timeout(600)
def test_no_text_of_a_whole_life_is_in_what_an_operator_can_make(
    life: Life, installation: Installation, wiretap: Wiretap, tmp_path: Path, upstream: FakeOpenAIServer
) -> None:
    found = everything(life, installation, wiretap, tmp_path)

    # First: what the server does know is found in each of these places, and every path was on the wire.
    places = " ".join(places_of(life.person.login, found))
    for place in ("sqlite3", "disclosed/accounts_user.json", "dump of all tables", "admin /admin/accounts/user/"):
        assert place in places
    sealed = encode_b64u(decode_b64u(newest_envelope(wiretap))[:300])
    assert "disclosed/conversations_message.json" in places_of(sealed, found)
    for path in ("password", "login-name", "recovery", "deletion"):
        assert wiretap.requests("POST", f"/accounts/{path}"), path

    # The texts existed where they belong, and nowhere else.
    assert any(PROMPT in str(request) for request in upstream.requests)
    betrayed = {name: places_of(text, found) for name, text in life.secrets().items()}
    assert {name: places for name, places in betrayed.items() if places} == {}


def newest_envelope(wiretap: Wiretap) -> str:
    """The envelope of a message as it was sent."""
    return re.findall(r'"envelope":\s*"([\w-]+)"', wiretap.requests("POST", "/messages")[-1].request.decode())[0]
