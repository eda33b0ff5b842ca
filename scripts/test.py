"""`make test`: all tests, in lanes that run at the same time.

Browser tests wait most of the time, so two lanes use two cores better than one. Each lane is a list of pytest runs, one
after the other. The first lane's words go straight to the terminal, the others' when they are complete.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS: Final = 5
"""pytest's status when the given options leave no test."""
REAL_SERVICES = {"BALON_TEST_SERVICES": "real"}
IN_BROWSERS = ("browser", "security", "engines")
SERVER_SIDE = ("accounts", "keystore", "conversations", "project")

Lane: TypeAlias = Sequence[tuple[Sequence[str], dict[str, str]]]
"""Runs one after the other: which folders, with which settings."""


def main() -> int:
    """Runs every test once, and what touches the database again on PostgreSQL and Redis; or the given paths alone.

    Returns:
        0 where every run passed, else the status of the first that did not.
    """
    if any(Path(argument.partition("::")[0]).exists() for argument in sys.argv[1:]):
        return run_pytest((), {}, None)
    others = [each.name for each in (ROOT / "tests").iterdir() if holds_tests(each) and each.name not in IN_BROWSERS]
    lanes: tuple[Lane, ...] = (
        [(IN_BROWSERS, {}), (SERVER_SIDE, REAL_SERVICES)],
        [(sorted(others), {})],
    )
    with ThreadPoolExecutor(len(lanes)) as pool:
        statuses = [status for found in pool.map(run_lane, lanes, (True, False)) for status in found]
    if all(status == NO_TESTS for status in statuses):
        return NO_TESTS
    return next((status for status in statuses if status not in {0, NO_TESTS}), 0)


def holds_tests(folder: Path) -> bool:
    """Whether a folder has tests in it."""
    return any(folder.glob("test_*.py"))


def run_lane(lane: Lane, is_shown: bool) -> list[int]:  # noqa: FBT001 - mapped
    """Runs a lane; gives the status of each of its runs."""
    if is_shown:
        return [run_pytest(folders, settings, None) for folders, settings in lane]
    with tempfile.TemporaryFile() as kept:
        statuses = [run_pytest(folders, settings, kept) for folders, settings in lane]
        kept.seek(0)
        sys.stdout.buffer.write(kept.read())
        sys.stdout.flush()
    return statuses


def run_pytest(folders: Sequence[str], settings: dict[str, str], output: BinaryIO | None) -> int:
    """One run of pytest over folders of tests, with the options of the command line."""
    command = [sys.executable, "-m", "pytest", *(f"tests/{folder}" for folder in folders), *sys.argv[1:]]
    environment = {**os.environ, **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
