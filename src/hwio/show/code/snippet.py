"""``code``: a convolution as a snippet to paste into notes."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Never

from hwio.errors import OptionError, nearest, show, word
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.stray import misplaced
from hwio.show.case import read_case
from hwio.show.code.jax_code import jax_code
from hwio.show.code.numpy_code import empty_code, numpy_code
from hwio.show.code.onnx_code import onnx_code
from hwio.show.code.tensorflow_code import tensorflow_code
from hwio.show.code.torch_code import torch_code

if TYPE_CHECKING:
    from hwio.ops.check import Problem

TARGETS = {
    "numpy": numpy_code,
    "torch": torch_code,
    "tensorflow": tensorflow_code,
    "jax": jax_code,
    "onnx": onnx_code,
}
# what their users may call them, which is taken as well
_ALSO = {
    "keras": "tensorflow",
    "tf": "tensorflow",
    "pytorch": "torch",
    "flax": "jax",
    "np": "numpy",
}
_KEYWORDS = (
    "method", "to", "stride", "padding", "dilation", "groups", "layout", "flip", "activation",
    "precision", "padding_mode", "out_dtype",
)  # fmt: skip


def code(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    method: str = "auto",
    to: str = "numpy",
    **options: Any,
) -> str:
    """Write a convolution as code that needs no hwio, to paste where your arrays are.

    The code reads arrays named x and w (and b), whose shapes its first comment tells, and leaves the
    result of ``hwio.conv(x, w, b, **options)`` in y. It imports what it needs and shows the shape
    after each step. What it reads is not defined there; ``hwio code`` in a shell does that too.

    Parameters
    ----------
    x, w, b : array or tuple of int
        Arrays as in ``hwio.conv``, or their shapes (then float32 is assumed).
    method : str
        Which way of NumPy; "auto" takes what ``hwio.plan`` would.
    to : {"numpy", "torch", "tensorflow", "jax", "onnx"}
        Whose code; "keras" and "pytorch" will do, too. All but NumPy show that library's own call,
        with the layout conversion and the padding written out.
    **options
        Keywords of ``hwio.conv``.

    Returns
    -------
    str

    Raises
    ------
    OptionError
        If the target is unknown, or has no such convolution.

    Examples
    --------
    >>> import hwio
    >>> print(hwio.code((2, 5, 7, 4), (3, 3, 4, 8), method="einsum"))
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view
    <BLANKLINE>
    # einsum: x (2, 5, 7, 4) NHWC, w (3, 3, 4, 8) HWIO -> y (2, 3, 5, 8) NHWC
    windows = sliding_window_view(x, (3, 3), axis=(1, 2))  # (2, 3, 5, 4, 3, 3)
    y = np.einsum("nhwcpq,pqck->nhwk", windows, w)         # (2, 3, 5, 8)
    <BLANKLINE>
    """
    if more:
        refuse_places(code, locals())
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(code, locals())
    to = _ALSO.get(to.lower(), to) if isinstance(to, str) else to
    if not isinstance(to, str) or to not in TARGETS:
        near = nearest(to, TARGETS)
        rule = f"to={show(to)} is not a target"
        fix = f"did you mean to={near!r}?" if near else "to='numpy'"
        raise OptionError(word(rule, [f"targets: {', '.join(TARGETS)}"], fix))
    check_keywords("code", options, _KEYWORDS, x, w)
    if to != "numpy" and method != "auto":
        rule = f"method={method!r} is a way of NumPy's; {to} chooses its own"
        raise OptionError(word(rule, [], "method='auto'   or   to='numpy'"))
    # only text is made, so what the method would take at run time is no obstacle
    settled = {"method": method, "memory_limit": 1 << 62}
    with misplaced(code, locals()):
        case = read_case(x, w, b, options, function="code", **settled)
    case = replace(case, problem=_legible(case.problem))
    return TARGETS[to](case) if prod(case.y_shape) else empty_code(case)


hide_refused(code, "x", "w")


def _legible(problem: Problem) -> Problem:
    """Return the problem with steps that no axis can take written shorter."""
    geo = problem.geometry
    room = geo.padded_size
    stride = tuple(min(s, size) for s, size in zip(geo.stride, room, strict=True))
    dilation = tuple(1 if k == 1 else d for d, k in zip(geo.dilation, geo.kernel, strict=True))
    return replace(problem, geometry=replace(geo, stride=stride, dilation=dilation))
