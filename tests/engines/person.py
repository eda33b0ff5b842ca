"""What a person does on the page, by the accessible names of its controls, in whichever engine."""

import uuid
from typing import Any

from tests.engines.engine import TIMEOUT_S, Element, Engine, wait_until

PASSWORD = "umbrella-cobalt-thirteen-Walrus-meadow"
KEYS_TIMEOUT_S = 120
# The first visible control of a kind that people and readers call by a name.
CONTROL = """
    const [kind, name] = arguments;
    const words = (element) => element.textContent.replace(/\\s+/g, " ").trim();
    const nameOf = (element) => {
        const by = element.getAttribute("aria-labelledby");
        if (by) return words(document.getElementById(by));
        return element.getAttribute("aria-label") ?? words(element.labels?.[0] ?? element);
    };
    return [...document.querySelectorAll(kind)].find(
        (element) => element.checkVisibility() && !element.disabled && nameOf(element) === name) ?? null;
"""
DOCUMENT = "return [performance.timeOrigin, document.documentElement.dataset.core];"
KIT = "Save your recovery kit"
ALERT = "return document.querySelector('[role=alert]')?.textContent ?? null;"
CONVERSATIONS = """
    return [...document.querySelectorAll("nav[aria-label=Conversations] a")].filter((each) => each.checkVisibility());
"""
ARTICLES = """
    return [...document.querySelectorAll("[role=log] article")].map((each) => [
        each.getAttribute("aria-label"), each.querySelector(".body").textContent.replace(/\\s+/g, " ").trim()]);
"""


class Person:
    """One person in one browser."""

    def __init__(self, engine: Engine, origin: str) -> None:
        self.engine = engine
        self.origin = origin
        self.login = f"alice-{uuid.uuid4().hex[:12]}"

    def sign_up(self) -> bool:
        """Makes an account up to the recovery kit; False when the page refuses with an alert."""
        self.engine.open(self.origin)
        self.control("a", "Create an account").click()
        self.control("input", "Login name").send_keys(self.login)
        self.control("input", "Password").send_keys(PASSWORD)
        self.control("input", "Confirm password").send_keys(PASSWORD)
        self.control("button", "Create account").click()
        wait_until(lambda: self.find("dialog", KIT) or self.engine.run(ALERT), "kit or alert", KEYS_TIMEOUT_S)
        return bool(self.find("dialog", KIT))

    def save_kit(self) -> str:
        """Downloads the kit and gives its text; confirms, and goes on."""
        self.control("button", "Download").click()
        kit = self.downloaded()
        self.control("input", "I have saved my recovery kit").click()
        self.control("button", "Continue").click()
        self.control("textarea", "Message")
        return kit

    def downloaded(self) -> str:
        """The text of the one file in the download folder, once it is whole."""
        folder = self.engine.downloads
        wait_until(lambda: any(each.stat().st_size for each in folder.glob("*.txt")), "the kit is on the disk")
        wait_until(lambda: len(list(folder.iterdir())) == 1, "the download is complete")
        return next(folder.iterdir()).read_text(encoding="utf-8")

    def sign_in(self) -> None:
        """Fills in the sign-in form and waits for the chat."""
        self.control("input", "Login name").send_keys(self.login)
        self.control("input", "Password").send_keys(PASSWORD)
        self.control("button", "Sign in").click()
        self.control("textarea", "Message", timeout_s=KEYS_TIMEOUT_S)

    def sign_out(self) -> None:
        """Signs out and waits for the sign-in view, which is a new document, and for its core."""
        before = self.engine.run(DOCUMENT)[0]
        self.control("button", "Account").click()
        self.control("[role=menuitem]", "Sign out").click()
        wait_until(lambda: self.document(other_than=before) == "ready", "the core of the sign-in view")
        self.control("button", "Sign in")

    def document(self, *, other_than: float = 0) -> str | None:
        """The state of the core, once the document is another one than that of a time of origin."""
        origin, core = self.engine.run(DOCUMENT) or (other_than, None)
        return core if origin != other_than else None

    def send(self, text: str) -> None:
        """Writes and sends; does not wait for the reply."""
        self.control("textarea", "Message").send_keys(text)
        self.control("button", "Send").click()

    def watch_reply(self, ending: str) -> list[str]:
        """The texts that the newest reply showed one after the other, until it ends so and Stop is gone."""
        shown = [""]

        def complete() -> bool:
            text = self.reply()
            if text != shown[-1]:
                shown.append(text)
            return text.endswith(ending) and not self.find("button", "Stop")

        wait_until(complete, f"a reply that ends with {ending!r}; it showed {shown}", KEYS_TIMEOUT_S)
        return shown

    def reply(self) -> str:
        """The newest reply as it stands."""
        return next((text for author, text in reversed(self.articles()) if author == "Assistant"), "")

    def articles(self) -> list[list[str]]:
        """Author and text of each message on screen."""
        found: list[list[str]] = self.engine.run(ARTICLES)
        return found

    def expect_articles(self, expected: list[list[str]]) -> None:
        """Waits until the messages on screen are these."""
        wait_until(lambda: self.articles() == expected, f"the messages {expected}")

    def conversations(self) -> list[Element]:
        """The links of the list, invitations among them."""
        found: list[Element] = self.engine.run(CONVERSATIONS)
        return found

    def accept_invitation(self, host: str) -> None:
        """Opens the newest conversation of the list, once it is an invitation of somebody, and accepts it."""
        wait_until(self.conversations, "an invitation")
        self.conversations()[0].click()
        wait_until(
            lambda: host in self.engine.run("return document.querySelector('main').innerText"), f"{host} invites"
        )
        self.control("button", "Accept").click()
        wait_until(lambda: not self.find("button", "Accept"), "the invitation is accepted")

    def find(self, kind: str, name: str) -> Any:
        """A control that is there now, or None."""
        return self.engine.run(CONTROL, kind, name)

    def control(self, kind: str, name: str, *, timeout_s: float = TIMEOUT_S) -> Element:
        """Waits for a control that can be used."""
        try:
            element: Element = wait_until(lambda: self.find(kind, name), f"{kind} {name!r}", timeout_s)
        except AssertionError as failure:
            failure.add_note(f"The page reads:\n{self.engine.run('return document.body.innerText')}")
            failure.add_note(f"Its problems: {self.engine.problems()}")
            raise
        return element
