"""Build static/dist: the page's bundle, Pyodide, its standard library and the client's Python (docs/assets.md).

A second run with nothing changed takes a fraction of a second. Several runs at once wait for each other.
"""

import argparse
import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import nodejs
from scripts.assets import compress, packages, page, python
from scripts.assets.plan import Build, Plan


def build_assets(plan: Plan, *, development: bool = False) -> dict[str, Any]:
    """Bring the assets of a plan up to date and return the manifest.

    Args:
        plan: the inputs and the place.
        development: install the npm packages for tests and linting too.
    """
    plan.cache.mkdir(parents=True, exist_ok=True)
    plan.out.mkdir(parents=True, exist_ok=True)
    with _only_one(plan.cache / "lock"):
        packages.install(development=development)
        build = Build(plan=plan, last=_read_manifest(plan.manifest_path))
        python.build(build)
        page.build(build)
        return _finish(build)


def _finish(build: Build) -> dict[str, Any]:
    """Compress, write the manifest and remove what neither this build nor the last one made."""
    plan, manifest = build.plan, _manifest(build)
    files = [plan.out / name for name in manifest["files"]]
    compress.compress_all(files, cache=plan.cache / "compressed", best=plan.best)
    if manifest != build.last:
        _write_manifest(plan.manifest_path, manifest)
        _prune(plan.out, {*manifest["files"], *build.last.get("files", ())})
    return manifest


def _manifest(build: Build) -> dict[str, Any]:
    files = {name: hash_ for part in build.parts.values() for name, hash_ in part["files"].items()}
    links = build.parts["page"]
    return {
        "entries": {name: _described(file, files) for name, file in links["entries"].items()},
        "preload": [_described(file, files) for file in links["preload"]],
        "preload_later": [_described(file, files) for file in links["preload_later"]],
        "files": files,
        "versions": page.versions(),
        "inputs": build.inputs,
        "parts": build.parts,
    }


def _described(file: str, files: dict[str, str]) -> dict[str, str]:
    return {"file": file, "integrity": files[file]}


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return the last build's manifest, or an empty one if there is none that can be read."""
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return manifest


def _write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    unfinished = path.with_name(".manifest.part")
    unfinished.write_text(json.dumps(manifest, indent=1, sort_keys=True))
    unfinished.replace(path)


def _prune(out: Path, keep: set[str]) -> None:
    """Remove files of older builds; those of the last one stay, for pages that are still open."""
    kept = {"manifest.json", *keep, *(f"{name}{suffix}" for name in keep for suffix in (".br", ".gz"))}
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_dir():
            _remove_if_empty(path)
        elif path.relative_to(out).as_posix() not in kept:
            path.unlink()


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dev", action="store_true", help="install the npm packages for tests and linting too")
    parser.add_argument("--fast", action="store_true", help="compress large files quickly, not as well as can be")
    parser.add_argument(
        "--legacy-sign-in", action="store_true", help="let accounts from before encryption sign in (docs/operations.md)"
    )
    options = parser.parse_args()
    started = time.monotonic()
    try:
        build_assets(Plan(best=not options.fast, legacy_sign_in=options.legacy_sign_in), development=options.dev)
    except KeyboardInterrupt:
        return 130
    except nodejs.NodeMissingError as error:
        print(f"balon: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"balon: {_program_of(error)} failed; what it said is above.", file=sys.stderr)
        return 1
    print(f"balon: Browser assets are ready ({time.monotonic() - started:.1f} s).", flush=True)
    return 0


def _program_of(error: subprocess.CalledProcessError) -> str:
    """Name a program that failed, without its arguments: they are long, and a person did not write them."""
    return " ".join(str(part) for part in error.cmd[:2])


if __name__ == "__main__":
    sys.exit(main())
