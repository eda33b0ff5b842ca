"""Serves the built assets, compressed ahead, with far-future caching where an address names its content."""

import re

from servestatic.middleware import ServeStaticMiddleware

_HASHED = re.compile(r"-(?:[0-9A-Z]{8}|[0-9a-f]{12})(?:\.[A-Za-z0-9]+)+\Z")
_VERSIONED = re.compile(r"/pyodide[-/][0-9][^/]*/")


class StaticFiles(ServeStaticMiddleware):
    """ServeStatic on the folders of the static file finders: the asset build, the admin, the API documentation."""


def is_immutable(_path: str, url: str) -> bool:
    """Whether the content at an address never changes: its name holds a hash, or its folder a version."""
    return bool(_HASHED.search(url) or _VERSIONED.search(url))
