"""Winograd's F(2×2, 3×3) and F(4×4, 3×3): a block of tiles at a time, from x to y inside the L2 cache.

For one task, T tiles of t × t cells (t = m + 2), and a range of panels of NR filters:

    V[f, tile, c]  = Bᵀ d B                              every tile's cells, f < t·t spots
    for panel:  M[f, tile, o] = Σ_c V[f, tile, c]·U[f, c, o]   the direct kernels' register block
                y = Aᵀ M A, then bias and activation     m × m outputs of every tile

The transforms add and subtract vectors of channels; the formulas along one axis are ``to_tile``,
``to_filter`` and ``to_output`` in ``short``. While cells pass by, their squares are summed: where the
sum is over a limit, the tile's image may overflow somewhere on the way, and it is flagged.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import FLOATS, I64, at, load_int, store_int
from hwio.engine.kernels.block import LINE, make_block
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number
from hwio.engine.kernels.short import Lines

X, W, Y, BIAS, ENDS, ZEROS = (AT[name] for name in ("x", "w", "y", "bias", "ends", "zeros"))
SCRATCH, SCRATCH_STEP = AT["scratch"], AT["scratch_step"]
OUT_H, OUT_W, IN_H, IN_W = AT["out_h"], AT["out_w"], AT["in_h"], AT["in_w"]
LOW_H, LOW_W = AT["low_h"], AT["low_w"]
X_N, X_H, X_W = AT["x_n"], AT["x_h"], AT["x_w"]
CHANNELS, FILTERS, Y_STEP = AT["channels"], AT["filters"], AT["y_step"]
PANELS, PANEL_GROUP, TILES, BLOCKS = AT["panels"], AT["panel_group"], AT["tiles"], AT["blocks"]
ALL_TILES, FLAGS, LIMIT, NOTHING = AT["all_tiles"], AT["flags"], AT["limit"], AT["nothing"]


class ShortEmitter(Emitter):
    """Emits the transforms of F(m×m, 3×3)."""

    def __init__(self, builder, tile: Tile, m: int) -> None:
        super().__init__(builder, tile)
        self.m = m
        self.lines = Lines(builder, self.fma, tile.vector)

    def tile_in(self, pointers, channels, v, step, flag, limit):
        """Transform the cells behind t·t pointers, all channels; spot f goes to v + f·step."""
        b, t = self.b, self.tile
        whole = b.and_(channels, number(-t.lanes))
        none = ir.Constant(t.vector, None)
        (squares,) = self.loop(
            number(0), whole, number(t.lanes), [none], self._cells(pointers, v, step, None)
        )
        masks = self.masks(b.sub(channels, whole))
        (squares,) = self.loop(
            whole, channels, number(t.lanes), [squares], self._cells(pointers, v, step, masks)
        )
        most = self.splat(b.load(at(b, limit, FLOATS[t.kind]), align=t.size), t.lanes)
        fine = b.fcmp_ordered("<=", squares, most)
        bits = b.bitcast(fine, ir.IntType(t.lanes))
        bad = b.icmp_unsigned("!=", bits, ir.Constant(bits.type, -1))
        b.store(b.zext(bad, I64), at(b, flag, I64))

    def _cells(self, pointers, v, step, masks):
        b, t, side = self.b, self.tile, self.m + 2

        def body(c, carried):
            (squares,) = carried
            offset = b.mul(c, number(t.size))
            d = []
            for f in range(side * side):
                row = b.add(b.load(at(b, b.add(pointers, number(f * 8)), I64)), offset)
                value = self.channels_at(row, 0, masks)
                squares = b.call(self.fma, [value, value, squares])
                d.append(value)
            spots = self.lines.both(self.lines.to_tile[self.m], d, side)
            for f, spot in enumerate(spots):
                where = b.add(b.add(v, offset), b.mul(step, number(f)))
                b.store(spot, at(b, where, t.vector), align=t.size)
            return [squares]

        return body

    def tile_out(self, spots, step, y, row_step, y_step, rows, cols, columns, bias, ends, nothing):
        """Transform t·t × NR products into m × m outputs; those outside y go nowhere."""
        b, t, m = self.b, self.tile, self.m
        outs = []
        for i in range(m):
            for j in range(m):
                inside = b.and_(
                    b.icmp_signed("<", number(i), rows), b.icmp_signed("<", number(j), cols)
                )
                here = b.add(b.add(y, b.mul(row_step, number(i))), b.mul(y_step, number(j)))
                outs.append(b.select(inside, here, nothing))

        def body(v, carried):
            offset = b.mul(v, number(t.size))
            d = [
                self.vector_at(b.add(b.add(spots, offset), b.mul(step, number(f))), 0)
                for f in range((m + 2) ** 2)
            ]
            sums = self.lines.both(self.lines.to_output[m], d, m + 2)
            sums = self.finish(sums, b.add(bias, offset), ends, 1)
            left = b.sub(columns, v)
            full = b.icmp_signed(">=", left, number(t.lanes))
            with b.if_else(full) as (then, otherwise):
                with then:
                    for value, out in zip(sums, outs, strict=True):
                        b.store(value, at(b, b.add(out, offset), t.vector), align=t.size)
                with otherwise:
                    mask = self.masks(left)[0]
                    for value, out in zip(sums, outs, strict=True):
                        where = at(b, b.add(out, offset), t.vector)
                        size = ir.Constant(ir.IntType(32), t.size)
                        b.call(self.masked_store, [value, where, size, mask])
            return []

        stop = b.select(
            b.icmp_signed("<", columns, number(t.nrv * t.lanes)), columns, number(t.nrv * t.lanes)
        )
        self.loop(number(0), stop, number(t.lanes), [], body)

    def filters_in(self, w, tap_step, columns, u, spot_step):
        """Transform the nine taps of NR filters; spot f goes to u + f·spot_step."""
        b, t = self.b, self.tile
        masks = self.masks(columns)
        for v in range(t.nrv):
            offset = number(v * t.lanes * t.size)
            taps = [
                self.channels_at(b.add(b.add(w, b.mul(tap_step, number(k))), offset), 0, [masks[v]])
                for k in range(9)
            ]
            spots = self.lines.both(self.lines.to_filter[self.m], taps, 3)
            for f, spot in enumerate(spots):
                where = b.add(b.add(u, offset), b.mul(spot_step, number(f)))
                b.store(spot, at(b, where, t.vector), align=t.size)


def make_parts(tile: Tile, m: int):
    """Return the intrinsics tile_in, tile_out and filters_in."""

    def part(name, count):
        def emit(inner, args):
            getattr(ShortEmitter(inner, Tile(tile.kind, tile.lanes, 1, tile.nrv), m), name)(*args)

        def codegen(ctx, b, signature, args):
            call_apart(b, name, emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * count), codegen

    @intrinsic
    def tile_in(typingctx, pointers, channels, v, step, flag, limit):
        return part("tile_in", 6)

    @intrinsic
    def tile_out(
        typingctx, spots, step, y, row_step, y_step, rows, cols, columns, bias, ends, nothing
    ):
        return part("tile_out", 11)

    @intrinsic
    def filters_in(typingctx, w, tap_step, columns, u, spot_step):
        return part("filters_in", 5)

    return tile_in, tile_out, filters_in


@njit(error_model="numpy")
def place(a, tile, m):
    """Return the image, the first row and the first column of a tile's outputs."""
    tiles_w = (load_int(a + OUT_W) + m - 1) // m
    tiles_h = (load_int(a + OUT_H) + m - 1) // m
    rest = tile // tiles_w
    return rest // tiles_h, rest % tiles_h * m, tile % tiles_w * m


@njit(error_model="numpy")
def fill_tile(a, table, tile, m):
    """Write the addresses of one tile's (m + 2)² cells."""
    n, row, col = place(a, tile, m)
    zeros, x_h, x_w = load_int(a + ZEROS), load_int(a + X_H), load_int(a + X_W)
    in_h, in_w = load_int(a + IN_H), load_int(a + IN_W)
    h, w = row - load_int(a + LOW_H), col - load_int(a + LOW_W)
    first = load_int(a + X) + n * load_int(a + X_N) + h * x_h + w * x_w
    within = h >= 0 and w >= 0 and h + m + 2 <= in_h and w + m + 2 <= in_w
    for i in range(m + 2):
        for j in range(m + 2):
            value = first + i * x_h + j * x_w
            if not within and not (0 <= h + i < in_h and 0 <= w + j < in_w):
                value = zeros
            store_int(table + (i * (m + 2) + j) * 8, value)


def make_winograd(kind: str, lanes: int, mr: int, nrv: int, m: int):
    """Return the kernel for one register block and size of tile."""
    tile = Tile(kind, lanes, mr, nrv)
    block = make_block(tile)
    tile_in, tile_out, _ = make_parts(tile, m)
    size, nr, spots = tile.size, nrv * lanes, (m + 2) ** 2
    vector = lanes * size

    def winograd(a, task, thread):
        channels, filters = load_int(a + CHANNELS), load_int(a + FILTERS)
        tiles, blocks = load_int(a + TILES), load_int(a + BLOCKS)
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        part, first = task // blocks, task % blocks * tiles
        count = min(tiles, load_int(a + ALL_TILES) - first)

        # V (spots, tiles, channels), M (spots, tiles, nr), pointers; an odd vector between rows and
        # between spots, or powers of two would all fall into the same lines of the cache
        v = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        row = (channels * size + vector - 1) // vector * vector + vector
        v_step = tiles * row + vector
        products = v + spots * v_step
        p_step = (tiles + mr) * nr * size + vector
        rows = products + spots * p_step
        cells = rows + spots * (tiles + mr) * 8
        for t in range(count):
            fill_tile(a, cells, first + t, m)
            flag = load_int(a + FLAGS) + (first + t) * 8
            tile_in(cells, channels, v + t * row, v_step, flag, load_int(a + LIMIT))
        groups = (count + mr - 1) // mr  # of mr tiles; the last is filled with its last tile
        for f in range(spots):
            for t in range(groups * mr):
                here = rows + (f * groups * mr + t) * 8
                store_int(here, v + f * v_step + min(t, count - 1) * row)

        y, out_w = load_int(a + Y), load_int(a + OUT_W)
        out_h, y_step = load_int(a + OUT_H), load_int(a + Y_STEP)
        nothing, spot_bytes = load_int(a + NOTHING), channels * nr * size
        for panel in range(part * panel_group, min(panels, (part + 1) * panel_group)):
            u = load_int(a + W) + panel * spots * spot_bytes
            for f in range(spots):
                for g in range(groups):
                    ahead = u
                    if g * channels * LINE < spot_bytes:  # the next spot, a part per group
                        ahead = u + spot_bytes + g * channels * LINE
                    block(
                        rows + (f * groups + g) * mr * 8, 1, channels, u, ahead,
                        products + f * p_step + g * mr * nr * size, nr * size,
                        nothing, nothing + nr * size,
                    )  # fmt: skip
                u += spot_bytes
            for t in range(count):
                n, oh, ow = place(a, first + t, m)
                out = y + ((n * out_h + oh) * out_w + ow) * y_step + panel * nr * size
                tile_out(
                    products + t * nr * size, p_step, out, out_w * y_step, y_step,
                    out_h - oh, out_w - ow, filters - panel * nr,
                    load_int(a + BIAS) + panel * nr * size, load_int(a + ENDS),
                    cells + spots * 8,
                )  # fmt: skip

    return winograd


def make_filters(kind: str, lanes: int, nrv: int, m: int):
    """Return the kernel that transforms HWIO weights; a task is one panel.

    Its fields: w, u, channels, bytes of a row of w, filters.
    """
    tile = Tile(kind, lanes, 1, nrv)
    _, _, filters_in = make_parts(tile, m)
    size, nr, spots = tile.size, nrv * lanes, (m + 2) ** 2

    def filters(a, task, thread):
        channels, row, count = load_int(a + 16), load_int(a + 24), load_int(a + 32)
        w = load_int(a) + task * nr * size
        u = load_int(a + 8) + task * spots * channels * nr * size
        for c in range(channels):
            filters_in(
                w + c * row, channels * row, count - task * nr, u + c * nr * size,
                channels * nr * size,
            )  # fmt: skip

    return filters


def build(kind, lanes, mr, nrv, m):
    """Return the functions to compile and their numbers of arguments."""
    name = f"{kind}_{lanes}_{mr}x{nrv}_{m}"
    return {
        f"winograd_{name}": (make_winograd(kind, lanes, mr, nrv, m), 3),
        f"winograd_filters_{name}": (make_filters(kind, lanes, nrv, m), 3),
    }
