"""What this processor can do, read at run time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Processor:
    """The processor that kernels are compiled for.

    Attributes
    ----------
    name : str
        LLVM's name for it.
    features : str
        LLVM's feature list; this is what decides.
    vector_bytes : int
        64 with AVX-512, 32 with AVX2 and FMA, else 16.
    level : str
        "avx512", "avx2" or "generic": the name of that width.
    dots : bool
        Whether one instruction adds four products of bytes to each lane (AVX-512 VNNI, AVX-VNNI).
    amx : bool
        Whether it has tiles of bfloat16; ``engine.amx`` tells whether they may be used.
    """

    name: str
    features: str
    vector_bytes: int
    level: str
    dots: bool = False
    amx: bool = False


@lru_cache(maxsize=1)
def processor() -> Processor:
    """Return the processor; NUMBA_CPU_NAME and NUMBA_CPU_FEATURES stand in for it in tests."""
    import llvmlite.binding as llvm

    name = os.environ.get("NUMBA_CPU_NAME")
    if name:
        known = {"haswell": "+avx2,+fma,+avx,+bmi2,+f16c", "generic": ""}
        features = os.environ.get("NUMBA_CPU_FEATURES", known.get(name, ""))
    else:
        name = llvm.get_host_cpu_name()
        features = llvm.get_host_cpu_features().flatten()
    has = set(features.split(","))
    if {"+avx512f", "+avx512vl", "+avx512dq", "+avx512bw"} <= has:
        amx = {"+amx-tile", "+amx-bf16"} <= has
        return Processor(name, features, 64, "avx512", "+avx512vnni" in has, amx)
    if {"+avx2", "+fma"} <= has:
        return Processor(name, features, 32, "avx2", "+avxvnni" in has)
    return Processor(name, features, 16, "generic")
