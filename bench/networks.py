"""The layers, as data: every convolution of a network once, and how often the network has it.

Sizes are those of the papers at the papers' input, unless ``source`` says otherwise. All padding is
the same on both sides, so that every library can do it without a copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod

CONV, GRADIENTS, MAX, MEAN = "conv", "gradients", "max", "mean"
MAX_BACK, MEAN_BACK = "max back", "mean back"
# what is timed of a layer
TASKS = {
    CONV: "y",
    GRADIENTS: "dx and dw",
    MAX: "the maximum of each window",
    MEAN: "the mean of each window, padding not counted",
    MAX_BACK: "dx of the maximum of each window",
    MEAN_BACK: "dx of the mean of each window, padding not counted",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution without its number of images.

    Attributes
    ----------
    size : tuple of int
        Input cells along each axis.
    c, o : int
        Channels in, filters.
    kernel : tuple of int
    stride, dilation : int
        The same on each axis.
    padding : tuple of int
        Zeros on either side, for each axis.
    groups : int
    count : int
        How often the network has it.
    one_filter : bool
        Every channel meets the same filter, as in image processing.
    pool : bool
        It has no filter at all: channels are pooled, each alone.
    """

    size: tuple[int, ...]
    c: int
    o: int
    kernel: tuple[int, ...]
    stride: int = 1
    dilation: int = 1
    padding: tuple[int, ...] = ()
    groups: int = 1
    count: int = 1
    one_filter: bool = False
    pool: bool = False

    @property
    def out(self) -> tuple[int, ...]:
        """Output cells along each axis."""
        axes = zip(self.size, self.kernel, self.padding, strict=True)
        return tuple(
            (s + 2 * p - self.dilation * (k - 1) - 1) // self.stride + 1 for s, k, p in axes
        )

    @property
    def depth(self) -> int:
        """Products in one output number."""
        return prod(self.kernel) * self.c // self.groups

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return prod(self.out) * self.o * self.depth

    def numbers(self, n: int) -> int:
        """Count the numbers of x, w and y: what must cross the memory bus at least."""
        x, y = n * prod(self.size) * self.c, n * prod(self.out) * self.o
        return x + self.depth * self.o + y

    @property
    def name(self) -> str:
        """Kernel, channels and size: ``3x3 64→128 @56 /2``."""
        kernel, size = "x".join(map(str, self.kernel)), "x".join(map(str, self.size))
        if len(set(self.size)) == 1:
            size = f"{self.size[0]}"
        depthwise = self.groups == self.c and self.groups > 1
        channels = f"dw {self.c}" if depthwise else f"{self.c}→{self.o}"
        if self.pool:
            channels = f"{self.c}"
        stride = f" /{self.stride}" if self.stride > 1 else ""
        dilation = f" d{self.dilation}" if self.dilation > 1 else ""
        return f"{kernel} {channels} @{size}{stride}{dilation}"


@dataclass(frozen=True, slots=True)
class Network:
    """Layers that are measured together.

    Attributes
    ----------
    title, source : str
    layers : tuple of Layer
    images : tuple of int
        Numbers of images that make sense.
    task : str
        What is timed, a key of TASKS.
    """

    title: str
    source: str
    layers: tuple[Layer, ...]
    images: tuple[int, ...] = (1, 8)
    task: str = CONV


def square(rows: Iterable[tuple[int, ...]], axes: int = 2, depthwise: bool = False) -> list[Layer]:
    """Make layers of rows (size, c, o, kernel, stride, count) with padding kernel // 2.

    Where ``depthwise`` is True, o is the number of channels again.
    """
    return [
        Layer(
            (size,) * axes, c, o, (k,) * axes, stride, 1, (k // 2,) * axes,
            c if depthwise else 1, count,
        )
        for size, c, o, k, stride, count in rows
    ]  # fmt: skip


# size, c, o, kernel, stride, count
RESNET50 = square([
    (224, 3, 64, 7, 2, 1),
    (56, 64, 64, 1, 1, 1), (56, 64, 64, 3, 1, 3), (56, 64, 256, 1, 1, 4), (56, 256, 64, 1, 1, 2),
    (56, 256, 128, 1, 2, 1), (28, 128, 128, 3, 1, 4), (28, 128, 512, 1, 1, 4), (28, 512, 128, 1, 1, 3),
    (28, 512, 256, 1, 2, 1), (14, 256, 256, 3, 1, 6), (14, 256, 1024, 1, 1, 6), (14, 1024, 256, 1, 1, 5),
    (14, 1024, 512, 1, 2, 1), (7, 512, 512, 3, 1, 3), (7, 512, 2048, 1, 1, 3), (7, 2048, 512, 1, 1, 2),
])  # fmt: skip
SHORTCUTS = square([
    (56, 256, 512, 1, 2, 1), (28, 512, 1024, 1, 2, 1), (14, 1024, 2048, 1, 2, 1),
    # torchvision's form strides in the 3x3 instead of the 1x1 before it
    (56, 256, 128, 1, 1, 1), (56, 128, 128, 3, 2, 1), (28, 512, 256, 1, 1, 1),
    (28, 256, 256, 3, 2, 1), (14, 1024, 512, 1, 1, 1), (14, 512, 512, 3, 2, 1),
])  # fmt: skip
VGG16 = square([
    (224, 3, 64, 3, 1, 1), (224, 64, 64, 3, 1, 1), (112, 64, 128, 3, 1, 1), (112, 128, 128, 3, 1, 1),
    (56, 128, 256, 3, 1, 1), (56, 256, 256, 3, 1, 2), (28, 256, 512, 3, 1, 1), (28, 512, 512, 3, 1, 2),
    (14, 512, 512, 3, 1, 3),
])  # fmt: skip
MOBILENETV2_DEPTHWISE = square([
    (112, 32, 32, 3, 1, 1), (112, 96, 96, 3, 2, 1), (56, 144, 144, 3, 1, 1), (56, 144, 144, 3, 2, 1),
    (28, 192, 192, 3, 1, 2), (28, 192, 192, 3, 2, 1), (14, 384, 384, 3, 1, 4), (14, 576, 576, 3, 1, 2),
    (14, 576, 576, 3, 2, 1), (7, 960, 960, 3, 1, 3),
], depthwise=True)  # fmt: skip
MOBILENETV2_DENSE = square([
    (224, 3, 32, 3, 2, 1), (112, 32, 16, 1, 1, 1), (112, 16, 96, 1, 1, 1), (56, 96, 24, 1, 1, 1),
    (56, 24, 144, 1, 1, 2), (56, 144, 24, 1, 1, 1), (28, 144, 32, 1, 1, 1), (28, 32, 192, 1, 1, 3),
    (28, 192, 32, 1, 1, 2), (14, 192, 64, 1, 1, 1), (14, 64, 384, 1, 1, 4), (14, 384, 64, 1, 1, 3),
    (14, 384, 96, 1, 1, 1), (14, 96, 576, 1, 1, 3), (14, 576, 96, 1, 1, 2), (7, 576, 160, 1, 1, 1),
    (7, 160, 960, 1, 1, 3), (7, 960, 160, 1, 1, 2), (7, 960, 320, 1, 1, 1), (7, 320, 1280, 1, 1, 1),
])  # fmt: skip
UNET = square([
    (256, 1, 64, 3, 1, 1), (256, 64, 64, 3, 1, 2), (128, 64, 128, 3, 1, 1), (128, 128, 128, 3, 1, 2),
    (64, 128, 256, 3, 1, 1), (64, 256, 256, 3, 1, 2), (32, 256, 512, 3, 1, 1), (32, 512, 512, 3, 1, 2),
    (16, 512, 1024, 3, 1, 1), (16, 1024, 1024, 3, 1, 1), (32, 1024, 512, 3, 1, 1),
    (64, 512, 256, 3, 1, 1), (128, 256, 128, 3, 1, 1), (256, 128, 64, 3, 1, 1), (256, 64, 2, 1, 1, 1),
])  # fmt: skip
UNET3D = square([
    (32, 3, 32, 3, 1, 1), (32, 32, 64, 3, 1, 1), (16, 64, 64, 3, 1, 1), (16, 64, 128, 3, 1, 1),
    (8, 128, 128, 3, 1, 1), (8, 128, 256, 3, 1, 1), (4, 256, 256, 3, 1, 1), (4, 256, 512, 3, 1, 1),
    (8, 768, 256, 3, 1, 1), (8, 256, 256, 3, 1, 1), (16, 384, 128, 3, 1, 1), (16, 128, 128, 3, 1, 1),
    (32, 192, 64, 3, 1, 1), (32, 64, 64, 3, 1, 1), (32, 64, 3, 1, 1, 1),
], axes=3)  # fmt: skip
LARGE_KERNEL = [
    *square([
        (56, 128, 128, 31, 1, 2), (28, 256, 256, 29, 1, 2), (14, 512, 512, 27, 1, 18),
        (7, 1024, 1024, 13, 1, 2), (112, 64, 64, 15, 1, 1),
    ], depthwise=True),
    *square([(128, 16, 16, 15, 1, 1)]),
]  # fmt: skip
WAVENET = [
    *(Layer((16000,), 64, 128, (2,), dilation=d, padding=(0,)) for d in (1, 16, 512)),
    *square([(16000, 64, 64, 1, 1, 1), (16000, 64, 256, 1, 1, 1)], axes=1),
]
PHOTO = Layer((2160, 3840), 3, 3, (5, 5), padding=(2, 2), groups=3, one_filter=True)
THREAD = Layer((5, 7), 4, 8, (3, 3), padding=(0, 0))


def pooled(rows: Iterable[tuple[int, ...]]) -> tuple[Layer, ...]:
    """Make layers that pool, of rows (size, c, kernel, stride, padding)."""
    return tuple(
        Layer((size,) * 2, c, c, (k,) * 2, s, 1, (p,) * 2, c, pool=True)
        for size, c, k, s, p in rows
    )


# ResNet's stem; VGG-16; SqueezeNet; GoogLeNet's branches
MAX_POOLING = pooled([
    (112, 64, 3, 2, 1), (224, 64, 2, 2, 0), (112, 128, 2, 2, 0), (56, 256, 2, 2, 0), (28, 512, 2, 2, 0),
    (55, 96, 3, 2, 0), (28, 192, 3, 1, 1), (14, 480, 3, 1, 1),
])  # fmt: skip
# DenseNet-121's transitions; Inception v3's branches; ResNet's last
MEAN_POOLING = pooled([
    (56, 128, 2, 2, 0), (28, 256, 2, 2, 0), (14, 512, 2, 2, 0),
    (35, 192, 3, 1, 1), (17, 768, 3, 1, 1), (8, 1280, 3, 1, 1), (7, 2048, 7, 1, 0),
])  # fmt: skip

NETWORKS = {
    "thread": Network(
        "the thread's arrays and its slice",
        "arrays (2, 5, 7, 4) and slice (2, 3, 3, 4), weights (3, 3, 4, 8), no padding",
        (THREAD, replace(THREAD, size=(3, 3))),
        (2,),
    ),
    "resnet50": Network("ResNet-50", "He et al. 2015, table 1: the 17 that differ, strided shortcuts apart", tuple(RESNET50)),
    "mobilenetv2-depthwise": Network(
        "MobileNetV2, depthwise", "Sandler et al. 2018, table 2", tuple(MOBILENETV2_DEPTHWISE)
    ),
    "mobilenetv2-dense": Network(
        "MobileNetV2, pointwise and first",
        "Sandler et al. 2018, table 2",
        tuple(MOBILENETV2_DENSE),
    ),
    "resnet50-strided": Network(
        "ResNet-50, shortcuts and strided 3x3",
        "He et al. 2015, and torchvision's form",
        tuple(SHORTCUTS),
    ),
    "vgg16": Network("VGG-16", "Simonyan and Zisserman 2014, column D", tuple(VGG16)),
    "unet": Network(
        "U-Net", "Ronneberger et al. 2015, at 256 x 256 with padding", tuple(UNET)
    ),
    "large-kernel": Network(
        "large kernels", "RepLKNet-31B (Ding et al. 2022), and 15x15", tuple(LARGE_KERNEL)
    ),
    "wavenet": Network(
        "WaveNet", "van den Oord et al. 2016: 2 taps, one second at 16 kHz", tuple(WAVENET)
    ),
    "unet3d": Network(
        "3-D U-Net", "Çiçek et al. 2016, at 32 x 32 x 32 with padding", tuple(UNET3D)
    ),
    "photograph": Network(
        "a 4K photograph, 5x5 filter",
        "colour and grey, one filter for all channels",
        (PHOTO, replace(PHOTO, c=1, o=1, groups=1)),
        (1,),
    ),
    "resnet50-gradients": Network(
        "ResNet-50, dx and dw", "the layers above, backwards", tuple(RESNET50), task=GRADIENTS
    ),
    "mobilenetv2-gradients": Network(
        "MobileNetV2, dx and dw",
        "depthwise, pointwise and first layer, backwards",
        (*MOBILENETV2_DEPTHWISE, *MOBILENETV2_DENSE),
        task=GRADIENTS,
    ),
    "max-pooling": Network(
        "max pooling", "ResNet's stem, VGG-16, SqueezeNet, GoogLeNet's branches", MAX_POOLING, task=MAX
    ),
    "average-pooling": Network(
        "average pooling",
        "DenseNet-121's transitions, Inception v3's branches, ResNet's last",
        MEAN_POOLING,
        task=MEAN,
    ),
    "max-pooling-gradients": Network(
        "max pooling, dx", "the layers above, backwards", MAX_POOLING, task=MAX_BACK
    ),
    "average-pooling-gradients": Network(
        "average pooling, dx", "the layers above, backwards", MEAN_POOLING, task=MEAN_BACK
    ),
    "sizes": Network(
        "one layer, many sizes",
        "3x3, 64 channels, 64 filters",
        tuple(square((s, 64, 64, 3, 1, 1) for s in (4, 7, 14, 28, 56, 112, 224))),
        (1,),
    ),
}  # fmt: skip
