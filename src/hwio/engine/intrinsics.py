"""The few operations that Python has no word for: memory at an address, atomics, calls, futexes.

Everything is an integer: an address, a size, a count. Numba inlines these, so a kernel that uses
them compiles to plain machine code without any call into Python.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

I32, I64 = ir.IntType(32), ir.IntType(64)
FLOATS = {"f4": ir.FloatType(), "f8": ir.DoubleType()}


def at(b: Any, address: Any, kind: ir.Type) -> Any:
    """Cast an integer address to a pointer."""
    return b.inttoptr(address, kind.as_pointer())


@intrinsic
def load_int(typingctx, address):
    """Return the 64-bit integer at an address."""

    def codegen(ctx, b, sig, args):
        return b.load(at(b, args[0], I64), align=8)

    return types.intp(types.intp), codegen


@intrinsic
def store_int(typingctx, address, value):
    """Store a 64-bit integer at an address."""

    def codegen(ctx, b, sig, args):
        b.store(args[1], at(b, args[0], I64), align=8)
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def copy(typingctx, source, target, count):
    """Copy bytes in units of four."""

    def codegen(ctx, b, sig, args):
        source, target, count = args
        with cgutils.for_range(b, b.lshr(count, ir.Constant(I64, 2))) as loop:
            offset = b.shl(loop.index, ir.Constant(I64, 2))
            value = b.load(at(b, b.add(source, offset), I32), align=4)
            b.store(value, at(b, b.add(target, offset), I32), align=4)
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@intrinsic
def clear(typingctx, target, count):
    """Write zeros, bytes in units of four: whole lines as vectors, then the rest."""

    def codegen(ctx, b, sig, args):
        target, count = args
        line = ir.VectorType(I32, 16)
        lines = b.and_(count, ir.Constant(I64, -64))
        with cgutils.for_range(b, b.lshr(count, ir.Constant(I64, 6))) as loop:
            where = b.add(target, b.shl(loop.index, ir.Constant(I64, 6)))
            b.store(ir.Constant(line, None), at(b, where, line), align=4)
        with cgutils.for_range(b, b.lshr(b.sub(count, lines), ir.Constant(I64, 2))) as loop:
            where = b.add(b.add(target, lines), b.shl(loop.index, ir.Constant(I64, 2)))
            b.store(ir.Constant(I32, 0), at(b, where, I32), align=4)
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def atomic_load(typingctx, address):
    """Return the 64-bit integer at an address, seeing all that was written before it was."""

    def codegen(ctx, b, sig, args):
        return b.load_atomic(at(b, args[0], I64), "seq_cst", 8)

    return types.intp(types.intp), codegen


@intrinsic
def atomic_store(typingctx, address, value):
    """Store a 64-bit integer, publishing all that was written before."""

    def codegen(ctx, b, sig, args):
        b.store_atomic(args[1], at(b, args[0], I64), "seq_cst", 8)
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def atomic_add(typingctx, address, value):
    """Add to a 64-bit integer; return what was there."""

    def codegen(ctx, b, sig, args):
        return b.atomic_rmw("add", at(b, args[0], I64), args[1], "seq_cst")

    return types.intp(types.intp, types.intp), codegen


@intrinsic
def compare_and_swap(typingctx, address, expected, value):
    """Store value if expected is there; return 1 if it was."""

    def codegen(ctx, b, sig, args):
        pair = b.cmpxchg(at(b, args[0], I64), args[1], args[2], "seq_cst", "seq_cst")
        return b.zext(b.extract_value(pair, 1), I64)

    return types.intp(types.intp, types.intp, types.intp), codegen


@intrinsic
def call_task(typingctx, function, arguments, task, thread):
    """Call the kernel at an address."""

    def codegen(ctx, b, sig, args):
        kind = ir.FunctionType(ir.VoidType(), [I64, I64, I64])
        b.call(b.inttoptr(args[0], kind.as_pointer()), args[1:])
        return ctx.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp, types.intp), codegen


@intrinsic
def system_call(typingctx, function, number, a, b_, c, d):
    """Call libc's syscall, whose address is given."""

    def codegen(ctx, b, sig, args):
        kind = ir.FunctionType(I64, [I64] * 7)
        zero = ir.Constant(I64, 0)
        return b.call(b.inttoptr(args[0], kind.as_pointer()), [*args[1:], zero, zero])

    return types.intp(*[types.intp] * 6), codegen


@intrinsic
def relax(typingctx):
    """Tell the core that this is a waiting loop."""

    def codegen(ctx, b, sig, args):
        names = {"x86_64": "llvm.x86.sse2.pause", "i686": "llvm.x86.sse2.pause"}
        name = names.get(b.module.triple.split("-")[0])
        if name:
            kind = ir.FunctionType(ir.VoidType(), [])
            b.call(cgutils.get_or_insert_function(b.module, kind, name), [])
        return ctx.get_dummy_value()

    return types.void(), codegen
