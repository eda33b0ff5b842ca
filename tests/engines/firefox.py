"""Debian's Firefox, driven by Marionette, which needs no program beside the browser."""

import json
import os
import re
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

from tests.engines.engine import Engine, asynchronous, end, unpack, wait_until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its dependencies write regular expressions as plain strings
    from marionette_driver.geckoinstance import DesktopInstance, GeckoInstance  # type: ignore[import-untyped]  # it has no types
    from marionette_driver.marionette import Marionette  # type: ignore[import-untyped]  # it has no types

START_TIMEOUT_S = 60
SCRIPT_TIMEOUT_S = 30
# Uncaught errors and policy violations of pages and workers. What the browser's own parts say is not the page's doing.
RAISED = """
    const own = (source) => /^(resource|chrome|jar|moz-extension):/.test(source ?? "");
    const harmless = Ci.nsIScriptError.warningFlag | Ci.nsIScriptError.infoFlag;
    const raised = Services.console.getMessageArray()
        .filter((each) => each instanceof Ci.nsIScriptError && !own(each.sourceName))
        .filter((each) => !(each.flags & harmless) || each.category.startsWith("CSP"))
        .map((each) => `${each.category}: ${each.errorMessage} (${each.sourceName})`);
    return JSON.stringify(raised);
"""
# Firefox writes the console of pages and workers to its standard output, as these preferences ask it to.
SPOKEN = re.compile(r"^console\.(?:error|assert|exception).*", re.MULTILINE)
CONSOLE = {
    "devtools.console.stdout.content": True,
    "devtools.console.stdout.chrome": False,
    "browser.dom.window.dump.enabled": True,
}
# Each request of this browser, whoever made it: pages, workers, the browser itself.
LISTEN = """
    window.balonRequests = [];
    window.balonObserver = {
        observe(channel) { window.balonRequests.push(channel.QueryInterface(Ci.nsIHttpChannel).URI.spec); },
    };
    Services.obs.addObserver(window.balonObserver, "http-on-modify-request");
"""


def program() -> str | None:
    """Where Firefox is, or None."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def preferences(proxy_port: int, downloads: Path) -> dict[str, Any]:
    """Marionette's own, and: all but loopback goes to the sink; downloads go to a folder without a question."""
    ours = {
        "marionette.port": 0,
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": proxy_port,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": proxy_port,
        "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
        "browser.download.folderList": 2,
        "browser.download.dir": str(downloads),
        "browser.download.alwaysOpenPanel": False,
    }
    return {**GeckoInstance.required_prefs, **DesktopInstance.desktop_prefs, **CONSOLE, **ours}


def write_profile(folder: Path, values: dict[str, Any]) -> Path:
    """A new profile with these preferences."""
    folder.mkdir(parents=True)
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in values.items()]
    (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
    return folder


class Firefox(Engine):
    """A headless Firefox of its own, which ends rather than connect to anything but loopback."""

    def __init__(self, folder: Path, proxy_port: int) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self._log = folder / "firefox.log"
        profile = write_profile(folder / "profile", preferences(proxy_port, self.downloads))
        self._process = self._start(profile)
        try:
            self._marionette = self._connect(profile / "MarionetteActivePort")
        except BaseException:
            end(self._process)
            raise

    def _start(self, profile: Path) -> subprocess.Popen[bytes]:
        command = [program() or "firefox", "--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
        environment = {**os.environ, "MOZ_DISABLE_NONLOCAL_CONNECTIONS": "1", "HOME": str(profile.parent)}
        with self._log.open("wb") as output:
            return subprocess.Popen(
                [*command, "--profile", str(profile)],
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _connect(self, port: Path) -> Marionette:
        """Firefox writes its port to a file once it listens."""
        wait_until(lambda: port.is_file() and port.read_text(), "Marionette to listen", START_TIMEOUT_S)
        marionette = Marionette(host="127.0.0.1", port=int(port.read_text()))
        marionette.start_session()
        marionette.timeout.script = SCRIPT_TIMEOUT_S
        with marionette.using_context("chrome"):
            marionette.execute_script(LISTEN, sandbox="system")
        return marionette

    def open(self, url: str) -> None:
        self._marionette.navigate(url)

    def reload(self) -> None:
        self._marionette.refresh()

    def run(self, script: str, *arguments: Any) -> Any:
        return self._marionette.execute_script(script, script_args=arguments, sandbox=None)

    def run_async(self, script: str, *arguments: Any) -> Any:
        answer = self._marionette.execute_async_script(asynchronous(script), script_args=arguments, sandbox=None)
        return unpack(answer)

    def problems(self) -> list[str]:
        raised: list[str] = json.loads(self._in_chrome(RAISED))
        return raised + SPOKEN.findall(self._log.read_text(encoding="utf-8", errors="replace"))

    def requests(self) -> list[str]:
        """Those of pages, workers and the browser itself."""
        asked: list[str] = json.loads(self._in_chrome("return JSON.stringify(window.balonRequests);"))
        return asked

    def close(self) -> None:
        self._marionette.cleanup()
        end(self._process)

    def _in_chrome(self, script: str) -> Any:
        with self._marionette.using_context("chrome"):
            return self._marionette.execute_script(script, sandbox="system")
