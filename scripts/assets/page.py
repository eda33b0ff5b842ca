"""The page's half: modules and style, bundled by esbuild, with the names and hashes of the Python half baked in."""

import hashlib
import json
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

from scripts import nodejs
from scripts.assets.plan import ROOT, STEPS, Build, Plan, files_under, integrity, locked_version

BUNDLED_PACKAGES = ("esbuild", "pyodide", "@pyscript/core", "polyscript")
PYSCRIPT_ENTRY = "@pyscript/core/src/core.js"


def build(build: Build) -> None:
    """Make the part "page" if it is not current."""
    plan = build.plan
    python = json.dumps([build.parts["engine"], build.parts["client"]], sort_keys=True)
    scripts = [STEPS / "bundle.mjs", STEPS / "page.py", ROOT / "package-lock.json", ROOT / "static" / "js"]
    if build.is_current("page", [*scripts, plan.entry.parent, plan.style.parent, plan.images], python):
        return
    print("balon: Bundling the page …", flush=True)
    outputs = _bundle(build)
    files = {name: integrity(plan.out / name) for name in outputs if not name.endswith((".map", ".LEGAL.txt"))}
    extras = {name: "" for name in outputs if name not in files}
    links, images = _links(outputs, files), _copy_images(plan)
    files |= {name: integrity(plan.out / name) for name in images.values()}
    build.parts["page"] = {**links, "files": {**files, **extras}, "entries": {**links["entries"], **images}}


def _copy_images(plan: Plan) -> dict[str, str]:
    """Copy the images that the shell names; return their names there and in the build, which hold a hash."""
    copied = {}
    for path in files_under([plan.images]):
        content = path.read_bytes()
        name = f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8].upper()}{path.suffix}"
        (plan.out / name).write_bytes(content)
        copied[f"img/{path.name}"] = name
    return copied


def _bundle(build: Build) -> dict[str, Any]:
    """Run esbuild; return what it made, each file with its entry point and its imports."""
    entries = [path for path in (build.plan.entry, build.plan.style) if path.is_file()]
    order = {
        "root": str(ROOT),
        "out": str(build.plan.out),
        "entries": [{"in": str(path), "out": "app"} for path in entries],
        "python": python_modules(build),
        "main": f"./{build.parts['client']['roles']['main']}",
    }
    command: list[str | Path] = [nodejs.node_folder() / "node", STEPS / "bundle.mjs", json.dumps(order, sort_keys=True)]
    answer = subprocess.run(command, cwd=ROOT, env=nodejs.environment(), check=True, stdout=subprocess.PIPE)
    outputs: dict[str, Any] = json.loads(answer.stdout)
    return outputs


def python_modules(build: Build) -> dict[str, Any]:
    """Return what the interpreter module has to know: paths beside it, and their integrity hashes."""
    files = {**build.parts["engine"]["files"], **build.parts["client"]["files"]}
    roles = {**build.parts["engine"]["roles"], **build.parts["client"]["roles"]}
    known = {role: {"path": f"./{name}", "integrity": files[name]} for role, name in roles.items() if role != "main"}
    return {**known, "lockFile": build.parts["engine"]["lock_file"]}


def _links(outputs: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """Return the entries of the page, the modules that each needs at once, and those that the worker needs soon."""
    entries = {f"app{PurePosixPath(name).suffix}": name for name in files if name.startswith("app-")}
    at_once = _closure(outputs, entries.get("app.js"))
    soon = [name for name in files if name.startswith("interpreter-")]
    soon += [name for name, output in outputs.items() if (output["entryPoint"] or "").endswith(PYSCRIPT_ENTRY)]
    return {"entries": entries, "preload": at_once, "preload_later": soon}


def _closure(outputs: dict[str, Any], name: str | None) -> list[str]:
    """Return the modules that one imports statically, directly or not."""
    found: list[str] = []
    queue = [name] if name else []
    while queue:
        imports = outputs[queue.pop()]["imports"]
        new = [i["path"] for i in imports if i["kind"] == "import-statement" and i["path"] not in found]
        found += new
        queue += new
    return found


def versions() -> dict[str, str]:
    """Return the versions of the packages that make up the runtime, for the manifest."""
    return {package: locked_version(package) for package in BUNDLED_PACKAGES}
