"""The register block of pooling's gradients: some windows of a row give their dy to dx.

See ``pooling_grad`` for the order in which that happens. Steps are counted in numbers, since those of
x and of dx may differ in size.
"""

from __future__ import annotations

from functools import partial

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
                GivingEmitter(inner, task, kind, given, lanes, mr, most).give_all(*values)

            call_apart(b, f"giving_tile_{mr}", emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 11), codegen

    return giving_tile


class GivingEmitter(PoolingEmitter):
    """Emits the instructions of one tile of windows.

    ``task`` tells who gets dy: the "first" maximum of a window, "all" of its maxima, or every cell
    its share, as a "mean" has it. ``kind`` is x's number type, ``given`` that of dy and dx.
    """

    def __init__(self, builder, task, kind, given, lanes, mr, most) -> None:
        super().__init__(builder, task, kind, lanes, mr)
        self.given, self.most, self.given_size = given, most, int(given[1])

    def give_all(self, a, x, dx, dy, by, depth, rows, taps, skipped, owned, channels):
        """Emit the loops over channels: as many vectors at once as there are, then narrower ones."""
        b, end = self.b, number(0)
        self.fields, self.by, self.span = a, by, (skipped, owned)
        counts = zip((depth, rows, taps), "dhw", strict=True)
        self.steps = [
            (n, b.mul(self.field(f"dilation_{s}"), self.field(f"x_{s}"))) for n, s in counts
        ]
        self.pixel = b.mul(self.field("stride_w"), self.field("x_w"))
        self.apart = b.icmp_signed("!=", self.field("apart"), number(0))
        self.zeros = self.field("zeros")

        def body(vectors, lanes):
            def give(n, carried):
                back, here = self.times(n, self.given_size), b.add(x, self.times(n, self.size))
                self.give(here, b.add(dx, back), b.add(dy, back), vectors, lanes)
                return carried

            return give

        widths = [(v, self.lanes) for v in (16, 8, 4, 2, 1) if v * self.mr <= self.most]
        narrow = self.lanes // 2
        while narrow:
            widths.append((1, narrow))
            narrow //= 2
        for vectors, lanes in widths:
            start, end = end, b.and_(channels, number(-vectors * lanes))
            self.loop(start, end, number(vectors * lanes), [], body(vectors, lanes))

    def give(self, x, dx, dy, vectors, lanes):
        """Emit the giving for some channels: look for the maxima, then add to dx."""
        b, shape = self.b, (vectors, lanes)
        places = self.spots(dy, self.times(self.field("channels"), self.given_size), *shape)
        given = [self.load(place, ir.VectorType(NUMBERS[self.given], lanes)) for place in places]
        steps = [(count, self.times(step, self.size)) for count, step in self.steps]
        pixel = self.times(self.pixel, self.size)
        if self.task == "mean":
            given = self.shared(given, *shape)
            self.spread(dx, given, None, *shape)
        elif self.task == "first":
            first = self.first_of(x, steps, pixel, *shape)

            def is_first(tap, offset):
                for one in first:
                    yield b.icmp_signed("==", one, tap)

            self.spread(dx, given, is_first, *shape)
        else:
            tops = self.reduced(x, steps, pixel, *shape)

            def is_largest(tap, offset):
                here = b.add(x, self.times(offset, self.size))
                for place, top in zip(self.vectors_at(here, pixel, *shape), tops, strict=True):
                    yield self.equal(self.load(place, self.vector(lanes)), top)

            self.spread(dx, given, is_largest, *shape)

    def first_of(self, x, window, pixel_step, vectors, lanes):
        """Emit the loops over the taps; return which one has each window's first maximum or NaN.

        Taps are counted row by row from the first one that is on x.
        """
        b, vector, count = self.b, self.vector(lanes), self.mr * vectors
        (depth, step_d), (rows, step_h), (taps, step_w) = window

        def tap(base, k, state):
            tops, found, here = state[:count], state[count:-1], state[-1]
            places = self.vectors_at(b.add(base, b.mul(k, step_w)), pixel_step, vectors, lanes)
            for n, place in enumerate(places):  # one by one: masks have few registers
                value = self.load(place, vector)
                above = self.above(value, tops[n])
                tops[n] = b.select(above, value, tops[n])
                found[n] = b.select(above, here, found[n])
            return [*tops, *found, b.add(here, self.numbers(1, lanes))]

        def row(base, n, state):
            base = b.add(base, b.mul(n, step_h))
            return self.loop(number(0), taps, number(1), state, partial(tap, base))

        def plane(n, state):
            base = b.add(x, b.mul(n, step_d))
            return self.loop(number(0), rows, number(1), state, partial(row, base))

        least, none = ir.Constant(vector, [self.least()] * lanes), self.numbers(0, lanes)
        start = [*[least] * count, *[none] * (count + 1)]
        return self.loop(number(0), depth, number(1), start, plane)[count:-1]

    def spread(self, dx, given, chosen, vectors, lanes):
        """Emit the loops over the taps that may be written.

        ``chosen(tap, offset)`` yields for each vector who gets dy, if not all do: tap counts as in
        ``first_of``, the offset in numbers.
        """
        b = self.b
        (depth, step_d), (rows, step_h), (taps, step_w) = self.steps

        def tap(base, n, carried):
            offset = b.add(base, b.mul(n, step_w))
            here, step = (self.times(value, self.given_size) for value in (offset, self.pixel))
            places = self.spots(b.add(dx, here), step, vectors, lanes)
            who = chosen(carried[0], offset) if chosen else [None] * len(given)
            for place, dy, one in zip(places, given, who, strict=True):
                self.add(place, dy, one)
            return [b.add(carried[0], self.numbers(1, lanes))]

        def row(base, before, n, carried):
            base = b.add(base, b.mul(n, step_h))
            start = b.trunc(b.mul(b.add(before, n), taps), ir.IntType(8 * self.size))
            self.loop(number(0), taps, number(1), [self.splat(start, lanes)], partial(tap, base))
            return carried

        def plane(n, carried):
            inner = partial(row, b.mul(n, step_d), b.mul(n, rows))
            return self.loop(*self.span, number(1), carried, inner)

        self.loop(number(0), depth, number(1), [], plane)

    def add(self, place, dy, chosen):
        """Add dy to the chosen cells of dx; to nothing where no other window gives to them."""
        b = self.b
        old = self.load(b.select(self.apart, self.zeros, place), dy.type)
        new = b.fadd(old, dy)
        if chosen is not None:
            new = b.select(chosen, new, old)
        b.store(new, at(b, place, new.type), align=self.given_size)

    def above(self, value, top):
        """Tell where a value is above what there was, or the first NaN."""
        b = self.b
        return b.and_(b.fcmp_unordered(">", value, top), b.fcmp_ordered("ord", top, top))

    def equal(self, value, top):
        """Tell where a value is the largest; a NaN is, in a window that has one."""
        b = self.b
        return b.or_(b.fcmp_ordered("==", value, top), b.fcmp_unordered("uno", value, value))

    def shared(self, given, vectors, lanes):
        """Divide each window's dy by its number of cells."""
        b, done, step = self.b, [], self.field("divisor_step")
        for m in range(self.mr):
            by = self.load(b.add(self.by, b.mul(step, number(m))), NUMBERS[self.given])
            by = self.splat(by, lanes)
            done += [b.fdiv(dy, by) for dy in given[m * vectors : (m + 1) * vectors]]
        return done

    def numbers(self, value, lanes):
        """Return a vector that counts taps, in integers as wide as x's numbers."""
        return ir.Constant(ir.VectorType(ir.IntType(8 * self.size), lanes), [value] * lanes)

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

    def field(self, name):
        """Load a field."""
        return self.b.load(at(self.b, self.b.add(self.fields, number(AT[name])), I64), align=8)
