"""PyTorch: pooling of channels_last tensors, forwards and backwards."""

from __future__ import annotations

import numpy as np
import torch

from bench.case import Case, Contender
from bench.contenders.torch_conv import FORMATS, array_of, use_threads, view_of


def maximum(case: Case) -> Contender:
    """Take maxima."""
    x, layer = _tensor(case), case.layer
    sizes = (layer.kernel, layer.stride, layer.padding)
    return Contender(lambda: torch.max_pool2d(x, *sizes), array_of)


def mean(case: Case) -> Contender:
    """Take means; cells of padding are not counted."""
    x, layer = _tensor(case), case.layer
    sizes = (layer.kernel, layer.stride, layer.padding)
    call = torch.nn.functional.avg_pool2d
    return Contender(lambda: call(x, *sizes, count_include_pad=False), array_of)


def maximum_back(case: Case) -> Contender:
    """Call what autograd calls; the places of the maxima are there, from the way forwards."""
    x, dy = _tensor(case), _in_order(case, case.dy)
    sizes = _sizes(case)
    _, places = torch.ops.aten.max_pool2d_with_indices(x, *sizes)
    back = torch.ops.aten.max_pool2d_with_indices_backward
    return Contender(lambda: back(dy, x, *sizes, [1, 1], False, places), array_of)


def mean_back(case: Case) -> Contender:
    """Call what autograd calls."""
    x, dy = _tensor(case), _in_order(case, case.dy)
    sizes, back = _sizes(case), torch.ops.aten.avg_pool2d_backward
    return Contender(lambda: back(dy, x, *sizes, False, False, None), array_of)


def _sizes(case: Case) -> tuple[list[int], list[int], list[int]]:
    """Return kernel, stride and padding, one number per axis."""
    layer = case.layer
    return list(layer.kernel), [layer.stride] * case.ndim, list(layer.padding)


def _tensor(case: Case) -> torch.Tensor:
    use_threads(case)
    return _in_order(case, case.x)


def _in_order(case: Case, array: np.ndarray) -> torch.Tensor:
    """View an array (n, *size, c) as torch has it."""
    return view_of(array).contiguous(memory_format=FORMATS[case.ndim - 1])
