"""``to_layout``: the same values under another order of axes."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Never

from hwio.errors import ArgumentTypeError, LayoutError, ShapeError, kind, show, word
from hwio.ops.arrays import as_array
from hwio.ops.keywords import hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.shapes.counts import check_int
from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS, transpose_axes
from hwio.shapes.ranks import index_of_letters

if TYPE_CHECKING:
    from hwio.types import Array

_FORM = 'the form is "OIHW->HWIO": the letters the array has, then those you want'


def to_layout(array: Any = LEFT_OUT, change: str = LEFT_OUT, *more: Never) -> Array:
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
    if more:
        raise ArgumentTypeError(_apart("to_layout(array, ", (change, *more)))
    if array is LEFT_OUT or change is LEFT_OUT:
        refuse_missing(to_layout, locals())
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


def depthwise_weights(
    array: Any = LEFT_OUT, change: str = LEFT_OUT, channels: int = LEFT_OUT
) -> Array:
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
    if array is LEFT_OUT or change is LEFT_OUT or channels is LEFT_OUT:
        refuse_missing(depthwise_weights, locals())
    a = as_array(array, "array")
    source, target = _read(change, a.ndim)
    if "I" not in source or "M" not in target:
        rule = f"{change!r} does not go from I and O to C and M"
        raise LayoutError(word(rule, [], f'hwio.to_layout(w, "{source}->{target}")'))
    space = _space(source)
    a = a.transpose(transpose_axes(source, space + "IO"))  # (*kernel, 1, O)
    ones, filters = a.shape[-2:]
    check_int(channels, "channels", 1)
    if ones != 1 or filters % channels:
        raise ShapeError(_not_depthwise(change, a.shape, channels))
    a = a.reshape(*a.shape[:-2], channels, filters // channels)
    return a.transpose(transpose_axes(space + "CM", target))


def layout_recipe(change: str = LEFT_OUT, *more: Never) -> str:
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
    if more:
        raise ArgumentTypeError(_apart("layout_recipe(", (change, *more)))
    if change is LEFT_OUT:
        refuse_missing(layout_recipe, locals())
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


hide_refused(to_layout, "array", "change")
hide_refused(depthwise_weights, "array", "change", "channels")
hide_refused(layout_recipe, "change")


def _apart(call: str, changes: tuple[Any, ...]) -> str:
    """Word a change that was given in pieces."""
    rule = (
        f"{' and '.join(map(show, changes))} are {len(changes)} values, but a change is one string"
    )
    joined = "->".join(part for part in changes[:2] if isinstance(part, str))
    meant = _repaired(joined, None) or "OIHW->HWIO"
    return word(rule, [_FORM], f'hwio.{call}"{meant}")')


def _space(letters: str) -> str:
    """Return the spatial letters in canonical order."""
    return "".join(axis for axis in "DHW" if axis in letters)


def _to_depthwise(change: str, source: str, target: str) -> str:
    """Word the one change that needs a number."""
    rule = f"{change!r} can't tell C and M from O = C·M"
    facts = ["say C, the number of channels of x; 4 stands for it here"]
    fix = f'hwio.depthwise_weights(w, "{source}->{target}", channels=4)'
    return word(rule, facts, fix)


def _not_depthwise(change: str, shape: tuple[int, ...], channels: int) -> str:
    """Word weights that are no depthwise ones; shape is (*kernel, I, O)."""
    ones, filters = shape[-2:]
    rule = f"w has I = {ones} and O = {filters}, which is not depthwise for {channels} channels"
    facts = ["depthwise weights have I = 1 and O = C·M"]
    if ones == 1:
        fits = next(c for c in range(min(channels, 1024), 0, -1) if filters % c == 0)
        return word(rule, facts, f"channels={fits}")
    source = change.replace(" ", "").partition("->")[0]
    wanted = (*shape[:-2], 1, -(-filters // channels) * channels)
    sizes = dict(zip(_space(source) + "IO", wanted, strict=True))
    return word(rule, facts, f"w of shape {tuple(sizes[a] for a in source)}")


def _read(change: Any, rank: int | None) -> tuple[str, str]:
    """Split ``"OIHW->HWIO"`` and check the letters."""
    if not isinstance(change, str):
        rule = f"{show(change)} is {kind(change)}, not a string such as 'OIHW->HWIO'"
        parts = change if isinstance(change, tuple | list) else ()
        joined = "->".join(part for part in parts[:2] if isinstance(part, str))
        meant = _repaired(joined, rank)
        raise ArgumentTypeError(word(rule, [_FORM], f'change="{meant}"' if meant else None))
    source, arrow, target = change.replace(" ", "").partition("->")
    fault = _fault(source, target) if source and arrow and target else ""
    if fault is not None:
        rule = f"{show(change)} does not say from which layout to which{fault and ': '}{fault}"
        named = ", ".join(WEIGHT_LAYOUTS[2])
        facts = [_FORM, f"weights: {named}; activations: NHWC, NCHW"]
        meant = _repaired(change[:100], rank)
        raise LayoutError(word(rule, facts, f'change="{meant}"' if meant else None))
    if rank is not None and rank != len(source):
        rule = f"{show(change)} is for {len(source)} axes, but the array has {rank}"
        raise LayoutError(word(rule, [_FORM], _other_rank(source, target, rank)))
    return source, target


def _fault(source: str, target: str) -> str | None:
    """Return what is wrong with two groups of letters."""
    for letters in (source, target):
        for letter in letters:
            if letter not in "NDHWCIOM":
                return f"{letter!r} is not an axis"
            if letters.count(letter) > 1:
                return f"{letter!r} stands twice in {letters!r}"
        space = _space(letters)
        if space not in ("W", "HW", "DHW"):
            return f"the spatial axes of {letters!r} are not W, HW or DHW"
        rest = "".join(sorted(set(letters) - set(space)))
        if rest not in ("IO", "CM", "CN", "C"):
            return f"{letters!r} has neither I and O, nor C and M, nor N and C beside {space}"
    kinds = [frozenset(letters) - set("DHW") for letters in (source, target)]
    depthwise = set(kinds) == {frozenset("IO"), frozenset("CM")}
    if _space(source) != _space(target) or (kinds[0] != kinds[1] and not depthwise):
        return f"{source!r} and {target!r} do not name the same axes"
    return None


def _repaired(text: str, rank: int | None) -> str | None:
    """Return the legal change most like this one, from a layout that the array can have."""
    parts = re.findall("[A-Z]+", text.upper().replace(" TO ", ","))[:2]
    tables = [*WEIGHT_LAYOUTS.values(), *ACTIVATION_LAYOUTS.values()]
    names = [name for table in tables for name in table if rank in (None, len(name))]
    if not names:
        return None
    source = parts[0] if parts else "OIHW"
    if rank not in (None, len(source)) or _fault(source, source) is not None:
        source = nearest_letters(source, names)
    alike = [n for n in names if n != source and _fault(source, n) is None and "M" not in n]
    target = parts[1] if len(parts) > 1 else ""
    if target == source or _fault(source, target) is not None:
        target = nearest_letters(target, alike) if target and alike else "".join(alike[:1])
    return f"{source}->{target}" if target else None


def nearest_letters(letters: str, names: list[str]) -> str:
    """Return the name most like these letters.

    Examples
    --------
    >>> nearest_letters("OIH", ["HWIO", "OIHW", "OHWI"])
    'OIHW'
    """
    return max(names, key=lambda name: SequenceMatcher(None, letters, name).ratio())


def _other_rank(source: str, target: str, rank: int) -> list[str]:
    """Offer what may have been meant of an array with another number of axes, letters kept."""
    weights, fixes = bool(set(source) & set("OIM")), []
    left_out = {1: "O" if weights else "N", 2: "IO" if weights else ""}.get(len(source) - rank, "")
    if left_out and set(left_out) <= set(source):
        what = "one kernel" if left_out == "IO" else "one filter" if weights else "one image"
        put_back = f"array{index_of_letters(source, left_out, 'None')}"
        fixes.append(f'hwio.to_layout({put_back}, "{source}->{target}")   # {what}')
    space = _space(source)
    more = "DHW"[-len(space) - 1] if len(space) < 3 else ""
    if rank == len(source) - 1 and len(space) > 1:
        other = [letters.replace(space[0], "") for letters in (source, target)]
    elif rank == len(source) + 1 and more:
        other = [letters.replace(space[0], more + space[0]) for letters in (source, target)]
    else:
        return fixes
    number = sum(letter in "DHW" for letter in other[0])
    return [
        *fixes,
        f'change="{other[0]}->{other[1]}"   # {number}-D {"weights" if weights else "x"}',
    ]
