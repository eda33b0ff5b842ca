"""Gather the Python that goes to the browser: a trimmed standard library, and the client with the wire modules."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

OPTIONS = "balon_client/build_options.py"
EPOCH = (1980, 1, 1, 0, 0, 0)

# What neither Pyodide nor the client imports: tools, servers, clients of other protocols, file formats of other
# worlds, debuggers. A module that is missed can be taken off this list; an import of it fails loudly.
UNUSED = frozenset(
    """
    __hello__ __phello__ _markupbase _osx_support _py_abc _pydatetime _pydecimal _pyio _pylong _pyrepl
    _sysconfigdata__emscripten_wasm32-emscripten antigravity bdb cProfile cmd code colorsys compileall configparser
    crypt csv ctypes curses dbm difflib distutils doctest ensurepip filecmp fileinput ftplib getopt getpass gettext
    idlelib imaplib lib2to3 mailbox mimetypes modulefinder msilib multiprocessing netrc nturl2path optparse pdb
    pickletools plistlib poplib profile pstats pty py_compile pyclbr pydoc pydoc_data rlcompleter runpy sched shelve
    smtplib socketserver sqlite3 sre_compile sre_constants sre_parse symtable tabnanny tarfile telnetlib test this
    timeit tkinter tomllib trace tracemalloc tty turtle turtledemo unittest venv wave webbrowser wsgiref xml xmlrpc
    zipapp
    """.split()  # noqa: SIM905
)
UNUSED_SUBMODULES = frozenset({"http/server", "http/cookiejar", "logging/config", "logging/handlers"})
# The codecs that a page needs: the text of the web, and those that the interpreter itself asks for by name.
ENCODINGS = frozenset(
    """
    __init__ _win_cp_codecs aliases ascii base64_codec charmap cp1252 cp437 hex_codec idna iso8859_1 latin_1 punycode
    raw_unicode_escape undefined unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_7 utf_8
    utf_8_sig
    """.split()  # noqa: SIM905
)


def write_stdlib_sources(npm_archive: Path, target: Path) -> None:
    """Copy the standard library of the npm package without what the client never imports."""
    with zipfile.ZipFile(npm_archive) as full, zipfile.ZipFile(target, "w") as trimmed:
        for name in sorted(set(full.namelist())):
            if is_needed(name):
                trimmed.writestr(zipfile.ZipInfo(name, EPOCH), full.read(name))


def is_needed(name: str) -> bool:
    """Say whether a member of the standard library's archive goes to the browser."""
    path = Path(name)
    if name.endswith("/") or path.suffix != ".py":
        return False
    if path.parts[0] == "encodings":
        return path.stem in ENCODINGS
    return path.parts[0].removesuffix(".py") not in UNUSED and name.removesuffix(".py") not in UNUSED_SUBMODULES


def write_client_sources(target: Path, *, root: Path, client: Path, legacy_sign_in: bool = False) -> None:
    """Put the wire modules (``balon.protocol``) and the client package into one archive of sources.

    Args:
        target: the archive to write.
        root: the repository.
        client: the folder that holds the package ``balon_client``.
        legacy_sign_in: let accounts from before encryption sign in.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in client_members(root=root, client=client):
            source = path.read_bytes()
            if legacy_sign_in and name == OPTIONS:
                source = _allow_legacy(source)
            archive.writestr(zipfile.ZipInfo(name, EPOCH), source)


def _allow_legacy(source: bytes) -> bytes:
    off, on = b"LEGACY_SIGNIN = False", b"LEGACY_SIGNIN = True"
    if source.count(off) != 1:
        raise ValueError("build_options.py does not say LEGACY_SIGNIN = False once.")
    return source.replace(off, on)


def client_members(*, root: Path, client: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name in the archive and the file of everything the client's archive holds, in order."""
    yield "balon/__init__.py", root / "balon" / "__init__.py"
    for base, package in ((root, root / "balon" / "protocol"), (client, client / "balon_client")):
        for path in sorted(package.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(base).as_posix(), path
