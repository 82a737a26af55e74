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

OWN, PEER, PLAIN_PEER, OTHER, CONTROL = "own", "peer", "plain peer", "other", "control"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender's place.

    Attributes
    ----------
    where : str
        ``file:function`` under bench/contenders.
    role : str
        own; peer (weights prepared); plain peer (weights as they come); other (shown, no rival);
        control (a contender once more: what it differs by is noise).
    words : str
        What is timed.
    needs : tuple of str
        Modules.
    """

    where: str
    role: str
    words: str
    needs: tuple[str, ...] = ()

    def build(self, case: Case) -> Contender:
        """Make it for a case; raises LeftOut."""
        for module in self.needs:
            if not is_installed(module):
                message = f"{module} is not installed"
                raise LeftOut(message)
        file, _, function = self.where.partition(":")
        make: Callable[[Case], Contender] = getattr(
            import_module(f"bench.contenders.{file}"), function
        )
        return make(case)


TORCH, ONNX = ("torch",), ("onnx", "onnxruntime")
CONTENDERS = {
    "hwio": Entry("hwio_conv:prepared", OWN, "hwio.prepare(w)(x)"),
    "hwio high": Entry("hwio_conv:high", OWN, 'hwio.prepare(w, precision="high")(x)'),
    "hwio.conv": Entry("hwio_conv:plain", OWN, "hwio.conv(x, w), packing timed"),
    "hwio again": Entry("hwio_conv:prepared", CONTROL, "hwio.prepare(w)(x), a second one"),
    "numpy": Entry("hwio_conv:numpy_alone", OTHER, "hwio.conv(x, w) without the engine"),
    "loop": Entry("numpy_conv:loop", OTHER, "the nested loop, the thread's arrays only"),
    "einsum": Entry("numpy_conv:einsum", OTHER, 'np.einsum("nhwc,hwck->nk", x, w), the slice only'),
    "torch": Entry("torch_conv:channels_last", PEER, "Conv on channels_last tensors", TORCH),
    "torch packed": Entry("torch_conv:packed", PEER, "oneDNN's form of x and w", TORCH),
    "torch view": Entry(
        "torch_conv:view", PLAIN_PEER, "conv on views of x and w, HWIO as it comes", TORCH
    ),
    "onnxruntime": Entry("onnx_conv:initialiser", PEER, "w as initialiser, x in NCHW", ONNX),
    "openvino": Entry("openvino_conv:constant", PEER, "w as constant, x in NCHW", ("openvino",)),
    "jax": Entry("jax_conv:jitted", PEER, "jit, NHWC and HWIO", ("jax",)),
    "scipy": Entry("scipy_conv:correlate", PEER, "ndimage.correlate or oaconvolve", ("scipy",)),
    "opencv": Entry("opencv_conv:filter2d", PEER, "cv2.filter2D", ("cv2",)),
}
