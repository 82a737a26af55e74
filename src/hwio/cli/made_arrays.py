"""Lines that make or load x and w, so that a snippet of ``hwio code`` runs as it is printed."""

from __future__ import annotations

import argparse
from typing import Any

NUMPY = "import numpy as np"


def with_arrays(text: str, options: argparse.Namespace, x: Any, w: Any) -> str:
    """Put the lines that define x and w between a snippet's imports and its code.

    Parameters
    ----------
    text : str
        What ``hwio.code`` wrote.
    options : namespace
        Of the command: x, w, demo.
    x, w : array or tuple of int
    """
    imports, gap, rest = text.partition("\n\n")
    if not gap or not imports.startswith(("import ", "from ")):
        imports, rest = "", text
    lines = imports.splitlines()
    plain = sorted({NUMPY, *(line for line in lines if line.startswith("import "))})
    named = [line for line in lines if line.startswith("from ")]
    made = _demo(x, w) if options.demo else _given(options, x, w)
    return "\n".join([*plain, *named, "", *made, "", rest])


def _demo(x: Any, w: Any) -> list[str]:
    """Make the README's arrays."""
    return [
        "rng = np.random.RandomState(1)  # the arrays of --demo",
        f"x = rng.randn{x.shape}",
        f"w = rng.randn{w.shape}",
    ]


def _given(options: argparse.Namespace, x: Any, w: Any) -> list[str]:
    """Load arrays from their files; make numbers up for shapes."""
    lines = []
    if isinstance(x, tuple) or isinstance(w, tuple):
        lines.append("rng = np.random.default_rng(0)  # numbers made up for the shapes given")
    for name, text, value in (("x", options.x, x), ("w", options.w, w)):
        if isinstance(value, tuple):
            lines.append(f"{name} = rng.standard_normal({value}, dtype=np.float32)")
        else:
            lines.append(_loaded(name, text, value))
    return lines


def _loaded(name: str, text: str, value: Any) -> str:
    """Load one array as ``hwio`` read it."""
    path, _, key = text.partition(".npz:")
    if key:
        return f"{name} = np.load({path + '.npz'!r})[{key!r}]"
    if text.lower().endswith(".npz"):
        return f"{name} = next(iter(np.load({text!r}).values()))"
    if text.lower().endswith(".npy"):
        return f"{name} = np.load({text!r})"
    return f"{name} = ...  # {text} as an array, shape {value.shape}, {value.dtype}"
