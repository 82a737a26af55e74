"""Arrays as they come: what is accepted, what is refused, and in which dtype to compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, kind, nearest, show, word
from hwio.ops.elsewhere import check_elsewhere, read_elsewhere

if TYPE_CHECKING:
    from hwio.types import Array

ACCEPTED = "float16, float32, float64, complex64, complex128 and all integers"
_NAMES = (
    *("float16", "float32", "float64", "complex64", "complex128"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
# kind of dtype -> what is wrong with it, and what turns it into numbers
_HINTS = {
    "b": ("bool has no sums of products", ".astype(np.uint8)"),
    "O": ("an object array holds Python objects", ".astype(float)"),
    "U": ("text can't be multiplied", ".astype(float)"),
    "T": ("text can't be multiplied", ".astype(float)"),
    "S": ("bytes can't be multiplied", ".astype(float)"),
    "M": ("dates can't be multiplied", ".astype(np.int64)"),
    "m": ("durations can't be multiplied", ".astype(np.int64)"),
    "f": ("hwio computes in at most double precision", ".astype(np.float64)"),
    "c": ("hwio computes in at most double precision", ".astype(np.complex128)"),
}
_LONG = {"g": "longdouble", "G": "clongdouble"}  # NumPy's other names depend on the machine
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def as_array(value: Any, name: str, *, bfloat16: bool = False) -> Array:
    """Return value as a plain ndarray of numbers; only what is no array yet is copied.

    Byte order and alignment are left as they are: nothing large is allocated before all arguments
    are checked. ``bfloat16`` tells whether arrays of ml_dtypes.bfloat16 will do, too.

    Raises
    ------
    ArgumentTypeError
        If it is a masked array, a sparse or a GPU array, or no array at all.
    DTypeError
        If its dtype can't be convolved.
    """
    if type(value) is not np.ndarray:
        value = _to_ndarray(value, name)
    dtype = value.dtype
    if (dtype.kind not in "fciu" or dtype.char in "gG") and not (bfloat16 and is_bfloat16(dtype)):
        raise DTypeError(_not_numbers(dtype, name))
    result: Array = value
    return result


def is_shape(value: Any) -> bool:
    """Tell a shape, a tuple of integers, from an array."""
    return isinstance(value, tuple) and all(
        isinstance(n, int | np.integer) and not isinstance(n, bool) for n in value
    )


def aligned(array: Array) -> Array:
    """Return the array itself, or a copy that starts at a multiple of its numbers' size."""
    return array if array.flags.aligned else array.copy()


def _not_numbers(dtype: np.dtype[Any], name: str) -> str:
    """Word a dtype that can't be convolved."""
    why, change = _HINTS.get(dtype.kind, ("it is none of NumPy's own number types", ""))
    rule = f"{name} has dtype {_LONG.get(dtype.char, dtype)}: {why}"
    if dtype.names:
        rule = f"{name} has a structured dtype, with the fields {', '.join(dtype.names)}"
        change = f"[{dtype.names[0]!r}]"
    elif not change:  # V: raw bytes, or a type of another package such as bfloat16
        change = ".view(np.uint8)" if dtype.type is np.void else ".astype(np.float32)"
    return word(rule, [f"accepted: {ACCEPTED}"], f"{name} = {name}{change}")


def _to_ndarray(value: Any, name: str) -> Array:
    """Convert what is not exactly an ndarray, refusing what would lose something."""
    if isinstance(value, np.ma.MaskedArray):
        rule = f"{name} is a masked array, and its mask would be lost"
        facts = ["a masked cell has no value; say which one to use"]
        raise ArgumentTypeError(word(rule, facts, f"{name} = {name}.filled(0)"))
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    check_elsewhere(value, name)
    if value is None or isinstance(value, str | bytes | dict | set | type):
        raise ArgumentTypeError(_no_array(value, name))
    if name == "dy" and is_shape(value) and len(value) > 2:
        rule = f"dy={show(value)} is a shape, and its numbers are needed"
        fix = f"dy = np.ones({show(value)})   # of a loss that is the sum of y"
        raise ArgumentTypeError(word(rule, [], fix))
    if name in ("x", "w") and is_shape(value):
        raise ArgumentTypeError(_shape_alone(value, name))
    try:
        array = np.asarray(read_elsewhere(value))
    except Exception as error:
        raise ArgumentTypeError(_not_convertible(value, name, error)) from error
    if array.ndim == 0 and array.dtype == object:
        raise ArgumentTypeError(_no_array(value, name))
    return array


def _shape_alone(shape: tuple[int, ...], name: str) -> str:
    """Word a shape that stands where an array must."""
    rule = f"{name}={show(shape)} is a shape, and this needs the array itself"
    facts = ["hwio.plan, hwio.explain, hwio.compare and hwio.code take shapes"]
    return word(rule, facts, "hwio.plan(x, w)   or   hwio.explain(x, w)")


def _is_picture(path: str) -> bool:
    """Tell the name of an image file, on this machine."""
    return path.lower().endswith(PICTURES) and "://" not in path


def _no_array(value: Any, name: str) -> str:
    """Word an argument that is no array at all."""
    rule = f"{name} is {kind(value)}, not an array"
    if value is None or isinstance(value, str | bytes):
        rule = f"{name} is {show(value)}, not an array"
    if isinstance(value, str) and value.endswith((".npy", ".npz")):
        return word(rule, ["hwio takes arrays, not files"], f"{name} = np.load({value!r})")
    if isinstance(value, str) and _is_picture(value) and name == "x":
        load = f"Image.open({value!r}).convert('RGB')"
        fix = f"from PIL import Image; x = np.asarray({load})[None] / 255"
        return word(rule, ["hwio takes arrays, not files; Pillow reads pictures"], fix)
    facts = ["an array is anything that np.asarray turns into numbers"]
    if isinstance(value, Iterator):
        return word(rule, facts, f"{name} = np.array(list({name}))")
    example = {"x": "(2, 5, 7, 4)", "b": "8", "y": "(2, 3, 5, 8)"}.get(name, "(3, 3, 4, 8)")
    return word(rule, facts, f"{name} = np.ones({example})   # for example")


def _not_convertible(value: Any, name: str, error: Exception) -> str:
    """Word an argument that NumPy refuses."""
    if isinstance(value, list | tuple) and any(isinstance(row, np.ndarray) for row in value):
        return _unequal(value, name)
    if isinstance(value, list | tuple):
        rule = f"{name} is {kind(value)} whose rows differ in length"
        if "inhomogeneous" not in str(error):
            rule = f"{name} is {kind(value)} that makes no array"
        lengths = [len(row) if isinstance(row, list | tuple) else kind(row) for row in value]
        shortest = min((n for n in lengths if isinstance(n, int)), default=1)
        shown = ", ".join(map(str, lengths[:5])) + (", ..." if len(lengths) > 5 else "")
        return word(
            rule, [f"its rows have: {shown}"], f"{name} = [row[:{shortest}] for row in {name}]"
        )
    rule = f"{name} is {kind(value)} that makes no array"
    facts = [f"np.asarray says: {' '.join(str(error).split())[:100]}"]
    fix = f"{name} = {name}.float()" if hasattr(value, "float") else f"{name} = np.array({name})"
    return word(rule, facts, fix)


def _unequal(value: Any, name: str) -> str:
    """Word a list of arrays of different shapes; offer what all of them have."""
    shapes = list(dict.fromkeys(np.shape(row) if _is_plain(row) else kind(row) for row in value))
    shown = ", ".join(map(str, shapes[:4])) + (", ..." if len(shapes) > 4 else "")
    rule = f"{name} is {kind(value)} of arrays whose shapes differ"
    facts = [f"they have: {shown}"]
    ranks = {len(shape) for shape in shapes if isinstance(shape, tuple)}
    if name == "w" and len(value) == 2 and len(ranks) == 2 and len(shapes[-1]) == 1:
        facts = [
            f"w is {shapes[0]}, and {shapes[1]} looks like its bias, as Keras' get_weights has it"
        ]
        return word(rule, facts, "w = w[0]   # and w[1] as b")
    if len(ranks) != 1 or any(isinstance(shape, str) for shape in shapes) or ranks == {0}:
        return word(rule, facts)
    least = (min(sizes) for sizes in zip(*shapes, strict=True))
    cut = ", ".join(f":{size}" for size in least)
    return word(rule, facts, f"{name} = [a[{cut}] for a in {name}]")


def _is_plain(value: Any) -> bool:
    """Tell arrays and numbers, whose shape NumPy knows without trying."""
    return isinstance(value, np.ndarray | np.generic | int | float | complex)


def as_dtype(value: Any, name: str) -> np.dtype[Any]:
    """Return a dtype that a result can have.

    Raises
    ------
    DTypeError
        If it is no number type that hwio computes in.
    """
    try:
        dtype = np.dtype(value)
    except Exception:  # noqa: BLE001 - what np.dtype raises depends on what it is given
        dtype = None
    if dtype is None or dtype.kind not in "fciu" or dtype.char in "gG":
        near = nearest(value, _NAMES)
        rule = f"{name}={show(value)} is no dtype that y can have"
        fix = f"did you mean {name}={near!r}?" if near else f"{name}=np.float32"
        raise DTypeError(word(rule, [f"accepted: {ACCEPTED}"], fix))
    native: np.dtype[Any] = dtype.newbyteorder("=")
    return native


def integer_result(x: np.dtype[Any], w: np.dtype[Any]) -> np.dtype[Any]:
    """Return the default output dtype of integer convolution.

    Two 8-bit operands give int32, as ONNX's ConvInteger; unsigned ones give uint64, all others
    int64, as ``np.sum`` would.
    """
    if x.itemsize == w.itemsize == 1:
        return np.dtype(np.int32)
    return np.dtype(np.uint64 if x.kind == w.kind == "u" else np.int64)


def float_compute(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to compute in: 16-bit floats sum in float32, others in themselves."""
    return np.dtype(np.float32) if dtype == np.float16 or is_bfloat16(dtype) else dtype


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is the bfloat16 of ml_dtypes, which JAX and TensorFlow use too."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def common_float(*dtypes: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that NumPy would give a product, without metadata, which a cache would mix up.

    bfloat16 stays itself among its like and small integers; with float16, which holds none of its
    large numbers, and with wide integers it counts as float32.
    """
    try:
        common = np.result_type(*dtypes)
    except TypeError:
        wide = [np.dtype(np.float32) if is_bfloat16(dtype) else dtype for dtype in dtypes]
        common = np.result_type(*wide)
    return common if is_bfloat16(common) else np.dtype(common.str)
