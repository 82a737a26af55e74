"""Who is measured: one function per contender, one file per library.

A function takes a Case and returns a Contender, or raises LeftOut with the reason. A library that is
not installed is left out and said so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from bench.case import Case, Contender, LeftOut
from bench.machine import is_installed
from bench.networks import CONV, GRADIENTS, MAX, MAX_BACK, MEAN, MEAN_BACK

OWN, PEER, PLAIN_PEER, OTHER, CONTROL = "own", "peer", "plain peer", "other", "control"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender's place.

    Attributes
    ----------
    where : dict of str
        For each task that it can do (see ``networks.TASKS``) ``file:function`` under bench/contenders.
    role : str
        own; peer (weights prepared); plain peer (weights as they come); other (shown, no rival);
        control (a contender once more: what it differs by is noise).
    words : str
        What is timed.
    needs : tuple of str
        Modules.
    """

    where: dict[str, str]
    role: str
    words: str
    needs: tuple[str, ...] = ()

    def build(self, case: Case) -> Contender:
        """Make it for a case; raises LeftOut."""
        for module in self.needs:
            if not is_installed(module):
                message = f"{module} is not installed"
                raise LeftOut(message)
        if case.cell.task not in self.where:
            message = f"has no part in {case.cell.task}"
            raise LeftOut(message)
        file, _, function = self.where[case.cell.task].partition(":")
        make: Callable[[Case], Contender] = getattr(
            import_module(f"bench.contenders.{file}"), function
        )
        return make(case)


POOLS = {MAX: "maximum", MEAN: "mean", MAX_BACK: "maximum_back", MEAN_BACK: "mean_back"}
HWIO_POOLS = {task: f"hwio_pool:{name}" for task, name in POOLS.items()}
TORCH_POOLS = {task: f"torch_pool:{name}" for task, name in POOLS.items()}
TORCH, ONNX = ("torch",), ("onnx", "onnxruntime")
CONTENDERS = {
    "hwio": Entry(
        {CONV: "hwio_conv:prepared", GRADIENTS: "hwio_grad:prepared", **HWIO_POOLS},
        OWN,
        "hwio.prepare(w)(x); .grad(x, dy); the pooling call",
    ),
    "hwio high": Entry({CONV: "hwio_conv:high"}, OWN, 'hwio.prepare(w, precision="high")(x)'),
    "hwio.conv": Entry(
        {CONV: "hwio_conv:plain", GRADIENTS: "hwio_grad:plain"},
        OWN,
        "hwio.conv(x, w), conv_grad(x, w, dy): packing timed",
    ),
    "hwio again": Entry(
        {CONV: "hwio_conv:prepared", GRADIENTS: "hwio_grad:prepared", **HWIO_POOLS},
        CONTROL,
        "hwio.prepare(w)(x), a second one",
    ),
    "numpy": Entry({CONV: "hwio_conv:numpy_alone"}, OTHER, "hwio.conv(x, w) without the engine"),
    "loop": Entry({CONV: "numpy_conv:loop"}, OTHER, "the nested loop, the thread's arrays only"),
    "einsum": Entry(
        {CONV: "numpy_conv:einsum"}, OTHER, 'np.einsum("nhwc,hwck->nk", x, w), the slice only'
    ),
    "torch": Entry(
        {CONV: "torch_conv:channels_last", GRADIENTS: "torch_grad:channels_last", **TORCH_POOLS},
        PEER,
        "on channels_last tensors: Conv, its convolution_backward, pooling; backwards with its indices",
        TORCH,
    ),
    "torch NCHW": Entry(
        {GRADIENTS: "torch_grad:contiguous"},
        PEER,
        "convolution_backward on contiguous tensors",
        TORCH,
    ),
    "torch packed": Entry({CONV: "torch_conv:packed"}, PEER, "oneDNN's form of x and w", TORCH),
    "torch view": Entry(
        {CONV: "torch_conv:view"}, PLAIN_PEER, "conv on views of x and w, HWIO as it comes", TORCH
    ),
    "onnxruntime": Entry(
        {CONV: "onnx_conv:initialiser"}, PEER, "w as initialiser, x in NCHW", ONNX
    ),
    "openvino": Entry(
        {CONV: "openvino_conv:constant"}, PEER, "w as constant, x in NCHW", ("openvino",)
    ),
    "jax": Entry({CONV: "jax_conv:jitted"}, PEER, "jit, NHWC and HWIO", ("jax",)),
    "scipy": Entry(
        {CONV: "scipy_conv:correlate"}, PEER, "ndimage.correlate or oaconvolve", ("scipy",)
    ),
    "opencv": Entry({CONV: "opencv_conv:filter2d"}, PEER, "cv2.filter2D", ("cv2",)),
}
