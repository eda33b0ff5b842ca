"""Compress every file of a build ahead, so that no server does it for each visitor."""

import gzip
import hashlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import brotli

BEST_QUALITY = 11
# Best quality costs 40 s for Pyodide's 9.6 MB on a small machine; this one 3 s for 13 % more bytes.
FAST_QUALITY = 9
FAST_FROM_BYTES = 500_000
_LOOK_S = 0.5
NOT_SERVED = (".map", ".txt", ".json")


def compress_all(files: Iterable[Path], *, cache: Path, best: bool) -> None:
    """Write ``.br`` and ``.gz`` beside each file.

    Args:
        files: those to compress; source maps and licence texts are left out.
        cache: a folder that keeps what was compressed, by content, so that each content is compressed once.
        best: compress large files as well as can be, and not quickly.
    """
    cache.mkdir(parents=True, exist_ok=True)
    wanted = [path for path in files if path.suffix not in NOT_SERVED]
    if all(_is_compressed(path, cache, best=best) for path in wanted):
        return
    if any(path.stat().st_size >= FAST_FROM_BYTES for path in wanted) and best:
        print("balon: Compressing, a minute for the first time …", flush=True)
    with ProcessPoolExecutor(initializer=_end_with_the_build, initargs=(os.getpid(),)) as pool:
        list(pool.map(_compress, wanted, [cache] * len(wanted), [best] * len(wanted)))


def _end_with_the_build(build: int) -> None:
    """Let Ctrl-C end this process in the middle of a file, and the build's death however it dies.

    Python's own handler waits for the file's end, and a process of a pool whose parent was killed waits for ever, with
    the build's lock among its files.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_end_after, args=(build,), daemon=True).start()


def _end_after(build: int) -> None:
    while os.getppid() == build:
        time.sleep(_LOOK_S)
    os._exit(1)


def _is_compressed(path: Path, cache: Path, *, best: bool) -> bool:
    """Say whether both files are there and from this content at this quality or a better one."""
    cached = _cached(path, cache, best=best)
    beside = Path(f"{path}.br")
    if not (cached.is_file() and beside.is_file() and Path(f"{path}.gz").is_file()):
        return False
    return beside.stat().st_size == cached.stat().st_size


def _compress(path: Path, cache: Path, best: bool) -> None:  # noqa: FBT001 - called through a pool
    cached = _cached(path, cache, best=best)
    if not cached.is_file():
        _write(cached, brotli.compress(path.read_bytes(), quality=_quality(path, best=best)))
    _link(cached, Path(f"{path}.br"))
    zipped = cached.with_suffix(".gz")
    if not zipped.is_file():
        _write(zipped, gzip.compress(path.read_bytes(), mtime=0))
    _link(zipped, Path(f"{path}.gz"))


def _cached(path: Path, cache: Path, *, best: bool) -> Path:
    """Return where the Brotli form of this content is kept: the best one there is, or the one to make."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    finest = cache / f"{digest}-{BEST_QUALITY}.br"
    return finest if finest.is_file() else cache / f"{digest}-{_quality(path, best=best)}.br"


def _quality(path: Path, *, best: bool) -> int:
    return BEST_QUALITY if best or path.stat().st_size < FAST_FROM_BYTES else FAST_QUALITY


def _write(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _link(source: Path, target: Path) -> None:
    """Make target another name of source, or a copy where the file system has no links."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.link(source, unfinished)
    except OSError:
        shutil.copyfile(source, unfinished)
    unfinished.replace(target)
