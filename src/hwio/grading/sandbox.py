"""What runs in the process of its own: load a learner's function, call it, tell what came.

Nothing that the function prints, raises or breaks reaches the process that asked. This is protection
from accidents, not from malice: the function can do what the user can.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from hwio.grading.messages import MOST_BYTES, receive, send, too_large
from hwio.grading.notebooks import definitions

SPARE = 2 << 30  # bytes that a function may take beside what was there before
MOST_PRINTED = 2000  # letters that are kept of what a function prints
ONLY = "__hwio_check__"


class Printed(io.TextIOBase):
    """A stdout that keeps the first letters and drops the rest."""

    def __init__(self) -> None:
        self.kept = ""

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        if len(self.kept) < MOST_PRINTED:
            self.kept += str(text)[: MOST_PRINTED - len(self.kept)]
        return len(text)

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def take(self) -> str:
        """Return what was kept, and forget it."""
        kept, self.kept = self.kept, ""
        return kept


def serve(
    read: IO[bytes],
    write: IO[bytes],
    function: Callable[..., Any] | None = None,
    forward: Callable[..., Any] | None = None,
) -> None:
    """Answer messages until there are no more."""
    printed = Printed()
    sys.stdout = sys.stderr = printed
    sys.stdin = io.StringIO()
    held = {"function": function, "forward": forward}
    while (message := receive(read)) is not None:
        answer = {"load": _load, "call": _call}[message["do"]](message, held)
        send(write, answer | {"printed": printed.take()})


def _load(message: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """Find the function, and tell its name and parameters."""
    answer: dict[str, Any] = {}
    try:
        if held["function"] is None:
            module = _module(message)
            names = [n for n, v in vars(module).items() if inspect.isfunction(v)]
            own = [n for n in names if getattr(module, n).__module__ == module.__name__]
            answer["names"] = own
            for role in ("function", "forward"):
                held[role] = getattr(module, message[role], None) if message.get(role) else None
            if message["function"] is None:
                return answer
        if held["function"] is None or (message.get("forward") and held["forward"] is None):
            lost = "function" if held["function"] is None else "forward"
            return answer | {"missing": message[lost]}
        answer |= _described(held["function"])
    except BaseException as error:  # noqa: BLE001 - a learner's file may raise anything, exit too
        return answer | {"raised": told(error)}
    limit_memory()
    return answer


def _described(function: Any) -> dict[str, Any]:
    """Tell the name and parameters of a function."""
    if not callable(function):
        return {"uncallable": type(function).__name__}
    name = getattr(function, "__name__", type(function).__name__)
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return {"name": name, "parameters": None}
    parameters = [
        {
            "name": p.name,
            "kind": p.kind.name,
            "required": p.default is inspect.Parameter.empty,
            "default": p.default if isinstance(p.default, str) else "",
        }
        for p in given
    ]
    code = getattr(inspect.unwrap(function), "__code__", None)
    line = None if code is None else code.co_firstlineno
    return {"name": name, "parameters": parameters, "line": line}


def _module(message: dict[str, Any]) -> ModuleType:
    """Load a file, a notebook or a piece of source as a module."""
    path = message.get("file")
    if path is not None and Path(path).suffix == ".py":
        sys.path.insert(0, str(Path(path).parent))
        spec = importlib.util.spec_from_file_location(ONLY, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[ONLY] = module
        spec.loader.exec_module(module)
        return module
    module = ModuleType(ONLY)
    sys.modules[ONLY] = module
    if path is not None:
        sys.path.insert(0, str(Path(path).parent))
        for code in definitions(Path(path)):
            _run(code, module)
    else:
        exec(compile(message["source"], "<your function>", "exec"), vars(module))
    return module


def _run(code: Any, module: ModuleType) -> None:
    """Run a definition of a notebook; an import that fails is missed only by those who need it."""
    with contextlib.suppress(ImportError):
        exec(code, vars(module))


def _call(message: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """Call the function, twice, and tell what came back."""
    try:
        args, kwargs = _arguments(message, held)
        before = _copied((args, kwargs))
        with np.errstate(all="ignore"):
            came = held["function"](*args, **kwargs)
        answer: dict[str, Any] = {"returned": came, "changed": not _alike((args, kwargs), before)}
        answer["returned"] = _copied(came)  # now: a second call may change what the first returned
        args, kwargs = _arguments(message, held)
        with np.errstate(all="ignore"):
            again = held["function"](*args, **kwargs)
        answer["repeats"] = _alike(answer["returned"], _copied(again))
    except BaseException as error:  # noqa: BLE001 - a learner's function may raise anything, exit too
        return {"raised": told(error)}
    return answer


def _arguments(
    message: dict[str, Any], held: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return fresh copies of what the function gets; the cache may be the learner's own."""
    args, kwargs = _copied((message["args"], message["kwargs"]))
    if held["forward"] is not None:
        upper, cache, *more = args
        mode = more if len(cache) == 2 else []  # pooling's forward takes it as well
        with np.errstate(all="ignore"):
            made = held["forward"](*cache, *mode)
        args = (upper, made[1], *more)
    return args, kwargs


def _copied(value: Any) -> Any:
    """Copy arrays, however deep in tuples, lists and dicts they lie, but none that are too large."""
    if isinstance(value, np.ndarray):
        return value.copy() if value.nbytes <= MOST_BYTES else too_large(value)
    if type(value) in (tuple, list):
        return type(value)(_copied(v) for v in value)
    if type(value) is dict:
        return {k: _copied(v) for k, v in value.items()}
    return value


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two values hold the same numbers."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype != other.dtype or one.dtype.kind not in "biufc":
            return bool(one.dtype == other.dtype and one.shape == other.shape)
        # numbers, not bytes: a long double has bytes that mean nothing
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind in "fc"))
    if type(one) is not type(other):
        return False
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    if isinstance(one, bool | int | float | str | np.generic):
        return bool(one == other) or one != one  # NaN repeats itself
    return True


def told(error: BaseException) -> dict[str, Any]:
    """Tell an exception: its type, its words, and the learner's own line where it happened."""
    said = {"type": type(error).__name__, "says": " ".join(str(error).split())[:300]}
    if isinstance(error, SyntaxError) and error.lineno is not None:
        text = (error.text or "").strip()
        return said | {"says": error.msg, "line": error.lineno, "code": text, "where": ""}
    own = Path(__file__).parent
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != own and not frame.filename.startswith("<frozen")
    ]
    mine = [
        f for f in frames if "site-packages" not in f.filename and "lib/python" not in f.filename
    ]
    if not (mine or frames):
        return said
    last = (mine or frames)[-1]
    return said | {"line": last.lineno, "code": (last.line or "").strip(), "where": last.name}


def limit_memory() -> None:
    """Let the process take ``SPARE`` bytes more and leave no core file, where that can be had."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * resource.getpagesize() + SPARE
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard == resource.RLIM_INFINITY or most < hard:
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return


def main() -> None:
    """Serve on stdin and stdout, which then belong to nobody else."""
    read, write = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    silence()
    serve(read, write)
    os._exit(0)


def silence() -> None:
    """Point the process's own input and outputs at nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
