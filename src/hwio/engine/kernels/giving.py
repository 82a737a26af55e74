"""The register block of pooling's gradients: some windows of a row give their dy to dx.

See ``pooling_grad`` for the order in which that happens. Steps are counted in numbers, since those of
x and of dx may differ in size.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.intrinsics import I64, at
from hwio.engine.kernels.emit import call_apart, number
from hwio.engine.kernels.pooling import NUMBERS, PoolingEmitter


def make_tile(task: str, kind: str, given: str, lanes: int, mr: int, most: int):
    """Return the intrinsic that gives ``mr`` numbers of a row of dy back, over all channels."""

    @intrinsic
    def giving_tile(
        typingctx, a, x, dx, dy, by, depth, rows, taps, skipped, owned, channels,
    ):  # fmt: skip
        def codegen(ctx, b, signature, args):
            def emit(inner, values):
                GivingEmitter(inner, task, kind, given, lanes, mr, most).tile(*values)

            call_apart(b, f"giving_tile_{mr}", emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 11), codegen

    return giving_tile


class GivingEmitter(PoolingEmitter):
    """Emits the instructions of one tile of windows.

    ``kind`` is x's number type, ``given`` that of dy and dx; ``most`` vectors are given at once.
    """

    def __init__(self, builder, task, kind, given, lanes, mr, most) -> None:
        super().__init__(builder, task, kind, lanes, mr)
        self.given, self.most, self.given_size = given, most, int(given[1])

    def tile(self, a, x, dx, dy, by, depth, rows, taps, skipped, owned, channels):
        """Emit the loops over channels: as many vectors at once as there are, then narrower ones."""
        b, at_once = self.b, self.most // self.mr
        every = (
            (depth, AT["dilation_d"], AT["x_d"]),
            (rows, AT["dilation_h"], AT["x_h"]),
            (taps, AT["dilation_w"], AT["x_w"]),
        )
        window = [(count, b.mul(self.field(a, d), self.field(a, x))) for count, d, x in every]
        owner = a, window, skipped, owned

        def body(vectors, lanes):
            def give(n, carried):
                places = (x, b.mul(n, number(self.size))), (dx, b.mul(n, number(self.given_size)))
                here, back = (b.add(*place) for place in places)
                there = b.add(dy, b.mul(n, number(self.given_size)))
                self.give(owner, here, back, there, by, vectors, lanes)
                return carried

            return give

        end = number(0)
        steps = [(v, self.lanes) for v in (4, 2, 1) if v <= at_once]
        narrow = self.lanes // 2
        while narrow:
            steps.append((1, narrow))
            narrow //= 2
        for vectors, lanes in steps:
            start, end = end, b.and_(channels, number(-vectors * lanes))
            self.loop(start, end, number(vectors * lanes), [], body(vectors, lanes))

    def give(self, owner, x, dx, dy, by, vectors, lanes):
        """Emit what happens to some channels of the tile's windows."""
        a, ((depth, step_d), *_), skipped, owned = owner
        b, dy_step = self.b, self.times(self.field(a, AT["channels"]), self.given_size)
        vector = ir.VectorType(NUMBERS[self.given], lanes)
        left = [self.load(at_, vector) for at_ in self.spots(dy, dy_step, vectors, lanes)]
        pixel = b.mul(self.field(a, AT["stride_w"]), self.field(a, AT["x_w"]))
        if self.task == "mean":
            left = self.shared(left, by, self.field(a, AT["divisor_step"]), vectors, lanes)
            largest = after = None
        else:
            sizes = [(count, self.times(step, self.size)) for count, step in owner[1]]
            largest = self.reduced(x, sizes, self.times(pixel, self.size), vectors, lanes)
            keep = b.icmp_signed("!=", self.field(a, AT["all_ties"]), number(0))
            after = [b.select(keep, one, ir.Constant(vector, None)) for one in left]
        tap = _Tap(self, a, pixel, largest, after, vectors, lanes)

        def plane(n, left):
            shift = b.mul(n, step_d)
            if largest is not None:
                left = tap.rows(owner, x, dx, shift, (number(0), skipped), left, writes=False)
            left = tap.rows(owner, x, dx, shift, (skipped, owned), left, writes=True)
            if largest is None:
                return left
            # another plane follows, whose taps come after the rows that are not owned
            more = b.icmp_signed("<", b.add(n, number(1)), depth)
            rest = owned, b.select(more, owner[1][1][0], owned)
            return tap.rows(owner, x, dx, shift, rest, left, writes=False)

        carried = [] if largest is None else left
        tap.share = left
        self.loop(number(0), depth, number(1), carried, plane)

    def shared(self, given, by, step, vectors, lanes):
        """Divide each window's dy by its number of cells."""
        b, done = self.b, []
        for m in range(self.mr):
            one = self.load(b.add(by, b.mul(step, number(m))), NUMBERS[self.given])
            one = self.splat(one, lanes)
            done += [b.fdiv(dy, one) for dy in given[m * vectors : (m + 1) * vectors]]
        return done

    def spots(self, address, step, vectors, lanes):
        """Yield where each vector of each window's dy or dx is."""
        b = self.b
        for m in range(self.mr):
            window = b.add(address, b.mul(step, number(m)))
            for v in range(vectors):
                yield b.add(window, number(v * lanes * self.given_size))

    def times(self, value, factor):
        """Multiply by a constant."""
        return self.b.mul(value, number(factor))

    def field(self, a, offset):
        """Load a field."""
        return self.b.load(at(self.b, self.b.add(a, number(offset)), I64), align=8)


class _Tap:
    """Emits what one tap of the tile's windows does, and the loops over rows and taps."""

    def __init__(self, emitter, a, pixel, largest, after, vectors, lanes) -> None:
        self.e, self.b, self.pixel = emitter, emitter.b, pixel
        self.largest, self.after = largest, after
        self.vectors, self.lanes = vectors, lanes
        self.share = []
        self.apart = self.b.icmp_signed("!=", emitter.field(a, AT["apart"]), number(0))
        self.zeros = emitter.field(a, AT["zeros"])

    def rows(self, owner, x, dx, shift, span, left, *, writes):
        """Emit the loops over the rows from span's first on, before its second."""
        _, (_, (_, step_h), (taps, step_w)), *_ = owner
        b = self.b

        def row(j, left):
            base = b.add(shift, b.mul(j, step_h))

            def body(k, left):
                return self.tap(x, dx, b.add(base, b.mul(k, step_w)), left, writes)

            return self.e.loop(number(0), taps, number(1), left, body)

        return self.e.loop(*span, number(1), left, row)

    def tap(self, x, dx, offset, left, writes):
        """Emit one tap; return what is left of every dy."""
        e, b, shape = self.e, self.b, (self.vectors, self.lanes)
        if self.largest is None:
            self.add(dx, offset, self.share)
            return left
        here = b.add(x, e.times(offset, e.size))
        places = e.vectors_at(here, e.times(self.pixel, e.size), *shape)
        values = [e.load(place, e.vector(self.lanes)) for place in places]
        found = [self.found(value, top) for value, top in zip(values, self.largest, strict=True)]
        if writes:
            none = ir.Constant(left[0].type, None)
            self.add(
                dx, offset, [b.select(f, one, none) for f, one in zip(found, left, strict=True)]
            )
        each = zip(found, self.after, left, strict=True)
        return [b.select(f, after, one) for f, after, one in each]

    def found(self, value, top):
        """Tell which values are the largest: a NaN is, in a window that has one."""
        b, kind = self.b, self.e.kind[0]
        if kind != "f":
            return b.icmp_signed("==", value, top)
        same = b.fcmp_ordered("==", value, top)
        return b.or_(same, b.fcmp_unordered("uno", value, value))

    def add(self, dx, offset, amounts):
        """Add to dx; to nothing where no other window gives to these cells."""
        e, b = self.e, self.b
        here = b.add(dx, e.times(offset, e.given_size))
        step = e.times(self.pixel, e.given_size)
        places = e.spots(here, step, self.vectors, self.lanes)
        for place, amount in zip(places, amounts, strict=True):
            old = e.load(b.select(self.apart, self.zeros, place), amount.type)
            b.store(b.fadd(old, amount), at(b, place, amount.type), align=e.given_size)
