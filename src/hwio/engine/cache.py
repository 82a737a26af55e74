"""Compiled kernels on disk: object code behind a checksum, never a pickle.

A file is a magic line, the SHA-256 of what follows, then the object code. Its name is a digest of
everything the code depends on: the kernels' source, LLVM's version, the processor and its features.
Anything that is not exactly right (another owner, a wrong length, a flipped bit) is a miss; a folder
that can't be written is no cache. Neither is ever an error.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

MAGIC = b"hwio object 1\n"
LARGEST = 16 << 20


def folder() -> Path:
    """Return where compiled kernels are kept: HWIO_CACHE_DIR, or the user's cache folder."""
    told = os.environ.get("HWIO_CACHE_DIR")
    if told:
        return Path(told)
    try:
        if sys.platform == "win32":
            base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = str(Path.home() / "Library" / "Caches")
        else:
            base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    except RuntimeError:  # a user without a home, as in many containers
        base = os.devnull  # below a file there is no folder, hence no cache
    return Path(base) / "hwio"


def sources() -> list[Path]:
    """Return every file that shapes a kernel; the order of fields is compiled in."""
    here = Path(__file__).parent
    shared = [here / f"{name}.py" for name in ("fields", "intrinsics", "jit")]
    return [*shared, *sorted((here / "kernels").glob("*.py"))]


@lru_cache(maxsize=1)
def source_digest() -> bytes:
    """Return a digest of every file that shapes a kernel."""
    total = hashlib.sha256()
    for path in sources():
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.digest()


def path_of(symbol: str, machine: str) -> Path:
    """Return the file of one kernel on one kind of machine."""
    digest = hashlib.sha256(source_digest() + f"{machine}\0{symbol}".encode()).hexdigest()
    return folder() / f"{symbol}-{digest[:32]}.o"


def read(path: Path) -> bytes | None:
    """Return the object code in a file, or None if it is not exactly as it was written."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not _ours(status) or not len(MAGIC) + 32 < status.st_size < LARGEST:
                return None
            content = file.read(LARGEST)
    except OSError:
        return None
    magic, digest, code = (
        content[: len(MAGIC)],
        content[len(MAGIC) :][:32],
        content[len(MAGIC) + 32 :],
    )
    return code if magic == MAGIC and hashlib.sha256(code).digest() == digest else None


def _ours(status: os.stat_result) -> bool:
    """Tell whether only this user could have written a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(path: Path, code: bytes) -> None:
    """Put object code into the cache in one step, or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")  # mode 0600
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(name, path)  # noqa: PTH105
    except OSError:
        Path(name).unlink(missing_ok=True)
