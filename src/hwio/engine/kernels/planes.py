"""Few channels, each with its own filter: a photograph, a signal. Vectors run along the row.

With NHWC a row of x is one line of numbers, channel after channel, and a tap j is the same line
j·dilation·C numbers further on. So a row of outputs is, number by number,

    y[f] = Σ over taps i, j   row_i[f + j·dilation·C] · w[i, j, f mod C]

and the weights of a vector of outputs repeat every P = C / gcd(C, lanes) vectors. A task is a band of
output rows × a stretch of columns. It reads x in place where the stretch and all its taps lie inside;
at the borders it copies what it needs of each row, zeros beside it.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import I64, at, copy, load_int, store_int
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number

X, W, Y, BIAS, ENDS, ZEROS = (AT[name] for name in ("x", "w", "y", "bias", "ends", "zeros"))
SCRATCH, SCRATCH_STEP = AT["scratch"], AT["scratch_step"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H = AT["stride_d"], AT["stride_h"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]
CHANNELS, TILES, BLOCKS = AT["channels"], AT["tiles"], AT["blocks"]
PANELS, PANEL_GROUP = AT["panels"], AT["panel_group"]


def make_line_block(tile: Tile, period: int):
    """Return the intrinsic of NRV vectors of outputs whose weights repeat every ``period`` vectors.

    Its arguments: pointers to the kernel's rows, their number, kernel width, bytes from tap to tap,
    bytes into the rows, weights (taps, period vectors), y, bias and the activation's ends.
    """

    @intrinsic
    def line_block(typingctx, rows, count, kernel_w, step, offset, weights, y, bias, ends):
        def codegen(ctx, b, signature, args):
            def emit(inner, a):
                LineEmitter(inner, tile).block(period, *a)

            call_apart(b, "line_block", emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 9), codegen

    return line_block


class LineEmitter(Emitter):
    """Emits the instructions of one stretch of a row."""

    def block(self, period, rows, count, kernel_w, step, offset, weights, y, bias, ends):
        """Emit the loops over taps, the bias, the activation and the stores."""
        b, t = self.b, self.tile
        tap_bytes = number(period * t.lanes * t.size)

        def row(i, carried):
            pointer = b.load(at(b, b.add(rows, b.mul(i, number(8))), I64))

            def tap(_, inner):
                here, w, *sums = inner
                ws = [self.vector_at(w, v) for v in range(period)]
                for v in range(t.nrv):
                    sums[v] = b.call(self.fma, [self.vector_at(here, v), ws[v % period], sums[v]])
                return [b.add(here, step), b.add(w, tap_bytes), *sums]

            w, *sums = carried
            start = [b.add(pointer, offset), w, *sums]
            return self.loop(number(0), kernel_w, number(1), start, tap)[1:]

        zeros = [ir.Constant(t.vector, None)] * t.nrv
        _, *sums = self.loop(number(0), count, number(1), [weights, *zeros], row)
        for v, value in enumerate(self.finish(sums, bias, ends, period)):
            b.store(value, at(b, b.add(y, number(v * t.lanes * t.size)), t.vector), align=t.size)


@njit(error_model="numpy")
def fill_rows(a, n, od, table, spare, spare_row, first, rows, low, cells, whole):
    """Write where each row of x starts for one stretch of columns.

    ``first`` is the first of ``rows`` rows, for each plane of the kernel; ``low`` is the column of x
    with which the stretch of ``cells`` begins, before 0 in the padding. A stretch that is not
    ``whole`` is shorter than a block, which would read beyond it.
    """
    in_d, in_h, in_w = load_int(a + IN_D), load_int(a + IN_H), load_int(a + IN_W)
    x_w, x_h = load_int(a + X_W), load_int(a + X_H)
    inside = whole and low >= 0 and low + cells <= in_w
    for i in range(load_int(a + KERNEL_D)):
        d = od * load_int(a + STRIDE_D) - load_int(a + LOW_D) + i * load_int(a + DILATION_D)
        plane = load_int(a + X) + n * load_int(a + X_N) + d * load_int(a + X_D)
        for r in range(rows):
            h = first + r
            here = table + (i * rows + r) * 8
            if not (0 <= d < in_d and 0 <= h < in_h):
                store_int(here, load_int(a + ZEROS))
            elif inside:
                store_int(here, plane + h * x_h + low * x_w)
            else:
                room = spare + (i * rows + r) * spare_row
                store_int(here, room)
                left = min(max(-low, 0), cells)
                right = max(left, min(in_w - low, cells))
                copy(load_int(a + ZEROS), room, left * x_w)
                copy(plane + h * x_h + (low + left) * x_w, room + left * x_w, (right - left) * x_w)
                copy(load_int(a + ZEROS), room + right * x_w, (cells - right) * x_w)


def make_planes(kind: str, lanes: int, nrv: int, period: int):
    """Return the kernel for one register block."""
    tile = Tile(kind, lanes, 1, nrv)
    block = make_line_block(tile, period)
    size, width = tile.size, nrv * lanes
    bytes_of = width * size

    def planes(a, task, thread):
        out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
        kd, kh, kw = load_int(a + KERNEL_D), load_int(a + KERNEL_H), load_int(a + KERNEL_W)
        band, bands = load_int(a + TILES), load_int(a + BLOCKS)
        stretches, columns = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        channels, dilation = load_int(a + CHANNELS), load_int(a + DILATION_W)
        stride_h, dilation_h = load_int(a + STRIDE_H), load_int(a + DILATION_H)
        column = task % stretches * columns
        rest = task // stretches
        row, plane = rest % bands * band, rest // bands
        n, od = plane // out_d, plane % out_d
        count, wide = min(band, out_h - row), min(columns, out_w - column)

        held = (count - 1) * stride_h + (kh - 1) * dilation_h + 1
        rows = (band - 1) * stride_h + (kh - 1) * dilation_h + 1
        spare_row = ((columns + (kw - 1) * dilation) * channels + width) * size
        table = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        spare = table + kd * rows * 8
        short = spare + kd * rows * spare_row  # for a stretch of fewer numbers than a block
        picked = short + bytes_of  # the kernel's rows of one output row
        fill_rows(
            a, n, od, table, spare, spare_row,
            row * stride_h - load_int(a + LOW_H), held,
            column - load_int(a + LOW_W), wide + (kw - 1) * dilation, wide * channels >= width,
        )  # fmt: skip
        numbers = wide * channels
        for r in range(count):
            for i in range(kd):
                for j in range(kh):
                    source = table + (i * held + r * stride_h + j * dilation_h) * 8
                    store_int(picked + (i * kh + j) * 8, load_int(source))
            y = load_int(a + Y) + (((plane * out_h + row + r) * out_w) + column) * channels * size
            for f in range(0, numbers, width):
                begin = max(0, min(f, numbers - width))  # the last block reaches back
                to = y + begin * size
                if numbers < width:
                    to = short
                block(
                    picked, kd * kh, kw, dilation * channels * size, begin * size,
                    load_int(a + W), to, load_int(a + BIAS), load_int(a + ENDS),
                )  # fmt: skip
                if numbers < width:
                    copy(short, y, numbers * size)

    return planes


def build(kind, lanes, mr, nrv, period):
    """Return the functions to compile and their numbers of arguments."""
    name = f"planes_{kind}_{lanes}_{mr}x{nrv}_{period}"
    return {name: (make_planes(kind, lanes, nrv, period), 3)}
