"""How much memory a call may take, known before it takes any."""

from __future__ import annotations

import os

from hwio.errors import LimitError, word


def physical_memory() -> int:
    """Return this machine's memory in bytes, or 2^62 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


def check_memory(need: int, limit: int | None, parts: list[str], fix: str) -> None:
    """Raise LimitError if the bytes needed exceed the limit.

    Parameters
    ----------
    need : int
        Bytes.
    limit : int or None
        Bytes; None stands for the machine's memory.
    parts : list of str
        Lines that say what the bytes are for.
    fix : str
        What to do instead.
    """
    allowed = physical_memory() if limit is None else limit
    if need > allowed:
        source = "this machine's memory" if limit is None else "memory_limit"
        rule = f"this needs {size(need)}, more than {source} of {size(allowed)}"
        raise LimitError(word(rule, parts, fix))


def size(count: int) -> str:
    """Write bytes in a fitting binary unit.

    Examples
    --------
    >>> size(3 * 2**20)
    '3.0 MiB'
    """
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{count} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    raise AssertionError
