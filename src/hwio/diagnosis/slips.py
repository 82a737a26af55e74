"""What goes wrong on the way to a right convolution, as data: each slip changes an array and is told.

A slip is tried only where no plain reading makes y. It undoes one mistake in x, w, y or b; the search
then runs on what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from hwio.diagnosis.orders import DEPTHWISE, IMAGES, WEIGHTS
from hwio.shapes.layout import SPATIAL

if TYPE_CHECKING:
    from hwio.diagnosis.hunt import Hit
    from hwio.types import Array

Letters = tuple[str, str, str]
WITH_BIAS = "hwio.diagnose(x, w, y, b)"


def _nothing(hit: Hit) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Change:
    """One slip, applied.

    Attributes
    ----------
    name : str
        A key of ``SLIPS``.
    x, w, y, b : array
        As they are after the change; b may be None.
    says : callable
        Takes the hit; tells the slip in one sentence.
    instead : callable
        Takes the hit; what to type in its place, or nothing.
    codes : dict of str to str
        How x, w or b are written in the call, where that is not their name.
    post : str
        What follows the call.
    given : tuple of str
        Letters of x, w and y that go with the change, empty for any.
    free, crop, turned
        As in ``Asked`` and ``readings``.
    """

    name: str
    x: Array
    w: Array
    y: Array
    b: Array | None
    says: Callable[[Hit], str]
    instead: Callable[[Hit], str] = _nothing
    codes: dict[str, str] = field(default_factory=dict)
    post: str = ""
    given: Letters = ("", "", "")
    free: str = ""
    crop: bool = False
    turned: str = ""


Arrays = tuple["Array", "Array", "Array", "Array | None"]
Slip = Callable[["Array", "Array", "Array", "Array | None"], Iterator[Change]]


def bias_slips(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield a bias that is missing, doubled, subtracted, or not given."""
    if b is None:
        yield Change("bias", x, w, y, None, lambda _: "a bias was added that diagnose was not given",
                     lambda _: WITH_BIAS, free="bias")  # fmt: skip
        return
    yield Change("no bias", x, w, y, None, lambda _: "the bias b is missing from y",
                 codes={"b": ""})  # fmt: skip
    yield Change("double bias", x, w, y, 2 * b, lambda _: "the bias was added twice",
                 codes={"b": "2 * b"})  # fmt: skip
    yield Change("negative bias", x, w, y, -b.astype(float), lambda _: "the bias was subtracted",
                 codes={"b": "-b"})  # fmt: skip
    yield Change("bias", x, w, y, None, lambda _: "another bias than b was added", free="bias")


def turned_axes(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield H and W swapped in w, x or y."""
    yield Change("swapped taps", x, w, y, b,
                 _swapped_taps, _swap_back, turned="w")  # fmt: skip
    yield Change("swapped pixels", x, w, y, b,
                 lambda _: "H and W of x changed places on the way to y", turned="x")  # fmt: skip
    yield Change("swapped cells", x, w, y, b,
                 lambda _: "y has its spatial axes in the opposite order", turned="y")  # fmt: skip


def _swapped_taps(hit: Hit) -> str:
    if hit.orders.ndim != 2:
        return "the spatial axes of w are in the opposite order"
    return (
        "H and W of w changed places: the transpose (3, 2, 1, 0) of OIHW weights does that, where "
        "(2, 3, 1, 0) is right"
    )


def _swap_back(hit: Hit) -> str:
    w, space = hit.orders.w, SPATIAL[hit.orders.ndim]
    return f"w = np.swapaxes(w, {w.index(space[0])}, {w.index(space[-1])})"


def reshaped(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield arrays that were reshaped where they should have been transposed."""
    tables = {"w": (*WEIGHTS, DEPTHWISE[0]), "x": IMAGES[:2], "y": IMAGES[:2]}
    for name, array in (("w", w), ("x", x), ("y", y)):
        space = SPATIAL.get(array.ndim - 2)
        if space is None:
            continue
        orders = [order.replace("S", space) for order in tables[name]]
        seen = set()
        for has, wants in permutations(orders, 2):
            if set(has) != set(wants):
                continue
            sizes = dict(zip(has, array.shape, strict=True))
            shape = tuple(sizes[a] for a in wants)
            if (shape, wants) in seen or wants == has:
                continue
            seen.add((shape, wants))
            yield _reshape(name, has, wants, shape, (x, w, y, b))


def _reshape(name: str, has: str, wants: str, shape: tuple[int, ...], arrays: Arrays) -> Change:
    """Make the change of one reshape."""
    x, w, y, b = arrays
    parts = {"x": x, "w": w, "y": y}
    old = parts[name].shape
    parts[name] = parts[name].reshape(shape)
    given = tuple(wants if a == name else "" for a in "xwy")
    if name == "y":
        says = f"y was reshaped from {wants} {shape} to {has} {old}, and needed a transpose"
        instead = f'y = hwio.to_layout(y, "{wants}->{has}")'
        codes, post = {}, f".reshape({', '.join(map(str, old))})"
    else:
        says = f"{name} was reshaped from {has} {old} to {wants} {shape}, and needed a transpose"
        instead = f'{name} = hwio.to_layout({name}, "{has}->{wants}")'
        codes, post = {name: f"{name}.reshape({', '.join(map(str, shape))})"}, ""
    return Change("reshape", parts["x"], parts["w"], parts["y"], b, lambda _: says,
                  lambda _: instead, codes, post, given=(given[0], given[1], given[2]))  # fmt: skip


def reversed_axes(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield x or w turned round along one axis, or w along all of them."""
    for axis in range(x.ndim):
        if x.shape[axis] > 1:
            yield Change("reversed x", np.flip(x, axis), w, y, b, _reversed_x(axis),
                         codes={"x": f"np.flip(x, {axis})"})  # fmt: skip
    for axis in range(w.ndim):
        if w.shape[axis] > 1:
            yield Change("reversed w", x, np.flip(w, axis), y, b, _reversed_w(axis),
                         codes={"w": f"np.flip(w, {axis})"})  # fmt: skip
    yield Change("all reversed", x, np.flip(w), y, b,
                 lambda _: "w was turned round along all its axes, channels and filters too",
                 lambda _: "flip=True turns the spatial axes alone",
                 codes={"w": "np.flip(w)"})  # fmt: skip


def _reversed_x(axis: int) -> Callable[[Hit], str]:
    words = {
        "N": "the images are in the opposite order",
        "C": "the channels of x are in the opposite order (BGR for RGB), or those of w",
        "H": "x stands upside down",
        "W": "x is mirrored",
        "D": "x is turned round along D",
    }
    return lambda hit: words[hit.orders.x[axis]]


def _reversed_w(axis: int) -> Callable[[Hit], str]:
    words = {
        "O": "the filters are in the opposite order",
        "M": "the filters of each channel are in the opposite order",
        "I": "the in-channels of w are in the opposite order (BGR for RGB), or those of x",
        "C": "the channels of w are in the opposite order",
    }

    def says(hit: Hit) -> str:
        letter = hit.orders.w[axis]
        turned = "not turned" if hit.flip else "turned round"
        return words.get(letter, f"the kernel is {turned} along {letter} alone")

    return says


def scaled(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield y up to a factor."""
    yield Change(
        "factor", x, w, y, b, lambda _: "y is the convolution times a factor", free="scale"
    )


def cropped(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield y that lacks rows at its ends."""
    yield Change("cropped", x, w, y, b, lambda _: "y lacks rows or columns at its ends", crop=True)


def filters_in_turns(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield depthwise results whose channels run filter by filter, not channel by channel."""
    for axis, size in ((y.ndim - 1, y.shape[-1]), (1, y.shape[1] if y.ndim > 2 else 1)):
        for m in range(2, size // 2 + 1):
            if size % m or m not in w.shape or m > 16:
                continue
            order = np.arange(size).reshape(m, size // m).T.ravel()
            taken = np.take(y, order, axis)
            code = f"np.take({{y}}, np.arange({size}).reshape({size // m}, {m}).T.ravel(), {axis})"
            yield Change("filters in turns", x, w, taken, b,
                         lambda _: "y's channels run filter by filter; they should run channel by channel",
                         post=code)  # fmt: skip


def wrapped(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield integers whose sums left the type of y; told by their remainders."""
    if (
        y.dtype.kind not in "iu"
        or y.dtype.itemsize > 2
        or not {x.dtype.kind, w.dtype.kind} <= set("iu")
    ):
        return
    yield Change("wrapped", x, w, y, b,
                 lambda _: f"sums left the range of {y.dtype} and wrapped round",
                 lambda _: "hwio.conv(x, w) sums 8-bit integers in int32",
                 post=f".astype(np.{y.dtype.name})", free="wrap")  # fmt: skip


SLIPS: dict[str, Slip] = {
    "bias": bias_slips,
    "turned": turned_axes,
    "reversed": reversed_axes,
    "reshape": reshaped,
    "factor": scaled,
    "cropped": cropped,
    "turns": filters_in_turns,
    "wrapped": wrapped,
}


def changes(x: Array, w: Array, y: Array, b: Array | None) -> Iterator[Change]:
    """Yield every slip that these arrays could have suffered."""
    for slip in SLIPS.values():
        yield from slip(x, w, y, b)


def factors(hit: Hit) -> Iterator[tuple[float, str]]:
    """Yield factors that have a reason, with it."""
    orders = hit.orders
    taps = int(np.prod(orders.kernel))
    for number, of in (
        (orders.in_channels, f"the mean over {orders.in_channels} channels, not their sum"),
        (taps, f"the mean over {taps} taps, not their sum"),
        (orders.depth, f"the mean of {orders.depth} products, not their sum"),
        (orders.n, f"a division by the {orders.n} images"),
        (255, "pixels from 0 to 1 for pixels from 0 to 255"),
        (256, "pixels from 0 to 1 for pixels from 0 to 255"),
    ):
        if number > 1:
            yield 1 / number, of
            yield float(number), f"{number} times too much: {of}, the other way round"
    yield -1.0, "the sign"
