"""The commands: arguments in, text or JSON out, an exit code back."""

from __future__ import annotations

import argparse
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.cli.checking import run_check
from hwio.cli.inputs import check_target, demo_arrays, note, read_input, read_shape
from hwio.cli.made_arrays import with_arrays
from hwio.cli.terminal import print_json
from hwio.cli.warming import run_warmup
from hwio.errors import LayoutError, LimitError, OptionError, word
from hwio.ops.convert import layout_recipe, to_layout
from hwio.ops.memory import check_memory, size
from hwio.show.explain.alone import looks_like_weights
from hwio.show.explain.also import other_order

if TYPE_CHECKING:
    from hwio.diagnosis.diagnosis import Diagnosis

MISMATCH = 1
# options of conv that every command takes; those not given keep conv's own defaults
PASSED = ("stride", "padding", "padding_mode", "dilation", "groups", "layout", "flip", "precision")


def run_explain(options: argparse.Namespace) -> int:
    """``hwio explain``: what a convolution does, in words and shapes."""
    from hwio.show.explain.explanation import explain

    files = (("svg", ".svg"), ("html", ".html"), ("animation", ".svg"), ("gif", ".gif"))
    for name, ending in files:
        check_target(getattr(options, name), f"--{name}", (ending,))
    x, w = _arrays(options)
    b = None if options.b is None else read_input(options.b, "b")
    asked = {"at": options.at, "at_w": options.at_w, "gradient": options.gradient}
    asked["ways"] = options.ways
    said = explain(
        x,
        w,
        b,
        transposed=options.transposed,
        **asked,
        **_passed(options, "method", "output_padding"),
    )
    for name, draw in (("svg", said.svg), ("html", said.html), ("animation", said.animation)):
        path = getattr(options, name)
        if path is not None:
            drawn = draw()
            if not drawn:
                rule = f"--{name}: there is nothing to draw, y has no numbers"
                raise OptionError(word(rule, [], "a shape without 0"))
            Path(path).write_text(drawn, encoding="utf-8")
            note(f"wrote {path}")
    if options.gif is not None:
        said.gif(options.gif)
        note(f"wrote {options.gif}")
    _answer(options, said)
    return 0


def run_explore(options: argparse.Namespace) -> int:
    """``hwio explore``: write the interactive page; 1 if a y was given and differs."""
    from hwio.explorer.exploration import explore

    check_target(options.out, "--out", (".html", ".htm"))
    x, w = _arrays(options)
    b = None if options.b is None else read_input(options.b, "b")
    y = None if options.y is None else read_input(options.y, "y")
    found = explore(x, w, b, at=options.at, y=y, title=options.title, **_passed(options, "method"))
    path = found.save(options.out)
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    if options.json:
        print_json({"file": options.out, "bytes": path.stat().st_size, **found.to_dict()})
    else:
        print(str(found).split("\n.save")[0])
        print(f"wrote {options.out}   {size(path.stat().st_size)}, one file; open it in a browser")
    return MISMATCH if found.answer is not None and found.answer.wrong.any() else 0


def run_compare(options: argparse.Namespace) -> int:
    """``hwio compare``: every way, its error, time and memory; 1 if one leaves its bound."""
    from hwio.show.compare.comparison import compare

    check_target(options.plot, "--plot", (".png", ".svg", ".pdf"))
    x, w = _arrays(options)
    chosen = {
        name: getattr(options, name)
        for name in ("methods", "w_layouts", "x_layouts")
        if getattr(options, name) is not None
    }
    for name, value in (("x", x), ("w", w)):
        if isinstance(value, tuple):  # filled with numbers of 4 bytes, so that it must fit
            need = 4 * prod(value)
            made = f"{name}  {value} float32, made up  ->  {size(need)}"
            check_memory(need, None, [made], f"a smaller {name}, or hwio explain for sizes alone")
    table = compare(x, w, **chosen, **_passed(options))
    if isinstance(x, tuple) or isinstance(w, tuple):
        note("shapes alone: the numbers are random, from a fixed seed")
    if options.plot is not None:
        table.plot(options.plot)
        note(f"wrote {options.plot}")
    _answer(options, table)
    return 0 if table.agree else MISMATCH


def run_code(options: argparse.Namespace) -> int:
    """``hwio code``: a snippet that runs on its own."""
    from hwio.show.code.snippet import code

    x, w = _arrays(options)
    text = code(x, w, to=options.to, **_passed(options, "method"))
    text = with_arrays(text, options, x, w)
    if options.json:
        print_json({"to": options.to, "code": text})
    else:
        print(text.rstrip("\n"))
    return 0


def run_layout(options: argparse.Namespace) -> int:
    """``hwio layout``: where a filter lies, or how to reorder axes."""
    _check_arrow(options.change)
    _check_arrow(options.layout, "--layout ")
    array = read_input(options.shape, "w")
    shape = array if isinstance(array, tuple) else array.shape
    if options.change is not None:
        for name in ("filter", "layout"):
            if getattr(options, name) is not None:
                rule = f"--{name} and {options.change!r} are two questions"
                raise OptionError(word(rule, [], "ask them one after the other"))
        return _change(shape, options)
    from hwio.show.memory.memory_map import memory_map

    likely = other_order(shape)
    if options.layout is None and likely:
        note(
            f"{options.shape} is read as {likely[0]}; if it is {likely[1]}, say --layout {likely[1]}"
        )
    asked = {"layout": options.layout, "filter": options.filter}
    _answer(options, memory_map(shape, **{k: v for k, v in asked.items() if v is not None}))
    return 0


def _change(shape: tuple[int, ...], options: argparse.Namespace) -> int:
    """Print the shape after a change of layout, and the transpose that makes it."""
    change = options.change.replace(" ", "")
    if "->" not in change and change.isalpha():  # the shell took the > for itself
        rule = f"{options.change!r} does not say to which layout"
        fix = '"OIHW->HWIO"' if change != "HWIO" else '"HWIO->OIHW"'
        raise LayoutError(word(rule, ["> means something to the shell: use quotes"], fix))
    try:
        alike = np.broadcast_to(np.int8(0), shape)  # has the shape and takes one byte
    except ValueError as error:
        raise LimitError(word(f"shape {shape} is too big for NumPy", [str(error)])) from error
    after, recipe = to_layout(alike, change).shape, layout_recipe(change)
    before, _, target = change.partition("->")
    if options.json:
        shapes = {"before": shape, "after": after}
        print_json({"from": before, "to": target, **shapes, "recipe": recipe})
    else:
        wide = max(len(str(shape)), len(str(after)))
        print(f"{shape!s:{wide}}  {before}")
        print(f"{after!s:{wide}}  {target}    {recipe}")
        if "c * m" in recipe:  # depthwise weights: the recipe names sizes
            sizes = dict(zip(before, shape, strict=True))
            names = [f"k{a.lower()} = {sizes[a]}" for a in "DHW" if a in sizes]
            names += [f"{a.lower()} = {sizes[a]}" for a in "CM"]
            print(" " * wide + f"          with {', '.join(names)}")
    return 0


def run_diagnose(options: argparse.Namespace) -> int:
    """``hwio diagnose``: which convolution made y; 1 if nothing explains it."""
    from hwio.diagnosis.diagnosis import diagnose
    from hwio.show.html import page

    for name in ("html", "explore"):
        check_target(getattr(options, name), f"--{name}", (".html",))
    for name in ("layout", "to"):
        _check_arrow(getattr(options, name), f"--{name} ")
    x, w, y = (_numbers(options, name) for name in ("x", "w", "y"))
    b = None if options.b is None else _numbers(options, "b")
    known = ("stride", "padding", "padding_mode", "dilation", "layout", "flip")
    given: dict[str, Any] = {name: getattr(options, name) for name in known}
    given = {name: value for name, value in given.items() if value is not None}
    found = _with_flags(diagnose(x, w, y, b, to=options.to, **given))
    if options.html is not None:
        text = page("hwio diagnose", found._repr_html_())
        Path(options.html).write_text(text, encoding="utf-8")
        note(f"wrote {options.html}")
    if options.explore is not None:
        note(f"wrote {found.explore().save(options.explore)}")
    _answer(options, found)
    return 0 if found.matched else MISMATCH


def _with_flags(found: Diagnosis) -> Diagnosis:
    """Say a call that takes the bias too as the flag that brings it."""
    from hwio.diagnosis.slips import WITH_BIAS

    readings = [
        replace(r, instead="--bias b.npy") if r.instead == WITH_BIAS else r for r in found.readings
    ]
    return replace(found, readings=tuple(readings))


def _numbers(options: argparse.Namespace, name: str) -> Any:
    """Read an array, not a shape."""
    typed = getattr(options, name)
    array = read_input(typed, name, options.layout if name == "x" else None)
    if isinstance(array, tuple):
        rule = f"{name} is the shape {typed}, and only numbers can be compared"
        raise OptionError(word(rule, ["np.save writes an array to a file"], f"{name}.npy"))
    return array


def run_tour(options: argparse.Namespace) -> int:
    """``hwio tour``: the whole story."""
    from hwio.cli.tour import tour

    facts = tour(Path(options.out), quick=options.quick, silent=options.json)
    if options.json:
        print_json(facts)
    return 0 if facts["agree"] else MISMATCH


def run_tune(options: argparse.Namespace) -> int:
    """``hwio tune``: measure register blocks; nothing found is an answer, too."""
    from hwio.show.compare.tuning import tune

    x, w = _arrays(options)
    _answer(options, tune(x, w, **_passed(options, "method")))
    return 0


def _arrays(options: argparse.Namespace) -> tuple[Any, Any]:
    """Read x and w, or take the demo's."""
    _check_arrow(options.layout, "--layout ")
    if options.demo:
        if options.x is not None:
            rule = f"--demo brings its own x and w, but x is {options.x}"
            raise OptionError(word(rule, [], "leave out --demo, or X and W"))
        return demo_arrays()
    if options.w is None:
        rule = "x and w are missing" if options.x is None else "w is missing"
        fix = f"hwio {options.command} {options.x or '2,5,7,4'} 3,3,4,8   or   --demo"
        shape = read_shape(options.x or "")
        if shape is not None and looks_like_weights(shape):
            rule = f"x and w are needed, and {options.x} alone looks like w"
            fix = f"hwio layout {options.x}   or   --demo"
        raise OptionError(word(rule, [], fix))
    layout = getattr(options, "layout", None)
    return read_input(options.x, "x", layout), read_input(options.w, "w")


def _check_arrow(layout: str | None, flag: str = "") -> None:
    """Refuse a layout whose arrow the shell took: ``NHWC,HWIO->NCHW`` without quotes."""
    if layout is not None and layout.strip().endswith("-"):
        rule = f"{flag}{layout} ends in half an arrow: the shell took > and what follows as a file name"
        fact = "a file of that name may stand in this folder now, empty"
        fix = f'put the layout in quotes: {flag}"{layout}>..."'
        raise LayoutError(word(rule, [fact], fix))


def _passed(options: argparse.Namespace, *more: str) -> dict[str, Any]:
    """Return the options of conv that were given."""
    given = {name: getattr(options, name) for name in (*PASSED, *more)}
    return {name: value for name, value in given.items() if value is not None}


def _answer(options: argparse.Namespace, answer: Any) -> None:
    """Print an answer, as JSON if asked."""
    if options.json:
        print_json(answer.to_dict())
    else:
        print(answer)


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "explain": run_explain,
    "explore": run_explore,
    "compare": run_compare,
    "code": run_code,
    "layout": run_layout,
    "check": run_check,
    "diagnose": run_diagnose,
    "tour": run_tour,
    "tune": run_tune,
    "warmup": run_warmup,
}
