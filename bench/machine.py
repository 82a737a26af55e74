"""What the figures were taken on: processor and versions, no name of any machine."""

from __future__ import annotations

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hwio

PACKAGES = (
    "numpy", "numba", "llvmlite", "torch", "onnx", "onnxruntime", "openvino", "jax",
    "scipy", "opencv-python-headless",
)  # fmt: skip
SEEN = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8")


def describe() -> dict[str, Any]:
    """Return the machine as data."""
    info = _cpuinfo()
    flags = set(info.get("flags", info.get("Features", "")).split())
    family = [f"{key} {info[key]}" for key in ("cpu family", "model", "stepping") if key in info]
    return {
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "family": ", ".join(family),
        "cores": cores(),
        "features": [name for name in SEEN if name in flags],
        "caches": _caches(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of all that is measured; what is not installed is not in it."""
    found = {"python": platform.python_version(), "hwio": hwio.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found["hwio source"] = source_digest()
    return found


def source_digest() -> str:
    """Digest hwio's own files, so that figures of two states are never mixed."""
    root, digest = Path(hwio.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported."""
    return find_spec(module) is not None


def cores() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def has_amx(machine: dict[str, Any]) -> bool:
    """Tell whether the processor multiplies bf16 tiles."""
    return "amx_bf16" in machine.get("features", [])


def _cpuinfo() -> dict[str, str]:
    """Return the first processor's lines of /proc/cpuinfo, where there is one."""
    found: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return found
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        found[key.strip()] = " ".join(value.split())
    return found


def _caches() -> str:
    """Return the caches of the first processor, as the system writes them."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            level, kind, size = (
                (index / name).read_text().strip() for name in ("level", "type", "size")
            )
        except OSError:
            continue
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return ", ".join(found)
