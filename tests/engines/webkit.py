"""Debian's WebKitGTK in its MiniBrowser, driven by WebKitWebDriver, on a virtual screen: it has no headless mode."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection

from tests.engines.engine import Engine, asynchronous, end, unpack
from tests.stack.installation import free_port, wait_for

SCRIPT_TIMEOUT_S = 30
PROGRAMS = ("WebKitWebDriver", "Xvfb")
MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
# Under automation MiniBrowser prints no console, so each script first sees to it that the page collects what goes wrong in
# it. What workers say, `test_webkit_starts_without_a_word` reads from a MiniBrowser without automation.
COLLECT = """
    if (!window.balonProblems) {
        const found = (window.balonProblems = []);
        const speak = console.error;
        console.error = (...words) => { found.push(`console.error: ${words.join(" ")}`); speak.apply(console, words); };
        addEventListener("error", ({ message, target }) => found.push(`error: ${message ?? target.outerHTML}`), true);
        addEventListener("unhandledrejection", ({ reason }) => found.push(`rejection: ${reason}`));
        document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            found.push(`policy: ${violatedDirective} ${blockedURI}`));
    }
"""
REQUESTS = "return performance.getEntriesByType('resource').map(({ name }) => name);"


class WebKit(Engine):
    """A MiniBrowser of its own, with its driver and its screen."""

    sign_ups = 3

    def __init__(self, folder: Path, proxy_port: int) -> None:
        self.downloads = folder / "Downloads"
        self.downloads.mkdir(parents=True)
        (folder / ".config").mkdir()
        (folder / ".config" / "user-dirs.dirs").write_text('XDG_DOWNLOAD_DIR="$HOME/Downloads"\n')
        self._log = folder / "webkit.log"
        self._problems: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            self._start(folder)
            self._driver = self._connect(proxy_port)
        except BaseException:
            self._end_processes()
            raise

    def _start(self, folder: Path) -> None:
        read, write = os.pipe()
        self._spawn(["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], {}, write)
        os.close(write)
        with os.fdopen(read) as display:
            number = display.readline().strip()
        self._port = free_port()
        home = {
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "XDG_CACHE_HOME": str(folder / ".cache"),
        }
        home["XDG_DATA_HOME"] = str(folder / ".local")
        screen = {"DISPLAY": f":{number}", "GDK_BACKEND": "x11", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        self._spawn(["WebKitWebDriver", f"--port={self._port}"], {**home, **screen})
        wait_for(f"http://127.0.0.1:{self._port}/status", self._processes[-1], self._log)

    def _spawn(self, command: list[str], settings: dict[str, str], *descriptors: int) -> None:
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **settings},
                stdout=output,
                stderr=output,
                pass_fds=descriptors,
                start_new_session=True,
            )
        self._processes.append(process)

    def _connect(self, proxy_port: int) -> webdriver.Remote:
        options = webdriver.WebKitGTKOptions()
        options.binary_location = MINI_BROWSER
        options.add_argument("--automation")
        options.proxy = proxy(proxy_port)
        url = f"http://127.0.0.1:{self._port}"
        direct = ClientConfig(url, proxy=Proxy({"proxyType": ProxyType.DIRECT}))
        driver = webdriver.Remote(RemoteConnection(client_config=direct), options=options)
        driver.set_script_timeout(SCRIPT_TIMEOUT_S)
        return driver

    def open(self, url: str) -> None:
        self._driver.get(url)

    def reload(self) -> None:
        self._driver.refresh()

    def run(self, script: str, *arguments: Any) -> Any:
        wrapped = f"{COLLECT} return [balonProblems.splice(0), (function () {{ {script} }})(...arguments)];"
        problems, result = self._driver.execute_script(wrapped, *arguments)
        self._problems += problems
        return result

    def run_async(self, script: str, *arguments: Any) -> Any:
        return unpack(self._driver.execute_async_script(COLLECT + asynchronous(script), *arguments))

    def problems(self) -> list[str]:
        """Those of pages, from a moment after each was loaded."""
        self.run("")
        return self._problems

    def requests(self) -> list[str]:
        """Those of the present document."""
        found: list[str] = self.run(REQUESTS)
        return found

    def close(self) -> None:
        self._driver.quit()
        self._end_processes()

    def _end_processes(self) -> None:
        for process in reversed(self._processes):
            end(process)


def missing() -> list[str]:
    """The programs that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def proxy(port: int) -> Proxy:
    """All but loopback goes to the sink."""
    address = f"127.0.0.1:{port}"
    given = {"proxyType": ProxyType.MANUAL, "httpProxy": address, "sslProxy": address}
    return Proxy({**given, "noProxy": ["localhost", "127.0.0.1"]})
