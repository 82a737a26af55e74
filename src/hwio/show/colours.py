"""Colours that people with any colour vision tell apart: Okabe and Ito 2008, Color Universal Design."""

from __future__ import annotations

from collections.abc import Iterable

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"
PINK, SKY, VERMILION, YELLOW = "#CC79A7", "#56B4E9", "#D55E00", "#F0E442"
_OTHERS = (PINK, SKY, VERMILION, YELLOW)


def colour_of(layouts: Iterable[str]) -> dict[str, str]:
    """Give each order of w its colour, the three common ones always the same.

    Examples
    --------
    >>> colour_of(["OHWI", "HWIO", "HWOI"])
    {'HWIO': '#0072B2', 'HWOI': '#CC79A7', 'OHWI': '#E69F00'}
    """
    found = {}
    others = 0
    for letters in sorted(set(layouts), key=lambda each: (not each.endswith("IO"), each)):
        kind = letters.replace("D", "").replace("H", "")
        if kind in ("WIO", "OWI", "OIW"):
            found[letters] = {"WIO": BLUE, "OWI": ORANGE, "OIW": GREEN}[kind]
        else:
            found[letters] = _OTHERS[others % len(_OTHERS)]
            others += 1
    return found
