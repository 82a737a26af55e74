"""One launch as it is handed to the pool: fields, tasks, and what belongs to a single call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwio.engine.fields import AT
from hwio.engine.launch.edges import edges_of
from hwio.engine.launch.sizes import three
from hwio.engine.pack import address
from hwio.engine.scratch import give, take
from hwio.engine.threads import Pool, pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

_EDGES, _X, _Y, _SCRATCH, _LINEAR, _Y_STEP, _X_N, _X_D, _X_W = (
    AT[name] // 8
    for name in ("edges", "x", "y", "scratch", "linear", "y_step", "x_n", "x_d", "x_w")
)


@dataclass(frozen=True, slots=True)
class Launch:
    """One geometry on one packing: the fields but for addresses, and how many tasks."""

    function: int
    fields: Array
    tasks: int
    scratch: int  # 64-bit words of one thread


def cell_step(array: Array) -> int:
    """Return the distance of cells (n, *cells, c) in bytes, 0 if there are several or cells overlap."""
    step, count = None, 1
    for size, stride in zip(array.shape[-2::-1], array.strides[-2::-1], strict=True):
        if size != 1:
            if step is not None and stride != step * count:
                return 0
            step, count = stride if step is None else step, count * size
    return array.shape[-1] * array.itemsize if step is None else step


def tell_strides(x: Array, y: Array) -> Callable[[Array], None]:
    """Return what writes where the cells of x and y lie into the fields of a contiguous launch.

    It holds numbers alone, so that it keeps neither array alive.
    """
    x_steps = None if x.flags.c_contiguous else list(three(x.strides[1:-1], 0))
    if x_steps and x.shape[-2] <= 1:  # a lone cell in a row: its stride may be anything
        x_steps[2] = x.shape[-1] * x.itemsize
    x_n, even = x.strides[0], x_steps is None or cell_step(x) == x_steps[2]
    y_step = None if y.flags.c_contiguous else cell_step(y)

    def tell(fields: Array) -> None:
        if x_steps is not None:
            fields[_X_N], fields[_X_D : _X_W + 1] = x_n, x_steps
            fields[_LINEAR] &= even
        if y_step is not None:
            fields[_Y_STEP] = y_step

    return tell


class Task:
    """A launch with all its fields but x and y, and what belongs to one call.

    Attributes
    ----------
    flags : int
        Words in which the kernel says, by a number that is not 0, that y is not right.
    """

    flags = 0

    def __init__(
        self,
        launch: Callable[[int], Launch],
        tell: Callable[[Array], None],
        keeps: Any,
    ) -> None:
        self._launch_of, self._tell = launch, tell
        self.keeps = keeps  # the arrays whose addresses the fields hold
        self._for: tuple[Pool, Launch, Array] | None = None

    def known(self, workers: Pool) -> tuple[Launch, Array]:
        """Return the launch on these workers, and its fields, which are not to be changed."""
        known = self._for
        if known is None or known[0] is not workers:
            launch = self._launch_of(workers.threads)
            fields = launch.fields.copy()
            self._tell(fields)
            known = self._for = workers, launch, fields
        return known[1:]

    def __call__(self, x: Array, y: Array, more: tuple[tuple[int, Array], ...] = ()) -> Any:
        """Run it on x and y, and on more arrays by the number of their field."""
        workers = pool()
        launch, fields = self.known(workers)
        fields = fields.copy()
        tables = take(workers.threads * launch.scratch)
        fields[_X], fields[_Y], fields[_SCRATCH] = address(x), address(y), address(tables)
        for at, array in more:
            fields[at] = address(array)
        workers.run(workers.state, launch.function, address(fields), launch.tasks)
        give(tables)


class RowTask(Task):
    """A launch whose windows overhang rows of x: it copies their ends first."""

    def __init__(
        self,
        launch: Callable[[int], Launch],
        tell: Callable[[Array], None],
        keeps: Any,
        geo: Geometry,
    ) -> None:
        super().__init__(launch, tell, keeps)
        self.geometry = geo

    def __call__(self, x: Array, y: Array, more: tuple[tuple[int, Array], ...] = ()) -> Any:
        """Run it."""
        super().__call__(x, y, (*more, (_EDGES, edges_of(x, self.geometry))))
