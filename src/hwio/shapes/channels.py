"""Channels: C of x against I and O of w, and the words for when they clash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.errors import ShapeError, word
from hwio.shapes.layout import WEIGHT_LAYOUTS, fitting_layouts

if TYPE_CHECKING:
    from hwio.shapes.layout import Layout

Shape = tuple[int, ...]


def check_channels(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> int:
    """Check that filters and channels meet; return the number of groups.

    Parameters
    ----------
    layout : Layout
    x_shape, w_shape : tuple of int
        As stored.
    groups : int
        As given; a depthwise layout (..., C, M) sets it itself.

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
        if own != channels:
            rule = f"w is depthwise for {own} channels but x has {channels}"
            raise ShapeError(word(rule, _readings(layout, x_shape, w_shape, "C")))
        if groups not in (1, channels):
            rule = f"groups={groups} but the depthwise layout {layout.w} has {channels} groups"
            facts = _readings(layout, x_shape, w_shape, "C")
            raise ShapeError(word(rule, facts, f"groups={channels} or leave groups out"))
        return max(channels, 1)
    if w_shape[layout.w.index("I")] * groups != channels:
        raise ShapeError(_clash(layout, x_shape, w_shape, groups))
    filters = w_shape[layout.w.index("O")]
    if filters % groups:
        rule = f"w has {filters} filters, which do not divide into groups={groups}"
        facts = _readings(layout, x_shape, w_shape, "O")
        raise ShapeError(word(rule, facts, "every group has the same number of filters"))
    return groups


def _readings(layout: Layout, x_shape: Shape, w_shape: Shape, letter: str) -> list[str]:
    """Show both shapes with the letters they are read as."""
    shapes = [str(x_shape), str(w_shape)]
    wide = max(map(len, shapes))
    letters_wide = max(len(layout.x), len(layout.w))
    c = x_shape[layout.x.index("C")]
    size = w_shape[layout.w.index(letter)]
    return [
        f"x  {shapes[0]:<{wide}}  read as {layout.x:<{letters_wide}}  ->  C = {c}",
        f"w  {shapes[1]:<{wide}}  read as {layout.w:<{letters_wide}}  ->  {letter} = {size}",
    ]


def _clash(layout: Layout, x_shape: Shape, w_shape: Shape, groups: int) -> str:
    """Word the commonest mistake, C of x against I of w, with what would fit."""
    channels = x_shape[layout.x.index("C")]
    seen = w_shape[layout.w.index("I")]
    rule = f"w expects {seen * groups} input channels but x has {channels}"
    facts = _readings(layout, x_shape, w_shape, "I")
    facts[1] += f"      groups={groups}, so I must equal C"
    if groups > 1:
        facts[1] += f" / {groups}"
    fits = fitting_layouts(w_shape, channels, groups)
    fix: str | None
    if len(fits) == 1:
        more, fix = _one_reading(layout, fits[0], channels // groups)
    elif fits:
        more = [f"named layouts of w that fit: {', '.join(fits)}   (hwio never guesses)"]
        fix = f'say which, for example layout="{layout.x},{fits[0]}"'
    else:
        more, fix = _other_ways(layout, x_shape, w_shape, groups)
    return word(rule, facts + more, fix)


def _one_reading(layout: Layout, name: str, size: int) -> tuple[list[str], str]:
    """Offer the single named layout of w that fits."""
    owner = WEIGHT_LAYOUTS[layout.ndim][name]
    if "M" in name:
        fact = f"the named layout of w that fits is {name} ({owner})"
        return [fact], f'hwio.conv(x, w, layout="{layout.x},{name}")'
    fact = f"the named layout of w with I = {size} is {name} ({owner})"
    convert = f'w = hwio.to_layout(w, "{name}->{layout.w}")'
    return [fact], f'hwio.conv(x, w, layout="{layout.x},{name}")   or   {convert}'


def _other_ways(
    layout: Layout, x_shape: Shape, w_shape: Shape, groups: int
) -> tuple[list[str], str | None]:
    """Offer another reading of x, or the groups that would fit."""
    seen = w_shape[layout.w.index("I")]
    n = "N" if layout.batched else ""
    for letters in (f"{n}{layout.spatial}C", f"{n}C{layout.spatial}"):
        if letters != layout.x and x_shape[letters.index("C")] == seen * groups:
            fact = f"read as {letters}, x has C = {seen * groups}"
            return [fact], f'hwio.conv(x, w, layout="{letters},{layout.w}")'
    channels = x_shape[layout.x.index("C")]
    if groups == 1 and seen and channels % seen == 0:
        split = channels // seen
        if w_shape[layout.w.index("O")] % split == 0:
            return [], f"groups={split}, if each filter sees {seen} of the {channels} channels"
    return [], None
