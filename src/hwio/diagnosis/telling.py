"""A diagnosis in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.diagnosis.orders import readings
from hwio.diagnosis.proof import GRADES, computed
from hwio.errors import HwioError
from hwio.mistakes.mistake import documented
from hwio.show.printing import count, duration, filled, number, plural

if TYPE_CHECKING:
    from hwio.diagnosis.catalogue import Mistaken
    from hwio.diagnosis.findings import Findings
    from hwio.diagnosis.reading import Reading
    from hwio.types import Array

SHOWN, COMPARED = 8, 24
FEW = 200_000  # numbers up to which readings are compared on made-up arrays
# what differs between readings -> numbers that would tell them apart, or else other shapes
ADVICE = {
    "layout": ("weights that differ between filters and channels", "axes whose lengths all differ"),
    "stride": (
        "an x that differs from cell to cell",
        "a larger x, so that y has several cells an axis",
    ),
    "dilation": ("an x that differs from cell to cell", "a larger x"),
    "padding": ("an x whose border is not zero", "a larger x"),
    "padding_mode": ("an x whose border differs from cell to cell", "more cells of padding"),
    "flip": ("a kernel that is not its own mirror image", "a kernel of more than one tap"),
    "groups": ("an x whose channels differ", "more channels"),
    "activation": ("a y with numbers that the activation cuts", "a y with more numbers"),
}


def groups_of(
    readings: tuple[Reading, ...], arrays: tuple[Array, Array, Array, Array | None]
) -> tuple[tuple[int, ...], ...]:
    """Group readings that give the same for any numbers of these shapes.

    Made-up numbers decide; large arrays are not tried, and then each reading stands alone.
    """
    x, w, y, _ = arrays
    alone = tuple((i,) for i in range(len(readings)))
    if len(readings) < 2 or any(r.slip for r in readings) or x.size + w.size + y.size > FEW:
        return alone
    rng = np.random.default_rng(5)
    readings = readings[:COMPARED]
    made = [rng.standard_normal(a.shape) for a in (x, w)]
    results: list[tuple[Array, list[int]]] = []
    for i, reading in enumerate(readings):
        try:
            v = computed(reading.hit, made[0], made[1], None, reading.options.get("activation"))
        except HwioError:
            continue
        v = v.reshape(y.shape)
        for other, places in results:
            if np.allclose(v, other, rtol=1e-9, atol=1e-9):
                places.append(i)
                break
        else:
            results.append((v, [i]))
    return tuple(tuple(places) for _, places in results)


def sort_of(found: Findings) -> str:
    """Say in one word what was found, for programs."""
    if not found.readings:
        return "near" if found.near else "mistake" if found.mistakes else "nothing"
    if any(r.slip for r in found.readings):
        return "slip"
    return "reading" if len(found.readings) == 1 else "several"


def tell(found: Findings) -> str:
    """Tell a diagnosis as text."""
    parts = [[_arrays(found), *filled(headline(found))]]
    listed = found.readings or found.near
    parts += [reading_lines(reading, found.question.arrays[2]) for reading in listed[:SHOWN]]
    parts += [mistake_lines(mistake) for mistake in found.mistakes[:SHOWN]]
    if len(listed) > SHOWN:
        parts.append([f"  and {len(listed) - SHOWN} more: .readings holds them all"])
    parts.append([line for text in coincidence(found) for line in filled(text)])
    parts.append(nearest_lines(found))
    parts.append(filled(searched(found)))
    return "\n\n".join("\n".join(part) for part in parts if part)


def _arrays(found: Findings) -> str:
    x, w, y, b = found.question.arrays
    sides = [("x", x), ("w", w), ("y", y), *([] if b is None else [("b", b)])]
    return "   ".join(f"{name} {a.shape} {a.dtype}" for name, a in sides)


def headline(found: Findings) -> str:
    """Say what was found in one sentence."""
    several = len(found.readings)
    if not several:
        if found.near:
            return ("Nothing makes y to the last digits, but "
                    + ("this comes near:" if len(found.near) == 1 else "these come near:"))  # fmt: skip
        if found.mistakes:
            return "No convolution makes y, but a mistake of the catalogue gives these numbers:"
        if not found.fitted:
            says = "Nothing matches: no reading of these shapes makes a y of this shape"
            return (
                f"{says}; with w and y exchanged they would fit."
                if exchanged(found)
                else f"{says}."
            )
        return "Nothing matches: no reading, and none with a known slip, makes this y."
    if any(r.slip for r in found.readings):
        how = "a slip explains it:" if several == 1 else f"{several} slips would explain it:"
        return f"No plain convolution of x and w makes y, but {how}"
    if several == 1:
        return "1 reading makes y:"
    return f"{several} readings make y:"


def exchanged(found: Findings) -> bool:
    """Tell whether the shapes would fit if w and y changed places."""
    x, w, y, _ = found.question.arrays
    return any(
        all(
            k <= n and out <= n + k - 1
            for n, k, out in zip(o.in_size, o.kernel, o.out_size, strict=True)
        )
        for o in readings(x.shape, y.shape, w.shape)[0]
    )


def reading_lines(reading: Reading, y: Array) -> list[str]:
    """Tell one reading."""
    lines = []
    if reading.slip:
        lines += filled(reading.slip, "  ", "  ")
    lines += _code(reading.call)
    if not reading.slip or reading.grade != "exact":
        near = (
            "" if reading.grade == "exact" else f"; the largest error is {number(reading.error, 2)}"
        )
        part = "" if reading.checked >= y.size else f" of the {count(reading.checked)} looked at"
        grade = GRADES[reading.grade].replace("every number", f"every number{part}", 1)
        lines += filled(f"{grade}{near}", "    ", "    ")
    if reading.at is not None:
        lines.append(
            f"    {_share(reading)} of the numbers outside the error bound, first y{_place(reading)}"
        )
    if reading.instead:
        lines += filled(f"instead: {reading.instead}", "    ", "      ")
    if reading.paddings and "padding" in reading.options and not reading.slip:
        shown = ", ".join(f"padding={p}" for p in reading.paddings)
        lines += filled(f"the same cells here: {shown}", "    ", "      ")
    if reading.twins:
        shown = ", ".join(reading.twins[:6]) + (", …" if len(reading.twins) > 6 else "")
        lines += filled(f"the same numbers in memory: {shown}", "    ", "      ")
    lines += [line for note in reading.notes for line in filled(note, "    ", "    ")]
    if reading.convert:
        lines.append("    to go on in hwio's own order" if not _own(reading) else "    to go on:")
        lines += [f"      {line}" for line in reading.convert]
    return lines


def mistake_lines(mistake: Mistaken) -> list[str]:
    """Tell one mistake of the catalogue: what it is, a hint, and what to read."""
    return [
        *filled(mistake.name, "  ", "  "),
        *filled(f"hint: {mistake.hint}", "    ", "      "),
        f"    read: {documented(mistake.page)}",
        *filled(f"the right numbers: {mistake.call}", "    ", "      "),
    ]


def _code(call: str) -> list[str]:
    """Break a call where it is too wide, but in no index."""
    return filled(call.replace("..., ", "...,\xa0"), "  ", "      ")


def _own(reading: Reading) -> bool:
    return not any(line.endswith(('C")', 'IO")')) for line in reading.convert)


def coincidence(found: Findings) -> list[str]:
    """Say why several readings make y, and what would tell them apart."""
    readings = found.readings
    if len(readings) < 2 or any(r.slip for r in readings):
        return []
    differ = [name for name in ADVICE if len({str(_aspect(r, name)) for r in readings}) > 1]
    alike = len(found.groups) == 1
    text = "They coincide on these numbers; others of the same shapes would tell them apart."
    if alike:
        text = "No numbers of these shapes could tell them apart; other shapes would."
    elif len(found.groups) < len(readings):
        text = (
            f"They coincide on these numbers; others of the same shapes leave {len(found.groups)} "
            "groups, and other shapes would tell those apart."
        )
    advice = "; ".join(f"{name}: {ADVICE[name][alike]}" for name in differ)
    return [f"{text}  {advice}" if advice else text]


def _aspect(reading: Reading, name: str) -> object:
    hit = reading.hit
    if name == "layout":
        return reading.layout
    if name == "padding":
        return hit.low
    return reading.options.get(name)


def nearest_lines(found: Findings) -> list[str]:
    """Tell the next best reading and its distance."""
    other = found.nearest
    if other is None:
        return []
    y = found.question.arrays[2]
    with np.errstate(invalid="ignore"):
        top = float(np.nanmax(np.abs(y)))
    name = "The next best" if found.readings else "The nearest"
    head = f"{name} differs in {_share(other)} of the numbers, by up to {number(other.error, 3)} "
    head += f"(the largest of y is {number(top, 3)}):"
    lines = [*filled(head), *_code(other.call)]
    if other.at is not None:
        lines.append(f"    the first that differs is y{_place(other)}")
    return lines


def _share(reading: Reading) -> str:
    """Write the share of numbers that differ."""
    share = 100 * reading.differing
    return f"{share:.0f} %" if share >= 0.95 or not share else f"{share:.2g} %"


def _place(reading: Reading) -> str:
    """Write an index."""
    return f"[{', '.join(map(str, reading.at or ()))}]"


def searched(found: Findings) -> str:
    """Say how much was tried."""
    text = f"{plural(found.tried, 'order')} of axes tried; {plural(found.fitted, 'reading')} "
    text += f"fit{'s' if found.fitted == 1 else ''} the shapes; "
    text += f"{len(found.readings)} make{'s' if len(found.readings) == 1 else ''} y; "
    text += duration(found.seconds)
    if found.left_out:
        text += f" ({count(found.left_out)} odder ones fit too and were not tried)"
    return text
