"""Builds of the runtime for tests: the real interpreter and entry with a client and a page made for the test."""

import functools
from pathlib import Path
from typing import Any

from scripts.assets.plan import ROOT, Plan
from scripts.build_assets import build_assets

HERE = Path(__file__).resolve().parent


@functools.cache
def runtime_build() -> tuple[Path, dict[str, Any]]:
    """Build into var/ (kept from run to run) and return the folder and the manifest."""
    plan = Plan(
        out=ROOT / "var" / "assets-runtime-test",
        entry=HERE / "runtime_page.js",
        style=HERE / "none.css",
        client=HERE / "runtime_client",
        best=False,
    )
    return plan.out, build_assets(plan)


def page_for(manifest: dict[str, Any]) -> str:
    """Return the page shell that loads the build's entry."""
    entry = manifest["entries"]["app.js"]
    preloads = "".join(
        f'<link rel="modulepreload" href="/static/dist/{module["file"]}">'
        for module in manifest["preload"] + manifest["preload_later"]
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Runtime</title>{preloads}'
        f'<script type="module" src="/static/dist/{entry["file"]}" integrity="{entry["integrity"]}"></script>'
        "</head><body></body></html>"
    )
