"""The port `Files`: what the page sent is read piece by piece, as a Python file."""

import io
from typing import Any, BinaryIO, Final, cast

from balon_client.adapters.javascript import js_files, refusals, take_bytes
from balon_client.errors import FileGoneError

_PIECE: Final = 1 << 20


class _BrowserFile(io.RawIOBase):
    """A JavaScript `File`."""

    def __init__(self, js_file: Any, size: int) -> None:
        self._js = js_file
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("before the beginning")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        with refusals():
            octets = take_bytes(js_files.readPiece(self._js, self._at, end))
        buffer[: len(octets)] = octets
        self._at += len(octets)
        return len(octets)


class BrowserFiles:
    """The files that the page sends. The port's docstrings hold."""

    def open(self, handle: Any) -> BinaryIO:
        """A file to read and to seek in."""
        size = int(js_files.sizeOf(handle))
        if size < 0:
            raise FileGoneError
        return cast("BinaryIO", io.BufferedReader(_BrowserFile(handle, size), _PIECE))
