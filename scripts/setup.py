#!/usr/bin/env python3
"""Prepares a checkout: virtual environment, locked packages, browser assets. Standard library only.

Runs under the system's Python. Every step leaves a stamp behind when it is complete, so an interrupted set-up goes on
where it was, and a complete one takes a moment.
"""

from __future__ import annotations  # so that older Pythons come as far as the sentence that names the newer one

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "stamps"

TEST_PROGRAMS = {
    "chromium": ("chromium",),
    "firefox-esr": ("firefox-esr", "firefox"),
    "webkit2gtk-driver": ("WebKitWebDriver",),
    "xvfb": ("Xvfb",),
    "redis-server": ("redis-server",),
    "postgresql": ("/usr/lib/postgresql/*/bin/initdb", "initdb"),
}


def main() -> None:
    """Sets up for running, or with --test for testing too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--test", action="store_true", help="also install and check what tests need")
    arguments = parser.parse_args()
    require_python()
    if arguments.test:
        require_test_programs()
    lock = ROOT / ("requirements-dev.lock" if arguments.test else "requirements.lock")
    make_virtual_environment()
    install_packages(lock)
    run([PYTHON, ROOT / "scripts" / "build_assets.py", *(["--dev"] if arguments.test else [])])


def require_python() -> None:
    """Stops with the command that helps when Python or its venv module is missing."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the one file that older Pythons read
        stop(f"Balon needs Python 3.11 or newer; this is {sys.version.split()[0]}.", "sudo apt install python3")
    if importlib.util.find_spec("ensurepip") is None:
        stop("Python's venv module is missing.", "sudo apt install python3-venv")


def require_test_programs() -> None:
    """Stops with one command for all programs that tests need and the system lacks."""
    missing = [package for package, programs in TEST_PROGRAMS.items() if not any(map(is_installed, programs))]
    if missing:
        stop(f"The tests need {', '.join(missing)}.", f"sudo apt install {' '.join(missing)}")


def is_installed(program: str) -> bool:
    """Whether a program is on the path, or at a path that may hold wildcards."""
    if program.startswith("/"):
        return any(Path("/").glob(program[1:]))
    return shutil.which(program) is not None


def make_virtual_environment() -> None:
    """Makes .venv with the locked uv in it, or makes it anew when an interruption left half of one."""
    bootstrap = ROOT / "requirements-bootstrap.lock"
    if is_done("bootstrap", [bootstrap]):
        return
    say("Making the virtual environment in .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV])
    run([PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", bootstrap])
    mark_done("bootstrap", [bootstrap])


def install_packages(lock: Path) -> None:
    """Installs the packages of a lock file, each checked against its hash."""
    if is_done(lock.name, [lock]):
        return
    say(f"Installing the Python packages of {lock.name}")
    # Its own program: under `python -m` Ctrl-C prints a traceback.
    command: list[str | Path] = [VENV / "bin" / "uv", "pip", "install", "--quiet", "--require-hashes"]
    run([*command, "--python", PYTHON, "--requirement", lock])
    mark_done(lock.name, [lock])


def is_done(step: str, inputs: Iterable[Path]) -> bool:
    """Whether a step was completed with these inputs."""
    stamp = STAMPS / step
    return stamp.is_file() and stamp.read_text() == digest(inputs)


def mark_done(step: str, inputs: Iterable[Path]) -> None:
    """Remembers that a step was completed with these inputs."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / step).write_text(digest(inputs))


def digest(inputs: Iterable[Path]) -> str:
    """SHA-256 over the contents of files and the Python that runs."""
    combined = hashlib.sha256(sys.version.encode())
    for path in inputs:
        combined.update(path.read_bytes())
    return combined.hexdigest()


def run(command: Sequence[str | Path]) -> None:
    """Runs a command in the checkout and stops with its status when it fails."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    finished = subprocess.run([str(part) for part in command], cwd=ROOT, env=environment, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def say(message: str) -> None:
    """Tells the person what happens now."""
    print(f"balon: {message} …", flush=True)


def stop(problem: str, command: str) -> None:
    """Ends with what is missing and the command that installs it."""
    sys.exit(f"balon: {problem}\n       Install it with:  {command}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("\nbalon: Stopped. Run the same command again to go on.")
