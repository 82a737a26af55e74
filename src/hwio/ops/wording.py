"""Words for the call at hand: a fix names the function that was called and suits what it got."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hwio.errors import HwioError
from hwio.fixes import read_fix, retell
from hwio.ops.arrays import is_shape
from hwio.ops.lazy import bridge_name

# a fix that is a call of conv offers its options alone: these take other operands than x and w
OPTIONS_ONLY = ("prepare", "conv_grad", "conv_transpose_grad")


@contextmanager
def worded_for(function: str, x: Any, w: Any) -> Iterator[None]:
    """Let errors raised inside speak of this function and of these operands.

    Parameters
    ----------
    function : str
        Such as "plan".
    x, w : array, tuple of int, or anything that NumPy takes for an array
    """
    try:
        yield
    except HwioError as error:
        error.args = (reworded(str(error), function, {"x": x, "w": w}),)
        raise


def reworded(message: str, function: str, given: dict[str, Any]) -> str:
    r"""Say the fixes of a message, worded for ``conv`` on arrays, for another call.

    Examples
    --------
    >>> given = {"x": (28, 28), "w": (3, 3, 1, 6)}
    >>> print(reworded('no\n  fix: hwio.conv(x[..., None], w, layout="HWC,HWIO")', "plan", given))
    no
      fix: hwio.plan((28, 28, 1), w, layout="HWC,HWIO")
    """
    shapes = {name: value for name, value in given.items() if is_shape(value)}
    arrays = [n for n, v in given.items() if isinstance(v, np.ndarray) or bridge_name(v)]
    lists = [name for name in given if name not in shapes and name not in arrays]

    def say(fix: str) -> str | None:
        change = read_fix(fix, shapes) if shapes else None
        if change is not None and change.shapes and not re.match(r"[xwb]=", fix):
            fix = _with_shapes(fix, change.shapes)
        for name in lists:  # what is no array yet has no axes to index
            fix = re.sub(rf"(?<![\w.\"']){name}(?=[\[.])", f"np.asarray({name})", fix)
        if function in OPTIONS_ONLY:
            return re.sub(r"^hwio\.conv\(x, w, (.*)\)$", r"\1", fix)
        if function != "conv" and fix.startswith("hwio.conv("):
            fix = f"hwio.{function}" + re.sub(r"\)\[[^\]]*\]$", ")", fix.removeprefix("hwio.conv"))
        return fix

    return retell(message, say)


def _with_shapes(fix: str, shapes: dict[str, tuple[int, ...]]) -> str:
    """Write changed shapes into a fix."""
    if not fix.startswith("hwio.conv("):
        options = [step for step in fix.split("   and   ") if re.match(r"\w+=", step)]
        return ", ".join([*(f"{name}={shape}" for name, shape in shapes.items()), *options])
    head = ", ".join(str(shapes.get(name, name)) for name in ("x", "w"))
    named = re.search(r", (?:groups|layout)=.*\)", fix)
    return f"hwio.conv({head}{named[0] if named else ')'}"
