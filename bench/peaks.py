"""The machine's limits, measured: multiply-adds in registers, and reading memory.

The first is a loop written in LLVM's language, so that no compiler's mood decides: chains of vector
multiply-adds that never leave their registers. The second is NumPy's ``max`` over an array larger
than any cache, one part for each thread.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np

from bench.machine import cores

CHAINS = {64: 24, 32: 12, 16: 12}  # vector bytes -> sums; each hides the latency of the others
LOOPS = 3_000_000
ARRAY = 1 << 30  # bytes; large server caches hold hundreds of MiB
RUNS = 15
LETTERS = {"float32": "f32", "float64": "f64"}


@dataclass(frozen=True, slots=True)
class Loop:
    """A compiled loop and the multiply-adds in one turn of it."""

    run: Callable[[int], Any]
    macs: int


def measure_peaks() -> dict[str, float]:
    """Return GFLOP/s (with llvmlite) and GB/s, for one and for all threads."""
    found: dict[str, float] = {}
    counts = {"one": 1, "all": cores()}
    array = np.ones(ARRAY // 4, np.float32)
    for name, threads in counts.items():
        taken = _best(partial(_read, np.array_split(array, threads)), threads)
        found[f"read GB/s, {name}"] = round(array.nbytes / taken / 1e9, 1)
    del array
    try:
        import llvmlite  # noqa: F401
    except ImportError:
        return found
    for dtype in LETTERS:
        with multiply_adds(dtype) as loop:
            for name, threads in counts.items():
                taken = _best(lambda _: loop.run(LOOPS), threads)
                flops = 2 * LOOPS * loop.macs * threads
                found[f"{dtype} GFLOP/s, {name}"] = round(flops / taken / 1e9, 1)
    return found


def _read(parts: list[np.ndarray], number: int) -> None:
    """Read one part from memory."""
    parts[number].max()


def _best(task: Callable[[int], Any], threads: int) -> float:
    """Return the least seconds in which each thread does its task; none holds Python's lock."""
    taken = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(task, range(threads)))
        for _ in range(RUNS):
            start = perf_counter()
            list(pool.map(task, range(threads)))
            taken.append(perf_counter() - start)
    return min(taken)


@contextmanager
def multiply_adds(dtype: str) -> Iterator[Loop]:
    """Compile the loop for this processor."""
    import llvmlite.binding as llvm

    from hwio.engine.cpu import processor

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    own = processor()
    lanes = own.vector_bytes // np.dtype(dtype).itemsize
    chains = CHAINS[own.vector_bytes]
    module = llvm.parse_assembly(_source(dtype, lanes, chains))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=own.name, features=own.features, opt=2
    )
    with llvm.create_mcjit_compiler(module, machine) as engine:
        engine.finalize_object()
        number = ctypes.c_float if dtype == "float32" else ctypes.c_double
        made = ctypes.CFUNCTYPE(number, ctypes.c_int64, number)
        call = made(engine.get_function_address("chains"))
        yield Loop(lambda turns: call(turns, 0.5), chains * lanes)


def _source(dtype: str, lanes: int, chains: int) -> str:
    """Write ``sum_i = a·sum_i + a`` for chains that start apart, so that none equals another."""
    kind = "float" if dtype == "float32" else "double"
    vector, fma = f"<{lanes} x {kind}>", f"llvm.fma.v{lanes}{LETTERS[dtype]}"
    each = range(chains)
    starts = [f"%s{i} = insertelement {vector} zeroinitializer, {kind} {i}.0, i32 0" for i in each]
    phis = [f"%p{i} = phi {vector} [ %s{i}, %entry ], [ %n{i}, %turn ]" for i in each]
    steps = [
        f"%n{i} = call {vector} @{fma}({vector} %a, {vector} %p{i}, {vector} %a)" for i in each
    ]
    sums = [f"%t{i} = fadd {vector} %{f't{i - 1}' if i > 1 else 'n0'}, %n{i}" for i in each[1:]]
    lines = [
        f"declare {vector} @{fma}({vector}, {vector}, {vector})",
        f"define {kind} @chains(i64 %turns, {kind} %value) {{",
        "entry:",
        f"%one = insertelement {vector} undef, {kind} %value, i32 0",
        f"%a = shufflevector {vector} %one, {vector} undef, <{lanes} x i32> zeroinitializer",
        *starts,
        "br label %turn",
        "turn:",
        "%i = phi i64 [ 0, %entry ], [ %next, %turn ]",
        *phis,
        *steps,
        "%next = add i64 %i, 1",
        "%more = icmp slt i64 %next, %turns",
        "br i1 %more, label %turn, label %done",
        "done:",
        *sums,
        f"%y = extractelement {vector} %t{chains - 1}, i32 0",
        f"ret {kind} %y",
        "}",
    ]
    return "\n".join(lines)
