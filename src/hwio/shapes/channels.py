"""Channels: C of x against I and O of w, and the words for when they clash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hwio.errors import ShapeError, word
from hwio.shapes.layout import (
    ACTIVATION_LAYOUTS,
    WEIGHT_LAYOUTS,
    default_layout,
    filters_in_words,
    fits,
    parse_layout,
)
from hwio.shapes.photograph import is_photograph

if TYPE_CHECKING:
    from hwio.shapes.layout import Layout

Shape = tuple[int, ...]
Room = Callable[[str, str], bool]  # whether x and w, read as these letters, make a convolution
MOST_SHOWN = 5
RARE = ("HWOI", "IOHW", "IHWO")  # of transposed and special layers


def check_channels(
    layout: Layout,
    x_shape: Shape,
    w_shape: Shape,
    groups: int,
    *,
    named: bool = True,
    room: Room | None = None,
) -> int:
    """Check that filters and channels meet; return the number of groups.

    Parameters
    ----------
    layout : Layout
    x_shape, w_shape : tuple of int
        As stored.
    groups : int
        As given; a depthwise layout (..., C, M) sets it itself.
    named : bool
        Whether the user named the layout: then the words offer small changes of it first.
    room : callable, optional
        Tells whether another reading, as letters of x and w, has room for the kernel.

    Returns
    -------
    int
        The number of groups.

    Raises
    ------
    ShapeError
        If C of x is not I·groups of w, or O does not divide into the groups.
    """
    channels = x_shape[layout.x.index("C")]
    if layout.depthwise:
        own = w_shape[layout.w.index("C")]
        if own == channels and groups in (1, channels):
            return max(channels, 1)
        if own == channels:
            rule = f"groups={groups}, but w in {layout.w} is depthwise: one group per channel"
            facts = readings(layout, x_shape, w_shape, "C", "C")
            raise ShapeError(word(rule, facts, f"groups={max(channels, 1)}"))
    elif channels % groups:
        raise ShapeError(_indivisible(layout, x_shape, w_shape, groups))
    elif w_shape[layout.w.index("I")] * groups == channels:
        if w_shape[layout.w.index("O")] % groups == 0:
            return groups
        raise ShapeError(_too_few_filters(layout, x_shape, w_shape, groups))
    raise ShapeError(_clash(layout, x_shape, w_shape, groups, named, room))


def readings(
    layout: Layout, x_shape: Shape, w_shape: Shape, x_letter: str, w_letter: str
) -> list[str]:
    """Show both shapes with the letters they are read as, and one size of each."""
    wide = max(len(str(x_shape)), len(str(w_shape)))
    letters_wide = max(len(layout.x), len(layout.w))
    return [
        f"{name}  {shape!s:<{wide}}  read as {letters:<{letters_wide}}  ->  "
        f"{letter} = {shape[letters.index(letter)]}"
        for name, shape, letters, letter in (
            ("x", x_shape, layout.x, x_letter),
            ("w", w_shape, layout.w, w_letter),
        )
    ]


def _clash(
    layout: Layout, x_shape: Shape, w_shape: Shape, groups: int, named: bool, room: Room | None
) -> str:
    """Word the commonest mistake, C of x against I of w, with every reading that would fit."""
    channels = x_shape[layout.x.index("C")]
    letter = "C" if layout.depthwise else "I"
    seen = w_shape[layout.w.index(letter)]
    facts = readings(layout, x_shape, w_shape, "C", letter)
    if layout.depthwise:
        rule = f"w is depthwise for {seen} channels but x has {channels}"
    else:
        plural = "" if seen * groups == 1 else "s"
        rule = f"w expects {seen * groups} input channel{plural} but x has {channels}"
        share = "C" if groups == 1 else f"C / {groups}"
        facts[1] += f"      groups={groups}, so I must equal {share}"
    found = other_readings(layout, x_shape, w_shape, groups, named, room)
    pictures = [] if named or groups > 1 else _as_picture(x_shape, w_shape)
    split = _fitting_groups(layout, x_shape, w_shape)
    depthwise = [f"groups={split}   # {_share(seen, channels)}"] if split else []
    if len(found) == 1 and not depthwise:
        fact, fix = _one_reading(layout, found[0], channels // groups, groups)
        if pictures and is_photograph(x_shape):  # its rows as signals would mean nothing
            return word(rule, facts, pictures)
        return word(rule, [*facts, fact], pictures + fix)
    ways = _spelled(found, layout, w_shape)
    ways = depthwise + ways if seen == 1 else ways + depthwise
    ways += _for_groups(layout, x_shape, w_shape, groups)
    ways = pictures + ways
    if len(found) + len(depthwise) > 1:
        more = "" if len(ways) <= MOST_SHOWN else f"; here are the first {MOST_SHOWN}"
        facts.append(
            f"{len(found) + len(depthwise)} other readings fit, and hwio never guesses{more}"
        )
    if not ways:
        facts.append("no named layout makes them fit, nor any number of groups")
        ways = _other_shapes(layout, x_shape, w_shape, groups)
    return word(rule, facts, ways[:MOST_SHOWN])


def _as_picture(x_shape: Shape, w_shape: Shape) -> list[str]:
    """Offer 3 axes as one image and one filter with a square kernel, not as signals."""
    if len(x_shape) != 3 or x_shape[2] != w_shape[2] or not 1 < w_shape[0] == w_shape[1]:
        return []
    if w_shape[0] > min(x_shape[:2]):
        return []
    each = ["   # one image, one filter for each channel"] if x_shape[2] > 1 else []
    one = 'hwio.conv(x, w[..., None], layout="HWC,HWIO")   # one image, one filter'
    return [one, *('hwio.conv(x, w[..., None], layout="HWC,HWCM")' + what for what in each)]


def never_guesses(text: str, x_shape: Shape, w_shape: Shape, room: Room | None = None) -> str:
    """Word the refusal to guess a layout; list every named one that fits."""
    rule = f"layout={text!r} asks hwio to guess, and it never does"
    facts = [f"x  {x_shape}", f"w  {w_shape}"]
    ways = []
    if len(x_shape) == len(w_shape) and len(x_shape) - 2 in WEIGHT_LAYOUTS:
        layout = parse_layout(default_layout(len(x_shape)))
        found = other_readings(layout, x_shape, w_shape, 1, named=False, room=room)
        ways = _spelled(found, layout, w_shape)
        facts.append(f"{len(ways)} named layouts fit" if len(ways) != 1 else "1 named layout fits")
    return word(rule, facts, ways or "layout=None   # channels and filters last")


def _spelled(found: list[tuple[str, str]], layout: Layout, w_shape: Shape) -> list[str]:
    """Write readings as options, each with what w then is."""
    return [
        f'layout="{x},{w}{y_part(layout, x)}"   # {filters_in_words(w, w_shape)}' for x, w in found
    ]


def _share(seen: int, channels: int) -> str:
    """Say which channels a filter sees."""
    part = f"all {channels}" if seen == channels else f"{seen} of the {channels}"
    return f"each filter sees {part} channels"


def other_readings(
    layout: Layout,
    x_shape: Shape,
    w_shape: Shape,
    groups: int,
    named: bool,
    room: Room | None = None,
) -> list[tuple[str, str]]:
    """List the named layouts of x and w whose channels meet, the likeliest first."""
    n = "" if layout.batched else "N"
    as_x = [name.replace("N", "") if n else name for name in ACTIVATION_LAYOUTS[layout.ndim]]
    as_x = [layout.x, *(name for name in as_x if name != layout.x)]
    as_w = [layout.w, *(name for name in WEIGHT_LAYOUTS[layout.ndim] if name != layout.w)]
    found = [(x, w) for x in as_x for w in as_w if fits(x, w, x_shape, w_shape, groups)]
    found = [pair for pair in found if room is None or room(*pair)]
    # a depthwise reading is the plain one in other letters; the plain one is enough
    found = [(x, w) for x, w in found if "M" not in w or (x, w.replace("CM", "IO")) not in found]

    def unlikely(pair: tuple[str, str]) -> tuple[bool, bool, int, bool, bool]:
        x, w = pair
        sizes = dict(zip(x, x_shape, strict=True))
        kernel = [(k, sizes[a]) for a, k in zip(w, w_shape, strict=True) if a in "DHW"]
        too_large = any(k > size for k, size in kernel)
        oblong = len({k for k, _ in kernel}) > 1
        changes = (x != layout.x) + (w != layout.w) if named else 0
        mixed = (x[-1] == "C") != (w[-1] == "O")  # frameworks put C and O both last, or neither
        return too_large, oblong, changes, w in RARE, mixed

    return sorted(found, key=unlikely)  # a stable sort keeps the tables' order among equals


def _one_reading(
    layout: Layout, found: tuple[str, str], size: int, groups: int
) -> tuple[str, list[str]]:
    """Offer the only reading that fits."""
    x, w = found
    more = "" if groups == 1 else f", groups={groups}"
    call = f'hwio.conv(x, w{more}, layout="{x},{w}{y_part(layout, x)}")'
    if x == layout.x and "M" not in w + layout.w:
        fact = f"the named layout of w with I = {size} is {w}{_owners(layout, w)}"
        return fact, [f'{call}   or   w = hwio.to_layout(w, "{w}->{layout.w}")']
    if w == layout.w:
        fact = f"the named layout of x that fits is {x}{_owners(layout, x)}"
        return fact, [f'{call}   or   x = hwio.to_layout(x, "{x}->{layout.x}")']
    if x == layout.x:
        return f"the named layout of w that fits is {w}{_owners(layout, w)}", [call]
    return f"the named layouts that fit are {x} and {w}{_owners(layout, w)}", [call]


def _owners(layout: Layout, name: str) -> str:
    """Name the best known users of a layout."""
    names = WEIGHT_LAYOUTS[layout.ndim] | ACTIVATION_LAYOUTS[layout.ndim]
    return f" ({', '.join(names[name].split(', ')[:2])})" if name in names else ""


def y_part(layout: Layout, x: str) -> str:
    """Keep an order of y that the user chose."""
    return "" if layout.y == layout.x or layout.y == x else f"->{layout.y}"


def _fitting_groups(layout: Layout, x_shape: Shape, w_shape: Shape) -> int:
    """Return the number of groups with which the reading at hand fits, or 0."""
    if layout.depthwise:
        return 0
    channels, seen = x_shape[layout.x.index("C")], w_shape[layout.w.index("I")]
    if not seen or channels % seen:
        return 0
    split = channels // seen
    return split if split and w_shape[layout.w.index("O")] % split == 0 else 0


def _for_groups(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> list[str]:
    """Say which weights the groups that were asked for would take."""
    channels = x_shape[layout.x.index("C")]
    if layout.depthwise or groups == 1 or channels % groups:
        return []
    if w_shape[layout.w.index("O")] % groups:
        return []
    at = layout.w.index("I")
    shape = (*w_shape[:at], channels // groups, *w_shape[at + 1 :])
    return [f"w of shape {shape}   # for groups={groups}"]


def _other_shapes(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> list[str]:
    """Say which shapes would fit, where no reading of these does."""
    at_x, at_w = layout.x.index("C"), layout.w.index("C" if layout.depthwise else "I")
    channels = x_shape[at_x]
    per_group = channels if layout.depthwise else channels // groups
    seen = w_shape[at_w] * (1 if layout.depthwise else groups)
    cut = ", ".join([":"] * at_x + [f":{seen}"])
    cut = f"..., :{seen}" if at_x == len(x_shape) - 1 and at_x > 1 else cut
    ways = [f"w of shape {(*w_shape[:at_w], per_group, *w_shape[at_w + 1 :])}"]
    if seen == groups == 1 and not layout.depthwise and w_shape[layout.w.index("O")] == 1:
        one = f"w = w.repeat({channels}, axis={layout.w.index('O')})   and   groups={channels}"
        ways.insert(0, f"{one}   # the same kernel on each of {channels} channels")
    elif (channels, seen) == (4, 3):
        ways.insert(0, f"x = x[{cut}]   # if the 4th channel is alpha")
    elif channels == 1 and seen:
        ways.insert(0, f"x = x.repeat({seen}, axis={at_x})   # the one channel {seen} times")
    else:
        ways.append(f"x of shape {(*x_shape[:at_x], seen, *x_shape[at_x + 1 :])}")
    return ways


def _indivisible(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> str:
    """Word a number of groups that does not divide C."""
    channels = x_shape[layout.x.index("C")]
    rule = f"groups={groups} does not divide the {channels} channels of x"
    facts = readings(layout, x_shape, w_shape, "C", "I")
    split = _fitting_groups(layout, x_shape, w_shape)
    if split:
        return word(rule, facts, f"groups={split}   # {_share(channels // split, channels)}")
    at = layout.w.index("I")
    shape = (*w_shape[:at], channels, *w_shape[at + 1 :])
    return word(rule, facts, f"groups=1   and   w of shape {shape}")


def _too_few_filters(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> str:
    """Word a number of groups that does not divide O."""
    at = layout.w.index("O")
    filters = w_shape[at]
    rule = f"groups={groups} does not divide the {filters} filters of w"
    facts = readings(layout, x_shape, w_shape, "C", "O")
    facts.append("every group has the same number of filters")
    more = -(-filters // groups) * groups
    shape = (*w_shape[:at], more, *w_shape[at + 1 :])
    return word(rule, facts, f"w of shape {shape}   # {more // groups} for each group")
