"""Compiled kernels on disk: object code behind a checksum, never a pickle.

A file is a magic line, the SHA-256 of its name and of what follows, then the object code. Its name
holds a digest of everything the code depends on (the kernels' source, LLVM's version, the processor
and its features) and the version of Numba that made it. Object code needs no Numba to run: a process
without it takes what any version has made, one with it only what its own has.

Anything that is not exactly right (another owner, a wrong length, a flipped bit, another name) is a
miss; a folder that can't be written is no cache. Neither is ever an error.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

MAGIC = b"hwio object 2\n"
LARGEST = 16 << 20
MOST_BYTES = 256 << 20  # of all files: beyond it the longest unused ones go
UNUSED = 86400  # seconds after which a use is noted
HALF_WRITTEN = 3600  # seconds after which nobody can be writing a file any more
# a file of ours, whoever else's lie in the folder
OURS = re.compile(r"\w+-[0-9a-f]{32}-[\w.+]+\.(o|tuned|tried)")
PART = re.compile(r"hwio-\w+\.part")


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


def path_of(name: str, machine: str, compiler: str | None = None, ending: str = ".o") -> Path:
    """Return the file of one kernel, or of one finding, on one kind of machine."""
    digest = hashlib.sha256(source_digest() + f"{machine}\0{name}".encode()).hexdigest()
    version = re.sub(r"[^\w.+]", "_", compiler or "any")
    return folder() / f"{name}-{digest[:32]}-{version}{ending}"


def paths_of(name: str, machine: str, compiler: str | None) -> Iterable[Path]:
    """Return the files that may hold a kernel: one, or without a compiler those of all versions."""
    path = path_of(name, machine, compiler)
    if compiler is not None:
        return [path]
    return sorted(path.parent.glob(path.name.replace("-any.o", "-*.o")), reverse=True)


def read(path: Path) -> bytes | None:
    """Return the content of a file, or None if it is not exactly as it was written."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not _ours(status) or not len(MAGIC) + 32 < status.st_size < LARGEST:
                return None
            content = file.read(LARGEST)
        magic, digest = content[: len(MAGIC)], content[len(MAGIC) :][:32]
        code = content[len(MAGIC) + 32 :]
        if magic != MAGIC or _checksum(path, code) != digest:
            return None
        if time.time() - status.st_mtime > UNUSED:
            _note_use(path)
    except OSError:
        return None
    return code


def _checksum(path: Path, code: bytes) -> bytes:
    """Return the SHA-256 of a file's name and content: a file under another's name is damaged."""
    return hashlib.sha256(path.name.encode() + b"\0" + code).digest()


def _note_use(path: Path) -> None:
    """Let a file count as used today; in a read-only folder it can't."""
    try:
        os.utime(path)
    except OSError:
        return


def _ours(status: os.stat_result) -> bool:
    """Tell whether only this user could have written a regular file."""
    if not stat.S_ISREG(status.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def write(path: Path, code: bytes) -> OSError | None:
    """Put content into the cache in one step, or not at all; return what was in the way."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".part", "hwio-", path.parent)  # mode 0600
    except OSError as error:
        return error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + _checksum(path, code) + code)
        os.replace(name, path)  # noqa: PTH105
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        return error
    prune(keep=path)
    return None


def obstacle() -> OSError | None:
    """Return what is in the way of writing into the folder, or None."""
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix="hwio-", suffix=".part", dir=folder()):
            return None
    except OSError as error:
        return error


def files(named: re.Pattern[str] = OURS) -> list[tuple[Path, os.stat_result]]:
    """Return hwio's files in the folder; those that vanish meanwhile are left out."""
    found = []
    try:
        names = [name for name in os.listdir(folder()) if named.fullmatch(name)]  # noqa: PTH208
    except OSError:
        return []
    for path in (folder() / name for name in names):
        try:
            status = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append((path, status))
    return found


def prune(keep: Path | None = None, most: int | None = None) -> None:
    """Remove the longest unused files while all together are larger than ``most`` bytes.

    Other processes may do the same at the same time: a file that is gone already is fine, and one
    that is removed while it is read stays readable to whoever opened it.
    """
    now = time.time()
    for path, status in files(PART):
        if now - status.st_mtime > HALF_WRITTEN:
            remove(path)
    found = sorted(files(), key=lambda file: file[1].st_mtime)
    total = sum(status.st_size for _, status in found)
    for path, status in found:
        if total <= (MOST_BYTES if most is None else most):
            return
        if path != keep and remove(path):
            total -= status.st_size


def remove(path: Path) -> bool:
    """Remove a file; tell whether it is gone."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
