"""The Python half: Pyodide's files, its standard library, the client's archive and the worker's entry."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from scripts import nodejs
from scripts.assets import archives
from scripts.assets.plan import ROOT, STEPS, Build, integrity, locked_version

PYODIDE = ROOT / "node_modules" / "pyodide"
COMPILER = [STEPS / "compile_archive.mjs", STEPS / "compile_archive.py", STEPS / "archives.py", STEPS / "python.py"]
# The standard library loses its docstrings and assertions; the client keeps both.
STDLIB_OPTIMIZE = 2
CLIENT_OPTIMIZE = 0


def build(build: Build) -> None:
    """Make both parts that are not current: "engine" (changes with Pyodide) and "client" (with the program)."""
    version = locked_version("pyodide")
    engine_current = build.is_current("engine", COMPILER, version)
    inputs = [ROOT / "balon" / "__init__.py", ROOT / "balon" / "protocol", build.plan.client, build.plan.main]
    client_current = build.is_current("client", [*inputs, *COMPILER], version, *_options(build))
    if engine_current and client_current:
        return
    print("balon: Compiling the browser's Python …", flush=True)
    with tempfile.TemporaryDirectory(dir=build.plan.cache) as folder:
        compiled = _compile(build, Path(folder), engine=not engine_current, client=not client_current)
        if "engine" in compiled:
            build.parts["engine"] = _place_engine(build.plan.out, compiled["engine"], version)
        if "client" in compiled:
            build.parts["client"] = _place_client(build, compiled["client"])


def _options(build: Build) -> list[str]:
    return ["legacy sign-in"] if build.plan.legacy_sign_in else []


def _compile(build: Build, folder: Path, *, engine: bool, client: bool) -> dict[str, Path]:
    """Gather and compile the archives that are wanted, all in one start of Pyodide."""
    jobs: list[str | Path] = []
    compiled = {}
    if engine:
        archives.write_stdlib_sources(PYODIDE / "python_stdlib.zip", folder / "stdlib-sources.zip")
        compiled["engine"] = folder / "stdlib.zip"
        jobs += [folder / "stdlib-sources.zip", compiled["engine"], str(STDLIB_OPTIMIZE)]
    if client:
        legacy = build.plan.legacy_sign_in
        archives.write_client_sources(
            folder / "client-sources.zip", root=ROOT, client=build.plan.client, legacy_sign_in=legacy
        )
        compiled["client"] = folder / "client.zip"
        jobs += [folder / "client-sources.zip", compiled["client"], str(CLIENT_OPTIMIZE)]
    nodejs.run("node", STEPS / "compile_archive.mjs", *jobs, cwd=ROOT)
    return compiled


def _place_engine(out: Path, stdlib: Path, version: str) -> dict[str, Any]:
    """Put Pyodide's own files, whose names it insists on, into a folder of its version, and the library beside them."""
    folder = f"pyodide-{version}"
    files = {
        "engine": place(PYODIDE / "pyodide.asm.mjs", out / folder / "pyodide.asm.mjs"),
        "wasm": place(PYODIDE / "pyodide.asm.wasm", out / folder / "pyodide.asm.wasm"),
        "stdlib": place(stdlib, out / folder / hashed_name("stdlib", stdlib)),
    }
    lock_file = {"info": json.loads((PYODIDE / "pyodide-lock.json").read_bytes())["info"], "packages": {}}
    return {**_part(out, files), "lock_file": lock_file}


def _place_client(build: Build, archive: Path) -> dict[str, Any]:
    out = build.plan.out
    files = {
        "client": place(archive, out / hashed_name("client", archive)),
        "main": place(build.plan.main, out / hashed_name("main", build.plan.main)),
    }
    return _part(out, files)


def _part(out: Path, files: dict[str, Path]) -> dict[str, Any]:
    names = {role: path.relative_to(out).as_posix() for role, path in files.items()}
    return {"files": {names[role]: integrity(path) for role, path in files.items()}, "roles": names}


def hashed_name(stem: str, path: Path) -> str:
    """Return a file name that changes with the file's content."""
    return f"{stem}-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"


def place(source: Path, target: Path) -> Path:
    """Copy a file so that its name never stands for half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, unfinished)
    return unfinished.replace(target)
