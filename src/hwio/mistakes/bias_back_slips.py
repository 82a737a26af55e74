"""Mistakes with db in conv_backward, and with what gradients are divided by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes.layer import Layer
from hwio.mistakes.mistake import Mistake
from hwio.mistakes.reference_back import db_of, gradients

if TYPE_CHECKING:
    from hwio.types import Array

_ONE = "explanation/gradients-as-matrix-products.md#one-window-at-a-time"
_BIAS = "How often was b[0, 0, 0, k] added on the way forward? Each of those cells has its dZ."
_SCALE = "Set dZ to ones and count: what should db hold? The cost was averaged before dZ."


def _over(layer: Layer, count: int, *which: str) -> tuple[Array, Array, Array]:
    """Divide some of the gradients."""
    found = dict(zip(("dx", "dw", "db"), gradients(layer), strict=True))
    dx, dw, db = (g / count if name in which else g for name, g in found.items())
    return dx, dw, db


BIAS_BACK = (
    Mistake(
        key="back-db-assigned",
        function="conv_backward",
        name="db keeps the last number of dZ only: = where += should be",
        hint=_BIAS,
        page=_ONE,
        slip=lambda c: gradients(c, db=c.upper[-1:, -1:, -1:]),
    ),
    Mistake(
        key="back-db-mean",
        function="conv_backward",
        name="db is the mean of dZ, not its sum",
        hint=_BIAS,
        page=_ONE,
        slip=lambda c: _over(c, c.upper[..., 0].size, "db"),
    ),
    Mistake(
        key="back-db-over-m",
        function="conv_backward",
        name="db is divided by the number of images",
        hint=_SCALE,
        page=_ONE,
        slip=lambda c: _over(c, len(c.x), "db"),
    ),
    Mistake(
        key="back-dw-over-m",
        function="conv_backward",
        name="dW is divided by the number of images",
        hint=_SCALE,
        page=_ONE,
        slip=lambda c: _over(c, len(c.x), "dw"),
    ),
    Mistake(
        key="back-dw-db-over-m",
        function="conv_backward",
        name="dW and db are divided by the number of images",
        hint=_SCALE,
        page=_ONE,
        slip=lambda c: _over(c, len(c.x), "dw", "db"),
    ),
    Mistake(
        key="back-all-over-m",
        function="conv_backward",
        name="all three gradients are divided by the number of images",
        hint=_SCALE,
        page=_ONE,
        slip=lambda c: _over(c, len(c.x), "dx", "dw", "db"),
    ),
    Mistake(
        key="back-db-missing",
        function="conv_backward",
        name="db stays zero",
        hint=_BIAS,
        page=_ONE,
        slip=lambda c: gradients(c, db=np.zeros_like(db_of(c))),
    ),
    Mistake(
        key="back-db-times-b",
        function="conv_backward",
        name="db is multiplied by b",
        hint="Z = ... + b. What is the derivative of a sum for one of its terms?",
        page=_ONE,
        slip=lambda c: gradients(c, db=db_of(c) * c.bias),
    ),
    Mistake(
        key="back-db-all-filters",
        function="conv_backward",
        name="every number of db is the sum of all of dZ, over the filters too",
        hint=_BIAS + " Which axis must be left?",
        page=_ONE,
        slip=lambda c: gradients(c, db=np.full_like(db_of(c), c.upper.sum())),
    ),
    Mistake(
        key="back-db-flat",
        function="conv_backward",
        name="db has shape (n_C,), not (1, 1, 1, n_C); its numbers are right",
        hint="Compare the shapes of db and b.",
        page="reference/lab.md#hwiolabconv_backward",
        slip=lambda c: gradients(c, db=db_of(c).reshape(-1)),
    ),
    Mistake(
        key="back-db-columns-kept",
        function="conv_backward",
        name="db is summed over images and rows, not over columns",
        hint=_BIAS + " Over which axes of dZ does your sum run?",
        page=_ONE,
        slip=lambda c: gradients(c, db=c.upper.sum((0, 1))),
    ),
)
