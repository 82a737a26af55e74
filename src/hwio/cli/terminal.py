"""Where output goes: colour where it is wanted, plain text elsewhere, JSON that any reader takes."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np

STYLES = {"bold": "1", "red": "31", "dim": "2"}


def styled(text: str, style: str, stream: TextIO) -> str:
    """Wrap text in colour where the stream is a terminal and nobody asked for none.

    See https://no-color.org: NO_COLOR set to anything but nothing means none.

    Examples
    --------
    >>> import io
    >>> styled("plain", "bold", io.StringIO())
    'plain'
    """
    wanted = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if wanted else text


def own_command() -> str:
    """Return what a reader can type to run ``hwio``: its path, where it is not on PATH.

    That is so after ``make tour``, which installs into .venv and activates nothing.
    """
    here = Path(sys.executable).parent / "hwio"
    if shutil.which("hwio") or sys.prefix == sys.base_prefix:
        return "hwio"
    try:
        return str(here.relative_to(Path.cwd()))
    except ValueError:  # an environment elsewhere
        return "hwio"


def print_error(name: str, message: str) -> None:
    """Print an error's full text to stderr."""
    print(f"hwio: {styled(name, 'red', sys.stderr)}: {message}", file=sys.stderr)


def print_json(value: Any) -> None:
    """Print one JSON document; a list of numbers stays on its line."""
    print(_laid_out(plain(value), ""))


def _laid_out(value: Any, margin: str) -> str:
    """Write plain data as JSON, with the innermost lists unbroken."""
    inner = margin + "  "
    if isinstance(value, dict) and value:
        rows = [
            f"{json.dumps(k, ensure_ascii=False)}: {_laid_out(v, inner)}" for k, v in value.items()
        ]
        return "{\n" + ",\n".join(inner + row for row in rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        rows = [_laid_out(entry, inner) for entry in value]
        return "[\n" + ",\n".join(inner + row for row in rows) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Turn arrays, NumPy numbers and tuples into what JSON has; Inf and NaN into words.

    Examples
    --------
    >>> plain({"a": np.float32(1.5), 2: (np.int64(1), float("nan"))})
    {'a': 1.5, '2': [1, 'nan']}
    """
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def forgive_letters() -> None:
    """Print ? where a terminal lacks a letter such as Σ, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def drop_stdout() -> None:
    """Send what is still unprinted nowhere: the reader has gone, as with ``| head -1``."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # stdout is no real file, as under a test
        return
