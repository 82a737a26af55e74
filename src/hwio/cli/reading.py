"""The tour's first half: how weights are read, and one output number traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.cli.chapter import Chapter, beside
from hwio.show.explain.explanation import explain
from hwio.show.explain.trace_text import trace_lines

if TYPE_CHECKING:
    from hwio.types import Array

AT = (0, 1, 2, 5)  # image 0, row 1, column 2, filter 5
FILTER = AT[-1]


def read_weights(w: Array) -> Chapter:
    """Show what NumPy prints of w, where a filter is in it, and the two moves to filters first.

    Parameters
    ----------
    w : array, shape (3, 3, 4, 8)
    """
    k = FILTER
    first = np.moveaxis(w, -1, 0)  # (8, 3, 3, 4), a view
    cut = w.reshape(first.shape)  # the same shape, other filters
    size = w[..., 0].size
    held = np.arange(k * size, (k + 1) * size) % w.shape[-1]  # whose numbers cut[k] holds
    counts = np.bincount(held, minlength=w.shape[-1])
    planes = beside(
        (f"W[:, :, 0, {k}]", w[:, :, 0, k]),
        (f"moveaxis … [{k}][:, :, 0]", first[k, :, :, 0]),
        (f"reshape … [{k}][:, :, 0]", cut[k, :, :, 0]),
    )
    lines = [
        f"W has shape {w.shape}: 3 high, 3 wide, 4 in-channels, 8 filters. In letters: HWIO.",
        "print(W) shows 3 blocks of (3, 4, 8), because NumPy splits the first axis first.",
        "Those blocks are rows of taps, not filters. Here is the top left corner, W[0, 0]:",
        "",
        *_corner(w, k),
        "",
        f"Each column belongs to one filter. Filter {k} is column {k}, here and in the other",
        f"8 corners like this one. So you never need to hunt for it:  W[:, :, :, {k}]  has shape",
        "(3, 3, 4), one little 3 × 3 picture for each in-channel.",
        "",
        "Would you rather have the filters first? Two moves give the shape (8, 3, 3, 4):",
        "    np.moveaxis(W, -1, 0)     a view: each number stays with its filter",
        "    W.reshape(8, 3, 3, 4)     legal, and wrong: it cuts W as it lies in 8 pieces",
        f'In-channel 0 of "filter {k}", three times:',
        "",
        *planes,
        "",
        f"What reshape calls filter {k} holds {counts[k]} numbers of filter {k}, and {size - counts[k]} of the",
        f"other {w.shape[-1] - 1}. No error, no warning. The shape is right; only the values tell.",
    ]
    facts = {"shape": w.shape, "reshape_equals_moveaxis": bool(np.array_equal(cut, first))}
    return Chapter(lines, {**facts, "numbers_by_filter": counts})


def _corner(w: Array, k: int) -> list[str]:
    """Print W[0, 0], one row per in-channel, with one column pointed at."""
    wide = 8
    rows = [
        f"    c={c}  " + "".join(f"{v:{wide}.3f}" for v in row) for c, row in enumerate(w[0, 0])
    ]
    head = " " * 9 + "".join(f"{f'k={i}':>{wide}}" for i in range(w.shape[-1]))
    mark = " " * (9 + wide * k) + f"{'▔▔▔▔▔▔':>{wide}}"
    return [head, *rows, mark]


def trace_one(x: Array, w: Array) -> Chapter:
    """Follow one output number, product by product, and break it with the wrong reshape.

    Parameters
    ----------
    x : array, shape (2, 5, 7, 4)
    w : array, shape (3, 3, 4, 8)
    """
    n, i, j, k = AT
    window = x[n, i : i + 3, j : j + 3]  # (3, 3, 4)
    value = float(np.sum(window * w[..., k]))
    wrong = float(np.sum(window * w.reshape(8, 3, 3, 4)[k]))
    by_channel = np.sum(window * w[..., k], axis=(0, 1))  # (4,)
    said = explain(x, w, at=AT).trace
    traced = [] if said is None else trace_lines(said)
    lines = [
        "One output number is one window of x times one filter, all 36 products summed.",
        f"Take image {n}, row {i}, column {j}, filter {k}.",
        "",
        *traced,
        "",
        f"With W.reshape(8, 3, 3, 4)[{k}] in place of the filter you would get {wrong:.4f}: a number",
        "like any other, and not the answer.",
    ]
    facts: dict[str, Any] = {"at": AT, "value": value, "by_channel": by_channel, "wrong": wrong}
    return Chapter(lines, facts)
