"""``move_layer``: a layer of one framework as another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Never

from hwio.interop.moving.keras_layers import keras_code, keras_steps, separable_step
from hwio.interop.moving.layer import Step, Weight
from hwio.interop.moving.onnx_nodes import onnx_code, onnx_steps
from hwio.interop.moving.parts import as_call
from hwio.interop.moving.reading import Read, read_layer
from hwio.interop.moving.sides import check_size
from hwio.interop.moving.tflite_file import tflite_code
from hwio.interop.moving.tflite_operators import tflite_steps
from hwio.interop.moving.torch_layers import torch_code, torch_steps
from hwio.interop.moving.words import FRAMEWORKS, check_framework, check_kind
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places

if TYPE_CHECKING:
    from hwio.types import Array

_WRITERS = {
    "keras": keras_steps,
    "torch": torch_steps,
    "onnx": onnx_steps,
    "tflite": tflite_steps,
}
_CODES = {"keras": keras_code, "torch": torch_code, "onnx": onnx_code}
_FIRST = ("torch", "onnx")  # channels come first there
_OPTIONS = (
    *("source", "target", "kind", "stride", "padding", "dilation", "groups", "output_padding"),
    *("in_size", "pointwise"),
)


@dataclass(frozen=True, slots=True, repr=False)
class MovedLayer:
    """A layer as its new framework says it.

    Attributes
    ----------
    source, target, kind : str
    steps : tuple of Step
        Layers, nodes or operators in order: ``operator``, ``options`` (exactly its arguments),
        ``arrays`` (by the framework's own names) and a ``note`` that says why it is there.
    code : str
        Code that stands alone: it reads NumPy arrays named w, b (and pointwise) as they were given
        and leaves ``layer`` (Keras, PyTorch), ``model`` (ONNX) or ``content``, the bytes of a
        TFLite file.
    """

    source: str
    target: str
    kind: str
    steps: tuple[Step, ...]
    code: str
    _read: Read

    @property
    def w(self) -> Array:
        """The weights in the target's order; of a separable layer the depthwise ones."""
        return self._given("w")

    @property
    def pointwise(self) -> Array:
        """The pointwise weights of a separable layer in the target's order."""
        return self._given("pointwise")

    @property
    def b(self) -> Array | None:
        """The bias, None where there is none."""
        return next((weight.array for weight in self._weights() if weight.given == "b"), None)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the step that holds w."""
        return next(step.options for step in self.steps if step.weights)

    def to(
        self, target: str, *more: Never, in_size: int | tuple[int, ...] | None = None
    ) -> MovedLayer:
        """Move on to another framework, or back.

        Examples
        --------
        >>> import numpy as np, hwio
        >>> w = np.ones((8, 4, 3, 3), np.float32)
        >>> moved = hwio.move_layer(w, source="torch", target="keras", padding=1)
        >>> moved.to("torch").options["padding"], bool((moved.to("torch").w == w).all())
        ((1, 1), True)
        """
        if more:
            refuse_places(MovedLayer.to, locals())
        target = check_framework(target, "target")
        orders = tuple(weight.order for weight in self._weights() if weight.order)
        read = Read(self._read.layers, orders, self.target, self.kind)
        return _moved(read, target, check_size(in_size, self._read.layers[0].space))

    def _given(self, name: str) -> Array:
        """Return the array that was made of a given one."""
        return next(weight.array for weight in self._weights() if weight.given == name)

    def _weights(self) -> list[Weight]:
        """Return the weights of all steps."""
        return [weight for step in self.steps for weight in step.weights]

    def __repr__(self) -> str:
        """Say what became of the arrays and which steps there are."""
        lines = [f"{self.kind} layer from {self.source} to {self.target}"]
        moved = [weight for weight in self._weights() if weight.order]
        lines += [f"  {weight.given} -> {weight.name}: {weight.note}" for weight in moved]
        for i, step in enumerate(self.steps):
            note = f"   # {step.note}" if step.note else ""
            lines.append(f"  {i + 1}. {as_call(step)}{note}")
        space = self._read.layers[0].space
        one = "1" if self.target == "tflite" and len(space) == 1 else ""
        x = f"NC{space}" if self.target in _FIRST else f"N{one}{space}C"
        lines.append(f"  x and y are {x}; print(moved.code) writes it as code")
        return "\n".join(lines)


def move_layer(
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    source: str | None = None,
    target: str | None = None,
    kind: str = "conv",
    stride: int | tuple[int, ...] = 1,
    padding: Any = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    output_padding: int | tuple[int, ...] | None = None,
    in_size: int | tuple[int, ...] | None = None,
    pointwise: Any = None,
    **unknown: Never,
) -> MovedLayer:
    """Say a layer of one framework as another's: its arrays, its arguments, its padding.

    The same x in, each in its own order of axes, gives the same y.

    Parameters
    ----------
    w : array
        The weights as ``source`` stores them. 2-D: Keras (H, W, I, O), depthwise (H, W, C, M),
        transposed (H, W, O, I); PyTorch and ONNX (O, I, H, W), transposed (I, O, H, W); TFLite
        (O, H, W, I), depthwise (1, H, W, C·M). 1-D and 3-D likewise.
    b : array, shape (O,), optional
    source, target : {"keras", "torch", "onnx", "tflite"}
        Keras stands for TensorFlow's layers; "tensorflow", "pytorch" and "litert" will do, too.
    kind : {"conv", "depthwise", "separable", "transposed"}
    stride, dilation : int or one int per axis
    padding : str, int, or as the source writes it
        Words of ``hwio.conv``, "SAME" in any case, (low, high) pairs; of PyTorch one int per axis;
        of ONNX ``pads``, all low sides first. For a transposed layer it is what y leaves out.
    groups : int
        Of depthwise weights from PyTorch, ONNX or TFLite the number of channels.
    output_padding : int or one int per axis, optional
        Of a transposed layer. Without it Keras and TFLite fill y up to n·s cells, others do not.
    in_size : int or one int per axis, optional
        The size of x. Needed where SAME has a stride and the target has no word for it, and for
        TFLite's transposed layers.
    pointwise : array, optional
        The second array of a separable layer; w is the depthwise one.

    Returns
    -------
    MovedLayer
        Its ``repr`` shows the steps; ``.w``, ``.b``, ``.options``, ``.steps``, ``.code``, ``.to()``.

    Raises
    ------
    OptionError
        If the target can't express the layer, or a word is unknown.
    ShapeError, LayoutError, DTypeError, ArgumentTypeError
        If the arrays are not such a layer's.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> w = np.ones((7, 7, 3, 64), np.float32)
    >>> said = {"source": "keras", "stride": 2, "padding": "same"}
    >>> hwio.move_layer(w, np.zeros(64), target="torch", in_size=(224, 224), **said)
    conv layer from keras to torch
      w -> weight: HWIO -> OIHW (64, 3, 7, 7)
      1. nn.ZeroPad2d(padding=(2, 3, 2, 3))   # (low, high) of the last axis first: Conv2d pads both sides alike
      2. nn.Conv2d(in_channels=3, out_channels=64, kernel_size=(7, 7), stride=(2, 2))
      x and y are NCHW; print(moved.code) writes it as code
    """
    if more:
        refuse_places(move_layer, locals())
    if w is LEFT_OUT:
        refuse_missing(move_layer, locals())
    if unknown:
        check_keywords("move_layer", unknown, _OPTIONS)
    source, target = check_framework(source, "source"), check_framework(target, "target")
    read = read_layer(
        w, pointwise, b,
        source=source, kind=check_kind(kind), stride=stride, padding=padding, dilation=dilation,
        groups=groups, output_padding=output_padding, in_size=in_size,
    )  # fmt: skip
    return _moved(read, target, check_size(in_size, read.layers[0].space))


hide_refused(MovedLayer.to)
hide_refused(move_layer, "w", "source", "target")


def _moved(read: Read, target: str, in_size: tuple[int, ...] | None) -> MovedLayer:
    """Write the layers that were read in the target's words."""
    layers = tuple(layer.sized(in_size) if i == 0 else layer for i, layer in enumerate(read.layers))
    steps: list[Step] = []
    for layer, which, order in zip(layers, ("w", "pointwise"), read.orders, strict=False):
        steps += _WRITERS[target](layer, (which, order), in_size)
    if target == "keras" and len(layers) == 2:
        steps = separable_step(steps, layers)
    title = _title(read, target, in_size)
    if target == "tflite":
        code = tflite_code(title, steps, layers, in_size)
    else:
        code = _CODES[target](title, steps, layers)
    return MovedLayer(read.framework, target, read.kind, tuple(steps), code, read)


def _title(read: Read, target: str, in_size: tuple[int, ...] | None) -> str:
    """Say which arrays the code is for."""
    arrays = ", ".join(
        f"{name} {order}" for name, order in zip(("w", "pointwise"), read.orders, strict=False)
    )
    of = FRAMEWORKS[read.framework]
    size = f", x of {' × '.join(map(str, in_size))} cells" if in_size else ""
    return f"{read.kind}: {arrays} of {of} -> {FRAMEWORKS[target]}{size}"
