"""PyTorch: channels_last tensors, oneDNN's packed form, and views of plain NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils import mkldnn

from bench.case import Case, Contender, LeftOut
from bench.case import channels_last as last

torch.set_grad_enabled(False)
MODULES = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
CALLS = (torch.conv1d, torch.conv2d, torch.conv3d)
FORMATS = (torch.contiguous_format, torch.channels_last, torch.channels_last_3d)


def channels_last(case: Case) -> Contender:
    """Run a module; w and x lie in the order that PyTorch recommends on a CPU."""
    module, tensor = module_of(case), view_of(case.x)
    tensor = tensor.contiguous(memory_format=FORMATS[case.ndim - 1])
    return Contender(lambda: module(tensor), array_of)


def packed(case: Case) -> Contender:
    """Run the module that oneDNN has packed, on an x of oneDNN's, none of which is timed."""
    if case.cell.dtype != "float32":
        message = "oneDNN packs float32 only"
        raise LeftOut(message)
    module, tensor = mkldnn.to_mkldnn(module_of(case)), view_of(case.x).contiguous().to_mkldnn()
    return Contender(lambda: module(tensor), lambda y: array_of(y.to_dense()))


def view(case: Case) -> Contender:
    """Hand over views of NHWC and HWIO arrays."""
    use_threads(case)
    call, tensor, layer = CALLS[case.ndim - 1], view_of(case.x), case.layer
    w = torch.from_numpy(np.moveaxis(case.w, (-1, -2), (0, 1)))
    options = (None, layer.stride, layer.padding, layer.dilation, layer.groups)
    if not case.options:
        return Contender(lambda: call(tensor, w), array_of)
    return Contender(lambda: call(tensor, w, *options), array_of)


def module_of(case: Case) -> torch.nn.Module:
    """Make the module, its weights in channels_last."""
    use_threads(case)
    layer = case.layer
    module = MODULES[case.ndim - 1](
        layer.c, layer.o, layer.kernel, layer.stride, layer.padding, layer.dilation, layer.groups,
        bias=False, dtype=getattr(torch, case.cell.dtype),
    )  # fmt: skip
    module.weight.copy_(torch.from_numpy(case.w_filters_first))
    return module.eval().to(memory_format=FORMATS[case.ndim - 1])


def use_threads(case: Case) -> None:
    """Let PyTorch use as many threads as are asked for."""
    if torch.get_num_threads() != case.threads:
        torch.set_num_threads(case.threads)


def view_of(array: np.ndarray) -> torch.Tensor:
    """View (n, *cells, c) as a tensor (n, c, *cells)."""
    return torch.from_numpy(np.moveaxis(array, -1, 1))


def array_of(y: Any) -> np.ndarray:
    """View a result (n, o, *out) as (n, *out, o)."""
    return last(y.numpy())
