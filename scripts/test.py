"""`make test`: all tests, each run spread over the processors.

Tests of one module stay in one process, for they share what is dear to set up. Those that drive browsers run apart from
the others: Playwright keeps an event loop going, which asynchronous tests cannot share.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
NO_TESTS: Final = 5
"""pytest's status when the given options leave no test."""
REAL_SERVICES = {"BALON_TEST_SERVICES": "real"}
IN_BROWSERS = ("browser", "contract", "engines", "page", "security")
SERVER_SIDE = ("accounts", "conversations", "keystore", "project")
PROCESSORS: Final = os.cpu_count() or 1


def main() -> int:
    """Runs every test once, and what touches the database again on PostgreSQL and Redis; or the given paths alone.

    Returns:
        0 where every run passed, else the status of the first that did not.
    """
    if any(Path(argument.partition("::")[0]).exists() for argument in sys.argv[1:]):
        return run_pytest()
    others = [each.name for each in sorted((ROOT / "tests").iterdir()) if holds_tests(each)]
    statuses = [
        run_pytest(*paths(name for name in others if name not in IN_BROWSERS), processes=PROCESSORS),
        run_pytest("-m", "not slow", *paths(SERVER_SIDE), processes=PROCESSORS, settings=REAL_SERVICES),
        run_pytest(*paths(IN_BROWSERS), processes=PROCESSORS),
    ]
    if all(status == NO_TESTS for status in statuses):
        return NO_TESTS
    return next((status for status in statuses if status not in {0, NO_TESTS}), 0)


def paths(folders: Iterable[str]) -> list[str]:
    """Folders of tests, by their names."""
    return [f"tests/{folder}" for folder in folders]


def holds_tests(folder: Path) -> bool:
    """Whether a folder has tests in it."""
    return any(folder.glob("test_*.py"))


def run_pytest(*options: str, processes: int = 0, settings: dict[str, str] | None = None) -> int:
    """One run of pytest with the options of the command line behind its own; `processes` 0 is this one alone."""
    spread = ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"] if processes else []
    command = [sys.executable, "-m", "pytest", *spread, *options, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **(settings or {})}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
