"""An option that was given by place and so came to stand for the bias."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from hwio.errors import HwioError, word
from hwio.ops.keywords import spread
from hwio.ops.places import DICT_OF_OPTIONS, told_order, written_call


@contextmanager
def bias_or_option(function: Callable[..., Any], given: dict[str, Any]) -> Iterator[None]:
    """Let errors raised inside that blame b say which option it is, if it reads as one.

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
        raise


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
    fixes += [f"b=np.full({each[1]}, {b})   # one bias for all"] if each else []
    return word(rule, facts, fixes)
