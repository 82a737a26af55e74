"""A function that is neither in a file nor forked: its source, with all that it uses."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from hwio.errors import OptionError, word


def source_of(*functions: Callable[..., Any]) -> str:
    """Return a program that defines functions, and what they use.

    Imports, other functions and constants are followed by name; what else they use stays unknown to
    the program, as it would be after a restart.

    Raises
    ------
    OptionError
        If Python does not know the source, as with functions typed at its prompt.

    Examples
    --------
    >>> from textwrap import dedent
    >>> print(source_of(dedent).partition("def")[0].strip())
    import re as re
    """
    parts: dict[str, str] = {}
    for function in functions:
        _follow(function, parts)
    imports = [text for text in parts.values() if text.startswith("import ")]
    others = [text for text in parts.values() if not text.startswith("import ")]
    return "\n".join([*imports, *others]) + "\n"


def _follow(function: Callable[..., Any], parts: dict[str, str]) -> None:
    """Add a function, and what it uses, to the parts."""
    name = getattr(function, "__name__", "")
    if name in parts:
        return
    try:
        text = textwrap.dedent(inspect.getsource(function))
        code = function.__code__
    except (OSError, TypeError, AttributeError):
        rule = f"the source of {name or function!r} is not known"
        facts = ["it has to run in a process of its own, which starts from its source"]
        fix = "save it in a file: hwio check lab.py:conv_forward"
        raise OptionError(word(rule, facts, fix)) from None
    parts[name] = text
    for used in _names_in(code):
        value = function.__globals__.get(used)
        if isinstance(value, ModuleType):
            parts.setdefault(used, f"import {value.__name__} as {used}")
        elif inspect.isfunction(value):
            _follow(value, parts)
        elif isinstance(value, bool | int | float | str | tuple) and _is_literal(repr(value)):
            parts.setdefault(used, f"{used} = {value!r}")


def _names_in(code: Any) -> list[str]:
    """Return the global names that a function uses, those of its inner functions too."""
    names = list(code.co_names)
    for constant in code.co_consts:
        if inspect.iscode(constant):
            names += _names_in(constant)
    return list(dict.fromkeys(names))


def _is_literal(text: str) -> bool:
    """Tell whether text is a value written out."""
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True
