"""Draw a photograph, a bank of filters and what each filter answers, as one PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from hwio.cli.filters import Bank
    from hwio.types import Array

SIZE, DPI = (12.8, 8.3), 100  # inches, so 1280 × 830 pixels
COLUMNS = 4
LEFT, WIDE = 0.018, 0.3  # of the figure: where the text column starts, and how wide it is
SIGNED = (
    "PuOr_r"  # purple below 0, white at 0, orange above: neither looks like a colour of the photo
)
SCALE = "±0.50 under a name: there the colours end at −0.50 and +0.50"
INK, QUIET, LINE = "#1a1a1a", "#666666", "#999999"
CLOSE_UP = 11  # the filter that is shown plane by plane: its planes differ
GREYS, RAMP, COLOURS = 36, 37, 100  # entries of the palette


# what the tour runs, as a reader would type it
CALL = ('y = hwio.conv(x, w, b, padding="same",', '              padding_mode="symmetric")')


def draw(photo: Array, bank: Bank, y: Array, path: Path) -> None:
    """Draw and save the picture.

    Parameters
    ----------
    photo : array, shape (h, w, 3)
        0 to 1.
    bank : Bank
    y : array, shape (h, w, 12)
        Answers, one channel per filter.
    path : Path
        A .png.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    _draw_photo(figure, photo, bank, y)
    _draw_planes(figure, bank)
    _draw_key(figure)
    for k in range(len(bank.names)):
        _draw_answer(figure, bank, y[..., k], k)
    canvas.draw()
    _save(np.asarray(canvas.buffer_rgba())[..., :3], photo, path)


def _draw_photo(figure: Any, photo: Array, bank: Bank, y: Array) -> None:
    """Draw the photograph under its title, and the call under it."""
    high = WIDE * SIZE[0] / SIZE[1]
    _write(figure, LEFT, 0.972, "One photograph, twelve filters, one call", 12.4, weight="bold")
    axes = _axes(figure, (LEFT, 0.925 - high, WIDE, high))
    axes.imshow(photo, interpolation="lanczos")
    shapes = (_shape((1, *photo.shape)), _shape(bank.w.shape), _shape((1, *y.shape)))
    long = max(len(s) for s in shapes)
    said = ("NHWC  the photo (NASA)", "HWIO  the filters", "NHWC  the answers")
    rows = [f"{n}  {s:{long}}  {t}" for n, s, t in zip("xwy", shapes, said, strict=True)]
    text = "\n".join([*CALL, "", *rows])
    _write(figure, LEFT, 0.925 - high - 0.018, text, 9.4, family="monospace", linespacing=1.4)


def _draw_planes(figure: Any, bank: Bank) -> None:
    """Draw one filter as its three planes, one for each in-channel."""
    side = bank.w.shape[0]
    title = f"A filter is one little {side} × {side} picture per in-channel"
    _write(figure, LEFT, 0.289, title, 10, weight="bold")
    w = bank.w[:, :, :, CLOSE_UP]
    most = float(np.abs(w).max())
    small = 0.086
    step = (WIDE - small) / 2
    for c, colour in enumerate(("red", "green", "blue")):
        box = (LEFT + c * step, 0.136, small, small * SIZE[0] / SIZE[1])
        axes = _axes(figure, box)
        axes.imshow(w[:, :, c], cmap=SIGNED, vmin=-most, vmax=most, interpolation="nearest")
        label = f"w[:, :, {c}, {CLOSE_UP}]  {colour}"
        _write(figure, LEFT + c * step, 0.129, label, 7.2, color=QUIET)


def _draw_key(figure: Any) -> None:
    """Draw what the colours of signed answers mean."""
    axes = _axes(figure, (LEFT, 0.06, WIDE, 0.017))
    ramp = np.linspace(-1, 1, 64)[None]
    axes.imshow(ramp, cmap=SIGNED, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    for at, said, side in (
        (0, "−, the opposite", "left"),
        (0.5, "0", "center"),
        (1, "+, like the filter", "right"),
    ):
        _write(figure, LEFT + WIDE * at, 0.05, said, 8.6, color=QUIET, ha=side)
    _write(figure, LEFT, 0.027, SCALE, 8.2, color=QUIET)


def _draw_answer(figure: Any, bank: Bank, answer: Array, k: int) -> None:
    """Draw one filter, its name, and its answer under both."""
    row, column = divmod(k, COLUMNS)
    wide, small = 0.153, 0.047
    high = wide * SIZE[0] / SIZE[1]
    left, bottom = 0.342 + column * 0.1635, 0.98 - (row + 1) * 0.3195 + 0.012
    above = bottom + high + 0.007
    axes = _axes(figure, (left, above, small * SIZE[1] / SIZE[0], small))
    taps = bank.w[:, :, :, k]  # (9, 9, 3)
    axes.imshow(0.5 + taps / (2 * np.abs(taps).max()), interpolation="nearest")
    axes = _axes(figure, (left, bottom, wide, high))
    if bank.signed[k]:
        most = float(np.percentile(np.abs(answer), 99.3))
        axes.imshow(answer, cmap=SIGNED, vmin=-most, vmax=most, interpolation="lanczos")
        span = f"±{most:.2f}"
    else:
        axes.imshow(answer, cmap="gray", vmin=0, vmax=1, interpolation="lanczos")
        span = "0 to 1"
    title, _, detail = bank.names[k].partition(": ")
    words = left + small * SIZE[1] / SIZE[0] + 0.006
    _write(figure, words, above + small, title, 10.5, weight="bold")
    under = "   ".join(part for part in (f"k={k}", detail, span) if part)
    _write(figure, words, above, under, 7.8, color=QUIET, va="bottom")


def _write(figure: Any, left: float, top: float, text: str, size: float, **style: Any) -> None:
    """Write text that hangs from a point."""
    figure.text(left, top, text, size=size, **{"va": "top", "color": INK, **style})


def _axes(figure: Any, box: tuple[float, float, float, float]) -> Any:
    """Add axes without ticks, in a thin frame."""
    axes = figure.add_axes(box)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set(linewidth=0.5, color=LINE)
    return axes


def _shape(shape: tuple[int, ...]) -> str:
    """Write a shape as NumPy does."""
    return f"({', '.join(str(n) for n in shape)})"


def _save(pixels: Array, photo: Array, path: Path) -> None:
    """Write a PNG of few colours: a third of the size, and no difference to see.

    The palette holds both colour maps evenly, so that no shade of an answer is moved; the rest of
    it goes to the photograph.
    """
    from matplotlib import colormaps
    from PIL import Image

    ramp = colormaps[SIGNED](np.linspace(0, 1, RAMP))[:, :3] * 255
    greys = np.repeat(np.linspace(0, 255, GREYS)[:, None], 3, axis=1)
    own = Image.fromarray((photo * 255).astype(np.uint8)).quantize(COLOURS)
    mixed = np.reshape(own.getpalette() or [], (-1, 3))
    palette = np.rint(np.concatenate([greys, ramp, mixed])).astype(np.int16)  # (p, 3)
    image = Image.fromarray(_nearest(pixels, palette).astype(np.uint8), mode="P")
    image.putpalette(palette.astype(np.uint8).ravel().tolist())
    image.save(path, optimize=True)


def _nearest(pixels: Array, palette: Array) -> Array:
    """Return the index of the nearest colour for each pixel, (h, w)."""
    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)  # (h, w)
    found, where = np.unique(packed, return_inverse=True)
    colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.int16)
    index = np.empty(len(found), np.intp)
    for start in range(0, len(found), 4096):  # (4096, p, 3) at a time
        gaps = colours[start : start + 4096, None].astype(np.int32) - palette
        index[start : start + 4096] = (gaps**2).sum(axis=2).argmin(axis=1)
    return index[where].reshape(packed.shape)
