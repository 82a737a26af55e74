"""``explain(..., transposed=True)``: a transposed convolution, and the ordinary one that it amounts to.

Between the numbers of x stand zeros, as many as the stride leaves; the filter, turned round, moves
over them one cell at a time. That is the picture; the text lists the numbers of x that reach one of y.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, OptionError, show, word
from hwio.ops.arrays import as_array, is_shape
from hwio.ops.canonical import w_view
from hwio.ops.check import check_bias
from hwio.ops.keywords import check_keywords
from hwio.ops.planning import check_shape_like, checked_shape
from hwio.ops.transpose import TRANSPOSE_OPTIONS, transposed_problem
from hwio.ops.wording import worded_for
from hwio.shapes.transposed import transposed_layout
from hwio.show.case import read_case
from hwio.show.explain.explained import Explanation
from hwio.show.explain.place import check_at
from hwio.show.explain.trace import trace
from hwio.show.explain.transposed_words import (
    Transposed,
    arrays_table,
    number_table,
    options_table,
    reached,
    sizes_table,
    transposed_look,
    views_table,
)
from hwio.show.printing import plain, spaced

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.show.case import Case
    from hwio.show.explain.look import Look
    from hwio.show.explain.trace import Trace
    from hwio.show.printing import Table
    from hwio.types import Array

_OTHERS = ("layout", "flip", "method", "memory_limit")
_ALONE = ("gradient", "at_w", "dy")
_KEYWORDS = ("at", "transposed", *TRANSPOSE_OPTIONS)


@dataclass(frozen=True, slots=True, repr=False)
class TransposedExplanation(Explanation):
    """What ``explain(..., transposed=True)`` returns; ``case`` is the convolution of spread-out x.

    Attributes
    ----------
    call : Transposed
        The checked call.
    """

    call: Transposed = field(kw_only=True)

    def __str__(self) -> str:
        """Lay everything out as plain text."""
        return spaced([table.lines() for table in self._parts()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the rich form for notebooks."""
        from hwio.show.explain.page import html_part

        return html_part(self._parts(), [], [], self.svg())

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON."""
        call, geo = self.call, self.call.problem.geometry
        found = self.trace
        return {
            "transposed": True,
            "shapes": plain({"x": call.x_shape, "w": call.w_shape, "y": call.y_shape}),
            "layout": call.layout.text,
            "stride": list(geo.stride),
            "dilation": list(geo.dilation),
            "padding": plain(geo.padding),
            "groups": geo.groups,
            "flip": call.problem.flip,
            "sizes": {row[0]: row[1] for row in sizes_table(call).rows},
            "trace": None
            if found is None
            else {
                "at": list(found.at),
                "reached": plain([{"x": m.cell, "tap": m.tap} for m in reached(call, found)]),
                "bias": plain(found.bias),
                "value": plain(found.value),
            },
        }

    def _parts(self) -> list[Table]:
        """Return all that is said, in order."""
        call = self.call
        options = options_table(call)
        tables = [arrays_table(call), *([options] if options else []), sizes_table(call)]
        if self.trace is not None:
            tables.append(number_table(call, self.trace))
        return [*tables, views_table(call)]

    def _look(self, found: Trace, rows: int) -> Look:
        return transposed_look(self.call, found)


def check_transposed(transposed: Any, *alone: Any) -> bool:
    """Return whether a transposed convolution was asked for; gradients are another question.

    Raises
    ------
    ArgumentTypeError, OptionError
    """
    if not isinstance(transposed, bool | np.bool_):
        rule = f"transposed={show(transposed)} is not True or False"
        facts = ["transposed=True explains conv_transpose"]
        raise ArgumentTypeError(word(rule, facts, "transposed=True"))
    for name, value in zip(_ALONE, alone, strict=True):
        if transposed and value is not None and value is not False:
            rule = f"{name}= is about gradients of conv, and transposed=True was asked for"
            raise OptionError(
                word(
                    rule,
                    [],
                    f"transposed=False   or   {name}={None if value is not True else False}",
                )
            )
    return bool(transposed)


def refuse_sizes(options: dict[str, Any]) -> None:
    """Raise OptionError for a keyword that only a transposed convolution has."""
    for name in ("output_padding", "output_size"):
        if options.get(name) is not None:
            rule = f"{name}= is about transposed convolution, and transposed=True was not asked for"
            raise OptionError(word(rule, [], "transposed=True"))


def explain_transposed(
    x: Any, w: Any, b: Any, at: Any, options: dict[str, Any]
) -> TransposedExplanation:
    """Explain ``conv_transpose(x, w, b, **options)``, with one number traced if asked."""
    check_keywords("explain(transposed=True)", options, _KEYWORDS, x, w)
    given = {"x": x, "w": w, "b": b}
    arrays: dict[str, Array | None] = {}
    shapes: dict[str, tuple[int, ...] | None] = {}
    for name, value in given.items():
        check_shape_like(value, name)
        known = value is not None and not is_shape(value)
        arrays[name] = as_array(value, name) if known else None
        array = arrays[name]
        if array is not None:
            shapes[name] = array.shape
        else:
            shapes[name] = None if value is None else checked_shape(value, name)
    x_shape, w_shape = shapes["x"] or (), shapes["w"] or ()
    sizes = {n: v for n, v in options.items() if n not in _OTHERS}
    with worded_for("explain", x, w):
        layout, flip = options.get("layout"), options.get("flip", False)
        method = options.get("method", "auto")
        problem = transposed_problem(x_shape, w_shape, layout, flip, method, **sizes)
        bias = shapes["b"]
        if bias is not None:
            check_bias(bias, problem.geometry.in_channels, problem.layout.w)
    own = transposed_layout(layout, x_shape, w_shape)[0]
    call = Transposed(own, problem, x_shape, w_shape, dict(options))
    if at is not None:
        at = check_at(at, call.y_shape, own.y)
    case = _spread_case(call, arrays["x"], arrays["w"], b if bias is not None else None)
    return TransposedExplanation(case, None if at is None else trace(case, at), call=call)


def _spread_case(call: Transposed, x: Array | None, w: Array | None, b: Any) -> Case:
    """Return the convolution, stride 1, of x with zeros between and the filter turned round."""
    problem, own = call.problem, call.layout
    geo, space = problem.geometry, problem.layout.spatial
    axes = list(zip(geo.out_size, geo.stride, geo.kernel, geo.dilation, geo.padding, strict=True))
    spread = tuple((n - 1) * s + 1 for n, s, *_ in axes)
    pads = []
    for m, size, (_, _, k, d, (low, _)) in zip(geo.in_size, spread, axes, strict=True):
        below = (k - 1) * d - low
        pads.append((below, m - size + (k - 1) * d - below))
    sizes = dict(zip(space, spread, strict=True)) | {"N": geo.n, "C": geo.out_channels}
    taps = (*geo.kernel, geo.group_filters, geo.in_channels)
    turned: Any = taps if w is None else _turned(problem, w, taps)
    case = read_case(
        tuple(sizes[letter] for letter in own.x), turned, b,
        {"layout": f"{own.x},{space}IO->{own.y}", "groups": geo.groups,
         "dilation": geo.dilation, "padding": [(max(a, 0), max(c, 0)) for a, c in pads]},
    )  # fmt: skip
    # where padding drops cells of y, the spread-out x begins before its first cell that matters
    geometry = replace(case.geo, padding=tuple(pads), out_size=geo.in_size)
    return replace(case, x=x, between=geo.stride, problem=replace(case.problem, geometry=geometry))


def _turned(problem: Backward, w: Array, shape: tuple[int, ...]) -> Array:
    """Return w turned round, (*kernel, i, o), i and o those of the transposed convolution."""
    geo = problem.geometry
    kept = w_view(problem, w)  # (*kernel, channels of y in a group, channels of x)
    kept = kept[(slice(None, None, -1),) * geo.ndim]
    split = kept.reshape(*geo.kernel, geo.group_channels, geo.groups, geo.group_filters)
    last = geo.ndim
    order = (*range(last), last + 2, last + 1, last)  # (*kernel, of x, group, of y)
    return split.transpose(order).reshape(shape)
