"""PyTorch: pooling of channels_last tensors."""

from __future__ import annotations

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


def _tensor(case: Case) -> torch.Tensor:
    use_threads(case)
    return view_of(case.x).contiguous(memory_format=FORMATS[case.ndim - 1])
