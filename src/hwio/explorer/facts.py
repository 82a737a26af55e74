"""What a page is told: the part's arrays, Python's own y, settings, labels and code."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio import __version__
from hwio.errors import HwioError
from hwio.explorer.expected import part_y
from hwio.explorer.held import Held, hold
from hwio.explorer.numbers import number_kind, pack
from hwio.explorer.part import choose_part
from hwio.methods import METHODS
from hwio.ops.canonical import y_view
from hwio.show.code.snippet import TARGETS, code

if TYPE_CHECKING:
    from hwio.explorer.learner import Answer
    from hwio.explorer.part import Part
    from hwio.show.case import Case


def page_facts(
    case: Case, at: tuple[int, ...], title: str | None, answer: Answer | None
) -> dict[str, Any]:
    """Return everything that the page's script is told, in plain types.

    Parameters
    ----------
    case : Case
    at : tuple of int
        Where the page opens, in y's axis order.
    title : str or None
    answer : Answer or None
        A learner's y, and where it differs.
    """
    geo, lay, problem = case.geo, case.layout, case.problem
    place = dict(zip(lay.y, at, strict=True))
    n, o, k = place.get("N", 0), [place[a] for a in geo.letters], place["C"]
    part = choose_part(geo, (n, *o, k))
    held = hold(case, part)
    arrays = [held.x, held.w, *([] if held.b is None else [held.b])]
    kind = number_kind(arrays, _largest(held, part))
    y = part_y(held, part, geo, problem, kind)
    shown = [
        i - r.start for i, r in zip((n, *o, k), (part.images, *part.out, part.filters), strict=True)
    ]
    starts = {"n": part.images.start, "x": held.start, "c": part.channels.start}
    starts |= {"y": [r.start for r in part.out], "k": part.filters.start}
    return {
        "version": __version__,
        "title": title,
        "kind": kind,
        "letters": geo.letters,
        "layout": {"x": lay.x, "w": lay.w, "y": lay.y},
        "shapes": {"x": case.x_shape, "w": case.w_shape, "y": case.y_shape},
        "sizes": {"n": geo.n, "c": geo.in_channels, "i": geo.group_channels, "k": geo.out_channels},
        "dtypes": [str(d) for d in (*case.dtypes[:2], problem.result)],
        "made": case.x is None or case.w is None or (case.b is None and case.b_shape is not None),
        "whole": part.whole(geo),
        "summed": part.summed,
        "start": starts,
        "settings": _settings(case, part, held),
        "clip": problem.clip,
        "at": shown,
        "x": pack(held.x, kind),
        "w": pack(held.w, kind),
        "b": None if held.b is None else pack(held.b, kind),
        "y": pack(y, kind),
        "yours": None if answer is None else _yours(answer, case, part),
        "code": snippets(case),
    }


def _settings(case: Case, part: Part, held: Held) -> dict[str, Any]:
    """Return the options as the page's controls start."""
    geo = case.geo
    asked = case.options.get("padding", "valid")
    exact = held.padding == geo.padding
    named = asked.lower() if isinstance(asked, str) and exact else None
    return {
        "stride": geo.step,
        "dilation": geo.tap_step,
        "padding": held.padding,
        "word": "same" if named == "same_upper" else named,
        "mode": case.problem.padding_mode,
        "groups": part.groups,
        "flip": case.problem.flip,
    }


def _largest(held: Held, part: Part) -> int:
    """Bound every sum that the page makes of integers, those of gradients too."""
    if any(a.dtype.kind not in "iu" for a in (held.x, held.w)):
        return 0
    x, w = (max(abs(int(a.max())), abs(int(a.min()))) if a.size else 0 for a in (held.x, held.w))
    b = 0
    if held.b is not None and held.b.size:
        b = max(abs(int(held.b.max())), abs(int(held.b.min())))
    y = prod(held.w.shape[:-1]) * x * w + b
    outs = held.x.shape[0] * prod(map(len, part.out))
    dx, dw = y * w * prod(held.w.shape[:-2]) * held.w.shape[-1], y * x * max(outs, 1)
    return int(max(dx, dw))


def _yours(answer: Answer, case: Case, part: Part) -> dict[str, Any]:
    """Return the part of a learner's y and where it differs."""
    ranges = (part.images, *part.out, part.filters)
    chosen = tuple(slice(r.start, r.stop) for r in ranges)
    y, wrong = (y_view(case.problem, a)[chosen] for a in (answer.y, answer.wrong))
    kind = "complex" if y.dtype.kind == "c" else "float"
    differing = int(answer.wrong.sum())
    packed = {"y": pack(y, kind), "kind": kind, "wrong": pack(wrong.astype(np.uint8), kind)}
    return {**packed, "differing": differing, "count": answer.wrong.size}


def snippets(case: Case) -> list[dict[str, str]]:
    """Write the call in every way and for every library that has it."""
    options = {k: v for k, v in case.options.items() if k not in ("method", "memory_limit")}
    x = case.x_shape if case.x is None else case.x
    w = case.w_shape if case.w is None else case.w
    b = case.b_shape if case.b is None else case.b
    wanted = [(f"NumPy: {name}", "numpy", name, METHODS[name].idea) for name in METHODS]
    wanted += [(_CALLED[to], to, "auto", "") for to in TARGETS if to != "numpy"]
    found = []
    for name, to, method, idea in wanted:
        try:
            text = code(x, w, b, method=method, to=to, **options)
        except HwioError:  # a way that can't serve this case, or a library that has none
            continue
        found.append({"name": name, "idea": idea, "text": text})
    return found


_CALLED = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "onnx": "ONNX"}
