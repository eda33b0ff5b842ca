"""Install the npm packages of package-lock.json, if they are not there yet."""

import hashlib

from scripts import nodejs
from scripts.assets.plan import ROOT

STAMP = ROOT / "node_modules" / ".balon-installed"


def install(*, development: bool) -> None:
    """Run ``npm ci`` unless exactly these packages are installed.

    Installation scripts do not run: none of the packages needs its own, and they are the first thing that a hostile
    package would use.

    Args:
        development: with the packages for tests and linting. An installation that has them serves both.
    """
    lock = hashlib.sha256((ROOT / "package-lock.json").read_bytes()).hexdigest()
    done = STAMP.read_text().split() if STAMP.is_file() else []
    if done[:1] == [lock] and (not development or "development" in done):
        return
    if STAMP.parent.is_symlink():  # npm would empty the other checkout's folder and put one of its own here
        print("balon: node_modules is a link and not up to date; install in the checkout that it leads to.", flush=True)
        return
    print("balon: Installing the npm packages …", flush=True)
    omit = [] if development else ["--omit=dev"]
    nodejs.run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", *omit, cwd=ROOT)
    STAMP.write_text(f"{lock} {'development' if development else 'production'}\n")
