"""The order of questions: plain readings, odder ones, then slips; and what was seen on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.diagnosis.fits import MANY
from hwio.diagnosis.hunt import MODES, Asked, Hit, Tally, hunt
from hwio.diagnosis.orders import Orders, readings
from hwio.diagnosis.proof import GRADES, REPRODUCES, Verdict, computed, prove
from hwio.diagnosis.reading import Reading, make_reading
from hwio.diagnosis.slips import Change, changes, factors
from hwio.shapes.geometry import out_sizes
from hwio.shapes.layout import default_layout

if TYPE_CHECKING:
    from hwio.types import Array

    Arrays = tuple[Array, Array, Array, Array | None]
MOST_SHOWN = 64
DEEP = 8_000_000  # products spent on the first number of y where the likely readings failed


@dataclass(frozen=True, slots=True)
class Question:
    """What the user gave.

    Attributes
    ----------
    arrays : x, w, y, b
        As stored.
    given : tuple of str
        Letters of x, w and y that the user is sure of, empty for any.
    known : dict
        Options that the user is sure of.
    to : str or None
        The layout to go on in.
    """

    arrays: Arrays
    given: tuple[str, str, str]
    known: dict[str, Any]
    to: str | None
    activation: str | None = None

    def allowed(self, candidates: list[Orders]) -> list[Orders]:
        """Keep the orders with the number of groups that the user is sure of."""
        groups = self.known.get("groups")
        return [o for o in candidates if groups in (None, o.groups)]

    def biased(self, candidates: list[Orders]) -> list[Orders]:
        """Keep the orders with as many filters as b has numbers."""
        b = self.arrays[3]
        return [o for o in candidates if b is None or b.size in (1, o.out_channels)]

    def asked(self, **more: Any) -> Asked:
        """Return the bounds of a search."""
        known = {name: value for name, value in self.known.items() if name in _SEARCHED}
        modes = (self.known["mode"],) if "mode" in self.known else ("zeros",)
        return Asked(**({"known": known, "modes": modes, "top": self.top} | more))

    @property
    def top(self) -> float | None:
        """The number at which y may have been cut, besides 0."""
        return 6.0 if self.activation == "relu6" else None


_SEARCHED = ("stride", "dilation", "flip", "low")


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: readings that make y, those that come near, and the next best."""

    readings: tuple[Reading, ...]
    near: tuple[Reading, ...]
    nearest: Reading | None
    tally: Tally


def activation_of(y: Array) -> str | None:
    """Return the activation that y looks like: cut at 0, perhaps at 6."""
    if y.dtype.kind == "c" or y.size < 2 or y.min() != 0 or y.max() == 0:
        return None
    if np.count_nonzero(y) > y.size - 2:
        return None
    return "relu6" if y.max() == 6 and np.count_nonzero(y == 6) > 1 else "relu"


def inquire(question: Question) -> Answer:
    """Search plain readings first, then odder ones, then slips.

    Parameters
    ----------
    question : Question
    """
    tally, usual = Tally(), list[Hit]()
    found: list[tuple[Reading, Verdict]] = []
    for rare in (False, True):
        if not found:
            found = _plain(question, rare, tally, usual)
    if not found:
        found = _slips(question, tally)
    good = [r for r, verdict in found if verdict.reproduces]
    near = [r for r, verdict in found if not verdict.reproduces]
    grades = [grade for grade in GRADES if grade not in REPRODUCES]
    best = min((grades.index(r.grade) for r in near), default=0)
    near = [] if good else [r for r in near if r.grade == grades[best]]
    kept = _plain_first(good), _plain_first(near)
    return Answer(*kept, _nearest(question, usual, [*good, *near]), tally)


def _plain(
    question: Question, rare: bool, tally: Tally, usual: list[Hit]
) -> list[tuple[Reading, Verdict]]:
    """Search the usual orders of axes, or those that keep images last."""
    x, w, y, _ = question.arrays
    shapes = x.shape, w.shape, y.shape
    candidates, looked = readings(*shapes, given=question.given)
    if rare:
        common = set(candidates)
        candidates, looked = readings(*shapes, rare=True, given=question.given)
        candidates = [o for o in candidates if o not in common]
    candidates = question.allowed(candidates)
    candidates = question.biased(candidates) or candidates  # where none fits b, conv says so
    own = Tally()
    hits = hunt(candidates, question.arrays, question.asked(), own, usual)
    found = list(_proven(question, hits, own))
    if found:
        found += _other_modes(question, found, own)
    elif candidates:
        found = _deeper(question, candidates, own)
    tally.tried = looked
    tally.add(own)
    return found


def _plain_first(found: list[Reading]) -> tuple[Reading, ...]:
    return tuple({r.call: r for r in sorted(found, key=lambda r: r.hit.cost)}.values())


def _proven(
    question: Question, hits: list[Hit], tally: Tally, change: Change | None = None
) -> Iterator[tuple[Reading, Verdict]]:
    """Compare all of y with each hit; yield those that make it or come near."""
    arrays = question.arrays if change is None else (change.x, change.w, change.y, change.b)
    guess = question.activation
    for hit in hits[:MOST_SHOWN]:
        for activation in (None, guess) if guess else (None,):
            wraps = change is not None and change.free == "wrap"
            verdict = prove(hit, arrays, activation, wraps=wraps)
            if verdict is not None and verdict.grade:
                yield _worded(question, hit, verdict, tally, activation, change), verdict
                break


def _worded(
    question: Question,
    hit: Hit,
    verdict: Verdict,
    tally: Tally,
    activation: str | None = None,
    change: Change | None = None,
    post: str = "",
) -> Reading:
    """Word a hit, with the layouts that are its twins."""
    twins = tally.twins.get(hit.orders.key, []) if change is None else []
    to = question.to or default_layout(hit.orders.ndim + 2)
    return make_reading(
        hit, verdict, to=to, bias=question.arrays[3] is not None, activation=activation,
        twins=tuple(t.layout for t in twins if t.layout != hit.orders.layout),
        change=change, post=post,
    )  # fmt: skip


def _other_modes(
    question: Question, found: list[tuple[Reading, Verdict]], tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Try the readings that were found with other numbers in the padding."""
    if "mode" in question.known:
        return []
    hits = []
    for reading, _ in found:
        hit = reading.hit
        padded = any(low > 0 for low in hit.low) or any(high > 0 for high in hit.high)
        if padded and hit.mode == "zeros":
            reach = min(hit.orders.in_size) - 1
            fits = max(*hit.low, *hit.high) <= reach
            modes = MODES if fits else MODES[:1]
            hits += [replace(hit, mode=mode, cost=hit.cost + 2) for mode in modes]
    tally.fitted += len(hits)
    return list(_proven(question, hits, tally))


def _deeper(
    question: Question, candidates: list[Orders], tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Search with other numbers in the padding, then everything that fits within the bound."""
    if "mode" not in question.known:
        again = replace(tally, twins={})
        hits = hunt(candidates, question.arrays, question.asked(modes=MODES, even=True), again)
        tally.fitted, tally.products = again.fitted, again.products
        found = list(_proven(question, hits, tally))
        if found:
            return found
    tally.fitted = tally.left_out = 0
    again = replace(tally, twins={})
    hits = hunt(candidates, question.arrays, question.asked(budget=DEEP, each=MANY), again)
    tally.fitted, tally.left_out, tally.products = again.fitted, again.left_out, again.products
    return list(_proven(question, hits, tally))


def _slips(question: Question, tally: Tally) -> list[tuple[Reading, Verdict]]:
    """Search again after each slip; only one slip at a time."""
    x, w, y, b = question.arrays
    found: list[tuple[Reading, Verdict]] = []
    for change in changes(x, w, y, b):
        if change.name == "bias" and found:
            continue  # what is told of b explains it
        given = tuple(g or q for g, q in zip(change.given, question.given, strict=True))
        shapes = change.x.shape, change.w.shape, change.y.shape
        options: dict[str, Any] = {"turned": change.turned, "given": tuple(given)}
        candidates, looked = readings(*shapes, **options)
        if not candidates:
            candidates, looked = readings(*shapes, rare=True, **options)
        candidates = question.biased(question.allowed(candidates))
        own = Tally(tried=looked)
        asked = question.asked(even=True, free=change.free, crop=change.crop, budget=200_000)
        arrays = (change.x, change.w, change.y, change.b)
        hits = hunt(candidates, arrays, asked, own)
        tally.add(own)
        for hit in islice(hits, 6):
            found += _confirmed(question, hit, change, tally)
    return _without_echoes(found)


def _without_echoes(
    found: list[tuple[Reading, Verdict]],
) -> list[tuple[Reading, Verdict]]:
    """Drop slips of w that are told of x already: reversed channels of either do the same."""
    of_x = any(r.slip.startswith("the channels of x") for r, _ in found)
    return [(r, v) for r, v in found if not (of_x and r.slip.startswith("the in-channels of w"))]


def _confirmed(
    question: Question, hit: Hit, change: Change, tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Find what a slip left open, and compare all of y."""
    if change.crop:
        return _cropped(question, hit, change, tally)
    if change.free == "bias":
        return _with_bias(question, hit, change, tally)
    if change.free == "scale":
        return _with_factor(question, hit, change, tally)
    return list(_proven(question, [hit], tally, change))


def _with_bias(
    question: Question, hit: Hit, change: Change, tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Find the bias as what y has beyond the convolution."""
    x, w, y, _ = question.arrays
    v = _small(hit, x, w)
    if v is None:
        return []
    axis = hit.orders.layout.partition("->")[2].index("C")
    rest = np.moveaxis(y.reshape(v.shape) - v, axis, -1).reshape(-1, hit.orders.out_channels)
    bias = np.median(rest, axis=0)
    tops = np.abs(np.moveaxis(y.reshape(v.shape), axis, -1)).reshape(rest.shape).max(axis=0)
    bias = np.where(np.abs(bias) <= _rounding(x, w, y) * tops, 0, bias)
    if not bias.any():  # what is left is rounding, not a bias
        return []
    if np.abs(bias - np.rint(bias)).max() < 1e-9 * max(1, np.abs(bias).max()):
        bias = np.rint(bias)
    shown = np.array2string(bias, precision=6, separator=", ", threshold=12).replace("\n", "")
    own = replace(change, b=bias, codes={"b": f"np.array({shown})" if bias.size <= 12 else "bias"})
    return list(_proven(question, [hit], tally, own))


def _rounding(*arrays: Array) -> float:
    """Return the relative rounding of the coarsest of the types; 0 for integers."""
    floats = [a.dtype for a in arrays if a.dtype.kind in "fc"]
    return max((float(np.finfo(dtype).eps) for dtype in floats), default=0.0)


def _with_factor(
    question: Question, hit: Hit, change: Change, tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Find the factor between y and the convolution."""
    x, w, y, b = question.arrays
    v = _small(hit, x, w, b)
    if v is None:
        return []
    v = v.reshape(y.shape)
    norm = float((np.abs(v) ** 2).sum())
    factor = float(np.real((np.conj(v) * y).sum())) / norm if norm else 0.0
    why, exact, post = "", factor, f" * {factor:.9g}"
    for number, reason in factors(hit):
        if abs(factor - number) <= 1e-6 * abs(number):
            why, exact = f": {reason}", number
            post = f" / {round(1 / number)}" if 0 < number < 1 else f" * {number:g}"
            break
    if abs(factor - 1) < 1e-3 or factor == 0:
        return []
    says = f"y is the convolution times {exact:.6g}{why}"
    bias = None if b is None else b * exact
    own = replace(change, w=w * exact, b=bias, says=lambda _: says, post=post)
    return list(_proven(question, [hit], tally, own))


def _cropped(
    question: Question, hit: Hit, change: Change, tally: Tally
) -> list[tuple[Reading, Verdict]]:
    """Cut a larger result where y lacks rows."""
    orders, cuts, lows = hit.orders, {}, []
    letters = "DHW"[-orders.ndim :]
    highs = [max(high, 0) for high in hit.high]
    for a, low, s in zip(letters, hit.low, hit.stride, strict=True):
        first = max(0, ceil(-low / s))
        lows.append(low + first * s)
        cuts[a] = first
    pads = tuple(zip(lows, highs, strict=True))
    sizes = out_sizes(orders.in_size, orders.kernel, hit.stride, hit.dilation, pads)
    own_y = orders.layout.partition("->")[2]
    slices = {
        a: slice(cuts[a], cuts[a] + out) for a, out in zip(letters, orders.out_size, strict=True)
    }
    larger = dict(zip(letters, sizes, strict=True))
    if all(larger[a] == slices[a].stop - slices[a].start for a in letters):
        return []  # nothing is lacking
    whole = replace(hit, orders=replace(orders, out_size=sizes), low=tuple(lows), high=tuple(highs))
    crop = tuple(slices.get(a, slice(None)) for a in own_y)
    verdict = prove(whole, question.arrays, None, crop)
    if verdict is None or not verdict.grade:
        return []
    code = ", ".join(_slice(slices[a], larger[a]) if a in slices else ":" for a in own_y)
    missing = [f"{larger[a] - orders.out_size[i]} along {a}" for i, a in enumerate(letters)
               if larger[a] > orders.out_size[i]]  # fmt: skip
    says = f"y lacks cells at its ends: {', '.join(missing)}"
    own = replace(change, says=lambda _: says, post=f"[{code}]")
    return [(_worded(question, whole, verdict, tally, None, own), verdict)]


def _slice(part: slice, size: int) -> str:
    """Write a slice of an axis with this many cells."""
    return f"{part.start or ''}:{'' if part.stop == size else part.stop}"


def _small(hit: Hit, x: Array, w: Array, b: Array | None = None) -> Array | None:
    """Compute a reading where that is quick."""
    orders = hit.orders
    macs = orders.n * int(np.prod(orders.out_size)) * orders.out_channels * orders.depth
    if macs > 60_000_000:
        return None
    wide = [a if a is None or a.dtype.kind == "c" else a.astype(np.float64) for a in (x, w, b)]
    return computed(hit, wide[0], wide[1], wide[2], None)  # type: ignore[arg-type]


def _nearest(question: Question, usual: list[Hit], found: list[Reading]) -> Reading | None:
    """Prove the best of the usual readings that did not make y."""
    made = {_windows(r.hit) for r in found}
    others = [h for h in sorted(usual, key=_far) if _windows(h) not in made]
    best: tuple[tuple[float, float], Reading] | None = None
    for hit in others[:4]:
        verdict = prove(hit, question.arrays, question.activation, most=256)
        if verdict is None or verdict.grade:
            continue
        rank = (round(10 * verdict.differing), hit.cost)
        if best is None or rank < best[0]:
            tally = Tally()
            best = rank, _worded(question, hit, verdict, tally, question.activation)
    return None if best is None else best[1]


def _far(hit: Hit) -> float:
    """Rank the usual readings: near ones first, and of equally near ones the commonest."""
    return hit.distance + 0.05 * hit.cost


def _windows(hit: Hit) -> tuple[object, ...]:
    """Return what decides which numbers meet: all but names."""
    return (hit.orders.key, hit.stride, hit.dilation, hit.low, hit.flip, hit.mode)
