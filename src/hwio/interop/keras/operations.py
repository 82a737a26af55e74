"""Keras' operations on arrays, by hwio: the names, orders and defaults are Keras'.

Loaded once Keras is. Weights are Keras' own orders: HWIO, HWOI for transposed ones, (H, W, C, M)
for depthwise ones; ``data_format`` says where channels are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from keras.src.backend import standardize_data_format
from keras.src.backend.common.backend_utils import compute_conv_transpose_padding_args_for_jax
from keras.src.backend.numpy.core import convert_to_tensor

from hwio.errors import HwioError, OptionError, ShapeError, show, word
from hwio.fixes import retell
from hwio.ops.arrays import is_bfloat16
from hwio.ops.conv import conv as conv_arrays
from hwio.ops.integers import narrow
from hwio.ops.pool import avg_pool as avg_pool_arrays
from hwio.ops.pool import max_pool as max_pool_arrays
from hwio.ops.transpose import conv_transpose as transpose_arrays

if TYPE_CHECKING:
    from hwio.types import Array

SPACE = {3: "W", 4: "HW", 5: "DHW"}


@contextmanager
def keras_words() -> Iterator[None]:
    """Let errors offer what can be typed into a call of Keras: words of padding alone.

    Also a decorator.
    """
    try:
        yield
    except HwioError as error:
        error.args = (retell(str(error), _fix_in_keras),)
        raise


def _fix_in_keras(fix: str) -> str | None:
    """Say a fix of hwio's in Keras' words; None for what Keras has no word for."""
    return "padding='same'" if fix.startswith("padding=") else None


@keras_words()
def conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Array:  # fmt: skip
    """Convolve: ``keras.ops.conv``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    kernel : array, shape (H, W, I, O)
        I = C, or a divisor of it: then there are C / I groups.
    """
    x, w = _array(inputs), _array(kernel)
    letters, space = _letters(x, data_format)
    channels = x.shape[letters.index("C")]
    groups, rest = divmod(channels, max(w.shape[-2], 1))
    if rest:
        rule = f"inputs have {channels} channels, no multiple of the kernel's {w.shape[-2]}"
        facts = [f"inputs  {x.shape}  read as {letters}", f"kernel  {w.shape}  read as {space}IO"]
        raise ShapeError(word(rule, facts))
    return conv_arrays(
        x, w, stride=strides, padding=_padding(padding), dilation=dilation_rate, groups=groups,
        layout=f"{letters},{space}IO", out_dtype=x.dtype if x.dtype.kind in "iu" else None,
    )  # fmt: skip


@keras_words()
def depthwise_conv(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid",
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Array:  # fmt: skip
    """Convolve each channel by filters of its own: ``keras.ops.depthwise_conv``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    kernel : array, shape (H, W, C, M)
    """
    x, w = _array(inputs), _array(kernel)
    letters, space = _letters(x, data_format)
    channels = x.shape[letters.index("C")]
    if w.shape[-2] != channels:
        rule = f"inputs have {channels} channels, but the depthwise kernel is for {w.shape[-2]}"
        facts = [f"inputs  {x.shape}  read as {letters}", f"kernel  {w.shape}  read as {space}CM"]
        raise ShapeError(word(rule, facts))
    w = w.reshape(*w.shape[:-2], 1, -1)  # (kh, kw, 1, C·M)
    return conv(x, w, strides, padding, data_format, dilation_rate)


def separable_conv(
    inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any, strides: Any = 1,
    padding: str = "valid", data_format: str | None = None, dilation_rate: Any = 1,
) -> Array:  # fmt: skip
    """Convolve each channel, then mix channels cell by cell: ``keras.ops.separable_conv``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    depthwise_kernel : array, shape (H, W, C, M)
    pointwise_kernel : array, shape (1, 1, C·M, O)
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format)


@keras_words()
def conv_transpose(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "valid", output_padding: Any = None,
    data_format: str | None = None, dilation_rate: Any = 1,
) -> Array:  # fmt: skip
    """Go through a convolution the other way: ``keras.ops.conv_transpose``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    kernel : array, shape (H, W, O, C)
    """
    x, w = _array(inputs), _array(kernel)
    letters, space = _letters(x, data_format)
    stride, dilation = (_each(value, len(space)) for value in (strides, dilation_rate))
    # what JAX would pad x with, spread out; Keras knows what all its backends agree on
    around = compute_conv_transpose_padding_args_for_jax(
        x.shape, w.shape, stride, _padding(padding), output_padding, dilation
    )
    reach = [(k - 1) * d for k, d in zip(w.shape, dilation, strict=False)]
    dropped = [(r - low, r - high) for r, (low, high) in zip(reach, around, strict=True)]
    extra = [max(-high, 0) for _, high in dropped]
    legal = [min(e, s - 1) for e, s in zip(extra, stride, strict=True)]
    y = transpose_arrays(
        _wide(x), _wide(w), stride=stride, dilation=dilation, output_padding=tuple(legal),
        padding=tuple((low, max(high, 0)) for low, high in dropped),
        layout=f"{letters},{space}OI",
    )  # fmt: skip
    if legal != extra:  # cells that no window reaches
        beyond = dict(zip(space, (e - n for e, n in zip(extra, legal, strict=True)), strict=True))
        y = np.pad(y, [(0, beyond.get(letter, 0)) for letter in letters])
    return _like(y, x)


@keras_words()
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Array:  # fmt: skip
    """Take the maximum of every window: ``keras.ops.max_pool``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    """
    x = _array(inputs)
    letters, _ = _letters(x, data_format)
    options = {"stride": strides, "padding": _padding(padding), "layout": letters}
    return _like(max_pool_arrays(_wide(x), pool_size, **options), x)


@keras_words()
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid",
    data_format: str | None = None,
) -> Array:  # fmt: skip
    """Take the mean of every window; padding does not count: ``keras.ops.average_pool``.

    Parameters
    ----------
    inputs : array, shape (N, H, W, C) or (N, C, H, W)
    """
    x = _array(inputs)
    letters, _ = _letters(x, data_format)
    options = {"stride": strides, "padding": _padding(padding), "layout": letters}
    y = avg_pool_arrays(_wide(x), pool_size, **options)
    return y if x.dtype.kind in "iu" else _like(y, x)  # a mean of integers is no integer


def _array(value: Any) -> Array:
    """Return an array as it is, a variable's numbers, anything else as Keras would have it."""
    array: Array = value if type(value) is np.ndarray else convert_to_tensor(value)
    return array


def _letters(x: Array, data_format: str | None) -> tuple[str, str]:
    """Return the letters of x's axes and those of space."""
    if x.ndim not in SPACE:
        rule = f"inputs have {x.ndim} axes; hwio takes 3, 4 or 5"
        raise ShapeError(word(rule, ["3 = NWC (1-D)   4 = NHWC (2-D)   5 = NDHWC (3-D)"]))
    space = SPACE[x.ndim]
    last = standardize_data_format(data_format) == "channels_last"
    return (f"N{space}C" if last else f"NC{space}"), space


def _padding(padding: Any) -> str:
    """Return a word that Keras knows; hwio knows more."""
    if not isinstance(padding, str) or padding.lower() not in ("valid", "same"):
        rule = f"padding={show(padding)} is none that Keras' operations take"
        raise OptionError(word(rule, ["words: valid, same"], "padding='same'"))
    return padding.lower()


def _each(value: Any, ndim: int) -> tuple[int, ...]:
    """Return one number for each axis."""
    return (value,) * ndim if np.ndim(value) == 0 else tuple(value)


def _wide(x: Array) -> Array:
    """Return an array in a dtype that every operation takes: bfloat16 as float32."""
    return x.astype(np.float32) if is_bfloat16(x.dtype) else x


def _like(y: Array, x: Array) -> Array:
    """Return y in x's dtype, as Keras promises it."""
    if y.dtype.kind in "iu":
        return narrow(y, x.dtype)
    return y.astype(x.dtype, copy=False)
