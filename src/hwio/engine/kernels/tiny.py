"""Tiny convolutions: one unrolled function per shape, so that a call is almost only arithmetic.

For each image and output row, and for each run of P neighbouring pixels:

    sums[p, v] += broadcast x[pixel p, tap, c] · w[tap, c, vector v]      every tap and c written out

All sizes and strides are literals. The function takes the array objects themselves and reads their
data pointers, because asking Python for an address takes longer than the convolution. Sums are in
the order (tap, c), then the bias, as in the direct kernels: the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from llvmlite import ir

I32, I64 = ir.IntType(32), ir.IntType(64)
_FLOATS = {"f4": ir.FloatType(), "f8": ir.DoubleType()}
DATA = 16  # where an ndarray keeps its data pointer: behind the reference count and the type


@dataclass(frozen=True, slots=True)
class Shape:
    """What a tiny kernel is unrolled for; strides in numbers, not bytes."""

    kind: str
    lanes: int
    channels: int
    filters: int
    kernel: tuple[int, int]
    out: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    x_strides: tuple[int, int, int, int]  # n h w c
    w_strides: tuple[int, int, int]  # h w i; filters lie side by side
    bias: bool
    clip: tuple[float | None, float | None]


def emit(shape: Shape, symbol: str) -> str:
    """Return the IR of ``symbol(x, w, b, y, images)``, the first four array objects."""
    module = ir.Module(symbol)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 5), symbol)
    b = ir.IRBuilder(function.append_basic_block("entry"))
    _Tiny(b, module, shape).function(*function.args)
    b.ret_void()
    return str(module)


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

    def data(self, array: Any) -> Any:
        """Load the data pointer of an array object."""
        b = self.b
        where = b.add(array, ir.Constant(I64, DATA))
        return b.load(b.inttoptr(where, I64.as_pointer()), align=8)

    def function(self, x: Any, w: Any, bias: Any, y: Any, images: Any) -> None:
        """Emit the loops over images and rows, all else unrolled."""
        s = self.shape
        x, w, y = self.data(x), self.data(w), self.data(y)
        bias = self.data(bias) if s.bias else None
        row_out = s.out[1] * s.filters
        with _counted(self.b, images) as n, _counted(self.b, ir.Constant(I64, s.out[0])) as i:
            b = self.b
            x_row = self._shift(x, (n, s.x_strides[0]), (i, s.x_strides[1] * s.stride[0]))
            y_row = self._shift(y, (n, s.out[0] * row_out), (i, row_out))
            del b
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
            row = i * s.w_strides[0] + j * s.w_strides[1] + c * s.w_strides[2]
            weights = [
                b.load(
                    self.at(w, row + v * s.lanes, ir.VectorType(self.kind, width)), align=self.size
                )
                for v, width in enumerate(self.widths)
            ]
            tap = i * s.dilation[0] * s.x_strides[1] + c * s.x_strides[3]
            for p in range(count):
                cell = (first + p) * s.stride[1] + j * s.dilation[1]
                value = b.load(self.at(x, tap + cell * s.x_strides[2], self.kind), align=self.size)
                for v, width in enumerate(self.widths):
                    sums[p, v] = self.fma(self.splat(value, width), weights[v], sums[p, v], width)
        for (p, v), total in sums.items():
            width = self.widths[v]
            if bias is not None:
                vector = ir.VectorType(self.kind, width)
                total = b.fadd(total, b.load(self.at(bias, v * s.lanes, vector), align=self.size))
            total = self.clipped(total, width)
            where = self.at(y, (first + p) * s.filters + v * s.lanes, total.type)
            b.store(total, where, align=self.size)

    def clipped(self, total: Any, width: int) -> Any:
        """Cut at the activation's ends; a NaN stays one."""
        for end, sign in zip(self.shape.clip, "<>", strict=True):
            if end is not None:
                limit = self.splat(ir.Constant(self.kind, float(end)), width)
                total = self.b.select(self.b.fcmp_ordered(sign, total, limit), limit, total)
        return total


class _counted:
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


def build(shape: Shape, symbol: str) -> dict[str, str]:
    """Return the IR by symbol."""
    return {symbol: emit(shape, symbol)}
