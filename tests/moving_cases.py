"""Layers to move between frameworks: what each of them can say, with their arrays."""

import itertools
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np

SPACE = {1: "W", 2: "HW", 3: "DHW"}
ORDERS = {  # how each framework stores the weights, S for the spatial axes, after its own pages
    ("keras", "conv"): "SIO",
    ("keras", "depthwise"): "SCM",
    ("keras", "transposed"): "SOI",
    ("torch", "conv"): "OIS",
    ("torch", "depthwise"): "OIS",
    ("torch", "transposed"): "IOS",
    ("onnx", "conv"): "OIS",
    ("onnx", "depthwise"): "OIS",
    ("onnx", "transposed"): "IOS",
    ("tflite", "conv"): "OSI",
    ("tflite", "depthwise"): "ISO",
    ("tflite", "transposed"): "OSI",
}
C, O, M = 4, 8, 2
FRAMEWORKS = ("keras", "torch", "onnx", "tflite")


@dataclass(frozen=True)
class Case:
    """One layer of one framework; padding is written as that framework writes it."""

    source: str
    kind: str
    kernel: tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: Any = "valid"
    dilation: int = 1
    groups: int = 1
    extra: int | None = None
    bias: bool = True
    size: tuple[int, ...] | None = None

    @property
    def ndim(self):
        return len(self.kernel)

    @property
    def in_size(self):
        return self.size or (7, 9, 8)[-self.ndim :]

    @property
    def strides(self):
        return (self.stride,) * self.ndim if isinstance(self.stride, int) else self.stride

    def order(self, kind):
        return ORDERS[self.source, kind].replace("S", SPACE[self.ndim])

    def __str__(self):
        told = [self.source, self.kind, "x".join(map(str, self.kernel)), f"s{self.stride}"]
        told += [str(self.padding)] + [f"d{self.dilation}"] * (self.dilation > 1)
        told += [f"g{self.groups}"] * (self.groups > 1) + [f"op{self.extra}"] * (
            self.extra is not None
        )
        return "-".join(told).replace(" ", "")

    def options(self):
        """Return the keywords of hwio.move_layer."""
        found = {"source": self.source, "kind": self.kind, "stride": self.stride}
        found |= {"padding": self.padding, "dilation": self.dilation, "groups": self.groups}
        if self.extra is not None:
            found["output_padding"] = self.extra
        return found

    def arrays(self):
        """X (N, spatial, C) and, as the source stores them, w, pointwise (or None), b (or None)."""
        rng = np.random.default_rng(11)
        draw = lambda shape: rng.standard_normal(shape).astype(np.float32)  # noqa: E731
        x = draw((2, *self.in_size, C))
        kind = "depthwise" if self.kind == "separable" else self.kind
        sizes = dict(zip(SPACE[self.ndim], self.kernel, strict=True))
        sizes |= {"C": C, "M": M, "I": C // self.groups, "O": O}
        if kind == "depthwise":
            sizes |= {"I": 1, "O": C * M}
        elif kind == "transposed":
            sizes |= {"I": C, "O": O // self.groups}
        w = draw([sizes[a] for a in self.order(kind)])
        last, pointwise = C * M if kind == "depthwise" else O, None
        if self.kind == "separable":
            ones = dict.fromkeys(SPACE[self.ndim], 1) | {"I": C * M, "O": O}
            pointwise, last = draw([ones[a] for a in self.order("conv")]), O
        return x, w, pointwise, draw(last) if self.bias else None

    def products(self):
        """Return 4·√K of the bound T1: of a separable layer both stages, one after the other."""
        taps = prod(self.kernel)
        if self.kind == "separable":
            return 4 * (sqrt(taps) + sqrt(C * M + 1))
        channels = {"conv": C // self.groups, "depthwise": 1, "transposed": C // self.groups}
        return 4 * sqrt(taps * channels[self.kind] + 1)


def all_cases():
    """Every case: what each framework has, strides 1 and 2, SAME or its own padding."""
    found = []
    words = {
        "keras": ("valid", "same"),
        "tflite": ("valid", "same"),
        "torch": (0, "half"),
        "onnx": ("VALID", "SAME_UPPER", "SAME_LOWER", "pads"),
    }
    for source in FRAMEWORKS:
        for kind in ("conv", "depthwise", "separable", "transposed"):
            groups = C if source != "keras" and kind in ("depthwise", "separable") else 1
            planes = itertools.product(((3, 3), (4, 5), (5, 2)), (1, 2), words[source])
            found += [_case(source, kind, *plane, groups=groups) for plane in planes]
            if (source, kind) != ("tflite", "transposed"):  # has no dilation
                apart = (
                    "pads" if source == "onnx" else words[source][1]
                )  # ONNX Runtime has no other
                found.append(_case(source, kind, (3, 3), 1, apart, dilation=2, groups=groups))
            found += [
                _case(source, kind, *line, groups=groups) for line in _lines(source, kind, words)
            ]
        found.append(_case(source, "conv", (3, 3), 2, words[source][1], groups=2))
        found.append(_case(source, "conv", (3, 3), 2, words[source][0], bias=False))
        found.append(_case(source, "transposed", (3, 3), 2, words[source][1], bias=False))
        found.append(_case(source, "transposed", (2, 2), 3, words[source][0]))  # gaps in y
        if source != "onnx":  # refused: read in two ways
            found.append(_case(source, "transposed", (2, 2), 3, words[source][1]))
    found += [
        Case("keras", "conv", (3,), padding="causal", dilation=2),
        Case("keras", "conv", (3, 3), (2, 1), "same"),
        Case("keras", "transposed", (3, 3), 2, "valid", extra=1),
        Case("keras", "transposed", (3, 3), 2, "same", extra=1),
        Case("keras", "transposed", (4, 4), 2, "same", extra=1),
        Case("keras", "transposed", (5, 5), 3, "same", extra=0),
        Case("keras", "conv", (3, 3), groups=4),
        Case("torch", "conv", (3, 3), 1, "same"),
        Case("torch", "conv", (4, 2), 1, "same"),
        Case("torch", "conv", (3, 3), 2, 1, dilation=2),
        Case("torch", "conv", (3, 3), (1, 2), (1, 0)),
        Case("torch", "conv", (3, 3), 2, 1, groups=4),
        Case("torch", "depthwise", (3, 3), (1, 2), 1, groups=4),
        Case("torch", "depthwise", (3, 3), 2, 2, dilation=2, groups=4),
        Case("torch", "separable", (3, 3), 2, 2, dilation=2, groups=4),
        Case("torch", "transposed", (3, 3), 2, 1, extra=1),
        Case("torch", "transposed", (4, 4), 2, 1, groups=2),
        Case("torch", "transposed", (3, 3), 2, 0, extra=1),
        Case("torch", "transposed", (3, 3), 1, (2, 0), dilation=2),
        Case("torch", "conv", (3, 3), 1, 5),
        Case("onnx", "transposed", (3, 3), 2, (1, 0, 0, 1), extra=1),
        Case("onnx", "transposed", (5, 4), 1, (3, 0, 0, 2)),
        Case("onnx", "conv", (3, 3), 2, (0, 1, 2, 0), dilation=2),
    ]
    return list(dict.fromkeys(found))


def _lines(source, kind, words):
    """Return kernels, strides and padding of one and three axes that the framework has."""
    kernels = [] if source == "tflite" else [(3,), (4,), (3, 2, 3)]
    if source == "keras" and kind in ("depthwise", "separable"):
        kernels = kernels[:2]
    return list(itertools.product(kernels, (1, 2), [words[source][1]]))


def _case(source, kind, kernel, stride, padding, **more):
    """Write the padding that a word of the table stands for."""
    if padding == "half":
        padding = tuple(k // 2 for k in kernel) if len(kernel) > 1 else kernel[0] // 2
    elif padding == "pads":
        padding = (1,) * len(kernel) + (0,) * len(kernel)
    return Case(source, kind, kernel, stride, padding, **more)


CASES = all_cases()
