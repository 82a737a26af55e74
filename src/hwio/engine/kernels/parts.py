"""Numbers as sums of bfloat16 parts: 8 bits of significand each, 3 parts hold all 24.

    part 0 = x rounded to bfloat16,  part 1 = (x - part 0) rounded,  part 2 = the rest, exactly

Rounding to nearest leaves a rest of at most 2^-8 of the number. Integer arithmetic rounds, so that
nothing is flushed and no processor needs an instruction for it.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import I32, I64, at
from hwio.engine.kernels.emit import Emitter, Tile, number
from hwio.engine.kernels.tile_forms import BITS, LANES, TILE

ABSENT = 0x7FFFFFFF  # above every number's bits: "no number seen" where the least is kept
ROW = Tile("f4", 16, 1, 2)  # 32 channels of a pixel, or 32 filters


def bits_of(value):
    """Return a constant of 16 lanes."""
    return ir.Constant(BITS, [value] * 16)


class PartsEmitter(Emitter):
    """Emits the splitting of 32 neighbouring numbers."""

    def __init__(self, builder, parts: int) -> None:
        super().__init__(builder, ROW)
        self.parts = parts
        kinds = [LANES.as_pointer(), I32, ir.VectorType(ir.IntType(1), 16), LANES]
        self.masked_load = self._declare("llvm.masked.load.v16f32.p0", LANES, kinds)

    def numbers(self, source, count):
        """Load two vectors; beyond ``count`` numbers (None: 32) there are zeros."""
        b = self.b
        if count is None:
            return [self.vector_at(source, v) for v in range(2)]
        return [
            b.call(
                self.masked_load,
                [
                    at(b, b.add(source, number(v * 64)), LANES),
                    ir.Constant(I32, 4),
                    mask,
                    ir.Constant(LANES, None),
                ],
            )
            for v, mask in enumerate(self.masks(count))
        ]

    def sizes(self, value):
        """Return the bits of absolute values; as integers they have the numbers' order."""
        return self.b.and_(self.b.bitcast(value, BITS), bits_of(0x7FFFFFFF))

    def split(self, value):
        """Return the parts of a vector as float32 bits, whose lower halves are zeros."""
        b, found = self.b, []
        for _ in range(self.parts):
            bits = b.bitcast(value, BITS)
            even = b.and_(b.lshr(bits, bits_of(16)), bits_of(1))  # ties go to even
            bits = b.add(bits, b.add(bits_of(0x7FFF), even))
            bits = b.and_(bits, bits_of(-(1 << 16)))
            found.append(bits)
            value = b.fsub(value, b.bitcast(bits, LANES))
        return found


def make_split_cell(parts: int, *, whole: bool):
    """Return the intrinsic that splits up to 32 channels of one pixel.

    It writes (part, 32) bfloat16 numbers and returns 1 if a number's size lies outside low to high,
    zeros aside, else 0. ``low`` and ``high`` are bits of float32.
    """
    half = ir.VectorType(ir.IntType(16), 16)

    @intrinsic
    def split_cell(typingctx, source, target, count, low, high):
        def codegen(ctx, b, signature, args):
            source, target, count, low, high = args
            emitter = PartsEmitter(b, parts)
            low, high = (emitter.splat(b.trunc(end, I32), 16) for end in (low, high))
            outside = ir.Constant(ir.VectorType(ir.IntType(1), 16), None)
            for v, value in enumerate(emitter.numbers(source, None if whole else count)):
                size = emitter.sizes(value)
                small = b.and_(
                    b.icmp_unsigned("<", size, low), b.icmp_unsigned("!=", size, bits_of(0))
                )
                large = b.icmp_unsigned(">", size, high)
                outside = b.or_(outside, b.or_(small, large))
                for p, bits in enumerate(emitter.split(value)):
                    upper = b.trunc(b.lshr(bits, bits_of(16)), half)
                    where = b.add(target, number(p * 64 + v * 32))
                    b.store(upper, at(b, where, half), align=2)
            lanes = b.bitcast(outside, ir.IntType(16))
            return b.zext(b.icmp_unsigned("!=", lanes, ir.Constant(ir.IntType(16), 0)), I64)

        return types.intp(*[types.intp] * 5), codegen

    return split_cell


def make_zero_cell(parts: int):
    """Return the intrinsic that writes zeros for 32 channels of one pixel."""

    @intrinsic
    def zero_cell(typingctx, target):
        def codegen(ctx, b, signature, args):
            for p in range(parts):
                where = b.add(args[0], number(p * 64))
                b.store(bits_of(0), at(b, where, BITS), align=2)
            return ctx.get_dummy_value()

        return types.void(types.intp), codegen

    return zero_cell


def make_weave(parts: int):
    """Return the intrinsic that packs two neighbouring channels of up to 32 filters.

    Each 32 bits hold the same part of both channels, as tiles of w want them. ``first`` and
    ``second`` count the filters of each channel's row, 0 where there is no such channel. The least
    and the largest size seen are kept in ``seen``, two vectors of bits.
    """

    @intrinsic
    def weave(typingctx, row, next_row, first, second, target, seen):
        def codegen(ctx, b, signature, args):
            row, next_row, first, second, target, seen = args
            emitter = PartsEmitter(b, parts)
            least, most = (at(b, b.add(seen, number(n * 64)), BITS) for n in range(2))
            low, high = b.load(least, align=4), b.load(most, align=4)
            pairs = zip(emitter.numbers(row, first), emitter.numbers(next_row, second), strict=True)
            for n, pair in enumerate(pairs):
                for value in pair:
                    size = emitter.sizes(value)
                    known = b.select(b.icmp_unsigned("==", size, bits_of(0)), bits_of(ABSENT), size)
                    low = b.select(b.icmp_unsigned("<", known, low), known, low)
                    high = b.select(b.icmp_unsigned(">", size, high), size, high)
                for p, (one, two) in enumerate(zip(*map(emitter.split, pair), strict=True)):
                    both = b.or_(b.lshr(one, bits_of(16)), two)
                    where = b.add(target, number((p * 2 + n) * TILE))
                    b.store(both, at(b, where, BITS), align=4)
            b.store(low, least, align=4)
            b.store(high, most, align=4)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 6), codegen

    return weave


@intrinsic
def store_row(typingctx, sums, y, bias, columns, ends):
    """Add the bias to 32 sums of one pixel, cut at the activation's ends, store ``columns``."""

    def codegen(ctx, b, signature, args):
        sums, y, bias, columns, ends = args
        emitter = Emitter(b, ROW)
        done = emitter.finish([emitter.vector_at(sums, v) for v in range(2)], bias, ends, 2)
        emitter.store(done, y, number(0), columns)
        return ctx.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


@intrinsic
def call_tiles(typingctx, function, x, offsets, steps, w, sums, fresh, count, wide, config):
    """Call the products of tiles at an address."""

    def codegen(ctx, b, signature, args):
        kind = ir.FunctionType(ir.VoidType(), [I64] * 9)
        b.call(b.inttoptr(args[0], kind.as_pointer()), args[1:])
        return ctx.get_dummy_value()

    return types.void(*[types.intp] * 10), codegen
