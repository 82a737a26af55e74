"""What the timings were taken on, as far as it can be known cheaply."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and the versions on it.

    Attributes
    ----------
    cpu : str
        Its name, or its architecture.
    cores : int
        That this process may use.
    python, numpy : str
        Versions.
    blas : str
        The library behind NumPy's matrix product, or "unknown BLAS".
    """

    cpu: str
    cores: int
    python: str
    numpy: str
    blas: str

    def __str__(self) -> str:
        """Write it in one line."""
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        return f"{self.cpu} · {cores} · Python {self.python} · NumPy {self.numpy} · {self.blas}"


@cache
def this_machine() -> Machine:
    """Describe the machine that this runs on."""
    count = getattr(os, "sched_getaffinity", None)
    cores = len(count(0)) if count else os.cpu_count() or 1
    return Machine(_cpu(), cores, platform.python_version(), np.__version__, _blas())


def _cpu() -> str:
    """Return the name of the CPU where the system tells it at no cost."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return " ".join(value.split())
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown CPU"


def _blas() -> str:
    """Return the name and version of NumPy's BLAS."""
    try:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        version = ".".join(str(blas["version"]).split(".")[:3])
        return f"{blas['name']} {version}".replace("scipy-", "").replace("openblas", "OpenBLAS")
    except (TypeError, KeyError):
        return "unknown BLAS"
