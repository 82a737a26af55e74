"""Take channels apart into the cells that lie in one step of a stride: dx of all its phases at once.

From y (n, *steps, phase, c), as ``launch/phase_filters.py`` has it, to dx (n, *in, c); the phases are
numbered D, H, W. A task is some rows of dx, and notes in its flag whether all of them are finite.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import I64, at, load_int, store_int

X, Y, CHANNELS, ROWS, TASK_ROWS, FLAGS = (
    AT[name] for name in ("x", "y", "channels", "pixels", "tiles", "flags")
)
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
BITS = {"f4": (32, 0x7F800000), "f8": (64, 0x7FF0000000000000)}  # of a number, of its exponent


def make_copy_finite(kind: str):
    """Return an intrinsic that copies numbers and tells how many of them are not finite."""
    bits, exponent = BITS[kind]

    @intrinsic
    def copy_finite(typingctx, source, target, count):
        def codegen(ctx, b, signature, args):
            source, target, count = args
            number, size = ir.IntType(bits), ir.Constant(I64, bits // 8)
            found = cgutils.alloca_once_value(b, ir.Constant(I64, 0))
            with cgutils.for_range(b, count) as loop:
                offset = b.mul(loop.index, size)
                value = b.load(at(b, b.add(source, offset), number), align=bits // 8)
                b.store(value, at(b, b.add(target, offset), number), align=bits // 8)
                ends = ir.Constant(number, exponent)
                wrong = b.icmp_unsigned("==", b.and_(value, ends), ends)
                b.store(b.add(b.load(found), b.zext(wrong, I64)), found)
            return b.load(found)

        return types.intp(types.intp, types.intp, types.intp), codegen

    return copy_finite


def make_unfolding(kind: str):
    """Return the kernel for one number type."""
    copy_finite, size = make_copy_finite(kind), BITS[kind][0] // 8

    def unfolding(a, task, thread):
        channels, width, rows = load_int(a + CHANNELS), load_int(a + IN_W), load_int(a + TASK_ROWS)
        in_d, in_h = load_int(a + IN_D), load_int(a + IN_H)
        out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
        step_d, step_h = load_int(a + STRIDE_D), load_int(a + STRIDE_H)
        piece = load_int(a + STRIDE_W) * channels  # numbers that lie side by side in both
        cell = step_d * step_h * piece
        wrong = 0
        for row in range(task * rows, min(load_int(a + ROWS), (task + 1) * rows)):
            n, d, h = row // (in_d * in_h), row // in_h % in_d, row % in_h
            there, left = load_int(a + Y) + row * width * channels * size, width * channels
            here = ((n * out_d + d // step_d) * out_h + h // step_h) * out_w * cell
            here += (d % step_d * step_h + h % step_h) * piece
            here = load_int(a + X) + here * size
            while left > 0:
                wrong += copy_finite(here, there, min(piece, left))
                here += cell * size
                there += piece * size
                left -= piece
        store_int(load_int(a + FLAGS) + task * 8, wrong)

    return unfolding


def build(kind):
    """Return the functions to compile and their numbers of arguments."""
    return {f"unfolding_{kind}": (make_unfolding(kind), 3)}
