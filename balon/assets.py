"""Template tags for the page: addresses and integrity hashes from the manifest of the asset build (docs/assets.md)."""

import json
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

register = template.Library()


@register.simple_tag
def asset_url(name: str) -> str:
    """The address of a built asset, by the name it has in the manifest."""
    return f"{settings.STATIC_URL}{_asset(name)['file']}"


@register.simple_tag
def asset_integrity(name: str) -> str:
    """The integrity hash of a built asset (W3C Subresource Integrity)."""
    return str(_asset(name)["integrity"])


def _asset(name: str) -> dict[str, Any]:
    try:
        asset: dict[str, Any] = load_manifest()["entries"][name]
    except KeyError as error:
        raise ImproperlyConfigured(f"The asset build made no {name}.") from error
    return asset


@lru_cache(maxsize=1)
def load_manifest() -> dict[str, Any]:
    """The manifest of the asset build."""
    path = settings.BALON_ASSETS / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ImproperlyConfigured("The page's assets are not built. Run: make assets") from error
    return manifest
