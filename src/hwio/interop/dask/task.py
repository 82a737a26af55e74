"""What a Dask worker does: one chunk of y from the cells that it reads."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dask.base import normalize_token
from dask.system import CPU_COUNT

from hwio.engine.threads import alone, get_num_threads
from hwio.ops.check import Problem
from hwio.ops.part import canonical_problem, run_part
from hwio.shapes.blocks import Block

if TYPE_CHECKING:
    from hwio.types import Array

# for each spatial axis: outputs of each chunk, and the first cell of x that it reads
Grid = tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]


@dataclass(slots=True)
class Layer:
    """What all chunks have in common; every worker gets it once, and packs its weights once."""

    problem: Problem
    w: Array
    b: Array | None
    packs: dict[Any, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of."""
        return Layer, (self.problem, self.w, self.b)


@normalize_token.register(Problem)  # type: ignore[untyped-decorator]
def _problem_token(problem: Problem) -> str:
    """Name a problem for Dask, which names equal work equally."""
    return repr(replace(problem, plan=replace(problem.plan, rejected={}, kernels_rejected={})))


def layer_of(problem: Problem, w: Array, b: Array | None) -> Layer:
    """Bring weights into their order, where they are needed."""
    plain, w = canonical_problem(problem, w)
    return Layer(plain, w, None if b is None else b.reshape(-1))


def conv_chunk(
    x: Array, layer: Layer, grid: Grid, tasks: int, block_id: tuple[int, ...] = ()
) -> Array:
    """Convolve the cells that one chunk of y reads.

    Parameters
    ----------
    x : array, shape (n, *cells, c)
    layer : Layer
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
    distributed: Any = sys.modules.get("distributed")
    try:
        return int(distributed.get_worker().state.nthreads) if distributed else _local_tasks()
    except ValueError:  # not inside a worker
        return _local_tasks()


def _local_tasks() -> int:
    """Return how many tasks Dask's own schedulers run at a time, of what this thread can tell."""
    if multiprocessing.parent_process() is not None:  # the scheduler "processes"
        return int(CPU_COUNT)
    alone_here = threading.current_thread() is threading.main_thread()  # "synchronous"
    return 1 if alone_here else int(CPU_COUNT)
