"""How many processors this process may use: affinity, and what a container is granted.

A container limited to 1.5 processors sees all 64 of its machine. With 64 threads it would use up its
time at once and be stopped for the rest of each period, so the quota counts, rounded up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path, PurePosixPath

PROC, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available(proc: Path = PROC, mount: Path = MOUNT) -> int:
    """Return how many processors may be used, at least 1.

    Parameters
    ----------
    proc, mount : Path
        Where the kernel tells which control groups a process is in, and what they are granted.
    """
    try:
        processors = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        processors = os.cpu_count() or 1
    quotas = [ceil(quota) for quota in granted(proc, mount)]
    return max(1, min([processors, *quotas]))


def granted(proc: Path = PROC, mount: Path = MOUNT) -> Iterator[float]:
    """Yield the processors that each control group around this process is granted, if limited."""
    try:
        lines = proc.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, inside = rest.partition(":")
        if number == "0" and not names:
            yield from _each(mount, inside, _quota)
        elif "cpu" in names.split(","):  # the older kind, a tree for each resource
            for folder in (mount / names, mount / "cpu"):
                yield from _each(folder, inside, _old_quota)


def _each(top: Path, inside: str, read: Callable[[Path], float | None]) -> Iterator[float]:
    """Yield the quota of a group and of all that it lies in.

    In a container the tree may begin at its own group: then only ``top`` is there.
    """
    path = PurePosixPath(inside.lstrip("/"))
    for part in (path, *path.parents):
        if ".." in part.parts:
            continue
        try:
            quota = read(top / part)
        except (OSError, ValueError, ZeroDivisionError):
            continue
        if quota is not None and quota > 0:
            yield quota


def _quota(group: Path) -> float | None:
    """Read ``max 100000`` or ``150000 100000``: microseconds of a period."""
    quota, period = (group / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _old_quota(group: Path) -> float | None:
    """Read the same from two files; -1 is no limit."""
    quota = int((group / "cpu.cfs_quota_us").read_text())
    return None if quota < 0 else quota / int((group / "cpu.cfs_period_us").read_text())
