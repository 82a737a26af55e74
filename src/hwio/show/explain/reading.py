"""How to read w: NumPy prints storage order; filters and taps are other slices of it."""

from __future__ import annotations

from math import prod

from hwio.shapes.layout import SPATIAL
from hwio.show.printing import Table

_ACROSS = {"I": "in-channels", "O": "filters", "C": "channels", "M": "filters of each channel"}


def reading_table(shape: tuple[int, ...], letters: str) -> Table:
    """Show which slices of w are filters and taps, and which reshape is the wrong move.

    Examples
    --------
    >>> for line in reading_table((3, 3, 4, 8), "HWIO").lines():
    ...     print(line)
    How to read w.  NumPy prints w as 3 blocks of (3, 4, 8). That is storage order.
      filter k    w[:, :, :, k]  (3, 3, 4)  one little 3 × 3 image per in-channel
      tap (i, j)  w[i, j]        (4, 8)     in-channels down, filters across
      if you want filters first:  np.moveaxis(w, -1, 0)  →  (8, 3, 3, 4), a view, no copy
      w.reshape(8, 3, 3, 4) has that shape too, and is wrong: it cuts storage order into other pieces
    """
    space = SPATIAL[len(shape) - 2]
    filters = "CM" if "M" in letters else "O"
    blocks = "1 block" if shape[0] == 1 else f"{shape[0]} blocks"
    printed = f"How to read w.  NumPy prints w as {blocks} of {shape[1:]}"
    if letters[0] == "O":
        title = f"{printed}: here storage order is filter order."
    else:
        title = f"{printed}. That is storage order."
    names = dict(zip(space, ["i"] if space == "W" else "tij"[-len(space) :], strict=True))
    rows = (
        _filter_row(shape, letters, filters),
        _tap_row(shape, letters, space, names),
    )
    return Table(title, rows, tuple(_moves(shape, letters, space, filters)))


def _kept(shape: tuple[int, ...], letters: str, dropped: str) -> tuple[int, ...]:
    """Return the sizes of the axes that an index leaves."""
    return tuple(n for n, letter in zip(shape, letters, strict=True) if letter not in dropped)


def index_of(letters: str, names: dict[str, str]) -> str:
    """Write an index with these axes fixed; ``:`` at the end is left out.

    Examples
    --------
    >>> index_of("HWIO", {"H": "i", "W": "j"}), index_of("HWIO", {"O": "k"})
    ('w[i, j]', 'w[:, :, :, k]')
    """
    parts = [names.get(letter, ":") for letter in letters]
    while parts[-1] == ":":
        parts.pop()
    return f"w[{', '.join(parts)}]"


def _filter_row(shape: tuple[int, ...], letters: str, filters: str) -> tuple[str, ...]:
    """Show where one filter is."""
    kernel = " × ".join(str(shape[letters.index(a)]) for a in letters if a in "DHW")
    thing = {1: "row of {} taps", 2: "little {} image", 3: "{} block"}[len(shape) - 2]
    thing = thing.format(kernel)
    if filters == "CM":
        name, index = "filter m of channel c", index_of(letters, {"C": "c", "M": "m"})
        return name, index, str(_kept(shape, letters, "CM")), f"one {thing}, y's channel c·M + m"
    per = "per in-channel"
    return (
        "filter k",
        index_of(letters, {"O": "k"}),
        str(_kept(shape, letters, "O")),
        f"one {thing} {per}",
    )


def _tap_row(
    shape: tuple[int, ...], letters: str, space: str, names: dict[str, str]
) -> tuple[str, ...]:
    """Show where one tap of all filters is."""
    left = [letter for letter in letters if letter not in space]
    tap = ", ".join(names.values())
    down, across = (_ACROSS[letter] for letter in left)
    name = f"tap ({tap})" if len(space) > 1 else f"tap {tap}"
    return (
        name,
        index_of(letters, names),
        str(_kept(shape, letters, space)),
        f"{down} down, {across} across",
    )


def _moves(shape: tuple[int, ...], letters: str, space: str, filters: str) -> list[str]:
    """Say which move brings filters first (or last), and which only looks like it."""
    if letters.startswith(filters):
        target = space + "IO" if filters == "O" else space + "CM"
        want = f"if you want {target}"
    else:
        target = filters + "".join(letter for letter in letters if letter not in filters)
        want = "if you want filters first"
    axes = tuple(letters.index(letter) for letter in target)
    new = tuple(shape[axis] for axis in axes)
    move = f"np.transpose(w, {axes})"
    if filters == "O" and target[0] == "O":
        last = axes[0] == len(axes) - 1
        move = f"np.moveaxis(w, {-1 if last else axes[0]}, 0)"
    lines = [f"{want}:  {move}  →  {new}, a view, no copy"]
    if prod(shape) and axes != tuple(range(len(axes))):
        reshape = f"w.reshape{new}"
        moved = [axis for axis in axes if shape[axis] > 1]
        if moved == sorted(moved):
            lines.append(f"{reshape} gives the same here, and only because of axes of size 1")
        else:
            wrong = "and is wrong: it cuts storage order into other pieces"
            lines.append(f"{reshape} has that shape too, {wrong}")
    return lines
