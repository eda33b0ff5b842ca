"""What pages and workers say in WebKit while the runtime starts: MiniBrowser prints it, when nobody drives it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.engine import wait_until
from tests.engines.webkit import MINI_BROWSER, Screen
from tests.stack.installation import Installation

START_TIMEOUT_S = 60
SESSION = '"route": "session"'
# "http://…:1:22: CONSOLE ERROR words", "CONSOLE JS ERROR Error: words", "CONSOLE SECURITY ERROR Refused to …".
# The shell names a key of the viewport that WebKit does not know yet, and it says so.
SPOKEN = re.compile(r"CONSOLE (?:\w+ )?ERROR (?!Viewport argument key \"interactive-widget\").*")
NOISY_PAGE = """<script>
    console.error("page said");
    new Worker(URL.createObjectURL(new Blob(["console.error('worker said'); setTimeout(() => { throw Error('worker threw'); })"])));
    setTimeout(() => { throw new Error("page threw"); });
</script>"""


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """A screen with nothing on it."""
    shown = Screen(tmp_path / "home")
    yield shown
    shown.close()


def browse(screen: Screen, url: str) -> None:
    screen.spawn(MINI_BROWSER, "--enable-write-console-messages-to-stdout=true", url)


def test_the_console_of_pages_and_workers_is_captured(screen: Screen, tmp_path: Path) -> None:
    page = tmp_path / "noisy.html"
    page.write_text(NOISY_PAGE)
    browse(screen, page.as_uri())
    expected = ("page said", "page threw", "worker said", "worker threw")
    wait_until(lambda: all(words in str(SPOKEN.findall(screen.output)) for words in expected), f"{expected}")


def test_the_runtime_starts_without_a_word(screen: Screen, installation: Installation) -> None:
    """The session is asked for by Python in its worker, once it runs."""
    log = installation.log("web")
    asked = log.read_text().count(SESSION)
    browse(screen, installation.origin)
    wait_until(lambda: log.read_text().count(SESSION) > asked, "the worker's first request", START_TIMEOUT_S)
    assert SPOKEN.findall(screen.output) == []
