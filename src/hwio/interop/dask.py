"""hwio's convolution on arrays in pieces: a lazy ``conv`` on dask arrays, to the bit.

y = hwio.conv(x, w, padding="same")     # x is a dask array, and so is y: nothing is computed yet
y.to_zarr("y.zarr")                     # now it is, a chunk at a time
"""

from __future__ import annotations

import multiprocessing
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from math import isnan, prod
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
from dask.base import normalize_token
from dask.system import CPU_COUNT

from hwio.engine.threads import alone, get_num_threads
from hwio.errors import OptionError, ShapeError, show, word
from hwio.interop.chunks import cells_read, fits_chunks, output_chunks
from hwio.ops.arrays import as_array
from hwio.ops.check import Problem, check_problem
from hwio.ops.keywords import OPTIONS, check_keywords
from hwio.ops.memory import check_memory, size
from hwio.ops.part import canonical_problem, mixes_cells, part_unit, run_part
from hwio.ops.wording import worded_for
from hwio.shapes.blocks import Block
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

ANY_SIZE = 1 << 62  # bytes: y as a whole need not fit anywhere


def conv(x: Any, w: Any, b: Any = None, **options: Any) -> Any:
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
    plan of the whole image. So y has the bits of ``hwio.conv`` on the whole array, for any chunks.
    Where NumPy's matrix products serve instead of a compiled kernel, chunks are widened for that to
    the blocks in which they are made. Two exceptions: with ``precision="high"`` or ``"medium"`` auto
    leaves FFT and Winograd out where images are cut; and on AMX numbers too small or too large for
    it make direct sums of one chunk, not of the image.

    Workers use hwio's threads only where Dask's own leave processors free.

    Examples
    --------
    >>> import numpy as np, dask.array as da, hwio
    >>> x = da.ones((1, 1000, 1000, 3), chunks=(1, 250, 500, 3), dtype=np.float32)
    >>> y = hwio.conv(x, np.ones((3, 3, 3, 8), np.float32), stride=2, padding="same")
    >>> y.shape, y.dtype, y.chunks[1]
    ((1, 500, 500, 8), dtype('float32'), (125, 125, 125, 125))
    >>> float(y[0, 10, 10, 0].compute())
    27.0
    """
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
    if geo.padded and problem.padding_mode != "zeros":
        widths = ((0, 0), *geo.padding, (0, 0))
        x = da.pad(x, widths, mode=PADDING_MODES[problem.padding_mode])
        geo = replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim)
    own = replace(problem, geometry=geo)
    x, grid = _with_halos(x, geo, chunks)
    layer = dask.delayed(_layer, pure=True)(own, w, b)
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


def _planned(
    x: Any, w: Any, b: Any, options: dict[str, Any]
) -> tuple[Problem, list[tuple[int, ...]]]:
    """Check the call as a whole; return it with the chunks of y along its spatial axes."""
    limit = options.pop("memory_limit", None)

    def checked(**changed: Any) -> Problem:
        bias = None if b is None else (b.shape, b.dtype)
        given = {**options, **changed, "memory_limit": ANY_SIZE}
        with worded_for("conv", np.empty((0,) * x.ndim), w):
            return check_problem(x.shape, w.shape, x.dtype, w.dtype, bias, **given)

    problem = checked()
    chunks = _chunks_of(problem, x)
    if max(map(len, chunks)) > 1 and mixes_cells(problem):
        if options.get("method", "auto") != "auto":
            raise OptionError(_whole_images_only(problem, x))
        problem = checked(precision="highest")
        chunks = _chunks_of(problem, x)
    if limit is not None:
        _check_chunks(problem, x, chunks, limit)
    return problem, chunks


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


def _with_halos(x: Any, geo: Geometry, chunks: list[tuple[int, ...]]) -> tuple[Any, _Grid]:
    """Return x (n, *in, c) in as many chunks as y, each with all cells that it reads."""
    x = x.rechunk({x.ndim - 1: -1})
    if 0 in (*geo.x_shape, *geo.y_shape):
        x = x.rechunk({axis: -1 for axis in range(x.ndim)})
    grid = []
    for axis, outs in enumerate(chunks):
        sizes = geo.in_size[axis], geo.stride[axis], geo.padding[axis][0], geo.reach[axis]
        reads = cells_read(outs, *sizes)
        grid.append((outs, tuple(begin for begin, _ in reads)))
        if not fits_chunks(x.chunks[axis + 1], reads):
            before = (slice(None),) * (axis + 1)
            parts = [x[(*before, slice(*read))] for read in reads]
            lengths = tuple(stop - begin for begin, stop in reads)
            x = da.concatenate(parts, axis=axis + 1).rechunk({axis + 1: lengths}, method="tasks")
    return x, tuple(grid)


# for each spatial axis: outputs of each chunk, and the first cell of x that it reads
_Grid = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


@dataclass(slots=True)
class _Layer:
    """What all chunks have in common; every worker gets it once, and packs its weights once."""

    problem: Problem
    w: Array
    b: Array | None
    packs: dict[Any, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of."""
        return _Layer, (self.problem, self.w, self.b)


@normalize_token.register(Problem)  # type: ignore[untyped-decorator]
def _problem_token(problem: Problem) -> str:
    """Name a problem for Dask, which names equal work equally."""
    return repr(replace(problem, plan=replace(problem.plan, rejected={}, kernels_rejected={})))


def _layer(problem: Problem, w: Array, b: Array | None) -> _Layer:
    """Bring weights into their order, where they are needed."""
    plain, w = canonical_problem(problem, w)
    return _Layer(plain, w, None if b is None else b.reshape(-1))


def conv_chunk(
    x: Array, layer: _Layer, grid: _Grid, tasks: int, block_id: tuple[int, ...] = ()
) -> Array:
    """Convolve the cells that one chunk of y reads.

    Parameters
    ----------
    x : array, shape (n, *cells, c)
    layer : _Layer
    grid : tuple
        For each spatial axis the outputs of all chunks, and the first cells that they read.
    tasks : int
        Chunks of y.
    block_id : tuple of int
        Which chunk this is.

    Returns
    -------
    array, shape (n, *out, o)
    """
    starts, sizes, first = [], [], []
    for (outs, begins), at in zip(grid, block_id[1:], strict=False):
        starts.append(sum(outs[:at]))
        sizes.append(outs[at])
        first.append(begins[at])
    block = Block((0, *starts), (len(x), *sizes))
    place, part = block.viewed(layer.problem.geometry)
    inside = (
        slice(max(cells.start - begin, 0), max(cells.stop - begin, 0))
        for cells, begin in zip(place[1:], first, strict=True)
    )
    with alone() if _is_full(tasks) else nullcontext():
        cells = x[(slice(None), *inside)]
        return run_part(layer.problem, part, cells, layer.w, layer.b, layer.packs)


def _is_full(tasks: int) -> bool:
    """Tell whether as many tasks as hwio has threads may run beside each other in this process."""
    return min(_tasks_at_once(), tasks) >= get_num_threads()


def _tasks_at_once() -> int:
    """Return how many tasks the scheduler that runs this one runs at a time on these processors."""
    try:
        from distributed import get_worker

        return int(get_worker().state.nthreads)
    except (ImportError, ValueError):  # not installed, or not inside a worker
        pass
    if multiprocessing.parent_process() is not None:  # the scheduler "processes"
        return CPU_COUNT
    return 1 if threading.current_thread() is threading.main_thread() else CPU_COUNT


def _lazy(x: Any, name: str) -> Any:
    """Return x as a dask array of known shape and of NumPy's numbers."""
    if not isinstance(x, da.Array):
        x = da.from_array(as_array(x, name, bfloat16=True), chunks=-1)
    as_array(x._meta, name, bfloat16=True)
    if any(isnan(n) for n in x.shape):
        rule = f"{name} has chunks of unknown size: shape {x.shape}"
        facts = ["the shape of y, and what each chunk reads, follow from that of x"]
        raise ShapeError(word(rule, facts, f"{name} = {name}.compute_chunk_sizes()"))
    return x


def _known(value: Any, name: str) -> Any:
    """Return weights or a bias: an array, or a dask array in one chunk."""
    if isinstance(value, da.Array):
        return _lazy(value, name).rechunk(-1)
    return as_array(value, name, bfloat16=True)


def _whole_images_only(problem: Problem, x: Any) -> str:
    """Word a way that sums over whole images, which chunks cut."""
    letters = problem.layout.x
    cut = [a for a in letters if a not in "NC" and len(x.chunks[letters.index(a)]) > 1]
    rule = f"method={show(problem.plan.way)} sums over whole images, but chunks cut x along "
    rule += " and ".join(cut)
    facts = ["another way has the same bits in any chunks"]
    joined = ", ".join(f"{letters.index(a)}: -1" for a in cut)
    return word(rule, facts, ["method='auto'", f"x = x.rechunk({{{joined}}})"])


def _check_chunks(problem: Problem, x: Any, chunks: list[tuple[int, ...]], limit: Any) -> None:
    """Raise LimitError where one chunk of y needs more than memory_limit."""
    checked = limit if isinstance(limit, int) and not isinstance(limit, bool) and limit >= 0 else 0
    geo, lay = problem.geometry, problem.layout
    n = max(x.chunks[lay.x.index("N")]) if lay.batched else 1
    outs = tuple(max(axis) for axis in chunks)
    part = Block((0,) * (geo.ndim + 1), (n, *outs)).copied(geo)[1]
    cells, sums = prod(part.x_shape) * x.dtype.itemsize, prod(part.y_shape) * problem.itemsize
    letters = "N" + geo.letters + "C"
    parts = [
        f"{name}          {' '.join(map('='.join, zip(letters, map(str, shape), strict=True)))}"
        f"  ->  {size(room)}"
        for name, shape, room in (("x", part.x_shape, cells), ("y", part.y_shape, sums))
    ]
    parts.append(f"workspace  ->  {size(problem.plan.workspace)}")
    axis = max(range(x.ndim), key=lambda a: max(x.chunks[a]) if lay.x[a] != "C" else 0)
    fix = f"x = x.rechunk({{{axis}: {max(1, max(x.chunks[axis]) // 2)}}})"
    check_memory(cells + sums + problem.plan.workspace, checked, parts, fix)
