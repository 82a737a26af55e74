"""Find the face in scikit-image's picture of an astronaut with a small trained network.

P-Net is the first of the three networks of MTCNN (Zhang et al., 2016). It looks at a window of
12x12 pixels and says how likely it is a face. All its layers are convolutions (and one pooling), so
run on a whole picture it answers for every window at once, one window every two pixels. Faces come
in all sizes, the window does not: so the picture is shrunk step by step, and where the astronaut's
face has shrunk to about 12x12 pixels, the network sees it. It is a first sieve: it is surest of the
face, yet lets other windows pass, which MTCNN's two larger networks (not run here) would reject.

The weights are those of the PyPI package mtcnn (MIT), kept as Keras keeps them: HWIO. They go into
hwio.conv as they are. Needs mtcnn and lz4 for the weights, scikit-image for the picture,
matplotlib to draw:

    python -m pip install mtcnn==1.0.0 lz4 scikit-image matplotlib
    python examples/find_faces.py --out faces.png
"""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

import numpy as np
from read_mtcnn import read_mtcnn, weights_path

import hwio

WINDOW = 12  # P-Net looks at 12x12 pixels
STEP = 2  # and its pooling makes the next window start two pixels further on
SMALLEST = 20  # pixels; the smallest face looked for
SHRINK = 0.709  # from one picture of the pyramid to the next: about half the area
SURE = 0.6  # what MTCNN lets pass to its second network

# In the order of the file: kernel, bias, slopes of the PReLU; the two heads have no PReLU.
SHAPES = {
    "conv1": [(3, 3, 3, 10), (10,), (1, 1, 10)],
    "conv2": [(3, 3, 10, 16), (16,), (1, 1, 16)],
    "conv3": [(3, 3, 16, 32), (32,), (1, 1, 32)],
    "box": [(1, 1, 32, 4), (4,)],
    "face": [(1, 1, 32, 2), (2,)],
}


class Level(NamedTuple):
    """What one picture of the pyramid gave."""

    scale: float  # pixels here per pixel of the photo
    image: np.ndarray  # (h, w, 3) in -1..1
    face: np.ndarray  # (oh, ow) how likely each window is a face
    box: np.ndarray  # (oh, ow, 4) correction of each window's left, top, right, bottom
    seconds: float

    @property
    def best(self) -> tuple[int, int]:
        """Row and column of the window most like a face."""
        row, column = np.unravel_index(self.face.argmax(), self.face.shape)
        return int(row), int(column)


def pnet_weights() -> dict[str, list[np.ndarray]]:
    """P-Net's weights, by layer."""
    arrays = read_mtcnn(weights_path("pnet"))
    found = [a.shape for a in arrays]
    if found != [shape for shapes in SHAPES.values() for shape in shapes]:
        msg = f"not the weights of P-Net: the file holds arrays of {found}"
        raise ValueError(msg)
    rest = iter(arrays)
    return {layer: [next(rest) for _ in shapes] for layer, shapes in SHAPES.items()}


def pnet(x: np.ndarray, weights: dict[str, list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """P-Net on pictures of any size: how likely each window is a face, and its correction.

    `x` is (n, h, w, 3) in -1..1. A window starts every two pixels, so `oh` is about h / 2 - 5.
    """
    w, b, slope = weights["conv1"]
    x = prelu(hwio.conv(x, w, b), slope)  # (n, h - 2, w - 2, 10)
    x = max_pool(x)  # (n, h/2 - 1, w/2 - 1, 10), halves rounded up
    w, b, slope = weights["conv2"]
    x = prelu(hwio.conv(x, w, b), slope)  # (n, h/2 - 3, w/2 - 3, 16)
    w, b, slope = weights["conv3"]
    x = prelu(hwio.conv(x, w, b), slope)  # (n, oh, ow, 32)
    face = softmax(hwio.conv(x, *weights["face"]))  # (n, oh, ow, 2): not a face, a face
    box = hwio.conv(x, *weights["box"])  # (n, oh, ow, 4)
    return face[..., 1], box


def prelu(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Values below zero times a slope that each channel has learned."""
    return np.where(x > 0, x, slope * x)


def max_pool(x: np.ndarray) -> np.ndarray:
    """Take the largest of each 2x2 pixels; an odd last row or column has fewer."""
    n, h, w, c = x.shape
    x = np.pad(x, [(0, 0), (0, h % 2), (0, w % 2), (0, 0)], constant_values=-np.inf)
    h, w = x.shape[1] // 2, x.shape[2] // 2
    return x.reshape(n, h, 2, w, 2, c).max(axis=(2, 4))  # (n, h/2, w/2, c)


def softmax(x: np.ndarray) -> np.ndarray:
    """Scores to probabilities along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def shrink(image: np.ndarray, h: int, w: int) -> np.ndarray:
    """Shrink a picture to h x w pixels, each the mean of the area it covers."""
    rows = _cover(image.shape[0], h)  # (h, H)
    columns = _cover(image.shape[1], w)  # (w, W)
    return np.einsum("hH,HWc,wW->hwc", rows, image, columns, optimize=True)  # (h, w, c)


def _cover(size: int, parts: int) -> np.ndarray:
    """Cut `size` pixels into `parts` equal parts: the share each pixel has in each part."""
    edges = np.linspace(0, size, parts + 1)
    pixel = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return overlap.clip(0) * (parts / size)  # (parts, size), rows sum to 1


def pyramid(photo: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Shrink a photo step by step, down to one window: scales and pictures (h, w, 3) in -1..1."""
    values = (photo - 127.5) / 128  # as in P-Net's training
    scale = WINDOW / SMALLEST
    levels = []
    while (small := int(min(photo.shape[:2]) * scale)) >= WINDOW:
        h, w = (int(size * scale) for size in photo.shape[:2])
        levels.append((small / min(photo.shape[:2]), shrink(values, h, w).astype(np.float32)))
        scale *= SHRINK
    return levels


def search(photo: np.ndarray, weights: dict[str, list[np.ndarray]]) -> list[Level]:
    """Run P-Net on every picture of the pyramid."""
    levels = []
    for scale, image in pyramid(photo):
        start = time.perf_counter()
        face, box = pnet(image[None], weights)
        levels.append(Level(scale, image, face[0], box[0], time.perf_counter() - start))
    return levels


def surest(levels: list[Level]) -> Level:
    """Return the level with the window most like a face."""
    return max(levels, key=lambda level: level.face.max())


def window(level: Level, row: int, column: int) -> np.ndarray:
    """Return the part of the photo that a window looks at: left, top, right, bottom."""
    left, top = column * STEP, row * STEP
    return np.array([left, top, left + WINDOW, top + WINDOW]) / level.scale


def corrected(level: Level, row: int, column: int) -> np.ndarray:
    """Return the box that P-Net makes of a window: its sides moved by shares of its size."""
    return window(level, row, column) + level.box[row, column] * WINDOW / level.scale


def draw(photo: np.ndarray, levels: list[Level], weights, out: str) -> None:
    """Draw the photo with heat map and box, what the network saw of it, and its first filters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width, height, blue, grey = 10.2, 7.45, "#0072b2", "0.35"
    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)

    def axes(x, y, w, h, title=""):
        """Return axes at a place in inches, without ticks."""
        ax = figure.add_axes((x / width, y / height, w / width, h / height))
        ax.set(xticks=[], yticks=[])
        ax.set_title(title, loc="left", size=11, color=grey)
        return ax

    def show(ax, image, **style):
        """Show a picture on axes that count its pixels' edges, 0 to w and 0 to h, as boxes do."""
        ax.imshow(image, extent=(0, image.shape[1], image.shape[0], 0), **style)

    def mark(ax, box):
        """Draw a box: blue with a white rim, to be seen on light and on dark."""
        left, top, right, bottom = box
        for line, colour in (5, "white"), (2.5, blue):
            style = {"fill": False, "edgecolor": colour, "linewidth": line}
            ax.add_patch(Rectangle((left, top), right - left, bottom - top, **style))

    best = surest(levels)
    h, w = best.image.shape[:2]
    numbers = sum(array.size for layer in weights.values() for array in layer)
    figure.text(0.35 / width, 6.98 / height, "A face, found by convolution", size=19, weight="bold")
    figure.text(9.85 / width, 7.0 / height, f"P-Net: {numbers} trained numbers", ha="right")

    # The photo in grey; on it, for each window, how likely it is a face, drawn at its middle.
    ax = axes(0.35, 0.75, 5.6, 5.6 * photo.shape[0] / photo.shape[1], "How likely a face is here")
    show(ax, photo @ np.array([0.299, 0.587, 0.114]), cmap="gray", vmin=-80, vmax=300)  # (H, W)
    oh, ow = best.face.shape
    start = (WINDOW - STEP) / 2  # so that a cell of 2x2 pixels has its window's middle
    cells = (start + STEP * np.array([0, ow, oh, 0])) / best.scale  # left, right, bottom, top
    heat = ax.imshow(
        best.face,
        cmap="inferno",
        vmin=0,
        vmax=1,
        extent=tuple(cells),
        alpha=0.75 * best.face,
    )
    box = corrected(best, *best.best)
    mark(ax, box)
    badge = {"boxstyle": "square,pad=0.25", "facecolor": blue, "edgecolor": "white"}
    label = f"{best.face.max():.4f}"
    ax.text(box[0] + 3, box[3] + 17, label, size=12, weight="bold", color="white", bbox=badge)
    ax.set(xlim=(0, photo.shape[1]), ylim=(photo.shape[0], 0))
    bar = figure.colorbar(heat, cax=axes(0.35, 0.5, 5.6, 0.12), orientation="horizontal")
    bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.5, 1])

    title = f"It saw {w} × {h} pixels, {WINDOW} × {WINDOW} at a time"
    ax = axes(6.35, 2.85, 3.5, 3.5 * h / w, title)
    show(ax, (best.image * 128 + 127.5).clip(0, 255).astype(np.uint8))
    mark(ax, window(best, *best.best) * best.scale)

    # imshow takes what HWIO keeps: rows, columns, RGB. Grey is zero, each by its largest weight.
    kernel = weights["conv1"][0]  # (3, 3, 3, 10)
    for k in range(kernel.shape[3]):
        row, column = divmod(k, 5)
        title = "" if k else "Its first filters: w[:, :, :, k] as RGB, grey is 0"
        ax = axes(6.35 + 0.72 * column, 1.22 - 0.72 * row + 0.25, 0.62, 0.62, title)
        ax.imshow(0.5 + kernel[:, :, :, k] / (2 * np.abs(kernel[:, :, :, k]).max()))
    figure.savefig(out)


def main(out: str = "faces.png") -> None:
    """Search, say what was found, and draw it."""
    from skimage import data

    photo = data.astronaut()  # (512, 512, 3)
    weights = pnet_weights()
    levels = search(photo, weights)
    print("  scale   picture   faces of   windows   sure   best    time")
    for level in levels:
        h, w = level.image.shape[:2]
        print(
            f"  {level.scale:.3f}   {h:3} x {w:3}   {WINDOW / level.scale:4.0f} px"
            f"   {level.face.size:7}   {(level.face > SURE).sum():4}   {level.face.max():.4f}"
            f"   {level.seconds * 1e3:5.1f} ms"
        )
    best = surest(levels)
    left, top, right, bottom = corrected(best, *best.best)
    print(f"surest: {best.face.max():.4f} at scale {best.scale:.3f}; the face lies in")
    print(f"columns {left:.0f} to {right:.0f}, rows {top:.0f} to {bottom:.0f}")
    draw(photo, levels, weights, out)
    print(f"drawn: {out}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default="faces.png", help="where the picture goes")
    main(**vars(parser.parse_args()))
