"""Padding as each framework says it: zeros around x, or the cells that a transposed y leaves out.

Of a transposed layer with n cells of x, y has (n - 1)·s + ke - low - high cells; ``output_padding``
takes from the high side, which may so end below 0. SAME means n·s cells there, so
low + high = ke - s whatever n is: only a convolution's SAME with a stride depends on the size of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hwio.errors import OptionError, ShapeError, show, word
from hwio.interop.moving.words import FRAMEWORKS
from hwio.shapes.counts import check_int, entries_of
from hwio.shapes.padding import resolve_padding

if TYPE_CHECKING:
    from hwio.types import Pads

Sizes = tuple[int, ...]
_SAME = {"same": "same", "same_upper": "same", "same_lower": "same_lower"}


def convolution_sides(
    source: str,
    padding: Any,
    kernel: Sizes,
    stride: Sizes,
    dilation: Sizes,
    space: str,
    in_size: Sizes | None = None,
) -> tuple[Pads | None, str]:
    """Return the zeros around x, None where they depend on its size, and the SAME rule or "".

    ``in_size`` is for messages alone.
    """
    padding = _unflattened(source, padding, len(space))
    same = _SAME.get(padding.lower(), "") if isinstance(padding, str) else ""
    strided = any(s > 1 for s in stride)
    if same and strided and source == "torch":
        raise OptionError(_no_same_of_torch(padding, same, kernel, stride, dilation, in_size))
    if same and strided:
        return None, same
    # no other word asks for the size of x
    sides = resolve_padding(padding, (1,) * len(space), kernel, stride, dilation, space)
    if not same and not strided:
        as_same = resolve_padding("same", (1,) * len(space), kernel, stride, dilation, space)
        same = "same" if as_same == sides else ""
    return sides, same


def _no_same_of_torch(
    padding: str, same: str, kernel: Sizes, stride: Sizes, dilation: Sizes, in_size: Sizes | None
) -> str:
    """Word SAME with a stride, which PyTorch lacks: what its layer may say, and who has SAME."""
    rule = f"padding={padding!r} with stride {_plain(stride)} is no layer of PyTorch"
    halves = [((k - 1) * d // 2,) * 2 for k, d in zip(kernel, dilation, strict=True)]
    fixes = [f"padding={halves}   # if its layer says so"]
    if in_size is not None:
        letters = "DHW"[-len(kernel) :]
        pads = list(resolve_padding(same, in_size, kernel, stride, dilation, letters))
        cells = " × ".join(map(str, in_size))
        if pads != halves:
            fixes.append(f"padding={pads}   # SAME for x of {cells} cells, if zeros are put before")
        else:
            fixes = [f"padding={pads}   # SAME for x of {cells} cells, too"]
    fixes.append("source='onnx'   # the same order of w, and SAME as ONNX and Keras mean it")
    return word(rule, ["PyTorch refuses it: say the numbers its layer has"], fixes)


def transposed_sides(
    source: str,
    padding: Any,
    extra: Any,
    reach: Sizes,
    stride: Sizes,
    dilation: Sizes,
    space: str,
) -> Pads:
    """Return the cells that y leaves out, as the framework that is left counts them.

    Keras and TFLite fill up to n·s cells where no output_padding is given; PyTorch and ONNX do not.
    """
    padding = _unflattened(source, padding, len(space))
    filled = source in ("keras", "tflite") and extra is None
    more = _extra(extra, tuple(map(max, stride, dilation)), space)
    same = _SAME.get(padding.lower(), "") if isinstance(padding, str) else ""
    if same and source == "torch":
        rule = f"padding={padding!r} is no padding of PyTorch's transposed layers"
        raise OptionError(word(rule, ["it takes one int per axis"], "padding=0"))
    if same and extra is not None and source != "keras":
        rule = f"output_padding={show(extra)} and padding={padding!r} both say how large y is"
        raise OptionError(word(rule, ["SAME asks for n·s cells"], "output_padding=None"))
    ones = (1,) * len(space)
    if not same:
        pads = resolve_padding(padding, ones, reach, ones, ones, space)
        if filled:
            more = tuple(max(s - ke, 0) for s, ke in zip(stride, reach, strict=True))
        return tuple((low, high - r) for (low, high), r in zip(pads, more, strict=True))
    if source == "onnx" and any(ke < s for ke, s in zip(reach, stride, strict=True)):
        raise OptionError(_read_in_two_ways(padding, reach, stride))
    sides = []
    for ke, s, r in zip(reach, stride, more, strict=True):
        # Keras with output_padding: (n - 1)·s + ke % 2 + r cells; else n·s
        left_out = 2 * (ke // 2) - r if source == "keras" and extra is not None else ke - s
        low = max(left_out, 0) // 2
        if same == "same_lower":
            low = max(left_out, 0) - low
        sides.append((low, left_out - low))
    return tuple(sides)


def _read_in_two_ways(padding: str, reach: Sizes, stride: Sizes) -> str:
    """Word auto_pad where a kernel does not reach its neighbour's, so that y has gaps."""
    rule = f"padding={padding!r} leaves the size of y open: the kernel is below stride {_plain(stride)}"
    facts = ["ONNX says n·s cells, ONNX Runtime computes those that the kernel reaches"]
    more = tuple(max(s - ke, 0) for ke, s in zip(reach, stride, strict=True))
    fixes = [f"padding=0, output_padding={more}   # n·s cells", "padding=0   # as ONNX Runtime"]
    return word(rule, facts, fixes)


def same_of_transposed(sides: Pads, reach: Sizes, stride: Sizes) -> bool:
    """Tell whether these sides are what Keras' and TFLite's SAME leaves out.

    Examples
    --------
    >>> same_of_transposed(((0, 1),), (3,), (2,)), same_of_transposed(((1, 0),), (3,), (2,))
    (True, False)
    """
    axes = zip(sides, reach, stride, strict=True)
    return all(low == max(ke - s, 0) // 2 and low + high == ke - s for (low, high), ke, s in axes)


def size_needed(
    target: str, same: str, kernel: Sizes, stride: Sizes, dilation: Sizes, space: str
) -> str:
    """Word that SAME with a stride asks for the size of x, with what it would pad."""
    rule = f"padding={same!r} with stride {_plain(stride)} pads by the size of x, which "
    rule += f"{FRAMEWORKS[target]} has no word for"
    facts = []
    for axis, k, s, d in zip(space, kernel, stride, dilation, strict=True):
        far = max((k - 1) * d + 1, s) // s * s + s  # beyond it only n mod s matters
        pads = [resolve_padding(same, (far + r,), (k,), (s,), (d,), axis)[0] for r in range(s)]
        told = ", ".join(f"n mod {s} = {r}: {pad}" for r, pad in list(enumerate(pads))[:4])
        if s > 1:
            facts.append(f"{axis}: {told}{', ...' if s > 4 else ''}")
    size = (224,) * len(space)
    return word(rule, facts, f"in_size={size if len(size) > 1 else size[0]}")


def check_size(value: Any, space: str) -> Sizes | None:
    """Return in_size as one int per spatial axis.

    Raises
    ------
    ShapeError
        If it has another number of entries.
    """
    if value is None:
        return None
    entries = entries_of(value)
    entries = [value] * len(space) if entries is None else entries
    if len(entries) != len(space):
        rule = f"in_size={show(value)} has {len(entries)} entries, but w has the axes "
        rule += ", ".join(space)
        facts = ["in_size counts the cells of x on each spatial axis, without N and C"]
        fits = entries[1:-1] if len(entries) == len(space) + 2 else [224] * len(space)
        raise ShapeError(word(rule, facts, f"in_size={tuple(fits)}"))
    return tuple(check_int(entry, "in_size", 1, given=value) for entry in entries)


def _unflattened(source: str, padding: Any, ndim: int) -> Any:
    """Read a flat sequence as its framework means it; other forms are read as hwio's."""
    if isinstance(padding, str) and padding.upper() == "NOTSET":
        return 0
    entries = entries_of(padding)
    if not entries or any(entries_of(entry) is not None for entry in entries):
        return padding
    if source == "torch" and len(entries) == ndim:
        return [(p, p) for p in entries]
    if source == "onnx" and len(entries) == 2 * ndim:  # all low sides, then all high ones
        return list(zip(entries[:ndim], entries[ndim:], strict=True))
    return padding


def _extra(value: Any, most: Sizes, space: str) -> Sizes:
    """Read output_padding: fewer cells than the stride, or than the dilation if that is more."""
    if value is None:
        return (0,) * len(space)
    entries = entries_of(value)
    entries = [value] * len(space) if entries is None else entries
    if len(entries) != len(space):
        rule = f"output_padding={show(value)} has {len(entries)} entries, but w has the axes "
        raise ShapeError(word(rule + ", ".join(space), [], "output_padding=0"))
    cells = tuple(check_int(entry, "output_padding", 0, given=value) for entry in entries)
    for axis, count, limit in zip(space, cells, most, strict=True):
        if count >= limit:
            rule = f"output_padding={show(value)} has {count} on {axis}, but the layer allows "
            rule += f"0 … {limit - 1}" if limit > 1 else "0"
            facts = ["it is below the stride, or below the dilation if that is more"]
            raise ShapeError(word(rule, facts, f"output_padding={limit - 1}"))
    return cells


def _plain(sizes: Sequence[int]) -> str:
    """Write one number where all are the same."""
    return str(sizes[0]) if len(set(sizes)) == 1 else str(tuple(sizes))
