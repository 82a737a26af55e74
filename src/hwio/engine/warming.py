"""Compile all kernels beforehand, and look at what the cache holds."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine import SWITCHED_OFF, cache, jit, missing
from hwio.engine.builds import BUILDS, Build, all_builds
from hwio.engine.findings import TABLES
from hwio.engine.processors import available
from hwio.errors import FileError, HwioError, word

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

Step = Callable[[str], None]
FEW = 4  # kernels for each process: a Python with Numba takes half a second to start


@dataclass(frozen=True, slots=True)
class Warmed:
    """What ``warm`` did.

    Attributes
    ----------
    there : int
        Kernels that were in the cache already.
    compiled : int
    seconds : float
        That compiling took.
    failed : dict of str to str
        Kernels that did not compile, and the error.
    """

    there: int
    compiled: int
    seconds: float
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """One kernel or file of the cache.

    Attributes
    ----------
    name : str
        The kernel's symbol, or the name of a file that belongs to no kernel of today.
    state : {"whole", "missing", "damaged", "other"}
        other: whole, but of another version, another processor or another source.
    size : int
        Bytes of the file.
    """

    name: str
    state: str
    size: int


def warm(step: Step = lambda label: None) -> Warmed:
    """Compile every kernel that the cache lacks; ``step`` hears the name of each that is done.

    Raises
    ------
    HwioError
        If the engine can't start, or Numba can't be imported.
    FileError
        If the folder can't be written.
    """
    start = time.monotonic()
    left = []
    for build in _wanted():
        if jit.kept(build.symbol) is None:
            left.append(build)
        else:
            step(build.symbol)
    if left:
        _check_compiler()
        _check_folder()
    failed = {}
    for build, fault in _compile_all(left):
        if fault:
            failed[build.symbol] = fault
        step(build.symbol)
    there, compiled = len(_wanted()) - len(left), len(left) - len(failed)
    return Warmed(there, compiled, time.monotonic() - start if left else 0.0, failed)


def _compile_all(left: list[Build]) -> Iterator[tuple[Build, str | None]]:
    """Compile kernels, in several processes where that pays; yield each with what went wrong."""
    processes = min(available(), len(left) // FEW)
    if processes < 2:
        for build in left:
            yield build, _compile(build)
        return
    deaf = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is this process's business
    pool = ProcessPoolExecutor(processes, get_context("spawn"), *deaf)
    try:
        running = {pool.submit(_compile, build): build for build in left}
        for done in as_completed(running):
            error = done.exception()  # a process that was killed, say for its memory
            yield running[done], f"{type(error).__name__}: {error}" if error else done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _compile(build: Build) -> str | None:
    """Compile one kernel into the cache; return what went wrong."""
    path = cache.path_of(build.symbol, jit.machine_name(), jit.compiler())
    try:
        code = jit.compile_kernel(build.module, build.symbol, *build.parameters)
    except Exception as error:  # noqa: BLE001  one kernel less is no reason to lack the others
        return f"{type(error).__name__}: {error}"
    obstacle = cache.write(path, code)
    return f"{type(obstacle).__name__}: {obstacle.strerror}" if obstacle else None


def _wanted() -> list[Build]:
    """Return what there is to compile on this processor, if the engine can start."""
    why = missing()
    if why == SWITCHED_OFF:
        raise HwioError(word(f"nothing to compile: {why}", [], "unset HWIO_ENGINE"))
    if why:
        reason, _, fix = why.partition(": ")
        raise HwioError(word(f"nothing can be compiled: {reason}", [], fix or None))
    try:
        return all_builds()
    except Exception as error:
        raise HwioError(_broken("llvmlite", error)) from error


def _check_compiler() -> None:
    """Refuse a Numba that can't be imported."""
    try:
        import numba  # noqa: F401
    except Exception as error:
        raise HwioError(_broken("numba", error)) from error


def _broken(module: str, error: Exception) -> str:
    rule = f"nothing can be compiled: {module} does not load: {type(error).__name__}: {error}"
    return word(rule, ["NumPy serves meanwhile"], f"pip install --force-reinstall {module}")


def _check_folder() -> None:
    """Refuse a folder in which nothing can be kept."""
    error = cache.obstacle()
    if error is not None:
        rule = f"compiled kernels can't be kept in {cache.folder()}: {error.strerror or error}"
        raise FileError(word(rule, [], "HWIO_CACHE_DIR=/another/folder hwio warmup"))


def look() -> list[Held]:
    """Return every kernel of today, then every other file, with its checksum verified."""
    try:
        builds = all_builds()
        known = [(b.symbol, p) for b in builds for p in _places(b.symbol)]
    except Exception:  # noqa: BLE001  without llvmlite, or with a broken one, files are all there is
        known = []
    files = {path: status.st_size for path, status in cache.files()}
    held = [Held(name, _state(path, files), files.pop(path, 0)) for name, path in known]
    for path in sorted(files):
        whole = cache.read(path) is not None
        held.append(Held(path.name, "other" if whole else "damaged", files[path]))
    return held


def _places(symbol: str) -> list[Path]:
    """Return the file of a kernel: where there is no compiler, the newest that there is."""
    machine, compiler = jit.machine_name(), jit.compiler()
    found = list(cache.paths_of(symbol, machine, compiler))
    return found[:1] or [cache.path_of(symbol, machine, compiler)]


def _state(path: Path, files: dict[Path, int]) -> str:
    if path not in files:
        return "missing"
    return "damaged" if cache.read(path) is None else "whole"


def clear() -> tuple[int, int]:
    """Remove hwio's files from the folder; return how many, and their bytes."""
    gone = [(path, status) for path, status in cache.files() if cache.remove(path)]
    for path, _ in cache.files(cache.PART):
        cache.remove(path)
    return len(gone), sum(status.st_size for _, status in gone)


def first_call(kernel: str, geo: Geometry, kind: str) -> str | None:
    """Say what the first call of a kernel pays, or has paid in this process; None for nothing."""
    from hwio.engine.launch.spatial import block_of
    from hwio.engine.launch.whole import form_of

    if kernel not in BUILDS or kernel not in TABLES:
        return None
    if len(kind) == 4:  # of x and of w, two small integers
        block = form_of(np.dtype(kind[:2]), np.dtype(kind[2:]), geo).block
    else:
        block = block_of(kernel, geo, kind)
    symbols = [block.symbol(kernel), *(build.symbol for build in BUILDS["pool"](0))]
    spent = sum(jit.SECONDS.get(symbol, 0) for symbol in symbols)
    if spent:
        return f"its first call here took {spent:.1f} s longer, to compile it"
    if all(map(jit.is_ready, symbols)):
        return None
    return "its first call on this machine takes some seconds longer, to compile it; hwio warmup does so now"


def count() -> int:
    """Return how many kernels there are to compile on this processor."""
    return len(_wanted())


def kept_bytes() -> int:
    """Return the bytes of hwio's files in the folder."""
    return sum(status.st_size for _, status in cache.files())
