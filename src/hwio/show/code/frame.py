"""What every writer does alike: title, x and w in order, bias, activation, y as it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hwio.errors import OptionError, word
from hwio.show.case import pad_widths
from hwio.show.code.pieces import cast_to, dtype_code, flipped, number, order
from hwio.show.code.script import Script
from hwio.show.sizes import shape, w_sizes, x_sizes, y_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.pieces import DType
    from hwio.show.sizes import Shape

Clip = tuple[float | None, float | None]


class Activation(NamedTuple):
    """How a library writes what keeps y in bounds."""

    relu: str
    low: str
    high: str
    both: str


NUMPY = Activation(
    "np.maximum(y, 0)", "np.maximum(y, {})", "np.minimum(y, {})", "np.clip(y, {}, {})"
)


def titled(case: Case, way: str) -> Script:
    """Start a script by saying which arrays it is for, in one or two lines."""
    lay = case.layout
    b = f", b {case.b_shape}" if case.b_shape is not None else ""
    start = f"{way}: x {case.x_shape} {lay.x}, w {case.w_shape} {lay.w}{b}"
    y = f"-> y {case.y_shape} {lay.y}"
    script = Script()
    one = len(start) + len(y) < 85
    for line in [f"{start} {y}"] if one else [start, f"{' ' * len(way)}  {y}"]:
        script.note(line)
    return script


def refuse_complex(case: Case, library: str) -> None:
    """Raise OptionError for complex numbers, which some libraries do not convolve."""
    if case.work.kind == "c":
        rule = f"{library} has no convolution of {case.work} numbers"
        raise OptionError(word(rule, [], "to='jax'   or   to='torch'   or   to='numpy'"))


def noted(*parts: object) -> str:
    """Join what a comment says."""
    return "  ".join(str(part) for part in parts if part != "")


def moved(name: str, source: str, target: str) -> tuple[str, str]:
    """Write a change of the order of axes, and the note that names it."""
    if source == target:
        return name, ""
    return f"np.transpose({name}, {order(source, target)})", f"{source} -> {target}"


def write_padded(script: Script, case: Case, why: str = "") -> str:
    """Pad x where the padding is not zeros, which no library's call has; return its name."""
    if not case.mode:
        return "x"
    letters = case.layout.x
    code = f'padded = np.pad(x, {pad_widths(case, letters)}, mode="{case.mode}")'
    script.line(code, why or shape(letters, x_sizes(case.geo, padded=True)))
    return "padded"


def write_images(
    script: Script, case: Case, name: str, letters: str, cast: str, *, always: bool = False
) -> str:
    """Write x in the order of ``letters``; return its name, a new one where there was work.

    An N among the letters that x does not have is put in front.
    """
    lay = case.layout
    one = "[None]" if "N" in letters and not lay.batched else ""
    code, note = moved(name, lay.x, letters[1:] if one else letters)
    if code == name and not (one or cast or always):
        return name
    of = shape(letters, x_sizes(case.geo, padded=name == "padded"))
    script.chain("images", [code, one, cast], noted(note, of))
    return "images"


def write_filters(
    script: Script,
    case: Case,
    letters: str,
    cast: str,
    regroup: tuple[Shape, str] | None = None,
    *,
    always: bool = False,
) -> str:
    """Write w in the order of ``letters``, turned round if asked; return its name.

    ``regroup`` is what the axes of depthwise filters are joined or split to, and why.
    """
    code, note = moved("w", case.layout.w, letters)
    of, why = regroup or (shape(letters, w_sizes(case.geo)), "")
    join = f".reshape{of}" if regroup else ""
    turned = flipped(case, letters)
    if code == "w" and not (join or turned or cast or always):
        return "w"
    comment = noted(note, why, "turned round" if turned else "", of)
    script.chain("filters", [code, join, turned, cast], comment)
    return "filters"


def bias_code(case: Case, letters: str) -> str:
    """Write the bias so that it meets the channels of a y with these letters."""
    of, dtype = case.b_shape or (), case.dtypes[2]
    after = len(letters) - letters.index("C") - 1
    code = "b"
    if len(of) > 1 and (after or len(of) != len(letters)):
        code = f"b.reshape({', '.join(map(str, (of[-1], *(1,) * after)))})"
    elif after:
        code = f"b[{', '.join([':', *('None',) * after])}]"
    wide = not case.integers or np.result_type(case.work, dtype) == case.work
    return code if wide else f"{code}.astype({dtype_code(case.work)})"


def flat_bias(case: Case, work: DType) -> str:
    """Write b as (O,) in the dtype of the sums."""
    flat = f".reshape({case.geo.out_channels})" if len(case.b_shape or ()) > 1 else ""
    return f"b{flat}{cast_to(work, case.dtypes[2])}"


def write_activation(script: Script, clip: Clip | None, form: Activation) -> None:
    """Write what keeps y in bounds, where there are any."""
    low, high = clip or (None, None)
    if low is not None and high is not None:
        script.line(f"y = {form.both.format(number(low), number(high))}")
    elif low is not None:
        script.line(f"y = {form.relu if low == 0 else form.low.format(number(low))}")
    elif high is not None:
        script.line(f"y = {form.high.format(number(high))}")


def write_y(script: Script, case: Case, code: str, letters: str, cast: str = "") -> None:
    """Store y, which ``code`` gives with these axes, as it is asked for; no line if it is so."""
    lay = case.layout
    if "N" in letters and not lay.batched:
        code, letters = f"{code}[0]", letters.replace("N", "")
    code, note = moved(code, letters, lay.y)
    if code != "y" or cast:
        script.line(f"y = {code}{cast}", noted(note, shape(lay.y, y_sizes(case.geo))))
