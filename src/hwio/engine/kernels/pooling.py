"""Pooling: each channel is by itself, so vectors run along channels, as in depthwise convolution.

A tile is MR neighbouring pixels of one output row; its running maxima or sums stay in registers:

    for row of the window: for tap:   value = x[row, pixel·stride + tap·dilation, channels]
                                      best[pixel] = max(best[pixel], value)   or   sum[pixel] += value

Taps that fall into the padding are left out: rows of the window by their range, and pixels whose
window is cut on W go one by one with the taps that they have. So nothing stands in the padding, there
is no table of addresses, and a sum adds its numbers in the order of the taps, as ``pool_taps`` does:
the same bits. Vectors get narrower as channels run out; the last whole vector reaches back.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.intrinsics import at, load_int
from hwio.engine.kernels.emit import Loops, call_apart, number

X, Y, DIVISORS, DIVISOR_STEP = (AT[name] for name in ("x", "y", "divisors", "divisor_step"))
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]
CHANNELS, Y_STEP, PIXELS = AT["channels"], AT["y_step"], AT["pixels"]
INNER, OUTER = AT["inner"], AT["outer"]
PIECE, PIECES, TILES = AT["piece"], AT["pieces"], AT["tiles"]
PART, PARTS = AT["part"], AT["parts"]

NUMBERS = {"f4": ir.FloatType(), "f8": ir.DoubleType()}
NUMBERS |= {f"{kind}{size}": ir.IntType(8 * size) for kind in "iu" for size in (1, 2, 4, 8)}


def make_tile(task: str, kind: str, lanes: int, mr: int):
    """Return the intrinsic that pools ``mr`` pixels of a row over all their channels."""

    @intrinsic
    def window_tile(
        typingctx, x, depth, step_d, rows, step_h, taps, step_w, pixel_step, channels,
        y, y_step, divisors, divisor_step,
    ):  # fmt: skip
        def codegen(ctx, b, signature, args):
            def emit(inner, a):
                PoolingEmitter(inner, task, kind, lanes, mr).tile(*a)

            call_apart(b, f"pooling_tile_{mr}", emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 13), codegen

    return window_tile


class PoolingEmitter(Loops):
    """Emits the instructions of one tile of pixels."""

    def __init__(self, builder, task: str, kind: str, lanes: int, mr: int) -> None:
        super().__init__(builder)
        self.task, self.kind, self.lanes, self.mr = task, kind, lanes, mr
        self.size = int(kind[1])
        # one pixel alone reads long rows of channels, so that memory is met in its order
        self.wide = () if mr > 1 else (16, 8) if lanes * self.size == 64 else (8,)

    def tile(
        self, x, depth, step_d, rows, step_h, taps, step_w, pixel_step, channels,
        y, y_step, divisors, divisor_step,
    ):  # fmt: skip
        """Emit the loops over channels: as many vectors at once as there are, then narrower ones."""
        b, lanes = self.b, self.lanes
        window = (depth, step_d), (rows, step_h), (taps, step_w)

        def pooled(first, vectors, lanes):
            shift = b.mul(first, number(self.size))
            found = self.reduced(b.add(x, shift), window, pixel_step, vectors, lanes)
            if self.task == "mean":
                found = self.divided(found, divisors, divisor_step, vectors, lanes)
            self.store(found, b.add(y, shift), y_step, vectors, lanes)

        def several(start, vectors, lanes):
            """Pool channels from start on while ``vectors`` are left; return where they end."""

            def body(n, carried):
                pooled(n, vectors, lanes)
                return carried

            wide = vectors * lanes
            end = b.and_(channels, number(-wide))
            self.loop(start, end, number(wide), [], body)
            return end

        with b.if_else(b.icmp_signed(">=", channels, number(lanes))) as (then, otherwise):
            with then:
                end = number(0)
                for vectors in (*self.wide, 4, 2, 1):
                    end = several(end, vectors, lanes)
                with b.if_then(b.icmp_signed("<", end, channels)):
                    pooled(b.sub(channels, number(lanes)), 1, lanes)
            with otherwise:
                end, narrow = number(0), lanes // 2
                while narrow:
                    end = several(end, 1, narrow)
                    narrow //= 2

    def reduced(self, x, window, pixel_step, vectors, lanes):
        """Emit the loops over the taps; return the maximum or sum of each pixel and vector."""
        b, vector = self.b, self.vector(lanes)
        (depth, step_d), (rows, step_h), (taps, step_w) = window

        def tap(base):
            def body(n, found):
                here = b.add(base, b.mul(n, step_w))
                values = self.vectors_at(here, pixel_step, vectors, lanes)
                pairs = zip(values, found, strict=True)
                return [self.joined(self.load(where, vector), old) for where, old in pairs]

            return body

        def row(base):
            def body(n, found):
                inner = tap(b.add(base, b.mul(n, step_h)))
                return self.loop(number(0), taps, number(1), found, inner)

            return body

        def plane(n, found):
            inner = row(b.add(x, b.mul(n, step_d)))
            return self.loop(number(0), rows, number(1), found, inner)

        start = ir.Constant(vector, [self.least()] * lanes)
        return self.loop(number(0), depth, number(1), [start] * (self.mr * vectors), plane)

    def joined(self, value, found):
        """Return the larger one, a NaN if either is one; or the sum."""
        b = self.b
        if self.task == "mean":
            return b.fadd(found, value)
        if self.kind[0] != "f":
            larger = b.icmp_signed if self.kind[0] == "i" else b.icmp_unsigned
            return b.select(larger(">", value, found), value, found)
        larger = b.select(b.fcmp_ordered(">", value, found), value, found)
        return b.select(b.fcmp_unordered("uno", value, value), value, larger)

    def least(self):
        """Return what changes no maximum, or no sum."""
        if self.task == "mean" or self.kind[0] == "u":
            return 0
        return -(1 << 8 * self.size - 1) if self.kind[0] == "i" else float("-inf")

    def divided(self, sums, divisors, step, vectors, lanes):
        """Divide each pixel's sums by its number."""
        b, done = self.b, []
        for m in range(self.mr):
            by = self.load(b.add(divisors, b.mul(step, number(m))), NUMBERS[self.kind])
            by = self.splat(by, lanes)
            done += [b.fdiv(s, by) for s in sums[m * vectors : (m + 1) * vectors]]
        return done

    def store(self, found, y, y_step, vectors, lanes):
        """Store each pixel's vectors."""
        places = self.vectors_at(y, y_step, vectors, lanes)
        for value, where in zip(found, places, strict=True):
            self.b.store(value, at(self.b, where, value.type), align=self.size)

    def vectors_at(self, address, step, vectors, lanes):
        """Yield where each vector of each pixel is."""
        b = self.b
        for m in range(self.mr):
            pixel = b.add(address, b.mul(step, number(m)))
            for v in range(vectors):
                yield b.add(pixel, number(v * lanes * self.size))

    def load(self, where, kind):
        """Load a vector or a number."""
        return self.b.load(at(self.b, where, kind), align=self.size)

    def vector(self, lanes):
        """Return the LLVM vector."""
        return ir.VectorType(NUMBERS[self.kind], lanes)


@njit(error_model="numpy")
def first_tap(start, dilation):
    """Return the first tap of a window from cell ``start`` on that is not before x."""
    return 0 if start >= 0 else (-start + dilation - 1) // dilation


@njit(error_model="numpy")
def behind_taps(start, dilation, taps, size):
    """Return the first tap that is behind x's ``size`` cells, at most ``taps``."""
    return 0 if start >= size else min(taps, (size - 1 - start) // dilation + 1)


def make_pooling(task: str, kind: str, lanes: int, mr: int):
    """Return the kernel that pools all pixels of some rows, or of a piece of a row."""
    several, single = (make_tile(task, kind, lanes, pixels) for pixels in (mr, 1))
    size = int(kind[1])

    @njit(error_model="numpy")
    def pool_pixels(a, x, depth, step_d, rows, step_h, row, first, last, channel):
        """Pool pixels ``first`` to ``last`` of an output row, from a channel on.

        x is where the window's rows begin.
        """
        stride, dilation = load_int(a + STRIDE_W), load_int(a + DILATION_W)
        x_w, kernel_w = load_int(a + X_W), load_int(a + KERNEL_W)
        channels = min(load_int(a + PART), load_int(a + CHANNELS) - channel)
        inner, outer = load_int(a + INNER), load_int(a + OUTER)
        y_step, by_step = load_int(a + Y_STEP), load_int(a + DIVISOR_STEP)
        y = load_int(a + Y) + row * load_int(a + OUT_W) * y_step + channel * size
        area = load_int(a + OUT_D) * load_int(a + OUT_H)
        by = load_int(a + DIVISORS) + row % area * load_int(a + OUT_W) * by_step
        pixel = first
        while pixel < last:
            start, pixels = pixel, 1
            behind = min(last, outer)
            if inner <= pixel < behind and behind - max(first, inner) >= mr:
                start, pixels = min(pixel, behind - mr), mr  # the last tile reaches back
            cell = start * stride - load_int(a + LOW_W)
            tap = first_tap(cell, dilation)
            taps = behind_taps(cell, dilation, kernel_w, load_int(a + IN_W)) - tap
            here = x + (cell + tap * dilation) * x_w
            to, divisors = y + start * y_step, by + start * by_step
            if pixels == 1:
                single(
                    here, depth, step_d, rows, step_h, taps, dilation * x_w, stride * x_w,
                    channels, to, y_step, divisors, by_step,
                )  # fmt: skip
            else:
                several(
                    here, depth, step_d, rows, step_h, taps, dilation * x_w, stride * x_w,
                    channels, to, y_step, divisors, by_step,
                )  # fmt: skip
            pixel = start + pixels

    def pooling(a, task, thread):
        out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
        dilation_d, dilation_h = load_int(a + DILATION_D), load_int(a + DILATION_H)
        x_d, x_h = load_int(a + X_D), load_int(a + X_H)
        pieces, piece, tiles = load_int(a + PIECES), load_int(a + PIECE), load_int(a + TILES)
        part, parts = load_int(a + PART), load_int(a + PARTS)
        everything = load_int(a + PIXELS) // out_w * pieces * parts
        for n in range(task * tiles, min(everything, (task + 1) * tiles)):
            row, first = n // parts // pieces, n // parts % pieces * piece
            channel = n % parts * part
            image, od, oh = row // (out_d * out_h), row // out_h % out_d, row % out_h
            d = od * load_int(a + STRIDE_D) - load_int(a + LOW_D)
            h = oh * load_int(a + STRIDE_H) - load_int(a + LOW_H)
            i, j = first_tap(d, dilation_d), first_tap(h, dilation_h)
            depth = behind_taps(d, dilation_d, load_int(a + KERNEL_D), load_int(a + IN_D)) - i
            rows = behind_taps(h, dilation_h, load_int(a + KERNEL_H), load_int(a + IN_H)) - j
            x = load_int(a + X) + image * load_int(a + X_N) + channel * size
            x += (d + i * dilation_d) * x_d + (h + j * dilation_h) * x_h
            pool_pixels(
                a, x, depth, dilation_d * x_d, rows, dilation_h * x_h, row,
                first, min(out_w, first + piece), channel,
            )  # fmt: skip

    return pooling


def build(task, kind, lanes, mr):
    """Return the functions to compile and their numbers of arguments."""
    return {f"pooling_{task}_{kind}_{lanes}_{mr}": (make_pooling(task, kind, lanes, mr), 3)}
