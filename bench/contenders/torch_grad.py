"""PyTorch: dx and dw of channels_last tensors, and of contiguous ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bench.case import Case, Contender
from bench.contenders.torch_conv import FORMATS, module_of, view_of


def channels_last(case: Case) -> Contender:
    """Call what autograd calls, without autograd around it, on the order that PyTorch recommends."""
    return _in(FORMATS[case.ndim - 1], case)


def contiguous(case: Case) -> Contender:
    """Do so on channels-first tensors; bringing x and dy into that order is not timed."""
    return _in(torch.contiguous_format, case)


def _in(order: torch.memory_format, case: Case) -> Contender:
    layer, axes = case.layer, case.ndim
    w = module_of(case).weight.contiguous(memory_format=order)
    x = view_of(case.x).contiguous(memory_format=order)
    dy = view_of(case.dy).contiguous(memory_format=order)
    each = [[layer.stride] * axes, layer.padding, [layer.dilation] * axes]
    rest = (None, *each, False, [0] * axes, layer.groups, [True, True, False])
    back = torch.ops.aten.convolution_backward
    return Contender(lambda: back(dy, x, w, *rest), _pair)


def _pair(gradients: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return dx (n, *in, c) and dw (*kernel, i, o)."""
    dx, dw, _ = gradients
    return np.moveaxis(dx.numpy(), 1, -1), np.moveaxis(dw.numpy(), (1, 0), (-2, -1))
