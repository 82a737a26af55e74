"""The thread's arrays and its slice: hwio against NumPy's own expressions, PyTorch and the loop.

    python bench/small.py

Ratios only: how many times as long as hwio's whole public call the others take, in one run.
"""

from __future__ import annotations

import numpy as np
from pairs import seconds

import hwio


def contenders(shape: tuple[int, ...], dtype: str) -> dict[str, object]:
    """Return the calls that give the same numbers for x (n, h, w, 4) and w (3, 3, 4, 8)."""
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal(shape).astype(dtype), rng.standard_normal((3, 3, 4, 8)).astype(dtype)
    calls = {
        "hwio.conv": lambda: hwio.conv(x, w),
        "hwio.conv, NumPy only": lambda: hwio.conv(x, w, method="im2col"),
        "the loop": lambda: hwio.conv(x, w, method="loop"),
    }
    if shape[1:3] == (3, 3):
        calls["np.einsum"] = lambda: np.einsum("nhwc,hwck->nk", x, w)
        calls["np.tensordot"] = lambda: np.tensordot(x, w, 3)
    try:
        import torch
    except ImportError:
        return calls
    tx = torch.from_numpy(x).permute(0, 3, 1, 2)
    tw = torch.from_numpy(w).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
    calls["torch conv2d"] = lambda: torch.conv2d(tx, tw)
    return calls


def main() -> None:
    """Print one line per contender."""
    for title, shape in (
        ("arrays (2, 5, 7, 4)", (2, 5, 7, 4)),
        ("slice (1, 3, 3, 4)", (1, 3, 3, 4)),
    ):
        for dtype in ("float32", "float64"):
            calls = contenders(shape, dtype)
            exact = calls["the loop"]()
            assert np.abs(calls["hwio.conv"]() - exact).max() < 1e-4
            found = seconds(calls)
            own = found["hwio.conv"]
            print(f"{title} · (3, 3, 4, 8), {dtype}: hwio.conv {own * 1e6:.2f} µs")
            for name, taken in sorted(found.items(), key=lambda pair: pair[1]):
                if name != "hwio.conv":
                    print(f"  {taken / own:7.1f} ×  {name}")


if __name__ == "__main__":
    main()
