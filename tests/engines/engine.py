"""What the tests ask of any browser engine."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

TIMEOUT_S = 20


class Element(Protocol):
    """A control of the page, used as a person uses it: by real clicks and keys."""

    def click(self) -> None:
        """Clicks in its middle; fails when something covers it."""

    def send_keys(self, *keys: str) -> None:
        """Types into it."""


class Engine(ABC):
    """One browser with one tab and a fresh profile. Scripts run as WebDriver's do, with `arguments` and `return`."""

    downloads: Path
    sign_ups = 1
    """How often a person may have to try to make an account."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Loads a page."""

    @abstractmethod
    def reload(self) -> None:
        """Loads the page again."""

    @abstractmethod
    def run(self, script: str, *arguments: Any) -> Any:
        """Runs the body of a function in the page."""

    @abstractmethod
    def run_async(self, script: str, *arguments: Any) -> Any:
        """Runs the body of an async function in the page and gives what it resolves to."""

    @abstractmethod
    def problems(self) -> list[str]:
        """Every error and policy violation that was reported so far."""

    @abstractmethod
    def requests(self) -> list[str]:
        """The URLs that were asked for."""

    @abstractmethod
    def close(self) -> None:
        """Ends the browser and deletes its profile."""


def asynchronous(script: str) -> str:
    """The body of an async function as the callback script that WebDriver wants; a rejection is an answer too."""
    return f"""
        const done = arguments[arguments.length - 1];
        const given = [...arguments].slice(0, -1);
        (async function () {{ {script} }})(...given).then(
            (value) => done({{ value: value ?? null }}),
            (error) => done({{ error: `${{error}}` }}),
        );
    """


def unpack(answer: dict[str, Any]) -> Any:
    """The value of an asynchronous script, or its rejection as an exception."""
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["value"]


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = TIMEOUT_S) -> Any:
    """Waits for a condition to hold, gives its value, and fails with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain for {what}")
        time.sleep(0.03)
    return value


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its children; they may die hard."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
