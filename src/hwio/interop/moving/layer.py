"""A layer as no framework in particular says it, and a step as one of them does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hwio.shapes.layout import SPATIAL
from hwio.shapes.padding import resolve_padding

if TYPE_CHECKING:
    from hwio.types import Array, Pads

KINDS = {
    "conv": "a convolution, with groups or without",
    "depthwise": "filters that see one channel each",
    "separable": "a depthwise layer, then a pointwise one",
    "transposed": "a transposed convolution",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution with its arrays, in the letters of this package.

    Attributes
    ----------
    kind : {"conv", "depthwise", "transposed"}
    w : array
        (spatial, I, O); depthwise (spatial, C, M); transposed (spatial, O, I).
    b : array, shape (O,), or None
    stride, dilation : tuple of int
        One entry per spatial axis.
    groups : int
        C of a depthwise layer.
    sides : tuple of pairs of int, or None
        Zeros around x; of a transposed layer the cells that y leaves out, where a high side below 0
        asks for more. None where they depend on a size of x that is not known.
    same : {"", "same", "same_lower"}
        The rule that the sides come from, which holds for every size of x.
    """

    kind: str
    w: Array
    b: Array | None
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    sides: Pads | None
    same: str = ""

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.stride)

    @property
    def space(self) -> str:
        """The spatial letters: W, HW or DHW."""
        return SPATIAL[self.ndim]

    @property
    def kernel(self) -> tuple[int, ...]:
        """Taps on each axis."""
        return self.w.shape[: self.ndim]

    @property
    def reach(self) -> tuple[int, ...]:
        """Cells from the first tap to the last, (k - 1)·d + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def in_channels(self) -> int:
        """Channels of x."""
        last: tuple[int, ...] = self.w.shape[self.ndim :]
        if self.kind == "conv":
            return last[0] * self.groups
        return last[0] if self.kind == "depthwise" else last[1]

    @property
    def out_channels(self) -> int:
        """Channels of y."""
        last: tuple[int, ...] = self.w.shape[self.ndim :]
        if self.kind == "conv":
            return last[1]
        return last[0] * (last[1] if self.kind == "depthwise" else self.groups)

    def sized(self, in_size: tuple[int, ...] | None) -> Layer:
        """Return the layer with the sides that its rule gives for this size of x."""
        if in_size is None or self.sides is not None:
            return self
        sides = resolve_padding(
            self.same, in_size, self.kernel, self.stride, self.dilation, self.space
        )
        return replace(self, sides=sides)


@dataclass(frozen=True, slots=True)
class Weight:
    """One array of a step.

    Attributes
    ----------
    name : str
        What the framework calls it.
    given : {"w", "pointwise", "b"}
        Which of the arrays that were given it is made of.
    array : array
    code : str
        NumPy code that makes it.
    order : str
        Its axis letters, for the weights.
    note : str
    """

    name: str
    given: str
    array: Array
    code: str
    order: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One layer, node or operator of a framework.

    Attributes
    ----------
    operator : str
        Such as ``"nn.Conv2d"``.
    options : dict
        Exactly the arguments that it takes, by name.
    weights : tuple of Weight
    note : str
        Why it is there.
    """

    operator: str
    options: dict[str, Any]
    weights: tuple[Weight, ...] = ()
    note: str = ""

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays by the framework's own names."""
        return {weight.name: weight.array for weight in self.weights}
