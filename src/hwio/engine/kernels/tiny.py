"""Tiny convolutions: one unrolled function per shape, so that a call is almost only arithmetic.

For each image and output row, and for each run of P neighbouring pixels:

    sums[p, v] += broadcast x[pixel p, tap, c] · w[tap, c, vector v]      every tap and c written out

All sizes are literals, arrays are contiguous. The function is a built-in one (see ``builtin``) that
takes the array objects themselves and reads their data pointers, because asking Python for an
address takes longer than the convolution.
Sums are in the order (tap, c), then the bias, as in the direct kernels: the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from llvmlite import ir

I32, I64 = ir.IntType(32), ir.IntType(64)
_FLOATS = {"f4": ir.FloatType(), "f8": ir.DoubleType()}
# where an ndarray keeps its data pointer and its sizes: behind the reference count and the type
DATA, DIMENSIONS = 16, 32


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tiny kernel is unrolled for."""

    kind: str
    lanes: int
    channels: int
    filters: int
    in_size: tuple[int, int]
    kernel: tuple[int, int]
    out: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    bias: bool
    clip: tuple[float | None, float | None]

    @property
    def x_strides(self) -> tuple[int, int, int]:
        """Numbers from one image, row and cell of x to the next."""
        cell = self.channels
        return self.in_size[0] * self.in_size[1] * cell, self.in_size[1] * cell, cell


def emit(shape: Shape, symbol: str) -> str:
    """Return the IR of a built-in function of array objects (x, w, b, y) that returns y.

    b is None where the shape has no bias; y's first axis counts the images.
    """
    module = ir.Module(symbol)
    function = ir.Function(module, ir.FunctionType(I64, [I64] * 3), symbol)  # self, args, nargs
    b = ir.IRBuilder(function.append_basic_block("entry"))
    given = [_load(b, function.args[1], 8 * n) for n in range(4)]
    images = _load(b, _load(b, given[3], DIMENSIONS), 0)
    x, w, bias, y = given
    _Tiny(b, module, shape).function(x, w, bias, y, images)
    count = b.inttoptr(given[3], I64.as_pointer())
    b.store(b.add(b.load(count, align=8), ir.Constant(I64, 1)), count, align=8)  # a reference
    b.ret(given[3])
    return str(module)


def _load(b: ir.IRBuilder, address: Any, offset: int) -> Any:
    """Load the 64-bit integer ``offset`` bytes behind an address."""
    where = b.add(address, ir.Constant(I64, offset))
    return b.load(b.inttoptr(where, I64.as_pointer()), align=8)


class _Tiny:
    """Emits one tiny kernel."""

    def __init__(self, b: ir.IRBuilder, module: ir.Module, shape: Shape) -> None:
        self.b, self.shape = b, shape
        self.kind = _FLOATS[shape.kind]
        self.size = int(shape.kind[1])
        self.module = module
        whole, rest = divmod(shape.filters, shape.lanes)
        self.widths = [shape.lanes] * whole + ([rest] if rest else [])

    def fma(self, x: Any, w: Any, total: Any, width: int) -> Any:
        """Emit x·w + total with one rounding."""
        vector = ir.VectorType(self.kind, width)
        name = f"llvm.fma.v{width}f{self.size * 8}"
        known = self.module.globals.get(name)
        if known is None:
            known = ir.Function(self.module, ir.FunctionType(vector, [vector] * 3), name)
        return self.b.call(known, [x, w, total])

    def at(self, address: Any, offset: int, kind: Any) -> Any:
        """Point ``offset`` numbers behind an address."""
        where = self.b.add(address, ir.Constant(I64, offset * self.size))
        return self.b.inttoptr(where, kind.as_pointer())

    def splat(self, scalar: Any, width: int) -> Any:
        """Copy a scalar into all lanes."""
        kind = ir.VectorType(scalar.type, width)
        empty = ir.Constant(kind, ir.Undefined)
        one = self.b.insert_element(empty, scalar, ir.Constant(I32, 0))
        return self.b.shuffle_vector(
            one, empty, ir.Constant(ir.VectorType(I32, width), [0] * width)
        )

    def function(self, x: Any, w: Any, bias: Any, y: Any, images: Any) -> None:
        """Emit the loops over images and rows, all else unrolled."""
        s = self.shape
        x, w, y = (_load(self.b, array, DATA) for array in (x, w, y))
        bias = _load(self.b, bias, DATA) if s.bias else None
        row_out = s.out[1] * s.filters
        with _Counted(self.b, images) as n, _Counted(self.b, ir.Constant(I64, s.out[0])) as i:
            x_row = self._shift(x, (n, s.x_strides[0]), (i, s.x_strides[1] * s.stride[0]))
            y_row = self._shift(y, (n, s.out[0] * row_out), (i, row_out))
            for first in range(0, s.out[1], self.run()):
                self.pixels(x_row, w, bias, y_row, first, min(self.run(), s.out[1] - first))

    def run(self) -> int:
        """Return how many pixels have their sums in registers at once."""
        return max(1, 12 // len(self.widths))

    def _shift(self, address: Any, *steps: tuple[Any, int]) -> Any:
        for index, numbers in steps:
            step = ir.Constant(I64, numbers * self.size)
            address = self.b.add(address, self.b.mul(index, step))
        return address

    def pixels(self, x: Any, w: Any, bias: Any, y: Any, first: int, count: int) -> None:
        """Emit one run of pixels."""
        s, b = self.shape, self.b
        sums: dict[tuple[int, int], Any] = {
            (p, v): ir.Constant(ir.VectorType(self.kind, width), None)
            for p in range(count)
            for v, width in enumerate(self.widths)
        }
        for i, j, c in product(range(s.kernel[0]), range(s.kernel[1]), range(s.channels)):
            row = ((i * s.kernel[1] + j) * s.channels + c) * s.filters
            weights = [
                b.load(
                    self.at(w, row + v * s.lanes, ir.VectorType(self.kind, width)), align=self.size
                )
                for v, width in enumerate(self.widths)
            ]
            tap = i * s.dilation[0] * s.x_strides[1] + c
            for p in range(count):
                cell = (first + p) * s.stride[1] + j * s.dilation[1]
                value = b.load(self.at(x, tap + cell * s.x_strides[2], self.kind), align=1)
                for v, width in enumerate(self.widths):
                    sums[p, v] = self.fma(self.splat(value, width), weights[v], sums[p, v], width)
        for (p, v), total in sums.items():
            width = self.widths[v]
            if bias is not None:
                vector = ir.VectorType(self.kind, width)
                total = b.fadd(total, b.load(self.at(bias, v * s.lanes, vector), align=1))
            total = self.clipped(total, width)
            where = self.at(y, (first + p) * s.filters + v * s.lanes, total.type)
            b.store(total, where, align=1)

    def clipped(self, total: Any, width: int) -> Any:
        """Cut at the activation's ends; a NaN stays one."""
        for end, sign in zip(self.shape.clip, "<>", strict=True):
            if end is not None:
                limit = self.splat(ir.Constant(self.kind, float(end)), width)
                total = self.b.select(self.b.fcmp_ordered(sign, total, limit), limit, total)
        return total


class _Counted:
    """``for n in range(count)`` around the instructions emitted inside."""

    def __init__(self, b: ir.IRBuilder, count: Any) -> None:
        self.b, self.count = b, count

    def __enter__(self) -> Any:
        b = self.b
        head = b.block
        self.inside, self.after = b.append_basic_block("loop"), b.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", ir.Constant(I64, 0), self.count), self.inside, self.after)
        b.position_at_end(self.inside)
        self.n = b.phi(I64)
        self.n.add_incoming(ir.Constant(I64, 0), head)
        return self.n

    def __exit__(self, *error: object) -> None:
        b = self.b
        following = b.add(self.n, ir.Constant(I64, 1))
        self.n.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, self.count), self.inside, self.after)
        b.position_at_end(self.after)
