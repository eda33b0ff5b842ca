"""The client on the browser's ports: what `main.py` exports to the page."""

from typing import Final

from balon_client.adapters.platform import build_platform
from balon_client.client import Call, Client

EXPORTS: Final[dict[str, Call]] = Client(build_platform()).calls
