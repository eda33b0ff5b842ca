"""What an import may cost. Beyond these bounds there is an error for people instead of a page that stands still."""

from typing import Final

CHUNK_SIZE: Final = 1 << 20
"""Bytes that are read at a time."""
MAX_UNPACKED: Final = 1 << 32
"""Bytes of JSON in one file, or in all files of an archive together."""
MAX_CONVERSATION: Final = 1 << 28
"""Bytes of JSON of one conversation: it is the only thing that is held as a whole."""
MAX_CONTAINERS: Final = 1 << 22
"""Objects and arrays of one conversation; a message of ChatGPT has about twelve."""
MAX_VALUES: Final = 1 << 24
"""Values of one conversation, as far as commas tell."""
MAX_FLAT_DEPTH: Final = 64
"""Nesting up to which the C scanner reads, which recurses: deeper, the stack of WebAssembly would be at risk."""
MAX_DIRECTORY: Final = 1 << 24
"""Bytes of an archive's list of files."""
MAX_RATIO: Final = 200
"""How much smaller packed JSON may be; real exports stay below 20."""
RATIO_FREE: Final = 1 << 26
"""Bytes that may be packed however densely."""

MAX_TEXT_BYTES: Final = (1 << 20) - (1 << 13)
"""Bytes that a text may have as JSON: the server takes message payloads of 2^20 bytes with padding, and beside the
text a payload holds names and identifiers. It is also less than section 8's 2^20 characters."""
MAX_TITLE: Final = 200
MAX_NAME: Final = 200
"""Characters of a model's name, and of a foreign identifier as it is kept."""
EARLIEST_MS: Final = 1_262_304_000_000
"""The year 2010: there was nothing to export before."""
CLOCK_LEEWAY_MS: Final = 86_400_000
"""How far ahead another computer's clock may have been."""
