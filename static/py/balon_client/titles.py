"""The text of titles: made of a message's first words, or as a person typed it."""

import re
from typing import Final

from balon_client.metas import MAX_TITLE
from balon_client.problems import TextRefusedError

_TITLE_WORDS: Final = 6
_TITLE_CHARACTERS: Final = 60
_SPACE: Final = re.compile(r"\s+")


def make_title(text: str) -> str:
    """Makes a title of the first words of a message, here and without a model."""
    words = _SPACE.split(text.strip()[:500])
    title = " ".join(words[:_TITLE_WORDS])
    cut = len(title) > _TITLE_CHARACTERS or len(words) > _TITLE_WORDS
    return title[:_TITLE_CHARACTERS].rstrip(" ,.;:") + "…" if cut else title


def check_title(raw: object) -> str:
    """Reads a title as a person typed it.

    Raises:
        TextRefusedError: It is empty, too long, or no text.
    """
    title = _SPACE.sub(" ", raw).strip() if isinstance(raw, str) else ""
    if not 0 < len(title) <= MAX_TITLE:
        raise TextRefusedError("This title cannot be used.", f"A title has 1 to {MAX_TITLE} characters.")
    try:
        title.encode()
    except UnicodeEncodeError:
        raise TextRefusedError("This title cannot be used.", "It holds half of a character.") from None
    return title
