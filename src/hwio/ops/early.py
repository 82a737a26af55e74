"""What can be checked of a layer's options before there is an x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.check import check_bias
from hwio.ops.options import check_flip, check_ways, clip_of
from hwio.shapes.counts import check_int, per_axis
from hwio.shapes.grammar import read_letters
from hwio.shapes.layout import default_layout, parse_layout
from hwio.shapes.padding import check_padding_mode, resolve_padding

if TYPE_CHECKING:
    from hwio.types import Array


def check_early(w: Array, b: Array | None, options: dict[str, Any]) -> None:
    """Check b and each option by itself; sizes and dtypes that meet x wait for it.

    Parameters
    ----------
    w, b : array
    options : dict
        Keywords of ``conv``.

    Raises
    ------
    HwioError
        As ``hwio.conv``.
    """
    layout = options.get("layout")
    if layout is not None and not isinstance(layout, str):  # it would not hash
        read_letters(layout)
    lay = parse_layout(default_layout(w.ndim) if layout is None else layout)
    if len(lay.w) != w.ndim:
        return  # worded with x's shape, when there is one
    sizes = dict(zip(lay.w, w.shape, strict=True))
    space = lay.spatial
    kernel = tuple(sizes[axis] for axis in space)
    stride = per_axis(options.get("stride", 1), "stride", space)
    dilation = per_axis(options.get("dilation", 1), "dilation", space)
    check_int(options.get("groups", 1), "groups", 1)
    padding = options.get("padding", "valid")
    resolve_padding(padding, kernel, kernel, stride, dilation, space, lay.x)
    none = ((0, 0),) * len(space)
    check_padding_mode(options.get("padding_mode", "zeros"), none, kernel, space)
    check_flip(options.get("flip", False))
    check_ways(options.get("method", "auto"), options.get("precision", "highest"))
    clip_of(options.get("activation"), np.dtype(np.float64))
    if b is not None:
        filters = sizes["C"] * sizes["M"] if lay.depthwise else sizes["O"]
        check_bias(b.shape, filters, lay.w)
