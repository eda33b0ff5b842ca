"""A browser in a few words, for the list of sessions: words of this module alone, never those of the header."""

import re

MAX_READ = 512
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|Chromium|HeadlessChrome|CriOS)/")),
    ("Safari", re.compile(r"\bSafari/")),
)
"""In this order: most browsers claim to be others as well."""
_SYSTEMS = (
    ("Android", re.compile(r"\bAndroid\b")),
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\bMac OS X\b|\bMacintosh\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)


def describe_device(user_agent: str) -> str:
    """Names browser and system, like "Firefox on Windows": at most 64 characters.

    Args:
        user_agent: The header as it came; only known names are looked for in its first 512 characters.
    """
    text = user_agent[:MAX_READ]
    browser = next((name for name, pattern in _BROWSERS if pattern.search(text)), "Unknown browser")
    system = next((name for name, pattern in _SYSTEMS if pattern.search(text)), "an unknown system")
    return f"{browser} on {system}"
