"""Arguments that were given by place and came to stand for others: an option for b, w for x."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from hwio.errors import HwioError, show, word
from hwio.ops.arrays import is_shape
from hwio.ops.check import geometry_of
from hwio.ops.exchanged import refuse_exchanged
from hwio.ops.keywords import spread
from hwio.ops.places import DICT_OF_OPTIONS, told_order, written_call


@contextmanager
def misplaced(function: Callable[..., Any], given: dict[str, Any]) -> Iterator[None]:
    """Let errors raised inside say what was meant: an option that stands for b, or w before x.

    Parameters
    ----------
    function : callable
    given : dict
        Its ``locals()`` before anything else was done.
    """
    try:
        yield
    except HwioError as error:
        told = _told(function, given, str(error))
        if told is not None:
            error.args = (told,)
        elif "no named layout makes them fit" in str(error) and "x" in given:
            refuse_exchanged(error, function, given, ("x", "w"), partial(_fit, given))
        raise


def _fit(given: dict[str, Any], x: Any, w: Any) -> bool:
    """Tell whether x and w fit as they are usually read, with the options that were given."""
    asked = given.get("options", given)
    options = {n: asked[n] for n in ("stride", "padding", "dilation", "groups") if n in asked}
    arrays = (each.shape if isinstance(each, np.ndarray) else each for each in (x, w))
    shapes = [each for each in arrays if is_shape(each)]
    if asked.get("layout") is not None or len(shapes) < 2:
        return False
    return geometry_of(*shapes, **options).out_channels > 0


def _told(function: Callable[..., Any], given: dict[str, Any], message: str) -> str | None:
    """Word the option that b seems to be; None where it seems to be a bias."""
    b, w = given["b"], given["w"]
    if not message.startswith(("b has ", "b is ")):
        return None
    rule, *lines = message.split("\n")
    if isinstance(b, np.ndarray):
        both = function.__name__ == "prepare" and b.ndim > 1 and b.ndim == np.ndim(w)
        facts = ["prepare takes w, and b if there is one; x comes at each call of the layer"]
        return word(rule, facts, "hwio.prepare(w)(x)") if both and max(b.shape[:-1]) > 1 else None
    if isinstance(b, bool):
        facts = ["a bias is an array with one number per filter"]
        return word(f"b={b} is no bias", facts, "b=None   # none, or an array of one per filter")
    found: tuple[str, dict[str, Any]] | None
    if isinstance(b, dict):
        found = DICT_OF_OPTIONS, spread(b)
    else:
        found = told_order(function, given, without="b")
    if found is None or not found[1]:
        return None
    there, read = found
    which = "second" if function.__name__ == "prepare" else "third"
    facts = [line[2:] for line in lines if line.startswith("  b holds")]
    facts += [f"the {which} argument is the bias; options go by name", there]
    read = {name: given[name] for name in ("x", "w") if name in given} | read
    fixes = [written_call(function, given, read)]
    each = next((re.search(r"np\.full\((\d+)", line) for line in lines if "np.full(" in line), None)
    fixes += [f"b=np.full({each[1]}, {show(b)})   # one bias for all"] if each else []
    return word(rule, facts, fixes)
