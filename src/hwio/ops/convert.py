"""``to_layout``: the same values under another order of axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hwio.errors import LayoutError, ShapeError, word
from hwio.ops.arrays import as_array
from hwio.shapes.layout import WEIGHT_LAYOUTS, transpose_axes

if TYPE_CHECKING:
    from hwio.types import Array

_FORM = 'the form is "OIHW->HWIO": the letters the array has, then those you want'


def to_layout(array: Any, change: str) -> Array:
    """Reorder the axes of weights or activations.

    Parameters
    ----------
    array : array
        Weights or activations.
    change : str
        ``"OIHW->HWIO"``: the letters that the array has and those it should have.
        ``layout_recipe`` prints the equivalent transpose. Depthwise weights (H, W, C, M) become
        grouped ones with I = 1 and O = C·M, as in ``"HWCM->OIHW"``.

    Returns
    -------
    array
        A view wherever the order of the axes is all that changes.

    Raises
    ------
    LayoutError
        If the letters don't match the array or each other.
    ShapeError
        If weights that are to become depthwise have I other than 1.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> hwio.to_layout(np.zeros((8, 4, 3, 3)), "OIHW->HWIO").shape
    (3, 3, 4, 8)
    >>> hwio.to_layout(np.zeros((3, 3, 16, 2)), "HWCM->OIHW").shape
    (32, 1, 3, 3)
    """
    a = as_array(array, "array")
    source, target = _read(change, a.ndim)
    if "M" in source and "M" not in target:
        space = _space(source)
        a = a.transpose(transpose_axes(source, space + "CM"))  # (*kernel, C, M)
        a = a.reshape(*a.shape[:-2], 1, a.shape[-2] * a.shape[-1])  # (*kernel, 1, C·M)
        source = space + "IO"
    elif "M" in target and "M" not in source:
        raise LayoutError(_to_depthwise(change, source, target))
    return a.transpose(transpose_axes(source, target))


def depthwise_weights(array: Any, change: str, channels: int) -> Array:
    """Turn grouped weights with I = 1 into TensorFlow's depthwise form.

    Parameters
    ----------
    array : array
        Weights with I = 1 and O = C·M.
    change : str
        ``"OIHW->HWCM"``.
    channels : int
        C; M is O / C.

    Returns
    -------
    array, shape (H, W, C, M) in the order asked for

    Examples
    --------
    >>> import numpy as np, hwio
    >>> hwio.depthwise_weights(np.zeros((32, 1, 3, 3)), "OIHW->HWCM", channels=16).shape
    (3, 3, 16, 2)
    """
    a = as_array(array, "array")
    source, target = _read(change, a.ndim)
    if "I" not in source or "M" not in target:
        rule = f"{change!r} does not go from I and O to C and M"
        raise LayoutError(word(rule, [], f'hwio.to_layout(w, "{source}->{target}")'))
    space = _space(source)
    a = a.transpose(transpose_axes(source, space + "IO"))  # (*kernel, 1, O)
    ones, filters = a.shape[-2:]
    if ones != 1 or channels < 1 or filters % channels:
        rule = f"I = {ones}, O = {filters} is not depthwise for {channels} channels"
        raise ShapeError(word(rule, ["depthwise weights have I = 1 and O = C·M"]))
    a = a.reshape(*a.shape[:-2], channels, filters // channels)
    return a.transpose(transpose_axes(space + "CM", target))


def layout_recipe(change: str) -> str:
    """Return the NumPy code that does what ``to_layout`` does.

    Parameters
    ----------
    change : str
        ``"OIHW->HWIO"``.

    Returns
    -------
    str

    Examples
    --------
    >>> import hwio
    >>> hwio.layout_recipe("OIHW->HWIO")
    'np.transpose(w, (2, 3, 1, 0))'
    >>> hwio.layout_recipe("NCHW->NHWC")
    'np.transpose(x, (0, 2, 3, 1))'
    """
    source, target = _read(change, None)
    name = "w" if set(source) & set("OIM") else "x"
    if "M" in source and "M" not in target:
        space = _space(source)
        first = transpose_axes(source, space + "CM")
        moved = name if first == tuple(range(len(first))) else f"np.transpose({name}, {first})"
        kernel = ", ".join(["kd", "kh", "kw"][-len(space) :])
        grouped = f"{moved}.reshape({kernel}, 1, c * m)"
        last = transpose_axes(space + "IO", target)
        return grouped if last == tuple(range(len(last))) else f"np.transpose({grouped}, {last})"
    if "M" in target and "M" not in source:
        raise LayoutError(_to_depthwise(change, source, target))
    return f"np.transpose({name}, {transpose_axes(source, target)})"


def _space(letters: str) -> str:
    """Return the spatial letters in canonical order."""
    return "".join(axis for axis in "DHW" if axis in letters)


def _to_depthwise(change: str, source: str, target: str) -> str:
    """Word the one change that needs a number."""
    rule = f"{change!r} can't tell C and M from O = C·M"
    fix = f'hwio.depthwise_weights(w, "{source}->{target}", channels=C)'
    return word(rule, ["the number of channels must be said"], fix)


def _read(change: Any, rank: int | None) -> tuple[str, str]:
    """Split ``"OIHW->HWIO"`` and check the letters."""
    source, arrow, target = str(change).replace(" ", "").partition("->")
    if not (isinstance(change, str) and source and arrow and target):
        rule = f"{change!r} does not say from which layout to which"
        raise LayoutError(word(rule, [_FORM], '"OIHW->HWIO"'))
    pair = {frozenset("IO"), frozenset("CM")}
    rests = [frozenset(letters) - set("DHW") for letters in (source, target)]
    depthwise = set(rests) == pair
    bad = any(len(set(s)) != len(s) or set(s) - set("NDHWCIOM") for s in (source, target))
    if bad or (set(source) != set(target) and not (depthwise and _space(source) == _space(target))):
        rule = f"{source!r} and {target!r} do not name the same axes"
        named = ", ".join(WEIGHT_LAYOUTS[2])
        raise LayoutError(word(rule, [_FORM, f"weights: {named}; activations: NHWC, NCHW"]))
    if rank is not None and rank != len(source):
        rule = f"the array has {rank} axes but {source!r} names {len(source)}"
        raise LayoutError(word(rule, [_FORM]))
    return source, target
