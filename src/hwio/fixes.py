"""Fixes as data: what a message offers to type, read back so that it can be said otherwise.

A message ends in lines ``fix: ...`` and ``or: ...``. Each is Python for a call of ``hwio.conv``:
options (``stride=2``), the call itself, a line to type before it (``x = x[..., :3]``), or
``w of shape (3, 3, 4, 8)``. "   and   " joins steps, "   or   " parts alternatives, "   # " starts
a remark. Read as a ``Change``, a fix can be spelled for another function or for a shell.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

Shape = tuple[int, ...]
OPERANDS = ("x", "w", "b")
CALLS = [f"hwio.{name}" for name in ("conv", "plan", "explain", "explore", "compare", "code")]
_LINE = re.compile(r"  (?:fix| or): (.*)")


@dataclass(frozen=True, slots=True)
class Change:
    """What a fix changes in a call.

    Attributes
    ----------
    options : dict
        Keywords to put; None for one to leave out.
    shapes : dict of str to tuple of int
        Shapes that x, w or b should have.
    """

    options: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)


def retell(message: str, say: Callable[[str], str | None]) -> str:
    r"""Say every fix of a message in other words, or leave it out.

    Parameters
    ----------
    message : str
        As ``errors.word`` made it.
    say : callable
        Takes one alternative without its remark; None leaves it out.

    Examples
    --------
    >>> print(retell("stride=0 is none\n  fix: stride=1   # a step", lambda fix: f"--{fix}"))
    stride=0 is none
      fix: --stride=1   # a step
    """
    kept, told = [], []
    for line in message.split("\n"):
        found = _LINE.fullmatch(line)
        if found is None:
            kept.append(line)
            continue
        code, mark, remark = found[1].partition("   # ")
        said = [_said(part, say) for part in code.split("   or   ")]
        spelled = "   or   ".join(dict.fromkeys(part for part in said if part))
        if spelled:
            told.append(spelled + mark + remark)
    heads = ["fix", *[" or"] * len(told)]
    told = list(dict.fromkeys(told))
    return "\n".join(
        [*kept, *(f"  {head}: {text}" for head, text in zip(heads, told, strict=False))]
    )


def _said(fix: str, say: Callable[[str], str | None]) -> str | None:
    """Say one alternative, with its question around it."""
    asked = re.fullmatch(r"did you mean (.*)\?", fix)
    said = say(asked[1] if asked else fix)
    return f"did you mean {said}?" if asked and said else said


def is_code(fix: str) -> bool:
    """Tell Python from words.

    Examples
    --------
    >>> is_code("np.load('x.npy')"), is_code("x = x[0]"), is_code("leave it out")
    (True, True, False)
    >>> is_code("mkdir /tmp/a"), is_code("weights.npy")
    (False, False)
    """
    text = re.sub(r"^(from .* import .*; )?\w+ = ", "", fix).split("   and   ")[0]
    try:
        found = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return _keywords(text) is not None
    return isinstance(found, ast.Call | ast.Subscript)


def read_fix(fix: str, shapes: Mapping[str, Shape]) -> Change | None:
    """Read one alternative; None where it is not a change of options and of these shapes.

    Parameters
    ----------
    fix : str
    shapes : mapping of str to tuple of int
        Of the arrays whose shape may change.

    Examples
    --------
    >>> read_fix('hwio.conv(x[..., None], w, layout="HWC,HWIO")', {"x": (28, 28)})
    Change(options={'layout': 'HWC,HWIO'}, shapes={'x': (28, 28, 1)})
    >>> read_fix("x = x.mean()", {"x": (28, 28)})
    """
    change = Change()
    for step in fix.split("   and   "):
        try:
            if not _read_step(step, change, {**shapes, **change.shapes}):
                return None
        except (SyntaxError, ValueError, IndexError, TypeError):
            return None
    return change if set(change.shapes) <= set(shapes) else None


def _read_step(step: str, change: Change, shapes: Mapping[str, Shape]) -> bool:
    """Read one step into the change; False where it is none."""
    shaped = re.fullmatch(r"(\w) of shape (\(.*\))", step)
    if shaped:
        change.shapes[shaped[1]] = ast.literal_eval(shaped[2])
        return True
    assigned = re.fullmatch(r"(\w) = (.*)", step)
    if assigned:
        change.shapes[assigned[1]] = shape_of(_parse(assigned[2]), shapes)
        return True
    named = _keywords(step)
    if named is not None:
        for name, node in named.items():
            where: dict[str, Any] = change.shapes if name in OPERANDS else change.options
            where[name] = ast.literal_eval(node)
        return True
    call = _parse(step)
    while isinstance(call, ast.Subscript):  # of the result
        call = call.value
    if not (isinstance(call, ast.Call) and ast.unparse(call.func) in CALLS):
        return False
    for name, node in zip(OPERANDS, call.args, strict=False):
        if not (isinstance(node, ast.Name) and node.id == name):
            change.shapes[name] = shape_of(node, shapes)
    change.options["layout"] = None
    change.options.update({str(k.arg): ast.literal_eval(k.value) for k in call.keywords})
    return True


def _parse(text: str) -> ast.expr:
    """Parse an expression."""
    return ast.parse(text, mode="eval").body


def _keywords(text: str) -> dict[str, ast.expr] | None:
    """Read ``a=1, b=2``; None for anything else."""
    try:
        call = _parse(f"f({text})")
    except (SyntaxError, ValueError):
        return None
    if not isinstance(call, ast.Call) or call.args or not call.keywords:
        return None
    return {k.arg: k.value for k in call.keywords if k.arg}


def shape_of(node: ast.expr, shapes: Mapping[str, Shape]) -> Shape:
    """Return the shape of an expression of arrays of known shapes.

    Raises
    ------
    ValueError
        If it is more than a shape, indexing, ``repeat``, ``reshape`` or ``hwio.to_layout``.

    Examples
    --------
    >>> shape_of(ast.parse("x[..., None].repeat(3, axis=-1)[:1]").body[0].value, {"x": (5, 7)})
    (1, 7, 3)
    """
    if isinstance(node, ast.Name) and node.id in shapes:
        return shapes[node.id]
    if isinstance(node, ast.Tuple):
        return tuple(ast.literal_eval(node))
    if isinstance(node, ast.Subscript):
        index = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return _indexed(shape_of(node.value, shapes), index)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        what, inner = node.func.attr, node.func.value
        named = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
        if what == "repeat":
            return _repeated(shape_of(inner, shapes), ast.literal_eval(node.args[0]), named["axis"])
        if what == "to_layout":
            before, _, after = ast.literal_eval(node.args[1]).partition("->")
            sizes = dict(zip(before, shape_of(node.args[0], shapes), strict=True))
            return tuple(sizes[letter] for letter in after)
        if what == "reshape" and ast.unparse(node.args[0]) == "-1":
            whole = shape_of(inner, shapes)
            tail = whole[ast.literal_eval(node.args[1].value.slice.lower) :]  # type: ignore[attr-defined]
            return (prod(whole) // max(prod(tail), 1), *tail)
    message = f"{ast.unparse(node)} has no shape that could be told"
    raise ValueError(message)


def _repeated(shape: Shape, times: int, axis: int) -> Shape:
    """Return the shape after ``repeat``."""
    sizes = list(shape)
    sizes[axis] *= times
    return tuple(sizes)


def _indexed(shape: Shape, index: list[ast.expr]) -> Shape:
    """Return the shape after indexing with None, ``...`` and slices."""
    entries = [... if ast.unparse(e) == "..." else e for e in index]
    taken = sum(isinstance(e, ast.Slice) for e in entries)
    if ... in entries:
        at = entries.index(...)
        fill = [ast.Slice()] * (len(shape) - taken)
        entries[at : at + 1] = fill
        taken = len(shape)
    left, result = iter(shape), []
    for entry in entries:
        if isinstance(entry, ast.Slice):
            ends = (ast.literal_eval(e) if e else None for e in (entry.lower, entry.upper))
            result.append(len(range(next(left))[slice(*ends)]))
        elif isinstance(entry, ast.Constant) and entry.value is None:
            result.append(1)
        else:
            raise ValueError(entry)
    return (*result, *left)
