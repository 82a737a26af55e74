"""A reading as users see it: the call that makes y, what it means, how to go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hwio.diagnosis.naming import Named, named, quoted, spelled
from hwio.shapes.layout import SPATIAL

if TYPE_CHECKING:
    from hwio.diagnosis.hunt import Hit
    from hwio.diagnosis.orders import Orders
    from hwio.diagnosis.proof import Verdict
    from hwio.diagnosis.slips import Change


@dataclass(frozen=True, slots=True)
class Reading:
    """One way of reading the arrays that makes y, or comes near it.

    Attributes
    ----------
    call : str
        Python that computes y from x, w and b.
    layout : str
        Letters of x, w and y, those of y written out.
    options : dict
        Keywords of ``conv`` that are not the defaults.
    paddings : tuple of str
        Other spellings of the padding that mean the same cells here.
    twins : tuple of str
        Layouts that no numbers of these shapes could tell from this one.
    slip : str
        What went wrong on the way, empty for a plain convolution of x and w.
    instead : str
        What to type in place of the slip.
    convert : tuple of str
        Lines that bring x, w and y into the layout asked for.
    notes : tuple of str
    grade : str
        "exact", "bound", "transform", "float32": y is reproduced; "half", "bfloat16", "digits": near.
    error : float
        The largest distance from a number of y.
    differing : float
        The share of y's numbers outside their bound.
    checked : int
        Numbers of y that were computed.
    at : tuple of int or None
        The first number outside its bound, as y is stored.
    """

    call: str
    layout: str
    options: dict[str, Any]
    paddings: tuple[str, ...]
    twins: tuple[str, ...]
    slip: str
    instead: str
    convert: tuple[str, ...]
    notes: tuple[str, ...]
    grade: str
    error: float
    differing: float
    checked: int
    at: tuple[int, ...] | None
    hit: Hit = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        names = ("call", "layout", "options", "paddings", "twins", "slip", "instead", "convert",
                 "notes", "grade", "error", "differing", "checked", "at")  # fmt: skip
        return {name: getattr(self, name) for name in names}


def make_reading(
    hit: Hit,
    verdict: Verdict,
    *,
    to: str,
    bias: bool,
    activation: str | None = None,
    twins: tuple[str, ...] = (),
    change: Change | None = None,
    post: str = "",
) -> Reading:
    """Word a hit and its verdict.

    Parameters
    ----------
    hit : Hit
    verdict : Verdict
    to : str
        The layout that the user wants to go on in.
    bias : bool
        Whether there is a b.
    activation : str, optional
    twins : tuple of str
    change : Change, optional
        The slip, if there was one.
    post : str
        What follows the call, such as ``[:, :-1]``.
    """
    said = named(hit)
    options = dict(said.options)
    if activation is not None:
        options["activation"] = activation
    return Reading(
        call=_call(hit.orders, options, bias, change, post),
        layout=hit.orders.layout,
        options=options,
        paddings=tuple(quoted(p) for p in said.paddings[1:]),
        twins=twins,
        slip="" if change is None else change.says(hit),
        instead="" if change is None else change.instead(hit),
        convert=_conversion(hit.orders, to) if change is None else (),
        notes=_notes(hit, said),
        grade=verdict.grade,
        error=verdict.error,
        differing=verdict.differing,
        checked=verdict.checked,
        at=_stored(verdict.at, hit.orders),
        hit=hit,
    )


def _call(
    orders: Orders, options: dict[str, Any], bias: bool, change: Change | None, post: str
) -> str:
    """Write the call."""
    codes = {"x": "x", "w": "w", "b": "b" if bias else ""}
    if change is not None:
        codes |= change.codes
        post += change.post
    x = codes["x"] + _new_axes(orders.lacks[0].replace("N", ""))
    w = codes["w"] + _new_axes(orders.lacks[1].replace("K", ""))
    if orders.shared:
        w = f"np.repeat({w}, {orders.in_channels}, axis=-1)"
    parts = [x, w, codes["b"], spelled(options)]
    squeezed = "[..., 0]" if "C" in orders.lacks[2] else ""
    text = f"hwio.conv({', '.join(part for part in parts if part)}){squeezed}"
    return post.replace("{y}", text) if "{y}" in post else text + post


def _new_axes(lacking: str) -> str:
    return f"[..., {', '.join(['None'] * len(lacking))}]" if lacking else ""


def _stored(at: tuple[int, ...] | None, orders: Orders) -> tuple[int, ...] | None:
    """Drop the axes that y lacks; N, if lacking, is not in the result."""
    return None if at is None else at[: len(at) - ("C" in orders.lacks[2])]


def _conversion(orders: Orders, to: str) -> tuple[str, ...]:
    """Write the lines that bring each array into the layout wanted."""
    space = SPATIAL[orders.ndim]
    wanted_x, _, rest = to.partition(",")
    wanted_w, _, wanted_y = rest.partition("->")
    x, _, rest = orders.layout.partition(",")
    w, _, y = rest.partition("->")
    if "".join(a for a in wanted_x if a in "DHW") != space or any("".join(orders.lacks)):
        return ()
    lines = []
    for name, has, wants in (
        ("x", x, wanted_x),
        ("w", w, wanted_w),
        ("y", y, wanted_y or wanted_x),
    ):
        if has == wants:
            continue
        if "M" in wants and "M" not in has:
            lines.append(
                f'w = hwio.depthwise_weights(w, "{has}->{wants}", channels={orders.in_channels})'
            )
        else:
            lines.append(f'{name} = hwio.to_layout({name}, "{has}->{wants}")')
    return tuple(lines)


def _notes(hit: Hit, said: Named) -> tuple[str, ...]:
    """Say what this y leaves open under this very reading."""
    orders, letters = hit.orders, SPATIAL[hit.orders.ndim]
    notes = []
    if said.any_stride:
        axes = " and ".join(said.any_stride)
        notes.append(f"y has one cell along {axes}, so larger strides there would do the same")
    if set(orders.kernel) == {1}:
        notes.append("the kernel has one tap: flip and dilation mean nothing")
    elif 1 in orders.kernel:
        axes = " and ".join(a for a, k in zip(letters, orders.kernel, strict=True) if k == 1)
        notes.append(f"the kernel has one tap along {axes}: dilation means nothing there")
    if hit.mode != "zeros" and not any(map(any, zip(hit.low, hit.high, strict=True))):
        notes.append("nothing is padded, so no padding mode shows")
    return tuple(notes)
