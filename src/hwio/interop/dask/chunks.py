"""Chunks of y along one axis, and the cells of x that each of them reads: plain integers.

Everything is driven by the output. Outputs [a, b) of an axis with stride s, low padding lo and reach
(k - 1)·d + 1 read the cells from a·s - lo up to (b - 1)·s + reach - lo; so chunks of x need not be
aligned to the stride, and neighbours share as many cells as their windows do.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise


def output_chunks(
    chunks: Sequence[int], out: int, stride: int, low: int, reach: int, unit: int = 1
) -> tuple[int, ...]:
    """Choose the chunks of y along an axis after those of x.

    Parameters
    ----------
    chunks : sequence of int
        Cells of x in each of its chunks.
    out : int
        Cells of y.
    stride, low, reach : int
        Of the windows, and the padding below x.
    unit : int
        Outputs that stay together: every chunk but the last is a multiple of it.

    Returns
    -------
    tuple of int
        Where chunks of x are of one size those of y are, as Zarr asks. Else an output belongs to the
        chunk in which its window has its middle; where y has one cell for every ``stride`` cells of
        x ("same"), in which its own cell lies.

    Examples
    --------
    >>> output_chunks((4, 4, 4), out=12, stride=1, low=1, reach=3)
    (4, 4, 4)
    >>> output_chunks((4, 4, 4), out=5, stride=2, low=0, reach=3)
    (2, 2, 1)
    >>> output_chunks((4, 4, 4), out=10, stride=1, low=0, reach=3, unit=5)
    (5, 5)
    >>> output_chunks((4, 2, 6), out=10, stride=1, low=0, reach=3)
    (3, 2, 5)
    """
    if len(set(chunks[:-1])) == 1 and chunks[-1] <= chunks[0]:
        step = _whole_units(max(1, round(chunks[0] / stride)), unit)
        return (*(step,) * ((out - 1) // step), out - (out - 1) // step * step)
    same = out == -(-sum(chunks) // stride)
    shift = 0 if same else low - (reach - 1) // 2
    ends = [0]
    for edge in list(accumulate(chunks))[:-1]:
        first = -(-(edge + shift) // stride)  # whose middle is the first in the next chunk
        nearest = _whole_units(first, unit)
        if ends[-1] < nearest < out:
            ends.append(nearest)
    return tuple(after - before for before, after in pairwise((*ends, out)))


def _whole_units(cells: int, unit: int) -> int:
    """Return the nearest multiple of a unit, one at least."""
    return max(1, (cells + unit // 2) // unit) * unit


def cells_read(
    chunks: Sequence[int], stride: int, low: int, reach: int
) -> tuple[tuple[int, int], ...]:
    """Return from which cell to which each chunk of y reads; those below 0 or past x are padding.

    Examples
    --------
    >>> cells_read((4, 4, 4), stride=1, low=1, reach=3)
    ((-1, 5), (3, 9), (7, 13))
    """
    reads, start = [], 0
    for count in chunks:
        first = start * stride - low
        reads.append((first, first + (count - 1) * stride + reach))
        start += count
    return tuple(reads)


def cut_off(reads: Sequence[tuple[int, int]], size: int) -> tuple[tuple[int, int], ...]:
    """Leave padding out; a chunk that would read nothing else gets one cell, as none can be empty.

    Examples
    --------
    >>> cut_off(((-9, -3), (-2, 5), (3, 13)), size=12)
    ((0, 1), (0, 5), (3, 12))
    """
    cut = []
    for first, stop in reads:
        start = min(max(first, 0), max(size - 1, 0))
        cut.append((start, min(max(stop, start + 1), size)))
    return tuple(cut)


def fits_chunks(chunks: Sequence[int], reads: Sequence[tuple[int, int]]) -> bool:
    """Tell whether what is read are the chunks of x as they lie, so that nothing has to be cut.

    Examples
    --------
    >>> fits_chunks((4, 4), ((0, 4), (4, 8))), fits_chunks((4, 4), ((0, 5), (3, 8)))
    (True, False)
    """
    ends = (0, *accumulate(chunks))
    return tuple(pairwise(ends)) == tuple(reads)
