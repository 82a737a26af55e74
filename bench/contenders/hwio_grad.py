"""hwio: dx and dw, with weights in place and as arrays come."""

from __future__ import annotations

import hwio
from bench.case import Case, Contender


def prepared(case: Case) -> Contender:
    """Go back through a layer."""
    hwio.set_num_threads(case.threads)
    layer, x, dy = hwio.prepare(case.w, **case.options), case.x, case.dy
    return Contender(lambda: layer.grad(x, dy, need="xw"), _pair)


def plain(case: Case) -> Contender:
    """Call as a user does who has arrays and nothing else."""
    hwio.set_num_threads(case.threads)
    x, w, dy, options = case.x, case.w, case.dy, case.options
    return Contender(lambda: hwio.conv_grad(x, w, dy, need="xw", **options), _pair)


def _pair(gradients: tuple) -> tuple:
    dx, dw, _ = gradients
    return dx, dw
