"""Read ``.npy`` and ``.npz`` files that anyone may have made.

The header is read first: its promise is held against the file's size and the machine's memory
before anything is allocated. Nothing is unpickled, so a file can't run code.
"""

from __future__ import annotations

import difflib
import zipfile
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from hwio.errors import FileError, HwioError, LimitError, nearest, word
from hwio.ops.memory import check_memory, size

if TYPE_CHECKING:
    from hwio.types import Array


def check_file(path: Path) -> None:
    """Raise FileError unless path is an ordinary file.

    Raises
    ------
    FileError
        If there is none, or it is a folder, a pipe or a device.
    """
    if path.is_file():
        return
    if path.exists():
        what = "a folder" if path.is_dir() else "not an ordinary file"
        raise FileError(word(f"{path} is {what}", [], "the name of a file"))
    facts, fix = [], None
    if path.parent.is_dir():
        near = _near_name(path)
        fix = near and f"did you mean {path.parent / near}?"
    else:
        facts = [f"there is no folder {path.parent} either"]
    raise FileError(word(f"there is no file {path}", facts, fix))


def _near_name(path: Path) -> str | None:
    """Return a file beside this one with nearly its name."""
    names = {p.name.lower(): p.name for p in path.parent.iterdir() if p.is_file()}
    found = difflib.get_close_matches(path.name.lower(), names, n=1, cutoff=0.8)
    stems = [Path(name.lower()).stem for name in (*found, path.name)]
    alike = bool(found) and difflib.SequenceMatcher(None, stems[0], stems[-1]).ratio() > 0.8
    return names[found[0]] if alike else None


def read_npy(path: Path) -> Array:
    """Read one array.

    Parameters
    ----------
    path : Path

    Returns
    -------
    array

    Raises
    ------
    FileError
        If the file is damaged, cut short, or holds Python objects.
    LimitError
        If the array is larger than this machine's memory.
    """
    check_file(path)
    try:
        with path.open("rb") as file:
            return _read_stream(file, path.stat().st_size, str(path))
    except OSError as error:
        raise FileError(word(f"{path} can't be read: {error.strerror or error}")) from error


def read_npz(path: Path, key: str | None) -> tuple[Array, str]:
    """Read one array of an archive.

    Parameters
    ----------
    path : Path
    key : str or None
        Its name; None where the archive holds only one.

    Returns
    -------
    array, str
        And the key it has.

    Raises
    ------
    FileError
        If the archive is damaged, has no such key, or the array can't be read.
    LimitError
        If the array is larger than this machine's memory, however small its compressed form.
    """
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            infos = {name: i for name, i in infos.items() if i.filename.endswith(".npy")}
            name = _choose_key(path, key, list(infos))
            with archive.open(infos[name]) as file:
                return _read_stream(file, infos[name].file_size, f"{path}:{name}"), name
    except HwioError:
        raise
    except Exception as error:  # zipfile, zlib, bz2 and lzma each have errors of their own
        rule = f"{path} is damaged, or no .npz archive: {error}"
        raise FileError(word(rule, [], "write it again with np.savez")) from error


def _choose_key(path: Path, key: str | None, keys: list[str]) -> str:
    """Return the key asked for, or the only one."""
    if key in keys:
        return key
    if key is None and len(keys) == 1:
        return keys[0]
    shown = ", ".join(keys[:20]) + (f" and {len(keys) - 20} more" if len(keys) > 20 else "")
    if not keys:
        raise FileError(word(f"{path} holds no arrays"))
    if key is None:
        rule = f"{path} holds {len(keys)} arrays; which one?"
        raise FileError(word(rule, [f"keys: {shown}"], f"{path}:{keys[0]}"))
    near = nearest(key, keys)
    rule = f"{path} has no key {key!r}"
    raise FileError(word(rule, [f"keys: {shown}"], near and f"did you mean {path}:{near}?"))


def _read_stream(file: IO[bytes], length: int, name: str) -> Array:
    """Read an array whose stored form has ``length`` bytes, after a look at its header."""
    shape, dtype, start = _read_header(file, name)
    if dtype.hasobject:
        rule = f"{name} holds Python objects, which only pickle could read"
        facts = ["unpickling a file can run whatever it says, so hwio never does"]
        raise FileError(word(rule, facts, "save numbers instead: np.save(path, a.astype(float))"))
    need, there = prod(shape) * dtype.itemsize, length - start
    promise = f"header: {shape} {dtype}  ->  {size(need)}"
    if need > there:
        rule = f"{name} is cut short, or its header lies"
        raise FileError(word(rule, [promise, f"after the header: {size(there)}"]))
    try:
        check_memory(need, None, [promise], "np.load(path, mmap_mode='r') and a part of it")
    except LimitError as error:
        message = f"{name}: {error}"
        raise LimitError(message) from None
    file.seek(0)
    try:
        array: Array = np.lib.format.read_array(file, allow_pickle=False)
    except MemoryError as error:
        raise LimitError(word(f"{name} does not fit the memory that is free", [promise])) from error
    except Exception as error:
        raise FileError(word(f"{name} can't be read: {error}", [promise])) from error
    return array


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Return shape, dtype and where the numbers start."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        elif version in ((2, 0), (3, 0)):  # 3.0 differs in the letters that field names may have
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        else:
            message = f"version {version} of the format is not known"
            raise ValueError(message)
        if any(type(n) is not int or n < 0 for n in shape):
            message = f"shape {shape}"
            raise ValueError(message)
    except Exception as error:  # the header is Python text: it can be wrong in any way
        why = str(error).partition("\n")[0]
        rule = f"{name} is damaged, or no .npy file: {why[:200]}"
        raise FileError(word(rule, [], "write it again with np.save")) from error
    return shape, dtype, file.tell()
