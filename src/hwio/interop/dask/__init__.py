"""hwio's convolution on arrays in pieces: a lazy ``conv`` on dask arrays, to the bit.

y = hwio.conv(x, w, padding="same")     # x is a dask array, and so is y: nothing is computed yet
y.to_zarr("y.zarr")                     # now it is, a chunk at a time
"""

from __future__ import annotations

from dataclasses import replace
from math import isnan, prod
from typing import TYPE_CHECKING, Any, Never

import dask
import dask.array as da
import numpy as np

from hwio.errors import ArgumentTypeError, OptionError, ShapeError, show, word
from hwio.interop.dask.chunks import cells_read, cut_off, fits_chunks, output_chunks
from hwio.interop.dask.task import conv_chunk, layer_of
from hwio.ops.arrays import as_array
from hwio.ops.check import Problem, check_problem
from hwio.ops.keywords import OPTIONS, check_keywords, hide_refused
from hwio.ops.memory import check_memory, size
from hwio.ops.part import mixes_cells, part_unit
from hwio.ops.places import refuse_places
from hwio.ops.wording import worded_for
from hwio.shapes.blocks import Block, Cells, sources
from hwio.shapes.counts import check_int
from hwio.shapes.layout import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwio.interop.dask.task import Grid

ANY_SIZE = 1 << 62  # bytes: y as a whole need not fit anywhere


def conv(x: Any, w: Any, b: Any = None, *more: Never, **options: Any) -> Any:
    """Convolve a dask array; ``hwio.conv`` comes here when one of its arrays is one.

    Parameters
    ----------
    x : dask array, shape (N, H, W, C)
        In any chunks; (N, W, C) in 1-D, (N, D, H, W, C) in 3-D, any order with ``layout``. Chunks of
        C are joined: a sum over channels that is cut has other bits.
    w : array, shape (H, W, I, O)
        NumPy or dask. Every worker gets it once.
    b : array, shape (O,), optional
        NumPy or dask.
    **options
        Keywords of ``hwio.conv`` but ``out``. ``memory_limit`` holds for each chunk of y.

    Returns
    -------
    dask array, shape (N, H', W', O)
        Lazy; shape, dtype and chunks are known. Its chunks follow those of x: where ``padding`` keeps
        the size, they are the same.

    Raises
    ------
    HwioError
        As ``hwio.conv``, before anything is computed.
    OptionError
        If a way that sums over whole images is asked for by name, and chunks cut the images.

    Notes
    -----
    Each chunk reads the cells that its windows see, of the neighbouring chunks too, and runs by the
    plan of the whole image. So y has the bits of ``hwio.conv`` on the whole array, for any chunks and by
    every way that auto takes. Where NumPy's matrix products serve instead of a compiled kernel, chunks
    are widened for that to the blocks in which they are made. Two exceptions: with
    ``precision="high"`` or ``"medium"`` auto leaves FFT and Winograd out where images are cut; and on
    AMX numbers too small or too large for it make direct sums of one chunk, not of the image.

    Workers use hwio's threads only where Dask's own leave processors free.

    Examples
    --------
    >>> import numpy as np, dask.array as da, hwio
    >>> x = da.ones((1, 1000, 1000, 3), chunks=(1, 250, 500, 3), dtype=np.float32)
    >>> y = hwio.conv(x, np.ones((3, 3, 3, 8), np.float32), stride=2, padding="same")
    >>> y.shape, y.dtype
    ((1, 500, 500, 8), dtype('float32'))
    >>> float(y[0, 10, 10, 0].compute())
    27.0
    """
    if more:
        refuse_places(conv, locals())
    known = [name for name in OPTIONS if name != "out"]
    if options.pop("out", None) is not None:
        rule = "out= can't receive y, which is computed later: x or w is a dask array"
        raise OptionError(word(rule, [], "y = hwio.conv(x, w)   and   y.store(out)"))
    check_keywords("conv", options, known, x, w)
    x, w = _lazy(x, "x"), _known(w, "w")
    b = None if b is None else _known(b, "b")
    problem, chunks = _planned(x, w, b, options)
    geo = problem.geometry
    x = x.transpose(problem.layout.x_axes) if problem.layout.batched else x[None]
    if not problem.layout.batched:
        x = x.transpose((0, *(axis + 1 for axis in problem.layout.x_axes)))  # (n, *in, c)
    x, grid = _with_halos(x, problem, chunks)
    if problem.padding_mode != "zeros":  # the padding has been read
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    layer = dask.delayed(layer_of, pure=True)(replace(problem, geometry=geo), w, b)
    y = da.map_blocks(
        conv_chunk,
        x,
        layer=layer,
        grid=grid,
        tasks=prod(x.numblocks),
        dtype=problem.result,
        chunks=(x.chunks[0], *chunks, (geo.out_channels,)),
        meta=np.empty((0,) * x.ndim, problem.result),
    )
    y = y if problem.layout.batched else y[0]
    return y.transpose(problem.layout.y_axes)


hide_refused(conv)


def _planned(
    x: Any, w: Any, b: Any, options: dict[str, Any]
) -> tuple[Problem, list[tuple[int, ...]]]:
    """Check the call as a whole; return it with the chunks of y along its spatial axes."""
    limit = options.pop("memory_limit", None)

    def checked(**changed: Any) -> Problem:
        bias = None if b is None else (b.shape, b.dtype)
        given = {**options, **changed, "memory_limit": ANY_SIZE}
        with worded_for("conv", x, w):
            return check_problem(x.shape, w.shape, x.dtype, w.dtype, bias, **given)

    problem = checked()
    if mixes_cells(problem) and _cut_axes(problem, x):
        if options.get("method", "auto") != "auto":
            raise OptionError(_whole_images_only(problem, x))
        problem = checked(precision="highest")
    chunks = _chunks_of(problem, x)
    if limit is not None:
        limit = check_int(limit, "memory_limit", 0, fix="memory_limit=2**30")
        _check_chunks(problem, x, chunks, limit)
    return problem, chunks


def _cut_axes(problem: Problem, x: Any) -> list[str]:
    """Return the letters of the spatial axes along which chunks cut x."""
    letters = problem.layout.x
    return [a for a, of_x in zip(letters, x.chunks, strict=True) if a not in "NC" and len(of_x) > 1]


def _chunks_of(problem: Problem, x: Any) -> list[tuple[int, ...]]:
    """Return the chunks of y along its spatial axes."""
    geo, units = problem.geometry, part_unit(problem)
    if 0 in (*geo.x_shape, *geo.y_shape):
        return [(out,) for out in geo.out_size]
    chunks = []
    for axis, letter in enumerate(geo.letters):
        of_x = x.chunks[problem.layout.x.index(letter)]
        sizes = geo.out_size[axis], geo.stride[axis], geo.padding[axis][0], geo.reach[axis]
        chunks.append(output_chunks(of_x, *sizes, unit=units[axis]))
    return chunks


def _with_halos(x: Any, problem: Problem, chunks: list[tuple[int, ...]]) -> tuple[Any, Grid]:
    """Return x (n, *in, c) in as many chunks as y, each with all cells that it reads.

    Padding that repeats cells of x is read with them; zeros are left to the kernels.
    """
    geo, mode = problem.geometry, problem.padding_mode
    x = x.rechunk({x.ndim - 1: -1})
    # Dask slices backwards past empty chunks wrongly
    x = x.rechunk(tuple(tuple(n for n in of_axis if n) or (0,) for of_axis in x.chunks))
    if 0 in (*geo.x_shape, *geo.y_shape):
        x = x.rechunk(dict.fromkeys(range(x.ndim), -1))
    grid = []
    for axis, outs in enumerate(chunks):
        size, low = geo.in_size[axis], geo.padding[axis][0]
        reads = cells_read(outs, geo.stride[axis], low, geo.reach[axis])
        if mode == "zeros":
            reads = cut_off(reads, size)
        grid.append((outs, tuple(start + (mode != "zeros") * low for start, _ in reads)))
        if not fits_chunks(x.chunks[axis + 1], reads):
            parts = [part for read in reads for part in _read(x, axis + 1, read, mode)]
            lengths = tuple(stop - start for start, stop in reads)
            x = da.concatenate(parts, axis=axis + 1).rechunk({axis + 1: lengths}, method="tasks")
    return x, tuple(grid)


def _read(x: Any, axis: int, read: tuple[int, int], mode: str) -> Iterator[Any]:
    """Yield the parts of x that lie side by side in one chunk's cells along an axis."""
    size, before = x.shape[axis], (slice(None),) * axis
    for place, source in sources(Cells(read[0], 1, read[1] - read[0]), size, mode):
        part, count = x[(*before, source)], place.stop - place.start
        yield part if part.shape[axis] == count else da.repeat(part, count, axis)


def _lazy(x: Any, name: str) -> Any:
    """Return x as a dask array of known shape and of NumPy's numbers."""
    if not isinstance(x, da.Array):
        x = da.from_array(as_array(x, name, bfloat16=True), chunks=-1)
    if isinstance(x._meta, np.ma.MaskedArray):
        rule = f"{name} is a masked array, and its mask would be lost"
        facts = ["a masked cell has no value; say which one to use"]
        raise ArgumentTypeError(word(rule, facts, f"{name} = dask.array.ma.filled({name}, 0)"))
    as_array(x._meta, name, bfloat16=True)
    if any(isnan(n) for n in x.shape):
        rule = f"{name} has chunks of unknown size: shape {x.shape}"
        facts = ["the shape of y, and what each chunk reads, follow from that of x"]
        raise ShapeError(word(rule, facts, f"{name} = {name}.compute_chunk_sizes()"))
    return x


def _known(value: Any, name: str) -> Any:
    """Return weights or a bias: a copy, which nobody changes before y is computed, or one chunk."""
    if isinstance(value, da.Array):
        return _lazy(value, name).rechunk(-1)
    return as_array(value, name, bfloat16=True).copy()


def _whole_images_only(problem: Problem, x: Any) -> str:
    """Word a way that sums over whole images, which chunks cut."""
    letters, cut = problem.layout.x, _cut_axes(problem, x)
    rule = f"method={show(problem.plan.way)} sums over whole images, but chunks cut x along "
    joined = ", ".join(f"{letters.index(axis)}: -1" for axis in cut)
    facts = ["ways of direct sums have the same bits in any chunks"]
    fixes = ["method='auto'", f"x = x.rechunk({{{joined}}})   # whole images"]
    return word(rule + " and ".join(cut), facts, fixes)


def _check_chunks(problem: Problem, x: Any, chunks: list[tuple[int, ...]], limit: int) -> None:
    """Raise LimitError where the largest chunk of y needs more than memory_limit."""
    geo, lay = problem.geometry, problem.layout
    n = max(x.chunks[lay.x.index("N")]) if lay.batched else 1
    part = Block((0,) * (geo.ndim + 1), (n, *map(max, chunks))).viewed(geo)[1]
    own = problem.plan.workspace
    rooms = {"x": prod(part.x_shape) * x.itemsize, "y": prod(part.y_shape) * problem.itemsize}
    need = own + sum(rooms.values())
    shapes = {"x": part.x_shape, "y": part.y_shape}
    letters = f"N{geo.letters}C"
    parts = ["the largest chunk of y, and the cells of x that it reads:"]
    parts += [f"{a}          {describe(shapes[a], letters)}  ->  {size(rooms[a])}" for a in "xy"]
    parts.append(f"workspace  {problem.plan.way}  ->  {size(own)}")
    fixes = [f"memory_limit={need}"]
    if limit > own:
        axis = max((a for a in lay.x if a != "C"), key=lambda a: max(x.chunks[lay.x.index(a)]))
        at = lay.x.index(axis)
        cells = max(x.chunks[at]) * (limit - own) // (2 * need)
        fixes.append(f"x = x.rechunk({{{at}: {max(1, cells)}}})   # smaller chunks along {axis}")
    check_memory(need, limit, parts, fixes)
