"""Debian's WebKitGTK in its MiniBrowser, driven by WebKitWebDriver, on a virtual screen: it has no headless mode."""

import os
import subprocess
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.remote_connection import RemoteConnection
from urllib3.exceptions import ReadTimeoutError

from tests.engines.engine import Engine, asynchronous, end, unpack
from tests.stack.installation import free_port, wait_for

SCRIPT_TIMEOUT_S = 30
START_TIMEOUT_S = 60
ATTEMPTS = 3
MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser"
# Under automation MiniBrowser prints no console, so each script first sees to it that the page collects what goes wrong in
# it. What workers say, `test_webkit_console.py` reads from a MiniBrowser without automation.
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


class Screen:
    """A virtual screen, and the programs that show themselves on it, in a home of their own."""

    def __init__(self, home: Path) -> None:
        (home / ".config").mkdir(parents=True, exist_ok=True)
        (home / ".config" / "user-dirs.dirs").write_text('XDG_DOWNLOAD_DIR="$HOME/Downloads"\n')
        self._log = home / "webkit.log"
        self._processes: list[subprocess.Popen[bytes]] = []
        folders = {"CONFIG": ".config", "CACHE": ".cache", "DATA": ".local"}
        self._settings = {f"XDG_{name}_HOME": str(home / folder) for name, folder in folders.items()}
        self._settings |= {"HOME": str(home), "GDK_BACKEND": "x11", "WEBKIT_DISABLE_COMPOSITING_MODE": "1"}
        self._start()

    def _start(self) -> None:
        read, write = os.pipe()
        self.spawn("Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24", "-nolisten", "tcp", keep=(write,))
        os.close(write)
        with os.fdopen(read) as display:
            self._settings["DISPLAY"] = f":{display.readline().strip()}"

    def spawn(self, *command: str, keep: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        """Starts a program; its output goes to the log."""
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **self._settings},
                stdout=output,
                stderr=output,
                pass_fds=keep,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def wait_for(self, url: str, process: subprocess.Popen[bytes]) -> None:
        """Waits until a program answers."""
        wait_for(url, process, self._log)

    @property
    def output(self) -> str:
        """What the programs printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Ends the programs, the newest first."""
        for process in reversed(self._processes):
            end(process)


class WebKit(Engine):
    """A MiniBrowser with its driver, on a screen of its own."""

    sign_ups = 3

    def __init__(self, folder: Path, proxy_port: int) -> None:
        self.downloads = folder / "Downloads"
        self.downloads.mkdir(parents=True)
        self._problems: list[str] = []
        self._driver = self._begin(folder, proxy_port)

    def _begin(self, folder: Path, proxy_port: int) -> webdriver.Remote:
        """Begins a session. Now and then the driver starts no browser and never says so: then all begins again."""
        for attempt in range(ATTEMPTS):
            self._screen = Screen(folder)
            try:
                self._start()
                return self._connect(proxy_port)
            except (ReadTimeoutError, WebDriverException):
                self._screen.close()
                if attempt == ATTEMPTS - 1:
                    raise
            except BaseException:
                self._screen.close()
                raise
        raise AssertionError

    def _start(self) -> None:
        self._port = free_port()
        process = self._screen.spawn("WebKitWebDriver", f"--port={self._port}")
        self._screen.wait_for(f"http://127.0.0.1:{self._port}/status", process)

    def _connect(self, proxy_port: int) -> webdriver.Remote:
        options = webdriver.WebKitGTKOptions()
        options.binary_location = MINI_BROWSER
        options.add_argument("--automation")
        options.proxy = proxy(proxy_port)
        url = f"http://127.0.0.1:{self._port}"
        direct = ClientConfig(url, proxy=Proxy({"proxyType": ProxyType.DIRECT}), timeout=START_TIMEOUT_S)
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
        self._screen.close()


def proxy(port: int) -> Proxy:
    """All but loopback goes to the sink."""
    address = f"127.0.0.1:{port}"
    given = {"proxyType": ProxyType.MANUAL, "httpProxy": address, "sslProxy": address}
    return Proxy({**given, "noProxy": ["localhost", "127.0.0.1"]})
