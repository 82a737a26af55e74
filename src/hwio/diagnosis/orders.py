"""How three arrays can be read by their shapes alone: every named order of x, w and y that fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from hwio.shapes.layout import SPATIAL, transpose_axes

Shape = tuple[int, ...]

# Axes that arrays may lack, of (x, w, y). "K" says that w is one kernel, the same for each channel.
FORMS = (
    ("", "", ""),
    ("N", "", "N"),  # one image
    ("", "M", ""),  # depthwise, one filter for each channel
    ("N", "M", "N"),
    ("", "O", "C"),  # one filter, and y without channels
    ("N", "O", "NC"),
    ("", "O", ""),
    ("N", "O", "N"),
    ("C", "IO", "C"),  # grey images and a plain kernel
    ("NC", "IO", "NC"),
    ("", "IOK", ""),
    ("N", "IOK", "N"),
)
IMAGES = ("NSC", "NCS", "SCN", "CSN")  # TensorFlow, PyTorch; MATLAB and Theano keep images last
WEIGHTS = ("SIO", "OIS", "OSI", "SOI", "IOS", "ISO")
DEPTHWISE = ("SCM", "CMS", "MCS", "CSM")


@dataclass(frozen=True, slots=True)
class Orders:
    """One reading of the axes: letters in storage order, and the sizes they give.

    Attributes
    ----------
    x, w, y : str
        Letters, those that an array lacks at the end.
    lacks : tuple of str
        Axes that x, w and y lack; "K" in w's for one kernel that every channel shares.
    groups : int
    n, in_channels, out_channels : int
    in_size, kernel, out_size : tuple of int
    key : tuple
        The same for readings that no numbers of these shapes can tell apart.
    """

    x: str
    w: str
    y: str
    lacks: tuple[str, str, str]
    groups: int
    n: int
    in_channels: int
    out_channels: int
    in_size: Shape
    kernel: Shape
    out_size: Shape
    key: tuple[object, ...]

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.kernel)

    @property
    def shared(self) -> bool:
        """Whether w is one kernel for every channel."""
        return "K" in self.lacks[1]

    @property
    def depth(self) -> int:
        """Products in one number of y."""
        return prod(self.kernel) * (self.in_channels // self.groups)

    @property
    def layout(self) -> str:
        """The layout string for ``conv``: an N that is lacking is left out."""
        x, y = (letters.replace("N", "") if "N" in self.lacks[0] else letters
                for letters in (self.x, self.y))  # fmt: skip
        return f"{x},{self.w}->{y}"

    @property
    def unlikely(self) -> int:
        """How far from habit the reading is; 0 for TensorFlow's and PyTorch's own."""
        space = SPATIAL[self.ndim]
        x, w, y = (a.replace(space, "S") for a in (self.x, self.w, self.y))
        turned = any(space not in a for a in (self.x, self.w, self.y))
        cost = _rank(IMAGES, x) + 3 * _rank(WEIGHTS if "O" in w else DEPTHWISE, w)
        matched = (x[-1] == "C") == (w[-1] in "OM")
        return cost + 4 * (x != y) + 2 * (not matched) + 40 * turned


def _rank(orders: tuple[str, ...], letters: str) -> int:
    return orders.index(letters) if letters in orders else len(orders)


def readings(
    x: Shape,
    w: Shape,
    y: Shape,
    *,
    rare: bool = False,
    turned: str = "",
    given: tuple[str, str, str] = ("", "", ""),
) -> tuple[list[Orders], int]:
    """List the readings of the axes whose images, channels and filters meet, likeliest first.

    Parameters
    ----------
    x, w, y : tuple of int
        Shapes as stored.
    rare : bool
        Also orders that keep images last.
    turned : {"", "x", "w", "y"}
        Whose spatial axes are taken in the opposite order.
    given : tuple of str
        Letters that are known already.

    Returns
    -------
    list of Orders
    int
        How many were looked at.
    """
    return _readings(x, w, y, rare, turned, given)


def forms() -> Iterator[tuple[int, tuple[str, str, str], tuple[int, int, int]]]:
    """Yield spatial rank, lacking axes and ranks of x, w and y; volumes lack N, or N, C, I and O."""
    for lacks, ndim in product(FORMS, (2, 1, 3)):
        if ndim == 3 and lacks not in (*FORMS[:2], ("NC", "IO", "NC")):
            continue
        x, w, y = (ndim + 2 - len(a.replace("K", "")) for a in lacks)
        yield ndim, lacks, (x, w, y)


@lru_cache(maxsize=256)
def _readings(
    x: Shape, w: Shape, y: Shape, rare: bool, turned: str, given: tuple[str, str, str]
) -> tuple[list[Orders], int]:
    found: list[Orders] = []
    looked = 0
    ranks = len(x), len(w), len(y)
    for ndim, lacks, fitting in forms():
        if ranks != fitting:
            continue
        for names in _orders(ndim, lacks, rare, turned):
            if any(g and g != a for g, a in zip(given, names, strict=True)):
                continue
            looked += 1
            orders = _read(names, lacks, x, w, y)
            if orders is not None:
                found.append(orders)
    whole = [o for o in found if not any(o.lacks) or o.lacks == ("N", "", "N")]
    found = whole or found  # axes are missing only where nothing else fits
    return sorted(found, key=lambda o: o.unlikely), looked


def _orders(
    ndim: int, lacks: tuple[str, str, str], rare: bool, turned: str
) -> Iterator[tuple[str, ...]]:
    """Yield the letters of x, w and y, those that are lacking left out."""
    space = SPATIAL[ndim]
    images = IMAGES if rare else IMAGES[:2]
    weights = WEIGHTS if lacks[1] else (*WEIGHTS, DEPTHWISE[0])
    tables = []
    for name, orders, lacking in zip("xwy", (images, weights, images), lacks, strict=True):
        own = space[::-1] if name == turned else space
        kept = ("".join(a for a in order if a not in lacking) for order in orders)
        tables.append([a.replace("S", own) for a in dict.fromkeys(kept)])
    if lacks[1] == "M":
        tables[1] = [a.replace("S", space) for a in ("SC", "CS")]
    yield from product(*tables)


def _read(
    names: tuple[str, ...], lacks: tuple[str, str, str], x: Shape, w: Shape, y: Shape
) -> Orders | None:
    """Give the letters their sizes; None where they do not meet."""
    sx, sw, sy = (dict(zip(a, s, strict=True)) for a, s in zip(names, (x, w, y), strict=True))
    n, channels, filters = sx.get("N", 1), sx.get("C", 1), sy.get("C", 1)
    if sy.get("N", 1) != n:
        return None
    if "K" in lacks[1]:
        seen, made, groups = 1, channels, channels
    elif "C" in sw:
        seen, made, groups = 1, sw["C"] * sw.get("M", 1), channels
        if sw["C"] != channels:
            return None
    else:
        seen, made = sw.get("I", 1), sw.get("O", 1)
        groups = channels // seen if seen else 0
    if not groups or seen * groups != channels or made % groups or made != filters:
        return None
    space = SPATIAL[sum(a in "DHW" for a in names[0])]
    in_size, kernel, out_size = (tuple(s[a] for a in space) for s in (sx, sw, sy))
    if not all(kernel):
        return None
    full = [a + b.replace("K", "") for a, b in zip(names, lacks, strict=True)]
    key = (_steps(names[0], x, f"N{space}C"), _steps(names[1], w, f"{space}ICOM"),
           _steps(names[2], y, f"N{space}C"), groups, lacks[1])  # fmt: skip
    return Orders(
        full[0], full[1], full[2], lacks, groups, n, channels, made, in_size, kernel, out_size, key
    )


def _steps(letters: str, shape: Shape, order: str) -> tuple[tuple[str, int, int], ...]:
    """Return name, size and step in storage of every axis longer than 1, in canonical order.

    Depthwise C counts filters as O does, and so does M where C is 1.
    """
    steps = {a: prod(shape[i + 1 :]) for i, a in enumerate(letters)}
    sizes = dict(zip(letters, shape, strict=True))
    weights = order[-1] == "M"
    alone = sizes.get("C", 1) == 1
    also = {"C": "O", "M": "O" if alone else "M"} if weights else {}
    return tuple((also.get(a, a), sizes[a], steps[a]) for a in order if sizes.get(a, 1) > 1)


def canonical_axes(letters: str, ndim: int) -> tuple[int, ...]:
    """Return the transpose of full letters to (N, spatial, C), (spatial, I, O) or (spatial, C, M)."""
    space = SPATIAL[ndim]
    rest = "CM" if "M" in letters else "IO" if "I" in letters else "C"
    return transpose_axes(letters, ("N" if rest == "C" else "") + space + rest)
