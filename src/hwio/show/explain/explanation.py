"""``explain``: what a convolution does, in words, sizes and one number traced to its products."""

from __future__ import annotations

from typing import Any, Never

from hwio.errors import ArgumentTypeError, OptionError, show, word
from hwio.ops.keywords import OPTIONS, check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.stray import misplaced
from hwio.show.case import read_case
from hwio.show.explain.alone import one_array
from hwio.show.explain.explained import Explanation
from hwio.show.explain.gradient_origin import check_gradient, gradient_trace
from hwio.show.explain.trace import trace
from hwio.show.explain.transposed import check_transposed, explain_transposed, refuse_sizes

_OWN = ("at", "gradient", "at_w", "dy", "transposed", "ways")
_KEYWORDS = (*_OWN, *(name for name in OPTIONS if name != "out"))


def explain(
    x: Any = LEFT_OUT,
    w: Any = None,
    b: Any = None,
    *more: Never,
    at: Any = None,
    gradient: bool = False,
    at_w: Any = None,
    dy: Any = None,
    transposed: bool = False,
    ways: bool = False,
    **options: Any,
) -> Explanation:
    """Say what a convolution does: shapes, sizes, cost, memory, and one number if asked.

    Parameters
    ----------
    x, w, b : array or tuple of int
        As in ``conv``, or their shapes (then float32 is assumed and no values are shown).
    at : sequence of int, optional
        The place of one number of y, in y's axis order: it is traced to its products.
        With gradients it is a place in x, by default one in its middle.
    gradient : bool
        Show where gradients come from instead: one number of dx in two views that agree, scattered
        from every window that saw it and gathered under the kernel turned round, and one of dw.
    at_w : sequence of int, optional
        The place in w whose dw is traced; by default the first.
    dy : array, optional
        The gradient for y, in y's shape; by default y itself, as if the loss were ½·Σ y².
    transposed : bool
        Explain ``conv_transpose`` instead; w is then read as it reads it, HWOI by default.
    ways : bool
        List every way of computing y, with the memory that it needs and why it is chosen or not;
        without it a line tells which is chosen.
    **options
        Keywords of ``conv``, or of ``conv_transpose``.

    Returns
    -------
    Explanation
        Prints itself; ``.svg()``, ``.html()``, ``.to_dict()`` and ``.trace`` hold the same as a
        picture, a page and data; ``.frames()``, ``.animation()`` and ``.gif("out.gif")`` move the
        window over x.

    Examples
    --------
    >>> import hwio
    >>> print(hwio.explain((1, 4, 1), (2, 1, 1), at=(0, 2, 0)))
    x  (1, 4, 1)  NWC   1 image · 4 wide · 1 channel
    w  (2, 1, 1)  WIO   2 wide · 1 in-channel · 1 filter
    y  (1, 3, 1)  NWC   1 image · 3 wide · 1 channel, one per filter
    layout NWC,WIO->NWC   NWC: TensorFlow, Keras   WIO: TensorFlow, Keras
    <BLANKLINE>
    W  floor((4 + 0 + 0 − 1·(2−1) − 1) / 1) + 1 = 3
       floor((in + low + high − dilation·(kernel−1) − 1) / stride) + 1 = out
    <BLANKLINE>
    one y number = 2·1 = 2 products     3 numbers, 6 multiply-adds
    ...
    """
    if more:
        refuse_places(explain, locals())
    if x is LEFT_OUT:
        refuse_missing(explain, locals())
    if w is None:
        raise ArgumentTypeError(one_array(x))
    _check_ways(ways, gradient or at_w is not None or dy is not None, transposed)
    if check_transposed(transposed, gradient, at_w, dy):
        return explain_transposed(x, w, b, at, options)
    refuse_sizes(options)
    check_keywords("explain", options, _KEYWORDS, x, w)
    with misplaced(explain, locals()):
        case = read_case(x, w, b, options)
    if check_gradient(gradient, at_w, dy):
        return Explanation(case, None, gradient_trace(case, dy, at, at_w))
    return Explanation(case, None if at is None else trace(case, at), all_ways=ways)


hide_refused(explain, "x", "w")


def _check_ways(ways: Any, gradient: Any, transposed: Any) -> None:
    """Check that the ways asked for are those of a convolution."""
    if not isinstance(ways, bool):
        rule = f"ways={show(ways)} is not True or False"
        facts = ["ways=True lists every way of computing y; method='fft' takes one"]
        raise ArgumentTypeError(word(rule, facts, "ways=True"))
    if ways and (gradient or transposed):
        what = "gradients" if gradient else "a transposed convolution"
        rule = f"ways=True lists the ways of conv, not those of {what}"
        facts = ["hwio.plan(x, w, gradient=True) lists those of gradients"]
        raise OptionError(word(rule, facts, "ways=False"))
