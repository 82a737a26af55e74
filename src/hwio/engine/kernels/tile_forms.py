"""Products of tiles: by the instructions of AMX, or by the same arithmetic in memory.

A tile is 16 rows of 64 bytes. One instruction, tdpbf16ps, adds the product of a tile of x (16 pixels
× 32 channels) and a tile of w (32 channels × 16 filters, two channels side by side) to a tile of 16 ×
16 float32 sums. The form "amx" emits that instruction and its like; the form "soft" keeps tiles as
arrays and does what the instruction is documented to do, roundings and flushed subnormals included,
on any processor. All that surrounds the eight operations below is the same for both.
"""

from __future__ import annotations

import re

from llvmlite import ir

from hwio.engine.intrinsics import FLOATS, I32, I64, at
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number

PAIRS = {  # parts -> products (part of x, part of w), small ones first, neighbours sharing a part
    1: ((0, 0),),
    2: ((0, 1), (1, 0), (0, 0)),
    3: ((0, 2), (0, 1), (1, 1), (1, 0), (2, 0), (0, 0)),
}
TILE = 1024  # bytes of a tile
ROWS = 16  # pixels of a tile
SUMS_ROW = 128  # bytes of one pixel's sums: two tiles of filters
I8 = ir.IntType(8)
BITS = ir.VectorType(I32, 16)
LANES = ir.VectorType(FLOATS["f4"], 16)


class AmxTiles:
    """The operations as instructions; tiles are the registers 0 to 7."""

    def __init__(self, emitter: Emitter) -> None:
        self.b, self.declare = emitter.b, emitter._declare

    def _call(self, name, *args):
        kinds = [arg.type for arg in args]
        self.b.call(self.declare(f"llvm.x86.{name}", ir.VoidType(), kinds), args)

    def _tile(self, n):
        return ir.Constant(I8, n)

    def configure(self, config):
        """Set rows and bytes of a row for every tile."""
        self._call("ldtilecfg", at(self.b, config, I8))

    def release(self):
        """Leave tiles unused, so that nobody saves or restores them."""
        self._call("tilerelease")

    def zero(self, n):
        """Fill tile n with zeros."""
        self._call("tilezero", self._tile(n))

    def load(self, n, address, step):
        """Load the rows of tile n, ``step`` bytes apart."""
        self._call("tileloadd64", self._tile(n), at(self.b, address, I8), number(step))

    def store(self, n, address, step):
        """Store the rows of tile n, ``step`` bytes apart."""
        self._call("tilestored64", self._tile(n), at(self.b, address, I8), number(step))

    def multiply(self, sums, x, w):
        """Add the product of two tiles to a third."""
        self._call("tdpbf16ps", *(self._tile(n) for n in (sums, x, w)))


class SoftTiles:
    """The same operations on eight arrays in memory."""

    def __init__(self, emitter: Emitter) -> None:
        self.emitter, self.b = emitter, emitter.b
        room = self.b.alloca(ir.ArrayType(I8, 8 * TILE))
        room.align = 64
        self.room = self.b.ptrtoint(room, I64)

    def _tile(self, n):
        return self.b.add(self.room, number(n * TILE))

    def configure(self, config):
        """Nothing to set: every tile is whole."""

    def release(self):
        """Nothing to release."""

    def zero(self, n):
        """Fill tile n with zeros."""
        for row in range(ROWS):
            where = self.b.add(self._tile(n), number(row * 64))
            self.b.store(ir.Constant(BITS, None), at(self.b, where, BITS), align=4)

    def load(self, n, address, step):
        """Copy rows that are ``step`` bytes apart into tile n."""
        self._copy(address, step, self._tile(n), 64)

    def store(self, n, address, step):
        """Copy tile n to rows that are ``step`` bytes apart."""
        self._copy(self._tile(n), 64, address, step)

    def _copy(self, source, source_step, target, target_step):
        args = [source, number(source_step), target, number(target_step)]
        call_apart(self.b, "soft_copy", _copy_rows, args)

    def multiply(self, sums, x, w):
        """Add the product of two tiles to a third."""
        call_apart(self.b, "soft_multiply", _multiply, [self._tile(n) for n in (sums, x, w)])


def _copy_rows(b, args):
    """Emit the copy of 16 rows of 64 bytes."""
    source, source_step, target, target_step = args
    for row in range(ROWS):
        value = b.load(at(b, b.add(source, b.mul(source_step, number(row))), BITS), align=2)
        b.store(value, at(b, b.add(target, b.mul(target_step, number(row))), BITS), align=2)


def _multiply(b, args):
    """Emit tdpbf16ps: two chains of 16 fused steps, for even and odd channels, then two additions."""
    sums, x, w = args
    emitter = Emitter(b, Tile("f4", 16, 1, 1))

    def row(m, carried):
        def step(k, chains):
            pair = b.load(at(b, b.add(x, b.add(b.mul(m, number(64)), b.mul(k, number(4)))), I32))
            pair = emitter.splat(pair, 16)
            weights = b.load(at(b, b.add(w, b.mul(k, number(64))), BITS), align=4)
            halves = zip(_halves(b, pair), _halves(b, weights), chains, strict=True)
            return [_flushed(b, b.call(emitter.fma, [xs, ws, chain])) for xs, ws, chain in halves]

        zeros = [ir.Constant(LANES, None)] * 2
        even, odd = emitter.loop(number(0), number(16), number(1), zeros, step)
        where = at(b, b.add(sums, b.mul(m, number(64))), LANES)
        total = _flushed(b, b.load(where, align=4))
        b.store(_flushed(b, b.fadd(total, _flushed(b, b.fadd(even, odd)))), where, align=4)
        return carried

    emitter.loop(number(0), number(ROWS), number(1), [], row)


def _halves(b, bits):
    """Return the lower and the upper bfloat16 of each 32 bits as float32, subnormals as zeros."""
    lower = b.shl(bits, ir.Constant(BITS, [16] * 16))
    upper = b.and_(bits, ir.Constant(BITS, [-(1 << 16)] * 16))
    return [_flushed(b, b.bitcast(half, LANES)) for half in (lower, upper)]


def _flushed(b, value):
    """Make subnormal numbers zeros of their sign."""
    bits = b.bitcast(value, BITS)
    size = b.and_(bits, ir.Constant(BITS, [0x7FFFFFFF] * 16))
    tiny = b.icmp_unsigned("<", size, ir.Constant(BITS, [0x00800000] * 16))
    sign = b.and_(bits, ir.Constant(BITS, [-(1 << 31)] * 16))
    return b.bitcast(b.select(tiny, sign, bits), LANES)


class ProductEmitter(Emitter):
    """Emits the sums of some tiles of pixels × one panel of 32 filters."""

    def __init__(self, builder, form: str, parts: int) -> None:
        super().__init__(builder, Tile("f4", 16, 1, 1))
        self.parts = parts
        self.tiles = AmxTiles(self) if form == "amx" else SoftTiles(self)
        self.cell = parts * 64  # bytes of one pixel's 32 channels

    def products(self, x, offsets, steps, w, sums, fresh, count, wide, config):
        """Emit the loop over tiles two by two, and the last one alone if their number is odd."""
        b = self.b
        self.tiles.configure(config)
        even = b.and_(count, number(-2))
        with b.if_else(b.icmp_signed(">", wide, number(1))) as (two, one):
            for columns, branch in ((2, two), (1, one)):
                with branch:

                    def block(first, carried, rows=2, columns=columns):
                        here = b.add(x, b.mul(first, number(ROWS * self.cell)))
                        there = b.add(sums, b.mul(first, number(ROWS * SUMS_ROW)))
                        self.block(here, offsets, steps, w, there, fresh, rows, columns)
                        return carried

                    def last(first, carried, block=block):
                        return block(first, carried, rows=1)

                    self.loop(number(0), even, number(2), [], block)
                    self.loop(even, count, number(1), [], last)
        self.tiles.release()

    def block(self, x, offsets, steps, w, sums, fresh, rows, columns):
        """Emit one block of rows × columns tiles of sums, in the registers 0 to 3."""
        b, tiles = self.b, self.tiles
        places = [
            (m * 2 + n, b.add(sums, number(m * ROWS * SUMS_ROW + n * 64)))
            for m in range(rows)
            for n in range(columns)
        ]
        with b.if_else(b.icmp_signed("!=", fresh, number(0))) as (new, old):
            with new:
                for n, _ in places:
                    tiles.zero(n)
            with old:
                for n, where in places:
                    tiles.load(n, where, SUMS_ROW)

        def step(s, carried):
            offset = b.load(at(b, b.add(offsets, b.mul(s, number(8))), I64), align=8)
            weights = b.add(w, b.mul(s, number(self.parts * 2 * TILE)))
            self.step(b.add(x, offset), weights, rows, columns)
            return carried

        self.loop(number(0), steps, number(1), [], step)
        for n, where in places:
            tiles.store(n, where, SUMS_ROW)

    def step(self, x, w, rows, columns):
        """Emit all products of 32 channels: x in the registers 4 and 5, w in 6 and 7."""
        b, held = self.b, (-1, -1)
        for i, j in PAIRS[self.parts]:
            if i != held[0]:
                for m in range(rows):
                    here = b.add(x, number(m * ROWS * self.cell + i * 64))
                    self.tiles.load(4 + m, here, self.cell)
            if j != held[1]:
                for n in range(columns):
                    self.tiles.load(6 + n, b.add(w, number((j * 2 + n) * TILE)), 64)
            held = i, j
            for m in range(rows):
                for n in range(columns):
                    self.tiles.multiply(m * 2 + n, 4 + m, 6 + n)


def emit(form: str, parts: int, symbol: str, features: str) -> str:
    """Return the IR of a function that adds the products of some tiles.

    Its arguments: address of the cells (pixel, part, 32) of x; of one offset into them for each step
    of 32 channels of a tap; the number of steps; addresses of the packed weights of these steps and
    of the sums (pixel, 32); whether the sums start at zero; tiles of pixels; tiles of filters, 1 or 2;
    the address of the tiles' configuration.
    """
    module = ir.Module(symbol)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 9), symbol)
    function.attributes.add("nounwind")
    b = ir.IRBuilder(function.append_basic_block("entry"))
    ProductEmitter(b, form, parts).products(*function.args)
    b.ret_void()
    if form == "soft":
        return str(module)
    # the target is this processor; only this function may name registers that it may not have
    has = [f for f in features.split(",") if f and f[1:] not in ("amx-tile", "amx-bf16")]
    told = ",".join([*has, "+amx-tile", "+amx-bf16"])
    head = rf'(?m)^(define void @"?{re.escape(symbol)}"?\([^)]*\))'
    return re.sub(head, rf'\1 "target-features"="{told}"', str(module), count=1)


def build(form, parts, features):
    """Return the IR to compile by symbol."""
    symbol = f"tiles_{form}_{parts}"
    return {symbol: (emit(form, parts, symbol, features), 9)}
