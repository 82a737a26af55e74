"""``check``: a learner's function, tried on growing cases in a process of its own."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Never

from hwio.errors import ArgumentTypeError, FileError, OptionError, kind, nearest, show, word
from hwio.grading.checkup import Checkup
from hwio.grading.naming import named, perhaps
from hwio.grading.signatures import Signature, read_signature
from hwio.grading.sources import source_of
from hwio.grading.trials import ENDED, Trial, try_case
from hwio.grading.worker import DiedError, OutOfTimeError, Worker
from hwio.mistakes.cases import FUNCTIONS
from hwio.ops.keywords import hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.show.progress import Progress

LOADING = 30.0  # seconds that a file may take to load, at least: it may import much
TIMEOUT = 10.0
FORKS = sys.platform == "linux"  # elsewhere a copy of a process may not use its libraries


def check(
    fn: Callable[..., Any] | str | Path = LEFT_OUT,
    *more: Never,
    like: str | None = None,
    forward: Callable[..., Any] | str | None = None,
    timeout: float = TIMEOUT,
) -> Checkup:
    """Try a function on cases of growing difficulty, and name the mistake if it is a known one.

    Each number is compared, in a process of its own that may loop, crash, print or run out of memory.
    The answer shows the first number that differs with its window. It hints, and holds no solution.

    Parameters
    ----------
    fn : callable or str
        The function, or where it is: ``"lab.py:conv_forward"``, ``"lab.ipynb:conv_forward"``. Of a
        notebook only imports, definitions and constants are run.
    like : str, optional
        Which function it should be, where its name and parameters don't tell: "conv_forward",
        "conv_backward", "pool_forward", "pool_backward", "zero_pad", "conv_single_step" of the course,
        or "conv", any function of x, w and, by name, b, stride, padding or dilation.
    forward : callable or str, optional
        For a function that goes backwards: its own forward function, whose cache it gets. By default it
        gets the course's.
    timeout : float
        Seconds that one case may take.

    Returns
    -------
    Checkup
        Prints itself. ``.ok`` tells whether all is right, ``.mistakes`` holds the entries of the
        catalogue that give the same numbers in every case, ``.cases`` what became of each.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> def zero_pad(X, pad):
    ...     return np.pad(X, ((0, 0), (pad, pad), (0, 0), (0, 0)))
    >>> found = hwio.check(zero_pad)
    >>> found.ok, found.mistakes[0].name
    (False, 'rows are padded, columns are not')
    >>> hwio.check(hwio.lab.zero_pad).ok
    True
    """
    if more:
        refuse_places(check, locals())
    if fn is LEFT_OUT:
        refuse_missing(check, locals())
    seconds = _checked_timeout(timeout)
    if isinstance(fn, str | Path):
        file, name = split_target(str(fn))
        if callable(forward):
            rule = "forward is a function, but fn is in a file"
            raise OptionError(word(rule, ["both come from the file"], "forward='conv_forward'"))
        if name is None:
            rule = f"{fn} names a file, but no function"
            fix = f"hwio.check('{file.name}:conv_forward')"
            raise OptionError(word(rule, ["file.py:function names one"], fix))
        message = {"do": "load", "file": str(file), "function": name, "forward": forward}
        return _check(Worker(), message, like, seconds, file)
    return _check_callable(fn, like, forward, seconds)


hide_refused(check, "fn")


def check_file(file: Path, **asked: Any) -> list[Checkup]:
    """Check every function of a file that is known by its name.

    Parameters
    ----------
    file : Path
    **asked
        Keywords of ``check``.

    Raises
    ------
    OptionError
        If there is none.
    """
    with Worker() as worker:
        message = {"do": "load", "file": str(file), "function": None}
        loaded, broken = _loaded(worker, message, asked.get("timeout", TIMEOUT))
    if broken:
        return [Checkup(file.name, file.name, "", "", broken=tuple(broken.items()))]
    names = [name for name in loaded["names"] if name in FUNCTIONS]
    if not names:
        rule = f"{file.name} has none of the functions that check knows by name"
        own = (loaded["names"] or ["my_function"])[0]
        fix = f"hwio check {file.name}:{own} --like conv_forward"
        raise OptionError(word(rule, [f"it knows {', '.join(FUNCTIONS)}"], fix))
    return [check(f"{file}:{name}", **asked) for name in names]


def _checked_timeout(timeout: Any) -> float:
    """Check the time that a case may take."""
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 < timeout < 1e6:
        rule = f"timeout={show(timeout)} is no number of seconds above 0"
        raise OptionError(word(rule, ["it is what one case may take"], "timeout=10"))
    return float(timeout)


def split_target(target: str) -> tuple[Path, str | None]:
    """Split ``lab.py:conv_forward``, and check that there is such a file.

    Raises
    ------
    OptionError, FileError
        If it names no Python file, or none that is there.
    """
    text, colon, name = target.rpartition(":")
    if not colon or name.endswith((".py", ".ipynb")) or "/" in name or "\\" in name:
        text, name = target, ""
    file = Path(text)
    if file.suffix not in (".py", ".ipynb"):
        rule = f"{target!r} names no file of Python"
        facts = ["a function is named by its file, a colon and its name: lab.py:conv_forward"]
        own = target if target.isidentifier() else "conv_forward"
        raise OptionError(word(rule, facts, f"hwio.check({own})   # the function itself"))
    if not file.is_file():
        beside = sorted(p.name for p in file.parent.glob("*.py")) if file.parent.is_dir() else []
        near = nearest(file.name, beside)
        fix = f"hwio.check({name or 'conv_forward'})   # the function itself"
        if near:
            fix = f"did you mean {file.with_name(near)}:{name or 'conv_forward'}?"
        facts = ["where it is, is counted from the folder you are in"]
        raise FileError(word(f"there is no file {text}", facts, fix))
    return file.resolve(), name or None


def _check_callable(fn: Any, like: str | None, forward: Any, seconds: float) -> Checkup:
    """Check a function that is there already."""
    if not callable(fn):
        rule = f"fn is {kind(fn)}, not a function"
        facts = ["it takes a function, or where it is: 'lab.py:conv_forward'"]
        raise ArgumentTypeError(word(rule, facts, "hwio.check(conv_forward)"))
    if forward is not None and not callable(forward):
        rule = f"forward={show(forward)} is {kind(forward)}, not a function"
        raise ArgumentTypeError(word(rule, ["fn is a function, so forward is one"], "forward=None"))
    try:
        file = Path(inspect.getsourcefile(inspect.unwrap(fn)) or "")
    except TypeError:
        file = Path()
    if FORKS:
        return _check(Worker(fn, forward), {"do": "load"}, like, seconds, file)
    others = [] if forward is None else [forward]
    message = {"do": "load", "source": source_of(fn, *others), "function": fn.__name__}
    message["forward"] = forward.__name__ if forward is not None else None
    return _check(Worker(), message, like, seconds, file)


def _check(
    worker: Worker, message: dict[str, Any], like: str | None, seconds: float, file: Path
) -> Checkup:
    """Load a function and try it on its cases."""
    with worker:
        loaded, broken = _loaded(worker, message, seconds)
        where = _where(file, loaded.get("line"))
        name = loaded.get("name") or message.get("function") or "the function"
        if broken:
            return Checkup(name, name, like or "", where, broken=tuple(broken.items()))
        _check_found(loaded, message, file)
        signature = read_signature(loaded, like)
        trials = _try_all(worker, signature, seconds)
    known = named(signature.function, trials)
    return Checkup(
        name,
        signature.written,
        signature.function,
        where,
        trials,
        tuple(case.title for case in signature.cases()),
        known,
        () if known else perhaps(signature.function, trials),
    )


def _loaded(
    worker: Worker, message: dict[str, Any], seconds: float
) -> tuple[dict[str, Any], dict[str, str]]:
    """Load a file, and return what was found, or what was raised."""
    limit = max(seconds, LOADING)
    try:
        loaded = worker.ask(message, limit)
    except OutOfTimeError:
        says = f"it is not loaded after {limit:g} s"
        line = "the machine may be busy, or a loop at the top of the file may not end"
        return {}, {"says": says, "type": "timeout", "line": line}
    except DiedError as death:
        return {}, {"says": str(death), "type": "died"}
    if "raised" not in loaded:
        return loaded, {}
    told = loaded["raised"]
    line = f"line {told['line']}: {told.get('code', '')}".rstrip(": ") if told.get("line") else ""
    return loaded, {"says": f"{told['type']}: {told['says']}", "type": told["type"], "line": line}


def _check_found(loaded: dict[str, Any], message: dict[str, Any], file: Path) -> None:
    """Check that the file has the function."""
    if "uncallable" in loaded:
        rule = f"{message['function']} in {file.name} is a {loaded['uncallable']}, not a function"
        raise OptionError(word(rule, [], "name a function of the file"))
    if "missing" in loaded:
        lost, names = loaded["missing"], loaded.get("names", [])
        near = nearest(lost, names)
        facts = [f"it has: {', '.join(names) or 'no function at all'}"]
        fix = f"did you mean {file.name}:{near}?" if near else None
        if fix is None and names:
            like = next((name for name in names if lost in name), names[0])
            fix = f"{file.name}:{like}"
        raise OptionError(word(f"{file.name} has no function {lost}", facts, fix))


def _try_all(worker: Worker, signature: Signature, seconds: float) -> tuple[Trial, ...]:
    """Try the cases until the process ends."""
    trials = []
    cases = signature.cases()
    with Progress(len(cases)) as bar:
        for case in cases:
            trials.append(try_case(worker, signature, case, seconds))
            bar.step(case.title)
            if trials[-1].status in ENDED:
                break
    return tuple(trials)


def _where(file: Path, line: int | None) -> str:
    """Write the file and the line of a function."""
    if file.suffix not in (".py", ".ipynb") or not file.is_file():  # a notebook's cell has no file
        return ""
    shown = os.path.relpath(file) if file.is_relative_to(Path.cwd()) else file.name
    return f"{shown}" + (f", line {line}" if line and file.suffix == ".py" else "")
