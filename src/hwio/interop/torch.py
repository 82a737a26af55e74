"""hwio's convolution where PyTorch learns: ``conv`` on tensors, with gradients.

from hwio.interop import torch as bridge
y = bridge.conv(x, w, b, stride=2, padding=1)     # like torch.nn.functional.conv2d
y.sum().backward()                                # fills x.grad, w.grad, b.grad
"""

from __future__ import annotations

from typing import Any, Never

import numpy as np
import torch

from hwio.errors import ArgumentTypeError, DTypeError, kind, word
from hwio.ops.conv import conv as conv_arrays
from hwio.ops.grad import conv_grad
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.places import refuse_places
from hwio.shapes.layout import read_layout

LAYOUTS = {3: "NCW,OIW", 4: "NCHW,OIHW", 5: "NCDHW,OIDHW"}  # PyTorch's own orders, by rank
OPTIONS = ("stride", "padding", "dilation", "groups", "layout", "flip", "padding_mode")


def conv(x: Any, w: Any, b: Any = None, *more: Never, **options: Any) -> Any:
    """Convolve tensors by hwio, in a way that PyTorch can go back through.

    Parameters
    ----------
    x : tensor, shape (N, C, H, W)
        On the CPU; (N, C, W) in 1-D, (N, C, D, H, W) in 3-D, any order with ``layout``.
    w : tensor, shape (O, I, H, W)
    b : tensor, shape (O,), optional
    **options
        stride, padding, dilation, groups, layout, flip and padding_mode of ``hwio.conv``. ``layout``
        is ``"NCHW,OIHW"`` by default, or PyTorch's order of the rank.

    Returns
    -------
    tensor, shape (N, O, H', W')
        Its ``backward`` computes the gradients that are needed, and no others.

    Raises
    ------
    ArgumentTypeError
        If an argument is no tensor, or not on the CPU.
    HwioError
        As ``hwio.conv``.

    Notes
    -----
    Gradients have gradients too: each of dx and dw is linear in both of its factors, so going back
    through them is a convolution and the other gradient. Complex tensors have the gradients that
    PyTorch gives them.

    Examples
    --------
    >>> import torch
    >>> x, w = torch.ones(1, 1, 4, 4, requires_grad=True), torch.ones(1, 1, 3, 3)
    >>> conv(x, w).sum().backward()
    >>> x.grad[0, 0]
    tensor([[1., 2., 2., 1.],
            [2., 4., 4., 2.],
            [2., 4., 4., 2.],
            [1., 2., 2., 1.]])
    """
    if more:
        refuse_places(conv, locals())
    check_keywords("interop.torch.conv", options, OPTIONS)
    for name, value in (("x", x), ("w", w), ("b", b)):
        if value is not None or name != "b":
            _check_tensor(value, name)
    if w.ndim in LAYOUTS:  # one image has no N
        options.setdefault("layout", LAYOUTS[w.ndim][x.ndim == w.ndim - 1 :])
    return _Convolution.apply(x, w, b, options)


hide_refused(conv)


class _Convolution(torch.autograd.Function):  # type: ignore[misc]
    """y = x · w + b."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any, b: Any, options: dict[str, Any]) -> Any:
        """Return y, and keep what the way back needs."""
        ctx.save_for_backward(x, w)
        ctx.options = options
        bias = None if b is None else _array(b)
        return _tensor(conv_arrays(_array(x), _array(w), bias, **options))

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """Return dx, dw and db, None for those that nobody needs."""
        (x, w), options = ctx.saved_tensors, ctx.options
        dx = dw = db = None
        if ctx.needs_input_grad[0]:
            dx = _GradientForX.apply(dy, w, x.shape, options)
        if ctx.needs_input_grad[1]:
            dw = _GradientForW.apply(x, dy, w.shape, options)
        if ctx.needs_input_grad[2]:
            letters = read_layout(options.get("layout"), x.shape, w.shape).y
            db = dy.sum([at for at, letter in enumerate(letters) if letter != "C"])
        return dx, dw, db, None


class _GradientForX(torch.autograd.Function):  # type: ignore[misc]
    """dx = dy · wᵀ, linear in dy and in w."""

    @staticmethod
    def forward(ctx: Any, dy: Any, w: Any, x_shape: Any, options: dict[str, Any]) -> Any:
        """Return dx."""
        ctx.save_for_backward(dy, w)
        ctx.options = options
        return _tensor(conv_grad(tuple(x_shape), _array(w), _array(dy), need="x", **options)[0])

    @staticmethod
    def backward(ctx: Any, ddx: Any) -> tuple[Any, ...]:
        """Return the gradients for dy and w."""
        dy, w = ctx.saved_tensors
        for_dy = for_w = None
        if ctx.needs_input_grad[0]:
            for_dy = _Convolution.apply(ddx, w, None, ctx.options)
        if ctx.needs_input_grad[1]:
            for_w = _GradientForW.apply(ddx, dy, w.shape, ctx.options)
        return for_dy, for_w, None, None


class _GradientForW(torch.autograd.Function):  # type: ignore[misc]
    """dw = xᵀ · dy, linear in x and in dy."""

    @staticmethod
    def forward(ctx: Any, x: Any, dy: Any, w_shape: Any, options: dict[str, Any]) -> Any:
        """Return dw."""
        ctx.save_for_backward(x, dy)
        ctx.options = options
        return _tensor(conv_grad(_array(x), tuple(w_shape), _array(dy), need="w", **options)[1])

    @staticmethod
    def backward(ctx: Any, ddw: Any) -> tuple[Any, ...]:
        """Return the gradients for x and dy."""
        x, dy = ctx.saved_tensors
        for_x = for_dy = None
        if ctx.needs_input_grad[0]:
            for_x = _GradientForX.apply(dy, ddw, x.shape, ctx.options)
        if ctx.needs_input_grad[1]:
            for_dy = _Convolution.apply(x, ddw, None, ctx.options)
        return for_x, for_dy, None, None


def _array(tensor: Any) -> Any:
    """Return the numbers of a tensor as an array, which shares them."""
    return tensor.detach().resolve_conj().resolve_neg().numpy()


def _tensor(array: Any) -> Any:
    """Return an array as a tensor whose axes lie as PyTorch expects them of a new one."""
    return torch.from_numpy(np.ascontiguousarray(array))


def _check_tensor(value: Any, name: str) -> None:
    """Refuse what is no tensor of floats in this machine's memory."""
    if not isinstance(value, torch.Tensor):
        rule = f"{name} is {kind(value)}, not a torch.Tensor"
        raise ArgumentTypeError(word(rule, [], f"{name} = torch.as_tensor({name})"))
    if value.device.type != "cpu":
        rule = f"{name} is on the device {value.device}, but hwio computes on the CPU"
        facts = ["x, w and b must all be there, and so is y"]
        raise ArgumentTypeError(word(rule, facts, f"{name} = {name}.cpu()"))
    if value.layout is not torch.strided:
        rule = f"{name} is sparse, but hwio needs every number"
        raise ArgumentTypeError(word(rule, [], f"{name} = {name}.to_dense()"))
    if value.dtype is torch.bfloat16:
        rule = f"{name} has dtype torch.bfloat16, which NumPy does not have"
        raise DTypeError(word(rule, [], f"{name} = {name}.float()"))
