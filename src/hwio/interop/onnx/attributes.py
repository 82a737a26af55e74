"""What ONNX calls the options of a convolution or a pooling, said in hwio's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwio.errors import OptionError, ShapeError, show, word

Numbers = Sequence[int]
Pairs = list[tuple[int, int]]

SPACE = {3: "W", 4: "HW", 5: "DHW"}
AUTO_PAD = {"VALID": "valid", "SAME_UPPER": "same_upper", "SAME_LOWER": "same_lower"}


def space_of(x: Any) -> str:
    """Return the letters of x's spatial axes.

    Raises
    ------
    ShapeError
        If it is neither a signal, nor images, nor volumes.
    """
    if x.ndim not in SPACE:
        rule = f"X has {x.ndim} axes; hwio takes 3, 4 or 5"
        raise ShapeError(word(rule, ["3 = NCW (1-D)   4 = NCHW (2-D)   5 = NCDHW (3-D)"]))
    return SPACE[x.ndim]


def steps(space: str, strides: Numbers | None, dilations: Numbers | None) -> dict[str, Any]:
    """Return stride and dilation, one number per axis."""
    ones = (1,) * len(space)
    return {"stride": tuple(strides or ones), "dilation": tuple(dilations or ones)}


def padding_of(space: str, auto_pad: str | None, pads: Numbers | None) -> str | Pairs:
    """Return the padding: a word, or one (low, high) pair per axis.

    Parameters
    ----------
    space : str
        Letters of the spatial axes.
    auto_pad : str or None
    pads : sequence of int or None
        All low sides, then all high sides.

    Examples
    --------
    >>> padding_of("HW", "NOTSET", [0, 1, 2, 3])
    [(0, 2), (1, 3)]
    >>> padding_of("HW", "SAME_LOWER", None)
    'same_lower'
    """
    if auto_pad and auto_pad != "NOTSET":
        if auto_pad not in AUTO_PAD:
            rule = f"auto_pad={show(auto_pad)} is none of ONNX's"
            words = ", ".join(["NOTSET", *AUTO_PAD])
            raise OptionError(word(rule, [f"words: {words}"], "auto_pad='NOTSET'"))
        return AUTO_PAD[auto_pad]
    ndim = len(space)
    pads = pads or [0] * (2 * ndim)
    if len(pads) != 2 * ndim:
        rule = f"pads has {len(pads)} numbers, but {space} need {2 * ndim}"
        raise ShapeError(
            word(rule, ["all low sides, then all high sides"], f"pads={[0] * 2 * ndim}")
        )
    return list(zip(pads[:ndim], pads[ndim:], strict=True))


def check_kernel(space: str, kernel_shape: Numbers | None, w: Any) -> None:
    """Raise ShapeError where the attribute says another size than the weights have."""
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        rule = f"kernel_shape={list(kernel_shape)}, but W has {w.shape[2:]} on {space}"
        fix = f"kernel_shape={list(w.shape[2:])}"
        raise ShapeError(word(rule, [f"W  {w.shape}  read as OI{space}"], fix))


def transpose_padding(
    space: str, x: Any, w: Any, stride: Numbers, dilation: Numbers, has: dict[str, Any]
) -> dict[str, Any]:
    """Return padding, output_padding and output_size of a transposed convolution.

    Where ``output_shape`` is given it decides the padding, and SAME asks for n·s cells: what is too
    much is dropped from both sides, the odd cell from the low side, or from the high one with
    SAME_UPPER.

    Parameters
    ----------
    x, w : array
    has : dict
        auto_pad, pads, output_padding and output_shape.
    """
    extra, size, auto_pad = has["output_padding"], has["output_shape"], has["auto_pad"]
    if not size and auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        size = tuple(n * s for n, s in zip(x.shape[2:], stride, strict=True))
    if not size:
        more = {"output_padding": tuple(extra)} if extra else {}
        return {"padding": padding_of(space, auto_pad, has["pads"]), **more}
    size = tuple(size)[-len(space) :]  # some write N and C too
    axes = zip(
        x.shape[2:], stride, dilation, w.shape[2:], extra or (0,) * len(space), size, strict=True
    )
    padding = []
    for n, s, d, k, e, m in axes:
        spare = max((n - 1) * s + (k - 1) * d + 1 + e - m, 0)
        low = spare // 2 if auto_pad == "SAME_UPPER" else spare - spare // 2
        padding.append((low, spare - low))
    return {"padding": padding, "output_size": size}
