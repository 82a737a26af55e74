"""What a framework stores, read as layers that no framework is named in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, LayoutError, OptionError, ShapeError, word
from hwio.errors import kind as kind_of
from hwio.interop.moving.layer import Layer
from hwio.interop.moving.orders import move, order_of, own_order
from hwio.interop.moving.sides import check_size, convolution_sides, transposed_sides
from hwio.interop.moving.words import FRAMEWORKS
from hwio.ops.arrays import as_array
from hwio.shapes.counts import check_int, per_axis
from hwio.shapes.layout import SPATIAL, describe

if TYPE_CHECKING:
    from hwio.types import Array

_FLOATS = (np.float16, np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class Read:
    """Layers in the order in which x goes through them, and how their weights were stored."""

    layers: tuple[Layer, ...]
    orders: tuple[str, ...]
    framework: str
    kind: str


def read_layer(
    w: Any,
    pointwise: Any,
    b: Any,
    *,
    source: str,
    kind: str,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: Any,
    output_padding: Any,
    in_size: Any,
) -> Read:
    """Check every argument of ``move_layer`` but the target.

    Raises
    ------
    HwioError
        Whichever names the first thing that is wrong.
    """
    w = _weights(w, "w")
    b = None if b is None else _weights(b, "b")
    space = SPATIAL[_ndim(w)]
    groups = check_int(groups, "groups", 1)
    strides, dilations = (
        per_axis(stride, "stride", space),
        per_axis(dilation, "dilation", space),
    )
    if output_padding is not None and kind != "transposed":
        rule = f"output_padding= is for transposed layers, but kind={kind!r}"
        raise ArgumentTypeError(word(rule, [], "output_padding=None"))
    own = "depthwise" if kind == "separable" else kind
    order = order_of(source, own, space)
    own_w, own_kind, groups = _own(w, own, order, space, groups, source)
    layer = Layer(own_kind, own_w, None, strides, dilations, groups, None)
    size = check_size(in_size, space)
    if kind == "transposed":
        sides = transposed_sides(
            source, padding, output_padding, layer.reach, strides, dilations, space
        )
        layer = replace(layer, sides=sides)
    else:
        pads, same = convolution_sides(
            source, padding, layer.kernel, strides, dilations, space, size
        )
        layer = replace(layer, sides=pads, same=same)
    layer = layer.sized(size)
    if kind != "separable":
        if pointwise is not None:
            rule = f"pointwise= is for separable layers, but kind={kind!r}"
            raise ArgumentTypeError(word(rule, [], "pointwise=None"))
        return Read((replace(layer, b=_bias(b, layer)),), (order,), source, kind)
    second, second_order = _pointwise(pointwise, layer, source, space)
    layers = (layer, replace(second, b=_bias(b, second)))
    return Read(layers, (order, second_order), source, kind)


def _weights(value: Any, name: str) -> Array:
    """Return an array of floats, in the machine's byte order."""
    _refuse_layers(value, name)
    array = as_array(value, name)
    if array.dtype.newbyteorder("=").type not in _FLOATS:
        rule = f"{name} has dtype {array.dtype}, but layers hold real floats"
        whole = array.dtype.kind in "iu"
        facts = ["of quantised weights: (w - zero_point) * scale"] if whole else []
        real = "" if whole else ".real"
        raise DTypeError(word(rule, facts, f"{name} = {name}{real}.astype(np.float32)"))
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _refuse_layers(value: Any, name: str) -> None:
    """Refuse a whole layer, and weights that record gradients, with what to give instead."""
    if callable(getattr(value, "get_weights", None)):
        rule = f"{name} is {kind_of(value)}, a whole layer, not its arrays"
        raise ArgumentTypeError(word(rule, [], _listed(value, name)))
    if hasattr(value, "weight") and hasattr(value, "state_dict"):
        rule = f"{name} is {kind_of(value)}, a whole layer, not its arrays"
        raise ArgumentTypeError(word(rule, [], _detached(getattr(value, "bias", None))))
    if getattr(value, "requires_grad", False) is True:
        rule = f"{name} records gradients, which a copy of numbers does not"
        facts = [f"of a layer: {_detached(value)}"]
        raise ArgumentTypeError(word(rule, facts, f"{name}={name}.detach()"))


def _listed(layer: Any, name: str) -> str:
    """Write what takes an array out of a Keras layer, and for w the bias too."""
    place = {"w": 0, "pointwise": 1}.get(name, -1)
    biased = name == "w" and getattr(layer, "use_bias", False) is True
    b = ", b=layer.get_weights()[-1]" if biased else ""
    return f"{name}=layer.get_weights()[{place}]{b}"


def _detached(bias: Any) -> str:
    """Write what takes a layer's arrays without their history."""
    b = "" if bias is None else ", b=layer.bias.detach()"
    return f"w=layer.weight.detach(){b}"


def _ndim(w: Array) -> int:
    """Return the number of spatial axes."""
    if w.ndim in (3, 4, 5):
        return w.ndim - 2
    rule = f"w has shape {w.shape}, but the weights of a layer have 3, 4 or 5 axes"
    facts = ["1 to 3 spatial axes, in-channels and filters"]
    fix = "w of shape (3, 3, 4, 8)"
    raise LayoutError(word(rule, facts, fix))


def _own(
    w: Array, kind: str, order: str, space: str, groups: int, source: str
) -> tuple[Array, str, int]:
    """Return the weights in this package's order, the kind that they are, and the groups."""
    sizes = dict(zip(order, w.shape, strict=True))
    if 0 in w.shape:
        rule = f"w has shape {w.shape}, so the layer computes nothing"
        raise ShapeError(word(rule, [], f"w of shape {tuple(n or 1 for n in w.shape)}"))
    if kind == "depthwise" and "M" not in order:
        groups = _channels(w, order, sizes, groups, source)
    elif kind == "depthwise":
        if groups not in (1, sizes["C"]):
            rule = f"groups={groups}, but depthwise w {w.shape} has {sizes['C']} channels"
            raise ShapeError(word(rule, [f"w  {describe(w.shape, order)}"], "groups=1"))
        groups = sizes["C"]
    elif kind == "conv" and sizes["O"] % groups:
        _uneven(w, order, sizes["O"], groups, "filters")
    elif kind == "conv" and sizes["I"] == 1 and groups > 1:
        kind = "depthwise"  # what it is; Keras and TFLite have layers for it
    elif kind == "transposed" and groups > 1 and source in ("keras", "tflite"):
        rule = f"groups={groups}, but transposed layers of {FRAMEWORKS[source]} have no groups"
        raise OptionError(word(rule, [f"w  {describe(w.shape, order)}"], "groups=1"))
    elif kind == "transposed" and sizes["I"] % groups:
        _uneven(w, order, sizes["I"], groups, "channels of x")
    if kind == "depthwise" and "M" not in order:
        sizes |= {"C": groups, "M": sizes["O"] // groups}
    return move(order, own_order(kind, space), sizes).apply(w), kind, groups


def _channels(w: Array, order: str, sizes: dict[str, int], groups: int, source: str) -> int:
    """Return C of depthwise weights that don't tell it."""
    facts = [f"w  {describe(w.shape, order)}  of {FRAMEWORKS[source]}"]
    if sizes["I"] != 1:
        rule = f"depthwise w has I = 1 in {order}, but here I = {sizes['I']}"
        raise ShapeError(word(rule, facts, "kind='conv'"))
    if groups == 1 and sizes["O"] > 1:
        rule = f"O = {sizes['O']} does not tell C, the channels of x: O = C·M"
        fix = f"groups={sizes['O']}   # C, if each channel has one filter"
        raise ShapeError(word(rule, facts, fix))
    if sizes["O"] % groups:
        _uneven(w, order, sizes["O"], groups, "filters")
    return groups


def _uneven(w: Array, order: str, count: int, groups: int, what: str) -> None:
    """Raise for groups of unequal sizes."""
    rule = f"groups={groups} does not divide the {count} {what}"
    fits = max(g for g in range(1, min(groups, count) + 1) if count % g == 0)
    raise ShapeError(word(rule, [f"w  {describe(w.shape, order)}"], f"groups={fits}"))


def _bias(b: Array | None, layer: Layer) -> Array | None:
    """Check that b has one number for each channel of y."""
    if b is None:
        return None
    if b.shape == (layer.out_channels,):
        return np.ascontiguousarray(b)
    rule = f"b has shape {b.shape}, but y has {layer.out_channels} channels"
    fix = f"b of shape ({layer.out_channels},)"
    if b.size == layer.out_channels:
        fix = f"b = b.reshape({layer.out_channels})"
    raise ShapeError(word(rule, [], fix))


def _pointwise(value: Any, first: Layer, source: str, space: str) -> tuple[Layer, str]:
    """Read the second half of a separable layer."""
    order = order_of(source, "conv", space)
    letters = {**dict.fromkeys(space, 1), "I": first.out_channels, "O": 8}
    shape = tuple(letters[letter] for letter in order)
    if value is None:
        rule = "kind='separable' has two arrays of weights, but pointwise is missing"
        fix = f"pointwise=np.ones({shape})   # the array of such a shape"
        raise ArgumentTypeError(word(rule, ["w is the depthwise one"], fix))
    array = _weights(value, "pointwise")
    sizes = dict(zip(order, array.shape, strict=True)) if array.ndim == len(order) else {}
    if not sizes or any(sizes[a] != 1 for a in space) or sizes["I"] != first.out_channels:
        shape = tuple((letters | {"O": sizes.get("O", 8)})[letter] for letter in order)
        rule = f"pointwise has shape {array.shape}, but {first.out_channels} channels reach it"
        facts = [f"its order is {order} in {FRAMEWORKS[source]}"]
        raise ShapeError(word(rule, facts, f"pointwise of shape {shape}"))
    ones = (1,) * len(space)
    if array.dtype != first.w.dtype:
        rule = f"pointwise has dtype {array.dtype}, but w has {first.w.dtype}"
        raise DTypeError(word(rule, [], f"pointwise = pointwise.astype(np.{first.w.dtype})"))
    own = move(order, own_order("conv", space), sizes).apply(array)
    return Layer("conv", own, None, ones, ones, 1, ((0, 0),) * len(space), "same"), order
