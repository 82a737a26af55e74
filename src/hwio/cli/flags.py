"""Errors as a shell needs them: what is Python in a fix becomes flags, or is left out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from hwio.cli.inputs import read_shape
from hwio.errors import nearest
from hwio.fixes import Change, is_code, read_fix, retell
from hwio.ops.keywords import FOREIGN

_PLACES = {"x": "X", "w": "W", "b": "B"}


def in_shell(message: str, options: argparse.Namespace) -> str:
    r"""Spell the fixes of a message for the command that was typed.

    Parameters
    ----------
    message : str
    options : Namespace
        What was typed.

    Examples
    --------
    >>> typed = argparse.Namespace(x="28,28", w="3,3,1,6", layout=None)
    >>> fix = 'hwio.conv(x[..., None], w, layout="HWC,HWIO")'
    >>> print(in_shell(f"no\n  fix: {fix}", typed))
    no
      fix: 28,28,1 as X, --layout HWC,HWIO
    """
    given = vars(options)
    typed = {name: given.get(name) for name in _PLACES}
    if options.__dict__.get("command") == "layout":
        typed = {"w": given.get("shape")}
    shapes = {name: read_shape(text) for name, text in typed.items() if isinstance(text, str)}
    known = {name: shape for name, shape in shapes.items() if shape is not None}

    def say(fix: str) -> str | None:
        if fix == "hwio.diagnose(x, w, y)":
            files = [given.get(name) for name in "xwy"]
            return " ".join(["hwio diagnose", *map(str, files)]) if all(files) else None
        change = read_fix(fix, known)
        if change is None:
            return None if is_code(fix) else fix
        return _spelled(change, given)

    return retell(message, say)


def _spelled(change: Change, given: Mapping[str, Any]) -> str | None:
    """Write a change as what to type; None if the command has no flag for part of it."""
    places = _PLACES if "shape" not in given else {"w": "SHAPE"}
    parts = [f"{_sizes(shape)} as {places[name]}" for name, shape in change.shapes.items()]
    flags = []
    for name, value in change.options.items():
        if name == "change":
            parts.append(_quoted(value))
        elif name not in given and name + "s" not in given:
            return None
        elif value is not None:
            flags.append(_flag(name if name in given else name + "s", value))
        elif given[name] is not None:
            parts.append(f"leave out --{name.replace('_', '-')}")
    return ", ".join([*parts, *([" ".join(flags)] if flags else [])]) or None


def _flag(name: str, value: Any) -> str:
    """Write one option.

    Examples
    --------
    >>> _flag("padding", [(1, 2), (0, 1)]), _flag("layout", "HWC,HWIO->CHW"), _flag("flip", True)
    ('--padding 1:2,0:1', '--layout "HWC,HWIO->CHW"', '--flip')
    """
    flag = "--" + name.replace("_", "-")
    if value is True:
        return flag
    if isinstance(value, tuple | list):
        entries = [f"{v[0]}:{v[1]}" if isinstance(v, tuple | list) else str(v) for v in value]
        return f"{flag} {','.join(entries)}"
    return f"{flag} {_quoted(str(value))}"


def _quoted(text: str) -> str:
    """Quote what a shell would read otherwise."""
    plain = all(letter.isalnum() or letter in "_-,.:/" for letter in text)
    return text if plain and text else f'"{text}"'


def _sizes(shape: tuple[int, ...]) -> str:
    """Write a shape as the command line takes it."""
    return ",".join(map(str, shape))


def near_flag(typed: str, flags: list[str]) -> str | None:
    """Return the flag that was meant, or None.

    Examples
    --------
    >>> near_flag("--strides=2", ["--stride", "--padding"]), near_flag("--rate", ["--dilation"])
    ('--stride', '--dilation')
    """
    name = typed.partition("=")[0].lstrip("-").replace("-", "_")
    ours = FOREIGN.get(name)
    if ours and f"--{ours.replace('_', '-')}" in flags:
        return f"--{ours.replace('_', '-')}"
    return nearest(typed.partition("=")[0], flags)
