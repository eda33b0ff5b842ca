"""Turn an archive of Python sources into one of compiled modules.

This runs inside Pyodide, so that the bytecode is the one that the browser's interpreter understands. It uses the
standard library only.
"""

import importlib.util
import zipfile
from importlib._bootstrap_external import _code_to_hash_pyc  # type: ignore[attr-defined]

# The zip format's earliest time: equal sources give equal archives.
EPOCH = (1980, 1, 1, 0, 0, 0)


def compile_archive(source: str, target: str, optimize: int) -> int:
    """Write ``target`` with a ``.pyc`` for each ``.py`` of ``source`` and everything else as it is.

    The members are stored, not deflated: the file is compressed as a whole by Brotli, which does better, and
    importing needs no inflating then. The ``.pyc`` files are unchecked: there is no source to compare with.

    Args:
        source: path of a zip archive with sources.
        target: path of the archive to write.
        optimize: as for ``compile``: 0 keeps all, 2 drops assertions and docstrings.

    Returns:
        How many modules were compiled.
    """
    count = 0
    with zipfile.ZipFile(source) as sources, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as compiled:
        for name in sorted(sources.namelist()):
            content = sources.read(name)
            if name.endswith(".py"):
                compiled.writestr(zipfile.ZipInfo(f"{name}c", EPOCH), _compile(content, name, optimize))
                count += 1
            else:
                compiled.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return count


def _compile(content: bytes, name: str, optimize: int) -> bytes:
    code = compile(content, name, "exec", dont_inherit=True, optimize=optimize)
    pyc: bytes = _code_to_hash_pyc(code, importlib.util.source_hash(content), False)  # noqa: FBT003
    return pyc
