"""Ranks: the words for arrays that lack an axis, or have one too many, and how to add it.

An image without N, a plane without C, one filter without O: each letter that is left out is an
axis of length 1 that indexing with None puts back.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from hwio.errors import word

Shape = tuple[int, ...]
_NOUN = {1: "signal", 2: "image", 3: "volume"}


def rank_clash(
    x_shape: Shape, w_shape: Shape, given: tuple[str, str] | None = None, text: str = ""
) -> str:
    """Word a clash of ranks.

    Parameters
    ----------
    x_shape, w_shape : tuple of int
        As stored.
    given : pair of str, optional
        Letters of x and w, if the user said them.
    text : str
        The layout as the user said it.

    Returns
    -------
    str
    """
    if given is None:
        rule = f"x has {_axes(x_shape)} and w has {_axes(w_shape)}; "
        rule += "without a layout they need the same number: 3, 4 or 5"
        facts = [
            f"x  {x_shape}",
            f"w  {w_shape}",
            "3 axes are read as NWC,WIO, 4 as NHWC,HWIO, 5 as NDHWC,DHWIO",
        ]
        # channels last first: that is the house's habit
        pairs = [(f"N{s}C", f"{s}IO") for s in ("HW", "W", "DHW")]
        pairs += [(f"NC{s}", f"OI{s}") for s in ("HW", "W", "DHW")]
    else:
        x, w = given
        name, shape, letters = ("x", x_shape, x) if len(x) != len(x_shape) else ("w", w_shape, w)
        rule = (
            f"layout={text!r} has {len(letters)} letters for {name}, but {name} has {_axes(shape)}"
        )
        wide = max(len(str(x_shape)), len(str(w_shape)))
        facts = [f"x  {x_shape!s:<{wide}}  read as {x}", f"w  {w_shape!s:<{wide}}  read as {w}"]
        pairs = [(x if "N" in x else "N" + x, w)]
    fixes = list(dict.fromkeys(f for x, w in pairs for f in _readings(x, w, x_shape, w_shape)))
    return word(rule, facts, fixes[:2] or _last_resort(pairs, x_shape, w_shape))


def _axes(shape: Shape) -> str:
    """Count axes in words."""
    return f"{len(shape)} axis" if len(shape) == 1 else f"{len(shape)} axes"


def _readings(x: str, w: str, x_shape: Shape, w_shape: Shape) -> Iterator[str]:
    """Yield calls that read the arrays as x and w with some letters left out."""
    one, kernel = ("M", "CM") if "M" in w else ("O", "IO")
    # a plane is a plane in any order of axes, so channels first needs a C to be told by
    for x_lacks in ("", "N", "C", "NC") if x[-1] == "C" else ("", "N"):
        for w_lacks in ("", one, kernel) if x[-1] == "C" else ("", one):
            x_has, w_has = _without(x, x_lacks), _without(w, w_lacks)
            if (len(x_has), len(w_has)) == (len(x_shape), len(w_shape)):
                sizes = dict(zip(x_has, x_shape, strict=True))
                taps = dict(zip(w_has, w_shape, strict=True))
                if all(taps[a] <= sizes[a] for a in "DHW" if a in w):
                    yield from _call(x, w, x_lacks, w_lacks, sizes, taps)


def _call(
    x: str, w: str, x_lacks: str, w_lacks: str, sizes: dict[str, int], taps: dict[str, int]
) -> Iterator[str]:
    """Yield one call if channels meet in this reading."""
    channels, seen = sizes.get("C", 1), taps.get("C" if "M" in w else "I", 1)
    x = _without(x, "N") if "N" in x_lacks else x
    x_code = "x" + _index(x, "C" if "C" in x_lacks else "", "None")
    w_code = "w" + _index(w, w_lacks, "None")
    squeeze = _index(x, "C", "0") if "C" in x_lacks and w_lacks else ""
    what = "one kernel" if len(w_lacks) == 2 else "one filter"
    if not w_lacks:
        what = _count(taps["C"] * taps["M"] if "M" in w else taps["O"], "filter")
    if channels != seen:
        if len(w_lacks) < 2 or w[-2:] not in ("IO", "CM"):
            return
        # one plain kernel for images with channels: filter each channel by itself
        w = w[:-2] + "CM"
        w_code = f"w[..., None, None].repeat({channels}, axis=-2)"
        what = f"the same kernel on each of {channels} channels"
    ndim = sum(a in "DHW" for a in x)
    noun = _NOUN[ndim] + (" of one channel" if "C" in x_lacks else "")
    images = f"one {noun}" if "N" in x_lacks or "N" not in x else _count(sizes["N"], noun)
    space = "DHW"[-ndim:]
    default = (x, w) == (f"N{space}C", f"{space}IO")
    layout = "" if default else f', layout="{x},{w}"'
    yield f"hwio.conv({x_code}, {w_code}{layout}){squeeze}   # {images}, {what}"


def _count(number: int, noun: str) -> str:
    """Write a number with its noun: 1 image, 2 images of one channel."""
    if number == 1:
        return f"1 {noun}"
    first, _, rest = noun.partition(" ")
    return f"{number} {first}s{' ' + rest if rest else ''}"


def _without(letters: str, lacking: str) -> str:
    """Drop letters."""
    return "".join(a for a in letters if a not in lacking)


def _index(letters: str, lacking: str, entry: str) -> str:
    """Write the index that has ``entry`` at the lacking letters: ``[:, :, None]``, shortened.

    Examples
    --------
    >>> _index("HWC", "C", "None"), _index("OIHW", "O", "None"), _index("HWIO", "IO", "None")
    ('[..., None]', '[None]', '[..., None, None]')
    """
    entries = [entry if a in lacking else ":" for a in letters]
    if entry not in entries:
        return ""
    while entries[-1] == ":":
        entries.pop()
    at = entries.index(entry)
    if at and all(e == entry for e in entries[at:]) and len(entries) == len(letters):
        entries[:at] = ["..."]
    return f"[{', '.join(entries)}]"


def _last_resort(pairs: list[tuple[str, str]], x_shape: Shape, w_shape: Shape) -> str:
    """Offer to fold leading axes into N, or else an example of shapes that fit."""
    x, w = pairs[0] if len(pairs) == 1 else next(p for p in pairs if len(p[1]) == 4)
    tail = len(w_shape) - 1
    folded = len(w_shape) in (3, 4, 5) and len(x_shape) > len(w_shape) and len(pairs) > 1
    if folded and x_shape[-1] == w_shape[-2]:
        n = prod(x_shape[:-tail])
        return f"hwio.conv(x.reshape(-1, *x.shape[-{tail}:]), w)   # {n} images, N = all other axes"
    sizes = {"N": 2, "D": 5, "H": 5, "W": 7, "C": 4, "I": 4, "O": 8, "M": 2}
    x_example = tuple(sizes[a] for a in x)
    w_example = tuple(3 if a in "DHW" else sizes[a] for a in w)
    default = (x, w) == ("NHWC", "HWIO")
    layout = "" if default else f', layout="{x},{w}"'
    call = f"hwio.conv(np.ones({x_example}), np.ones({w_example}){layout})"
    return f"{call}   # {x} and {w}: shapes that fit"
