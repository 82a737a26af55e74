"""What every framework's file needs: weights in its order, options that differ from their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwio.errors import OptionError, word
from hwio.interop.moving.layer import Weight
from hwio.interop.moving.orders import move, own_order
from hwio.interop.moving.sides import size_needed

if TYPE_CHECKING:
    from hwio.interop.moving.layer import Layer, Step
    from hwio.types import Pads


def weights_of(
    layer: Layer,
    given: tuple[str, str],
    target: str,
    names: tuple[str, str],
    *,
    ones: int = 0,
) -> tuple[Weight, ...]:
    """Put a layer's arrays in the order of a framework.

    Parameters
    ----------
    layer : Layer
    given : pair of str
        Which array it is ("w" or "pointwise"), and the letters in which it was given, with a 1 for an
        axis that TFLite puts where a layer has one spatial axis.
    target : str
        The letters in which it is wanted.
    names : pair of str
        The framework's names of weights and bias.
    ones : int
        As in ``orders.move``.
    """
    which, order = given
    own = own_order(layer.kind, layer.space)
    sizes = dict(zip(own, layer.w.shape, strict=True))
    if "M" in sizes:
        sizes |= {"O": sizes["C"] * sizes["M"], "I": 1}
    else:  # O and I of a group; only depthwise weights are split
        sizes |= {"C": layer.groups, "M": max(sizes["O"] // layer.groups, 1)}
    array = move(own, target, sizes, ones=ones).apply(layer.w)
    name = f"{which}[:, 0]" if "1" in order else which
    code = move(order.replace("1", ""), target, sizes, ones=ones).code(name)
    stored = target[:1] + "1" * ones + target[1:]
    note = f"{order} -> {stored}" if order != stored else stored
    found = [Weight(names[0], which, array, code, stored, f"{note} {array.shape}")]
    if layer.b is not None:
        cast = "" if layer.b.dtype == layer.w.dtype else f".astype(np.{layer.w.dtype})"
        b = layer.b.astype(layer.w.dtype, copy=False)
        found.append(Weight(names[1], "b", b, f"b{cast}"))
    return tuple(found)


def settled(layer: Layer, target: str) -> Pads:
    """Return the zeros around x as numbers.

    Raises
    ------
    OptionError
        If they depend on the size of x.
    """
    if layer.sides is None:
        sizes = layer.kernel, layer.stride, layer.dilation
        needed = size_needed(target, layer.same, *sizes, layer.space)
        raise OptionError(needed)
    return layer.sides


def differing(**options: tuple[Any, Any]) -> dict[str, Any]:
    """Return the options whose value is not the default, given as name=(value, default).

    Examples
    --------
    >>> differing(stride=((2, 2), (1, 1)), groups=(1, 1))
    {'stride': (2, 2)}
    """
    return {name: value for name, (value, default) in options.items() if value != default}


def plain(sizes: Sequence[int]) -> Any:
    """Return one int for one axis, a tuple for more."""
    return sizes[0] if len(sizes) == 1 else tuple(sizes)


def arguments(options: dict[str, Any]) -> list[str]:
    """Write options as keywords."""
    return [f"{name}={quoted(value)}" for name, value in options.items()]


def quoted(value: Any) -> str:
    """Write a value with double quotes.

    Examples
    --------
    >>> quoted("same"), quoted((1, 2))
    ('"same"', '(1, 2)')
    """
    return f'"{value}"' if isinstance(value, str) else repr(value)


def as_call(step: Step) -> str:
    """Write a step as a call."""
    return f"{step.operator}({', '.join(arguments(step.options))})"


def refuse(rule: str, facts: list[str], fix: str | list[str]) -> None:
    """Raise OptionError for what a framework can't express."""
    raise OptionError(word(rule, facts, fix))


def spread(layer: Layer, order: str) -> str:
    """Write how zeros go between the taps, so that a layer without dilation does the same."""
    sizes = dict(zip(own_order(layer.kind, layer.space), layer.w.shape, strict=True))
    if "M" in sizes:
        sizes |= {"O": sizes["C"] * sizes["M"], "I": 1}
    else:
        sizes |= {"C": layer.groups, "M": max(sizes["O"] // layer.groups, 1)}
    sizes |= dict(zip(layer.space, layer.reach, strict=True))
    steps = dict(zip(layer.space, layer.dilation, strict=True))
    shape = tuple(sizes[letter] for letter in order)
    index = ", ".join(f"::{steps[a]}" if steps.get(a, 1) > 1 else ":" for a in order)
    return f"wide = np.zeros({shape}, w.dtype); wide[{index}] = w   and   w=wide, dilation=1"
