"""Compiled code as a built-in function: a call of 0.1 µs where ctypes takes one.

CPython's own API makes a built-in from a method definition. The code behind it reads array objects,
so it leans on where CPython and NumPy keep a reference count and a data pointer. That is checked
before the first use, on an interpreter with its lock; anywhere else there are no built-ins, and the
kernels are launched as all others are.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

_FASTCALL = 0x80
DATA, _DIMENSIONS = 16, 32  # as in kernels.tiny
_KEPT: list[Any] = []  # definitions live as long as the process


class _Definition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("code", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def builtin(address: int, name: str) -> Callable[..., Any]:
    """Return the built-in function whose code lies at an address."""
    definition = _Definition(name.encode(), address, _FASTCALL, None)
    _KEPT.append(definition)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.py_object]
    found: Callable[..., Any] = make(ctypes.addressof(definition), None, None)
    return found


@lru_cache(maxsize=1)
def builtins_serve() -> bool:
    """Tell whether this interpreter keeps what compiled code reads where it looks for it."""
    if platform.python_implementation() != "CPython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)() or sys.byteorder != "little":
        return False
    probe = np.zeros((5, 3))

    def word(address: int) -> int:
        return ctypes.c_int64.from_address(address).value

    if word(id(probe) + DATA) != probe.ctypes.data or word(word(id(probe) + _DIMENSIONS)) != 5:
        return False
    before = word(id(probe)) & 0xFFFFFFFF
    other = [probe, probe, probe]
    return (word(id(probe)) & 0xFFFFFFFF) - before == len(other)
