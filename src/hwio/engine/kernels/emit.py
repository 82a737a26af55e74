"""What all register blocks are made of: loops with carried values, splats, loads, stores.

These functions write LLVM instructions while a kernel compiles; none of them runs with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir
from numba.core import cgutils

from hwio.engine.intrinsics import FLOATS, I32, I64, at


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a register block: ``lanes`` of a vector, MR × NRV vectors of sums.

    ``kind`` is that of x, w and the sums, f4 or f8; or those of x and w, as in u1i1, with sums in
    int32.
    """

    kind: str
    lanes: int
    mr: int
    nrv: int

    @property
    def size(self) -> int:
        """Bytes of one sum."""
        return int(self.kind[1]) if self.kind in FLOATS else 4

    @property
    def x_size(self) -> int:
        """Bytes of one number of x."""
        return int(self.kind[1])

    @property
    def together(self) -> int:
        """Numbers of x that one lane takes at once."""
        return self.size // self.x_size

    @property
    def vector(self) -> ir.VectorType:
        """The LLVM vector of sums."""
        return ir.VectorType(FLOATS.get(self.kind, I32), self.lanes)


def number(value: int) -> ir.Constant:
    """Return a 64-bit constant."""
    return ir.Constant(I64, value)


class Loops:
    """Emits loops, whatever is in them."""

    def __init__(self, builder) -> None:
        self.b = builder

    def splat(self, scalar, count):
        """Copy a scalar into all lanes."""
        kind = ir.VectorType(scalar.type, count)
        empty = ir.Constant(kind, ir.Undefined)
        one = self.b.insert_element(empty, scalar, ir.Constant(I32, 0))
        return self.b.shuffle_vector(
            one, empty, ir.Constant(ir.VectorType(I32, count), [0] * count)
        )

    def loop(self, start, stop, step, carried, body):
        """Emit ``for n in range(start, stop, step)`` with carried values; return them after."""
        b = self.b
        head = b.block
        inside, after = b.append_basic_block("loop"), b.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", start, stop), inside, after)
        b.position_at_end(inside)
        n = b.phi(I64)
        n.add_incoming(start, head)
        phis = [b.phi(value.type) for value in carried]
        for phi, value in zip(phis, carried, strict=True):
            phi.add_incoming(value, head)
        new = body(n, list(phis))
        following, end = b.add(n, step), b.block
        n.add_incoming(following, end)
        for phi, value in zip(phis, new, strict=True):
            phi.add_incoming(value, end)
        b.cbranch(b.icmp_signed("<", following, stop), inside, after)
        b.position_at_end(after)
        results = [b.phi(value.type) for value in carried]
        for phi, first, last in zip(results, carried, new, strict=True):
            phi.add_incoming(first, head)
            phi.add_incoming(last, end)
        return results


class Emitter(Loops):
    """Emits the instructions of one register block."""

    def __init__(self, builder, tile: Tile) -> None:
        super().__init__(builder)
        self.tile = tile
        vector, floats = tile.vector, tile.kind in FLOATS
        width = f"v{tile.lanes}{'f' if floats else 'i'}{tile.size * 8}"
        if floats:
            self.fma = self._declare(f"llvm.fma.{width}", vector, [vector] * 3)
        mask = ir.VectorType(ir.IntType(1), tile.lanes)
        kinds = [vector, vector.as_pointer(), I32, mask]
        self.masked_store = self._declare(f"llvm.masked.store.{width}.p0", ir.VoidType(), kinds)

    def _declare(self, name, result, kinds):
        return cgutils.get_or_insert_function(self.b.module, ir.FunctionType(result, kinds), name)

    def vector_at(self, address, v):
        """Load vector v behind an address."""
        t = self.tile
        where = self.b.add(address, number(v * t.lanes * t.size))
        return self.b.load(at(self.b, where, t.vector), align=t.size)

    def channels_at(self, row, v, masks):
        """Load vector v of a cell's channels, zeros behind the last; without masks there is no last."""
        b, t = self.b, self.tile
        if masks is None:
            return self.vector_at(row, v)
        name = f"llvm.masked.load.v{t.lanes}f{t.size * 8}.p0"
        kinds = [t.vector.as_pointer(), I32, masks[v].type, t.vector]
        load = self._declare(name, t.vector, kinds)
        where = at(b, b.add(row, number(v * t.lanes * t.size)), t.vector)
        return b.call(
            load, [where, ir.Constant(I32, t.size), masks[v], ir.Constant(t.vector, None)]
        )

    def prefetch(self, address, write=False):
        """Ask for a cache line to be brought near, to be written; any address is allowed."""
        where = self.b.inttoptr(address, ir.IntType(8).as_pointer())
        name, kinds = "llvm.prefetch.p0", [where.type, I32, I32, I32]
        how, level, data = (ir.Constant(I32, n) for n in (int(write), 3 if write else 2, 1))
        self.b.call(self._declare(name, ir.VoidType(), kinds), [where, how, level, data])

    def finish(self, sums, bias, ends, vectors):
        """Add the bias of every ``vectors`` sums, cut at the activation's ends; a NaN stays one."""
        b, t = self.b, self.tile
        biases = [self.vector_at(bias, v) for v in range(vectors)]
        kind = FLOATS[t.kind]
        low, high = (
            self.splat(b.load(at(b, b.add(ends, number(n * t.size)), kind), align=t.size), t.lanes)
            for n in range(2)
        )
        done = []
        for n, total in enumerate(sums):
            value = b.fadd(total, biases[n % vectors])
            value = b.select(b.fcmp_ordered("<", value, low), low, value)
            done.append(b.select(b.fcmp_ordered(">", value, high), high, value))
        return done

    def places(self, y, y_step):
        """Yield the number of each vector of sums and where it goes."""
        b, t = self.b, self.tile
        for m in range(t.mr):
            row = b.add(y, b.mul(y_step, number(m)))
            for v in range(t.nrv):
                where = b.add(row, number(v * t.lanes * t.size))
                yield m * t.nrv + v, v, at(b, where, t.vector)

    def store(self, sums, y, y_step, columns):
        """Store the columns that are real filters."""
        b, t = self.b, self.tile
        full = b.icmp_signed(">=", columns, number(t.nrv * t.lanes))
        with b.if_else(full) as (then, otherwise):
            with then:
                for n, _, where in self.places(y, y_step):
                    b.store(sums[n], where, align=t.size)
            with otherwise:
                masks = self.masks(columns)
                for n, v, where in self.places(y, y_step):
                    b.call(self.masked_store, [sums[n], where, ir.Constant(I32, t.size), masks[v]])

    def masks(self, columns):
        """Return for each vector which of its lanes are below ``columns``."""
        b, t = self.b, self.tile
        lanes = ir.Constant(ir.VectorType(I64, t.lanes), list(range(t.lanes)))
        return [
            b.icmp_signed("<", lanes, self.splat(b.sub(columns, number(v * t.lanes)), t.lanes))
            for v in range(t.nrv)
        ]


def call_apart(b, name, emit, args):
    """Call code as a function of its own, so that no value of its caller takes its registers."""
    function = b.module.globals.get(name)
    if function is None:
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(args))
        function = ir.Function(b.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("noinline")
        function.attributes.add("nounwind")
        inner = ir.IRBuilder(function.append_basic_block("entry"))
        emit(inner, function.args)
        inner.ret_void()
    b.call(function, args)
