"""Which messages are for the model (docs/protocol.md section 8, META; A54)."""

import re
from typing import Final

from balon_client.metas import ALWAYS, Meta

_MENTION: Final = re.compile(r"(?<![\w.+@/-])@assistant(?![\w@/-]|\.\w)", re.IGNORECASE)
"""The word, not a part of an address or of a longer word."""


def is_for_model(meta: Meta, text: str) -> bool:
    """Whether a message of this text goes to the model too."""
    return meta.assistant == ALWAYS or _MENTION.search(text) is not None
