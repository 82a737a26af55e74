"""Ranks: the words for arrays that lack an axis, or have one too many, and how to add it.

An image without N, a plane without C, one filter without O: each letter that is left out is an
axis of length 1 that indexing with None puts back.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from hwio.errors import word
from hwio.shapes.photograph import is_photograph

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
    mixed = _mixed(x_shape, w_shape, fixes)  # square kernels are likelier than oblong ones
    fixes = fixes[:2] + mixed if w_shape[:1] == w_shape[1:2] else mixed + fixes[:2]
    return word(rule, facts, fixes or _last_resort(pairs, x_shape, w_shape))


def _mixed(x_shape: Shape, w_shape: Shape, found: list[str]) -> list[str]:
    """Offer a picture in one framework's order with weights in another's, kernel square."""
    if len(w_shape) not in (3, 4, 5):
        return []
    space = "DHW"[-(len(w_shape) - 2) :]
    pairs = [(f"N{space}C", f"OI{space}"), (f"NC{space}", f"{space}IO")]
    pairs += [(f"NC{space}", f"OI{space}"), (f"N{space}C", f"{space}IO")]
    fixes = []
    for x, w in pairs:
        kernel = {n for a, n in zip(w, w_shape, strict=True) if a in space}
        if len(kernel) == 1 and len(space) > 1:
            fixes += [f for f in _readings(x, w, x_shape, w_shape) if f not in found]
    return fixes[: 2 - min(len(found), 1)] if fixes else []


def _axes(shape: Shape) -> str:
    """Count axes in words."""
    return f"{len(shape)} axis" if len(shape) == 1 else f"{len(shape)} axes"


def _readings(x: str, w: str, x_shape: Shape, w_shape: Shape) -> Iterator[str]:
    """Yield calls that read the arrays as x and w with some letters left out."""
    one, kernel = ("M", "CM") if "M" in w else ("O", "IO")
    # a plane is a plane in any order of axes, so channels first needs a C to be told by
    photograph = is_photograph(x_shape)
    for x_lacks in ("", "N", "C", "NC") if x[-1] == "C" else ("", "N"):
        for w_lacks in ("", one, kernel) if x[-1] == "C" else ("", one):
            if photograph and x_lacks != "N" and (w_lacks or x_lacks == "C"):
                continue  # its rows are no signals or images, its colours no width
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
    x_code = "x" + index_of_letters(x, "C" if "C" in x_lacks else "", "None")
    w_code = "w" + index_of_letters(w, w_lacks, "None")
    squeeze = index_of_letters(x, "C", "0") if "C" in x_lacks and w_lacks else ""
    what = "one kernel" if len(w_lacks) == 2 else "one filter"
    if not w_lacks:
        what = _count(taps["C"] * taps["M"] if "M" in w else taps["O"], "filter")
    if channels != seen and not w_lacks and (channels == 1 or (channels, seen) == (4, 3)):
        yield from _other_channels(x, w, x_lacks, sizes, seen, w_code)
        return
    grouped = ""
    if channels != seen == 1 and not w_lacks and taps.get("O", 1) % channels == 0:
        grouped, what = f", groups={channels}", f"each filter sees 1 of the {channels} channels"
    elif channels != seen:
        one_kernel = len(w_lacks) == 2 or (not w_lacks and (seen, taps.get("O")) == (1, 1))
        if not one_kernel or w[-2:] not in ("IO", "CM"):
            return
        # one plain kernel for images with channels: filter each channel by itself
        w = w[:-2] + "CM"
        w_code = f"w{'[..., None, None]' if w_lacks else ''}.repeat({channels}, axis=-2)"
        what = f"the same kernel on each of {channels} channels"
    ndim = sum(a in "DHW" for a in x)
    noun = _NOUN[ndim] + (" of one channel" if "C" in x_lacks else "")
    images = f"one {noun}" if "N" in x_lacks or "N" not in x else _count(sizes["N"], noun)
    space = "DHW"[-ndim:]
    default = (x, w) == (f"N{space}C", f"{space}IO")
    layout = "" if default else f', layout="{x},{w}"'
    yield f"hwio.conv({x_code}, {w_code}{grouped}{layout}){squeeze}   # {images}, {what}"
    if (seen, taps.get("O")) == (channels, 1) and channels > 1 and w[-2:] == "IO":
        own = f'layout="{x},{w[:-2]}CM"'
        yield f"hwio.conv({x_code}, {w_code}, {own})   # {images}, one filter for each channel"


def _other_channels(
    x: str, w: str, x_lacks: str, sizes: dict[str, int], seen: int, w_code: str
) -> Iterator[str]:
    """Yield a grey picture made of colours, or one without its alpha channel, for such filters."""
    if "N" not in x_lacks:
        return  # only one picture is made over; for several that is a guess
    axis = x.index("C") - len(x)
    if "C" in x_lacks or sizes["C"] == 1:
        code = "x" + index_of_letters(x, "C" if "C" in x_lacks else "", "None")
        code += f".repeat({seen}, axis={axis})"
        what = f"the one channel {seen} times"
    else:
        code = f"x[..., :{seen}]" if axis == -1 else f"x[:{seen}]"
        what = "if the 4th channel is alpha"
    yield f'hwio.conv({code}, {w_code}, layout="{x},{w}")   # {what}'


def _count(number: int, noun: str) -> str:
    """Write a number with its noun: 1 image, 2 images of one channel."""
    if number == 1:
        return f"1 {noun}"
    first, _, rest = noun.partition(" ")
    return f"{number} {first}s{' ' + rest if rest else ''}"


def _without(letters: str, lacking: str) -> str:
    """Drop letters."""
    return "".join(a for a in letters if a not in lacking)


def index_of_letters(letters: str, lacking: str, entry: str) -> str:
    """Write the index that has ``entry`` at the lacking letters: ``[:, :, None]``, shortened.

    Examples
    --------
    >>> (
    ...     index_of_letters("HWC", "C", "None"),
    ...     index_of_letters("OIHW", "O", "None"),
    ...     index_of_letters("HWIO", "IO", "None"),
    ... )
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


def _last_resort(pairs: list[tuple[str, str]], x_shape: Shape, w_shape: Shape) -> str | list[str]:
    """Offer to fold leading axes into N, or say which weights would fit; else nothing."""
    x, w = pairs[0] if len(pairs) == 1 else next(p for p in pairs if len(p[1]) == 4)
    tail = len(w_shape) - 1
    folded = len(w_shape) in (3, 4, 5) and len(x_shape) > len(w_shape) and len(pairs) > 1
    if folded and x_shape[-1] == w_shape[-2]:
        n = prod(x_shape[:-tail])
        return f"hwio.conv(x.reshape(-1, *x.shape[-{tail}:]), w)   # {n} images, N = all other axes"
    if len(x_shape) == 3 and len(w_shape) == 4 and x[-1] == "C" and w == "HWIO":
        shape = (*w_shape[:2], x_shape[-1], w_shape[-1])
        if all(k <= n for k, n in zip(shape[:2], x_shape[:2], strict=True)):
            return f'w of shape {shape}   and   layout="HWC,HWIO"   # one image'
    return []
