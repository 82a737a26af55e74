"""Random convolutions: legal geometries of any rank, with their options, for hwio and its peers.

``random_case`` draws through a function ``between(low, high)``, so that Hypothesis and a seeded
NumPy generator draw from the same space; Hypothesis shrinks towards the low end of every choice.
"""

import numpy as np
from hypothesis import strategies as st

from cases import Case

SPACE = {1: "W", 2: "HW", 3: "DHW"}
MODES = ("zeros", "edge", "reflect", "symmetric", "wrap")
WORDS = ("full", "same", "same_upper", "same_lower")  # legal for any size


def random_case(
    between,
    ranks=(1, 2, 3),
    modes=MODES,
    layouts=True,
    most_stride=3,
    most_dilation=3,
    most_groups=3,
    flips=True,
    depthwise=True,
):
    """Draw one case.

    Parameters
    ----------
    between : callable
        ``between(low, high)`` draws an int, both ends included.
    ranks, modes : sequence
        To choose the number of spatial axes and the padding mode from.
    layouts : bool
        Whether x, w and y get letters in a random order; else all are channels last.
    most_stride, most_dilation, most_groups : int
    flips, depthwise : bool
        Whether the kernel may be turned round, and w be read as (..., C, M).
    """

    def one_of(choices):
        return choices[between(0, len(choices) - 1)]

    ndim = one_of(ranks)
    mode = one_of(modes)
    plain = between(0, 9) == 9  # three taps side by side: what Winograd serves
    axes = [_axis(between, mode, ndim, most_stride, most_dilation, plain) for _ in range(ndim)]
    n, k, s, d, pads = zip(*axes, strict=True)
    multiply = depthwise and between(0, 3) == 3
    groups = between(1, 4 if multiply else most_groups)
    channels = groups if multiply else groups * between(1, 4)
    filters = between(1, 4) * (1 if multiply else groups)
    space = SPACE[ndim]
    sizes = {"N": between(1, 3), "C": channels, **dict(zip(space, n, strict=True))}
    taps = dict(zip(space, k, strict=True))
    taps |= {"C": channels, "M": filters} if multiply else {"I": channels // groups, "O": filters}
    x, w, y = f"N{space}C", space + ("CM" if multiply else "IO"), f"N{space}C"
    if layouts and between(0, 1):
        x, w, y = (_shuffled(between, letters) for letters in (x, w, y))
    if layouts and between(0, 5) == 5:
        x, y = x.replace("N", ""), y.replace("N", "")
    return Case(
        "random",
        tuple(sizes[letter] for letter in x),
        tuple(taps[letter] for letter in w),
        {
            "stride": s if between(0, 1) or len(set(s)) > 1 else s[0],
            "dilation": d if between(0, 1) or len(set(d)) > 1 else d[0],
            "padding": one_of(WORDS) if mode == "zeros" and between(0, 3) == 3 else list(pads),
            "padding_mode": mode,
            "groups": 1 if multiply else groups,
            "layout": f"{x},{w}->{y}",
            "flip": flips and between(0, 3) == 3,
        },
    )


def _axis(between, mode, ndim, most_stride, most_dilation, plain):
    """Draw (size, taps, stride, dilation, pads) of one axis, such that at least one window fits."""
    k = between(1, 5 if ndim < 3 else 3)
    d, s = between(1, most_dilation), between(1, most_stride)
    k, d, s = (3, 1, 1) if plain else (k, d, s)
    reach = (k - 1) * d + 1
    low, high = between(0, 4), between(0, 4)
    n = max(1, reach - low - high) + between(0, 6 if ndim < 3 else 3)
    most = {"reflect": n - 1, "symmetric": n, "wrap": n}.get(mode, 4)
    low, high = min(low, most), min(high, most)
    return max(n, reach - low - high), k, s, d, (low, high)


def _shuffled(between, letters):
    """Return the letters in a random order."""
    rest, order = list(letters), ""
    while rest:
        order += rest.pop(between(0, len(rest) - 1))
    return order


@st.composite
def cases(draw, **limits):
    """Draw a case; ``limits`` as in ``random_case``."""
    return random_case(lambda low, high: draw(st.integers(low, high)), **limits)


def seeded_cases(seed, count, **limits):
    """Yield cases from a seeded NumPy generator, the same on every run."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield random_case(lambda low, high: int(rng.integers(low, high + 1)), **limits)
