"""What is built from what, and where it goes; and fingerprints, by which a step knows that it has nothing to do."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
STEPS = Path(__file__).resolve().parent
IGNORED = frozenset({"__pycache__", "dist"})


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The inputs and the place of one build. The defaults are the real page; tests build small ones elsewhere."""

    out: Path = ROOT / "static" / "dist"
    entry: Path = ROOT / "static" / "js" / "app.js"
    style: Path = ROOT / "static" / "css" / "app.css"
    images: Path = ROOT / "static" / "img"
    client: Path = ROOT / "static" / "py"
    main: Path = ROOT / "static" / "py" / "main.py"
    cache: Path = ROOT / "var" / "assets"
    best: bool = True
    legacy_sign_in: bool = False

    @property
    def manifest_path(self) -> Path:
        """The file that says what was built."""
        return self.out / "manifest.json"


@dataclass
class Build:
    """A build under way: its plan, what the last one left, and the parts of the manifest made so far."""

    plan: Plan
    last: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def is_current(self, step: str, inputs: Iterable[Path], *words: str) -> bool:
        """Say whether a step was done with these inputs and its outputs are still there, and adopt them if so."""
        self.inputs[step] = fingerprint(inputs, *words)
        part = self.last.get("parts", {}).get(step)
        if part is None or self.last.get("inputs", {}).get(step) != self.inputs[step]:
            return False
        if not all((self.plan.out / name).is_file() for name in part["files"]):
            return False
        self.parts[step] = part
        return True


def fingerprint(inputs: Iterable[Path], *words: str) -> str:
    """Return a hash of the names and contents of files and folders, and of words."""
    combined = hashlib.sha256(json.dumps(words).encode())
    for path in files_under(inputs):
        combined.update(f"{path}\0".encode())
        combined.update(hashlib.sha256(path.read_bytes()).digest())
    return combined.hexdigest()


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files of a list of files and folders, in a stable order; what does not exist has none."""
    for path in paths:
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not IGNORED & {*file.parts})


def integrity(path: Path) -> str:
    """Return the hash of a file as browsers want it (W3C Subresource Integrity)."""
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def locked_version(package: str) -> str:
    """Return the version of an npm package in package-lock.json."""
    lock = json.loads((ROOT / "package-lock.json").read_bytes())
    version: str = lock["packages"][f"node_modules/{package}"]["version"]
    return version
