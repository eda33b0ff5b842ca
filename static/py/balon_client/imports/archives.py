"""The files of conversations in an export's ZIP archive, unpacked while they are read."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from balon_client.imports.errors import (
    DamagedExportError,
    ExportTooLargeError,
    LockedExportError,
    UnknownExportError,
)
from balon_client.imports.limits import MAX_DIRECTORY, MAX_RATIO, RATIO_FREE
from balon_client.imports.splitting import Budget, RawValue, split_values

_SIGNATURES: Final = (b"PK\x03\x04", b"PK\x05\x06")
_NAME: Final = re.compile(r"(?P<folder>(?:.*/)?)conversations(?:-(?P<number>[0-9]{1,6}))?\.json", re.DOTALL)
_JSON: Final = ".json"
_RESOURCE_FORKS: Final = "__MACOSX/"
_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ZIP_ERRORS: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, ValueError, OverflowError, EOFError),
    *(OSError, NotImplementedError),
)
"""What `zipfile` raises about archives that are not whole: it was not written for hostile ones."""


def is_archive(file: BinaryIO) -> bool:
    """Whether a file begins as a ZIP archive does. It stands at its beginning afterwards."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    return start in _SIGNATURES


def split_archive(file: BinaryIO, budget: Budget) -> Iterator[RawValue]:
    """Reads all conversations of an archive.

    Args:
        file: The archive.
        budget: The bytes that may be unpacked.

    Yields:
        The conversations as JSON, one by one.

    Raises:
        UnknownExportError: There is no JSON in it.
        DamagedExportError: It is damaged; what was given before stands.
        LockedExportError: It is protected with a password.
        ExportTooLargeError: It unpacks to more than the budget, or to far more than text ever does.
    """
    with _translated_errors(), zipfile.ZipFile(_Guarded(file)) as archive:
        members = _members_of(archive)
        if not members:
            raise UnknownExportError
        for member in members:
            _check(member)
            with archive.open(member) as unpacked:
                yield from split_values(unpacked, budget)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except _ZIP_ERRORS:
        raise DamagedExportError from None


def _members_of(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of conversations as ChatGPT names them, in whatever folder; without any, all JSON.

    So that whoever has many exports of LibreChat, each of one conversation, may put them into one archive.
    """
    infos = [info for info in archive.infolist() if not info.filename.startswith(_RESOURCE_FORKS)]
    named = [(name, info) for info in infos if (name := _NAME.fullmatch(info.filename))]
    if not named:
        return [info for info in infos if info.filename.endswith(_JSON)]
    return [info for _name, info in sorted(named, key=lambda each: _order_of(each[0]))]


def _order_of(name: re.Match[str]) -> tuple[str, int]:
    return (name["folder"], int(name["number"] or -1))


def _check(member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise LockedExportError
    if member.compress_type not in _METHODS:
        raise DamagedExportError
    if member.file_size > RATIO_FREE and member.file_size > MAX_RATIO * member.compress_size:
        raise ExportTooLargeError


class _Guarded:
    """A file of which `zipfile` reads no more than a piece at once.

    An archive's list of files is read as a whole, however long it says it is.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        """Reads at most `size` bytes, or to the end, which is near wherever `zipfile` asks for it.

        Raises:
            ExportTooLargeError: That is more than an archive's list of files may have.
        """
        if size > MAX_DIRECTORY:
            raise ExportTooLargeError
        return self._file.read(size if size >= 0 else MAX_DIRECTORY)
