"""ONNX's convolution family, one class an operator, named as ONNX names them.

``onnx.reference`` finds a class by its name and calls ``_run`` with the inputs in order and the
attributes by name, those that a node lacks with ONNX's default or None.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx.reference.op_run import OpRun

from hwio.errors import HwioError, ShapeError, word
from hwio.interop.onnx.attributes import (
    check_kernel,
    padding_of,
    space_of,
    steps,
    transpose_padding,
)
from hwio.interop.onnx.budget import room
from hwio.ops.arrays import is_bfloat16
from hwio.ops.conv import conv
from hwio.ops.pool import argmax_pool, avg_pool, lp_pool, max_pool
from hwio.ops.pool_global import global_avg_pool, global_max_pool
from hwio.ops.prepared import Prepared, prepare
from hwio.ops.transpose import conv_transpose

if TYPE_CHECKING:
    from hwio.types import Array


class Operator(OpRun):  # type: ignore[misc]
    """What all of them share: errors in hwio's words that name the node."""

    op_domain = ""
    fixed: Mapping[str, Any] = MappingProxyType({})

    def run(self, *inputs: Any, **named: Any) -> Any:
        """Run the node."""
        try:
            return super().run(*inputs, **named)
        except HwioError as error:
            raise self._named(error) from None
        except TypeError as error:  # onnx wraps these, and ours are among them
            if isinstance(error.__cause__, HwioError):
                raise self._named(error.__cause__) from None
            raise

    def _named(self, error: HwioError) -> HwioError:
        """Say in the second line of a message which node it is about."""
        rule, *rest = str(error).split("\n")
        node = f"  node {self.onnx_node.name!r} of type {self.onnx_node.op_type}"
        error.args = ("\n".join([rule, node, *rest]),)
        return error


class _Convolving(Operator):
    """One that has weights: packed once where they are part of the model.

    Attributes
    ----------
    fixed : dict of str to array
        Values that no run changes, by name; ``Evaluator`` tells.
    """

    def convolve(self, x: Array, w: Array, b: Array | None, options: dict[str, Any]) -> Array:
        """Convolve, by the layer that an earlier run prepared if it is the same one."""
        if not all(a is None or a is self.fixed.get(name) for name, a in self._named_weights(w, b)):
            return conv(x, w, b, **options)
        known = self.__dict__.get("_layer")  # what it was made from, and it
        if known is None or known[0] is not w or known[1] is not b or known[2] != options:
            known = self._layer = w, b, options, prepare(w, b, **options)
        layer: Prepared = known[3]
        return layer(x)

    def _named_weights(self, *weights: Any) -> list[tuple[str, Any]]:
        """Return w and b with the names that they have in the model."""
        return list(zip(self.onnx_node.input[1:], weights, strict=False))


class Conv(_Convolving):
    """y = x · w + b."""

    def _run(
        self, x: Array, w: Array, b: Array | None = None, *, auto_pad: Any = None,
        dilations: Any = None, group: Any = None, kernel_shape: Any = None, pads: Any = None,
        strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        options = _options(x, w, auto_pad, dilations, group, kernel_shape, pads, strides)
        return (self.convolve(x, w, b, options),)


class ConvInteger(Operator):
    """y = (x - its zero) · (w - its zero), in int32."""

    def _run(
        self, x: Array, w: Array, x_zero: Array | None = None, w_zero: Array | None = None, *,
        auto_pad: Any = None, dilations: Any = None, group: Any = None, kernel_shape: Any = None,
        pads: Any = None, strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        options = _options(x, w, auto_pad, dilations, group, kernel_shape, pads, strides)
        x, w = _from_zero(x, x_zero), _from_zero(w, w_zero, "w_zero_point", len(w))
        return (conv(x, w, out_dtype=np.int32, **options),)


class QLinearConv(Operator):
    """y = (x - its zero) · (w - its zero) + b, scaled, rounded half to even, cut off."""

    def _run(
        self, x: Array, x_scale: Array, x_zero: Array, w: Array, w_scale: Array, w_zero: Array,
        y_scale: Array, y_zero: Array, b: Array | None = None, *, auto_pad: Any = None,
        dilations: Any = None, group: Any = None, kernel_shape: Any = None, pads: Any = None,
        strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        options = _options(x, w, auto_pad, dilations, group, kernel_shape, pads, strides)
        filters = len(w)
        w = _from_zero(w, w_zero, "w_zero_point", filters)
        sums = conv(_from_zero(x, x_zero), w, b, out_dtype=np.int32, **options)
        x_scale, y_scale = _numbers(x_scale, "x_scale"), _numbers(y_scale, "y_scale")
        scale = x_scale * _numbers(w_scale, "w_scale", filters) / y_scale
        scale = scale.reshape(-1, *(1,) * (x.ndim - 2))  # (o | 1, 1, 1)
        zero = 0 if y_zero is None else np.float64(_numbers(y_zero, "y_zero_point"))
        target = x.dtype if y_zero is None else y_zero.dtype
        low, high = np.iinfo(target).min, np.iinfo(target).max
        y = np.rint(sums * scale) + zero
        return (np.clip(y, low, high).astype(target),)


class ConvTranspose(Operator):
    """y = x · wᵀ + b."""

    def _run(
        self, x: Array, w: Array, b: Array | None = None, *, auto_pad: Any = None,
        dilations: Any = None, group: Any = None, kernel_shape: Any = None,
        output_padding: Any = None, output_shape: Any = None, pads: Any = None,
        strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        space = space_of(x)
        check_kernel(space, kernel_shape, w)
        step = steps(space, strides, dilations)
        has = {
            "auto_pad": auto_pad, "pads": pads,
            "output_padding": output_padding, "output_shape": output_shape,
        }  # fmt: skip
        padding = transpose_padding(space, x, w, step["stride"], step["dilation"], has)
        layout = f"NC{space},IO{space}"
        b = None if b is None else _wide(b)
        y = conv_transpose(
            _wide(x), _wide(w), b, groups=_given(group, 1), layout=layout, memory_limit=room(),
            **step, **padding,
        )  # fmt: skip
        return (y.astype(x.dtype, copy=False),)


class MaxPool(Operator):
    """The maximum of every window, and where it is."""

    def _run(
        self, x: Array, *, auto_pad: Any = None, ceil_mode: Any = None, dilations: Any = None,
        kernel_shape: Any = None, pads: Any = None, storage_order: Any = None, strides: Any = None,
    ) -> tuple[Array, ...]:  # fmt: skip
        options = _pool_options(x, auto_pad, ceil_mode, dilations, kernel_shape, pads, strides)
        y = max_pool(_wide(x), **options).astype(x.dtype, copy=False)
        if len(self.onnx_node.output) < 2:
            return (y,)
        places = argmax_pool(_wide(x), **options)
        return y, _counted_through(places, x.shape, bool(storage_order))


class AveragePool(Operator):
    """The mean of every window."""

    def _run(
        self, x: Array, *, auto_pad: Any = None, ceil_mode: Any = None,
        count_include_pad: Any = None, dilations: Any = None, kernel_shape: Any = None,
        pads: Any = None, strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        options = _pool_options(x, auto_pad, ceil_mode, dilations, kernel_shape, pads, strides)
        y = avg_pool(_wide(x), count_include_pad=bool(count_include_pad), **options)
        return (y.astype(x.dtype, copy=False),)


class LpPool(Operator):
    """The p-norm of every window."""

    def _run(
        self, x: Array, *, auto_pad: Any = None, ceil_mode: Any = None, dilations: Any = None,
        kernel_shape: Any = None, p: Any = None, pads: Any = None, strides: Any = None,
    ) -> tuple[Array]:  # fmt: skip
        options = _pool_options(x, auto_pad, ceil_mode, dilations, kernel_shape, pads, strides)
        y = lp_pool(_wide(x), p=int(_given(p, 2)), **options)
        return (y.astype(x.dtype, copy=False),)


class GlobalMaxPool(Operator):
    """The maximum of every channel."""

    def _run(self, x: Array) -> tuple[Array]:
        y = global_max_pool(_wide(x), layout=f"NC{space_of(x)}")
        return (y.astype(x.dtype, copy=False),)


class GlobalAveragePool(Operator):
    """The mean of every channel."""

    def _run(self, x: Array) -> tuple[Array]:
        y = global_avg_pool(_wide(x), layout=f"NC{space_of(x)}")
        return (y.astype(x.dtype, copy=False),)


class GlobalLpPool(Operator):
    """The p-norm of every channel."""

    def _run(self, x: Array, *, p: Any = None) -> tuple[Array]:
        y = lp_pool(_wide(x), x.shape[2:], int(_given(p, 2)), layout=f"NC{space_of(x)}")
        return (y.astype(x.dtype, copy=False),)


def _options(
    x: Array, w: Array, auto_pad: Any, dilations: Any, group: Any, kernel_shape: Any, pads: Any,
    strides: Any,
) -> dict[str, Any]:  # fmt: skip
    """Translate what a convolution has."""
    space = space_of(x)
    check_kernel(space, kernel_shape, w)
    return {
        "layout": f"NC{space},OI{space}",
        "groups": _given(group, 1),
        "padding": padding_of(space, auto_pad, pads),
        **steps(space, strides, dilations),
    }


def _pool_options(
    x: Array, auto_pad: Any, ceil_mode: Any, dilations: Any, kernel_shape: Any, pads: Any,
    strides: Any,
) -> dict[str, Any]:  # fmt: skip
    """Translate what a pooling has."""
    space = space_of(x)
    return {
        "layout": f"NC{space}",
        "window": tuple(kernel_shape),
        "padding": padding_of(space, auto_pad, pads),
        "ceil_mode": bool(ceil_mode),
        **steps(space, strides, dilations),
    }


def _from_zero(a: Array, zero: Array | None, name: str = "x_zero_point", filters: int = 1) -> Array:
    """Subtract the zero point, one for all or one per filter; 16 bits hold the difference."""
    if zero is None:
        return a
    apart = _numbers(zero, name, filters)  # (o | 1,)
    if not apart.any():
        return a
    return a.astype(np.int16) - apart.astype(np.int16).reshape(-1, *(1,) * (a.ndim - 1))


def _numbers(value: Array, name: str, filters: int = 1) -> Array:
    """Return one number for all, or one per filter where there may be: others would spread y."""
    if np.size(value) not in (1, filters):
        counts = "1 number" if filters == 1 else f"1 number, or {filters}: one per filter"
        rule = f"{name} has shape {np.shape(value)}, but it holds {counts}"
        raise ShapeError(word(rule, []))
    return np.ravel(value)


def _given(value: Any, default: int) -> Any:
    """Return an attribute, or what ONNX says where there is none: 0 is a number like others."""
    return default if value is None else value


def _counted_through(places: Array, x_shape: tuple[int, ...], column_major: bool) -> Array:
    """Turn places within a channel (N, C, ...) into ONNX's, which count through all of x."""
    if column_major:
        at = np.unravel_index(places, x_shape[2:])
        places = np.ravel_multi_index(at[::-1], x_shape[:1:-1])
    cells = int(np.prod(x_shape[2:]))
    channels = np.arange(x_shape[0] * x_shape[1]) * cells
    return places + channels.reshape(*x_shape[:2], *(1,) * (len(x_shape) - 2))


def _wide(x: Array) -> Array:
    """Return an array in a dtype that every operation takes: bfloat16 as float32."""
    return x.astype(np.float32) if is_bfloat16(x.dtype) else x


OPS = [
    *(Conv, ConvInteger, QLinearConv, ConvTranspose),
    *(MaxPool, AveragePool, LpPool, GlobalMaxPool, GlobalAveragePool, GlobalLpPool),
]
