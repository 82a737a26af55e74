"""Draw docs/images/*.svg from the source, so that a picture can't disagree with it.

python docs/make_figures.py
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import hwio
from hwio.cli.inputs import demo_arrays
from hwio.engine.tiles import DIRECT

IMAGES = Path(__file__).parent / "images"
INK, FAINT, PAPER = "#222222", "#777777", "#ffffff"
X, W, SUMS = "#56B4E9", "#E69F00", "#009E73"  # Okabe and Ito's palette: told apart by everyone
FONT = "font-family='DejaVu Sans, Verdana, sans-serif'"
LEFT, TOP, LANE, ROW, GAP = 210, 128, 15, 19, 14


def text(
    x: float, y: float, words: str, size: int = 13, *, at: str = "start", ink: str = INK
) -> str:
    """Write one line."""
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f"<text x='{x:g}' y='{y:g}' font-size='{size}' text-anchor='{at}' fill='{ink}'>{words}</text>"


def vector(x: float, y: float, lanes: int, colour: str) -> str:
    """Draw one vector register, a cell for each number."""
    cells = [
        f"<rect x='{x:g}' y='{y:g}' width='{lanes * LANE}' height='{ROW - 5}' fill='{colour}'/>"
    ]
    cells += [
        f"<path d='M{x + n * LANE:g} {y:g}v{ROW - 5}' stroke='{PAPER}' stroke-width='1'/>"
        for n in range(1, lanes)
    ]
    return "".join(cells)


def register_block() -> str:
    """Draw one register block of the direct kernel: AVX-512, float32."""
    lanes, (mr, nrv) = 64 // 4, DIRECT[64][0]
    starts = [LEFT + v * (lanes * LANE + GAP) for v in range(nrv)]
    right, bottom = starts[-1] + lanes * LANE, TOP + mr * ROW
    wide, high = right + 24, bottom + 84
    parts = [
        text(24, 30, f"One register block: {mr} pixels × {nrv} vectors of {lanes} filters", 17),
        text(
            24,
            52,
            "one step, for one tap and one in-channel c: every green sum gains blue × orange",
            ink=FAINT,
        ),
    ]
    for v, x in enumerate(starts):
        first = v * lanes
        parts.append(text(x, TOP - 39, f"w[tap, c, {first}:{first + lanes}]   1 load"))
        parts.append(vector(x, TOP - 32, lanes, W))
    for m in range(mr):
        y = TOP + m * ROW
        parts.append(text(LEFT - 42, y + 12, f"x[pixel {m}, tap, c]", 12, at="end"))
        parts.append(
            f"<rect x='{LEFT - 34}' y='{y}' width='{LANE}' height='{ROW - 5}' fill='{X}'/>"
        )
        parts.append(text(LEFT - 10, y + 12, "×", 12, at="middle", ink=FAINT))
        parts += [vector(x, y, lanes, SUMS) for x in starts]
    sums = mr * nrv
    parts += [
        text(24, bottom + 24, f"{sums} vectors of sums stay in registers until the last tap and channel."),
        text(24, bottom + 44, f"{sums} sums + {nrv} weights + 1 copied number of x = {sums + nrv + 1} of 32 registers."),
        text(24, bottom + 64, f"A step: {nrv} loads of w, {mr} of x, {sums} fused multiply-adds = {sums * lanes} products."),
    ]  # fmt: skip
    says = f"{mr} numbers of x times {nrv} vectors of weights, added to {sums} vectors of sums"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {wide} {high}' width='{wide}' "
        f"height='{high}' {FONT} role='img' aria-label='{says}'>\n"
        f"<rect width='100%' height='100%' fill='{PAPER}'/>\n" + "\n".join(parts) + "\n</svg>\n"
    )


# The pictures of docs/reference/convolution-arithmetic.md. The classic ones are those of Dumoulin and
# Visin 2016, "A guide to convolution arithmetic for deep learning", with sizes of our own; numbers,
# colours and words are hwio's.
# file name -> cells of x, taps of w, options of explain
CASES: dict[str, tuple[tuple[int, int], tuple[int, int], dict[str, Any]]] = {
    "no-padding": ((4, 4), (3, 3), {}),
    "some-padding": ((4, 4), (4, 4), {"padding": 1}),
    "same": ((4, 4), (3, 3), {"padding": "same"}),
    "full": ((3, 3), (3, 3), {"padding": 2}),
    "stride": ((5, 5), (3, 3), {"stride": 2}),
    "stride-padding": ((5, 5), (3, 3), {"stride": 2, "padding": 1}),
    "stride-left-over": ((6, 6), (3, 3), {"stride": 2, "padding": 1}),
    "stride-same": ((6, 6), (3, 3), {"stride": 2, "padding": "same"}),
    "stride-gaps": ((5, 5), (2, 2), {"stride": 3}),
    "dilation": ((7, 7), (3, 3), {"dilation": 2}),
    "uneven": ((4, 5), (2, 3), {"stride": (1, 2), "padding": ((0, 1), (1, 1))}),
    "flip": ((4, 4), (3, 3), {"flip": True}),
    "reflect": ((4, 4), (3, 3), {"padding": 1, "padding_mode": "reflect"}),
    "wrap": ((4, 4), (3, 3), {"padding": 1, "padding_mode": "wrap"}),
    "transposed-no-padding": ((2, 2), (3, 3), {"transposed": True}),
    "transposed-some-padding": ((3, 3), (4, 4), {"transposed": True, "padding": 1}),
    "transposed-same": ((4, 4), (3, 3), {"transposed": True, "padding": 1}),
    "transposed-full": ((5, 5), (3, 3), {"transposed": True, "padding": 2}),
    "transposed-stride": ((2, 2), (3, 3), {"transposed": True, "stride": 2}),
    "transposed-stride-padding": ((3, 3), (3, 3), {"transposed": True, "stride": 2, "padding": 1}),
    "transposed-left-over": (
        (3, 3),
        (3, 3),
        {"transposed": True, "stride": 2, "padding": 1, "output_padding": 1},
    ),
    "transposed-dilation": ((2, 2), (3, 3), {"transposed": True, "dilation": 2}),
}


def arrays(cells: tuple[int, int], taps: tuple[int, int]) -> tuple[Any, Any]:
    """Return small whole numbers that can be summed in one's head.

    Returns
    -------
    x : array, shape (1, h, w, 1)
    w : array, shape (kh, kw, 1, 1)
    """
    numbers = np.random.RandomState(4)
    return numbers.randint(1, 5, (1, *cells, 1)), numbers.randint(0, 3, (*taps, 1, 1))


def animation(name: str) -> str:
    """Draw one case as an SVG that moves."""
    cells, taps, options = CASES[name]
    said = hwio.explain(*arrays(cells, taps), **options)
    return said.animation(limit=None) + "\n"


def channels() -> str:
    """Draw one number of the README's arrays: four channels, one of eight filters."""
    return hwio.explain(*demo_arrays(), at=(0, 1, 2, 5)).svg() + "\n"


FIGURES: dict[str, Callable[[], str]] = {
    "register-block.svg": register_block,
    "arithmetic/channels.svg": channels,
    **{f"arithmetic/{name}.svg": partial(animation, name) for name in CASES},
}


def main() -> None:
    """Draw all figures."""
    for name, draw in FIGURES.items():
        (IMAGES / name).parent.mkdir(exist_ok=True)
        (IMAGES / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
