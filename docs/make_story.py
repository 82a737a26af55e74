"""Draw docs/images/story.svg, the README's picture that moves: W is read, then convolved.

python docs/make_story.py

It starts with W as NumPy prints it, lights one filter, carries its 36 weights into four little images,
and moves them over A_prev. Every number comes from the README's arrays and ``hwio.conv``.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import hwio
from hwio.cli.inputs import demo_arrays
from hwio.show.colours import GREEN, ORANGE, PINK, SKY, VERMILION
from hwio.show.drawing import Drawing, write_values
from hwio.show.moving import moving

IMAGES = Path(__file__).parent / "images"
WIDE, HIGH, EDGE = 480, 452, 15
FILTER = 5
CHANNELS = (SKY, ORANGE, GREEN, PINK)
SIDE, SHIFT = 34, 9  # of a cell; from one plane to the next
TINY, TABLE_GAP = 16, 18  # of W as it is printed
FAR = 8  # pictures on the way
TOP_X, TOP_W = 78, 315
Spot = tuple[float, float]


def said(art: Drawing, first: str, second: str) -> None:
    """Write what is happening."""
    art.text(EDGE, 30, first, 15.5, kind="code")
    art.text(EDGE, 53, second, 13.5, kind="soft")


def printed(i: int, j: int, c: int, k: int) -> Spot:
    """Return where W[i, j, c, k] stands in the nine tables that NumPy prints."""
    wide, high = 8 * TINY + TABLE_GAP, 4 * TINY + 34
    return EDGE + 8 + j * wide, 93 + i * high + c * TINY


def tables(art: Drawing, w: Any, lit: bool) -> None:
    """Draw W as NumPy prints it: a table for each tap, channels down, filters across."""
    shades = 0.06 + 0.5 * abs(w) / abs(w).max()  # grey, the darker the larger
    for i, j in product(range(3), repeat=2):
        x, y = printed(i, j, 0, 0)
        art.text(x, y - 6, f"W[{i}, {j}]", 11.5, kind="soft")
        for c, k in product(range(4), range(8)):
            mine = lit and k == FILTER
            fill, shade = (CHANNELS[c], 0.75) if mine else ("#8d97a3", shades[i, j, c, k])
            art.cell(x + k * TINY, y + c * TINY, TINY, fill, round(float(shade), 2))
        if lit:
            art.frame(x + FILTER * TINY, y, TINY, 4 * TINY, VERMILION)
    told = "In each table 4 in-channels run down, 8 filters across."
    art.text(EDGE + 8, 398, told, 13.5, kind="soft")
    if lit:
        told = f"A filter is no block of the print: it is column {FILTER} of all nine."
        art.text(EDGE + 8, 422, told, 13.5, kind="soft")


def home(i: int, j: int, c: int) -> Spot:
    """Return where the weight of tap (i, j), channel c, stands in its little image."""
    return EDGE + c * (3 * SIDE + 13) + j * SIDE, TOP_W + i * SIDE


def flying(art: Drawing, share: float) -> None:
    """Draw the 36 weights on their way from the tables to four little images."""
    eased = share * share * (3 - 2 * share)
    side = TINY + (SIDE - TINY) * eased
    for i, j, c in product(range(3), range(3), range(4)):
        (x, y), (u, v) = printed(i, j, c, FILTER), home(i, j, c)
        x += FILTER * TINY
        art.cell(x + (u - x) * eased, y + (v - y) * eased, side, CHANNELS[c], 0.55)


def filter_images(art: Drawing, w: Any) -> None:
    """Draw the filter: a little image for each in-channel."""
    for c in range(4):
        spots = [home(i, j, c) for i, j in product(range(3), repeat=2)]
        for spot in spots:
            art.cell(*spot, SIDE, CHANNELS[c])
        art.frame(*home(0, 0, c), 3 * SIDE, 3 * SIDE, CHANNELS[c])
        write_values(art, w[:, :, c, FILTER].ravel().tolist(), spots, SIDE, 12)
        art.text(home(0, 0, c)[0], TOP_W + 3 * SIDE + 17, f"W[:, :, {c}, {FILTER}]", 12)


def planes(art: Drawing, x: Any, at: tuple[int, int] | None) -> None:
    """Draw image 0 of x, four channels behind each other, the window lit."""
    high, wide = x.shape[1:3]
    for c in range(3, -1, -1):
        left, top = EDGE + c * SHIFT, TOP_X + (3 - c) * SHIFT
        spots = []
        for r, q in product(range(high), range(wide)):
            lit = at is not None and 0 <= r - at[0] < 3 and 0 <= q - at[1] < 3
            spots.append((left + q * SIDE, top + r * SIDE))
            art.cell(*spots[-1], SIDE, CHANNELS[c], 0.5 if lit else 0.1)
        if at is not None:
            corner = left + at[1] * SIDE, top + at[0] * SIDE
            art.frame(*corner, 3 * SIDE, 3 * SIDE, CHANNELS[c])
        if c == 0:
            write_values(art, x[0, :, :, 0].ravel().tolist(), spots, SIDE, 12)
    art.text(
        EDGE, TOP_X + 3 * SHIFT + high * SIDE + 18, "A_prev[0]: 5 × 7, 4 channels", 12, kind="soft"
    )


def result(art: Drawing, y: Any, done: int, place: tuple[int, int]) -> None:
    """Draw filter 5's plane of Z, as far as it is computed."""
    high, wide = y.shape[1:3]
    left, top = WIDE - EDGE - wide * SIDE, TOP_X + 3 * SHIFT + SIDE
    spots, values = [], []
    for n, (r, q) in enumerate(product(range(high), range(wide))):
        spot = left + q * SIDE, top + r * SIDE
        art.cell(*spot, SIDE, VERMILION if n <= done else "", 0.5 if n == done else 0.14)
        if n <= done:
            spots.append(spot)
            values.append(float(y[0, r, q, FILTER]))
    if done >= 0:
        art.frame(left + place[1] * SIDE, top + place[0] * SIDE, SIDE, SIDE, VERMILION)
    write_values(art, values, spots, SIDE, 9.5)  # for -10.69 too
    art.text(left, top + high * SIDE + 18, f"Z[0, :, :, {FILTER}]: 3 × 5", 12, kind="soft")


def story() -> str:
    """Draw everything, one picture after the other."""
    x, w = demo_arrays()
    y = hwio.conv(x, w)
    arts, marks = [], []

    def page(seconds: float) -> Drawing:
        arts.append(Drawing("hwio-story"))
        marks.append(seconds)
        return arts[-1]

    art = page(2.6)
    said(art, "W.shape == (3, 3, 4, 8)", "NumPy prints nine tables W[i, j]. Where is filter 5?")
    tables(art, w, lit=False)
    art = page(2.8)
    said(art, "W[:, :, :, 5]", "Filter 5 is one column of each table: 9 × 4 = 36 weights.")
    tables(art, w, lit=True)
    for n in range(FAR):
        art = page(0.09)
        said(
            art,
            "W[:, :, :, 5].shape == (3, 3, 4)",
            "Stacked by channel they are four little images.",
        )
        flying(art, (n + 1) / FAR)
    art = page(2.4)
    said(art, "W[:, :, :, 5].shape == (3, 3, 4)", "Stacked by channel they are four little images.")
    filter_images(art, w)
    places = list(product(*map(range, y.shape[1:3])))
    for n, (r, q) in enumerate(places):
        slow = n in (0, 1) or (r, q) == (1, 2)
        art = page(2.2 if slow else 5.0 if n == len(places) - 1 else 0.8)
        line = f"(A_prev[0, {r}:{r + 3}, {q}:{q + 3}, :] * W[:, :, :, 5]).sum()"
        number = f"{y[0, r, q, FILTER]:.4f}".replace("-", "−")
        said(art, line, f"36 products, one number: Z[0, {r}, {q}, 5] = {number}")
        planes(art, x, (r, q))
        result(art, y, n, (r, q))
        filter_images(art, w)
    assert np.isclose(y[0, 1, 2, FILTER], -1.6023, atol=5e-5)  # the number of the README
    told = (
        "W of shape (3, 3, 4, 8) as NumPy prints it; filter 5, one column of each of nine tables, is "
        "stacked into four 3 × 3 images, which move over A_prev: each place makes one number of Z."
    )
    title = "A filter found in W, and convolved step by step"
    return moving(arts, HIGH, title, told, seconds=1, wide=WIDE, marks=marks) + "\n"


FIGURES = {"story.svg": story}


def main() -> None:
    """Draw the picture."""
    for name, draw in FIGURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
