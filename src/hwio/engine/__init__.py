"""The compiled ways: kernels written in Python, made into machine code, run by hwio's own threads.

Nothing here is needed for a right answer: where the engine can't load, the readable methods serve.
"""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from hwio.errors import HwioError

if TYPE_CHECKING:
    from collections.abc import Callable

SWITCHED_OFF = "HWIO_ENGINE is off"
_BROKEN: list[str] = []  # why the engine gave up, once it has
# what a call raises on its caller's account, as NumPy would: no failure of the engine
OWN = MemoryError, FloatingPointError, HwioError
Made = TypeVar("Made")


@lru_cache(maxsize=1)
def missing() -> str | None:
    """Return why the engine can't start, or None."""
    if os.environ.get("HWIO_ENGINE", "").lower() in ("0", "off", "no"):
        return SWITCHED_OFF
    absent = [module for module in ("llvmlite", "numba") if find_spec(module) is None]
    if not absent or (absent == ["numba"] and _all_compiled()):
        return None
    return f'{absent[0]} is not installed: pip install "hwio[fast]"'


def _all_compiled() -> bool:
    """Tell whether ``hwio warmup`` has left every kernel, so that nothing is left to compile."""
    try:
        from hwio.engine.builds import all_builds
        from hwio.engine.jit import kept

        return all(kept(build.symbol) is not None for build in all_builds())
    except Exception:  # noqa: BLE001  an llvmlite that can't load, in whichever way
        return False


def refusal() -> str | None:
    """Return why the engine does not serve in this process, or None where it does."""
    return _BROKEN[0] if _BROKEN else missing()


def tried(make: Callable[[], Made | None]) -> Made | None:
    """Return what is made, None where that failed and the engine gave up.

    A compiler can fail in any way; NumPy, which serves then, does not.
    """
    try:
        return make()
    except OWN:
        raise
    except Exception as error:
        if _came_by_signal(error):
            raise
        give_up(error)
        return None


def give_up(error: BaseException) -> None:
    """Stop using the engine in this process after a kernel failed; warn once."""
    if not _BROKEN:
        _BROKEN.append(f"a kernel failed: {type(error).__name__}: {error}")
        warnings.warn(f"hwio: {_BROKEN[0]}; NumPy serves instead", RuntimeWarning, stacklevel=4)


def _came_by_signal(error: BaseException) -> bool:
    """Tell whether a signal's handler raised it, such as a limit of time: it passed the handler's frame."""
    import signal
    import traceback

    handlers = map(signal.getsignal, signal.valid_signals())
    codes = {getattr(getattr(h, "__func__", h), "__code__", None) for h in handlers} - {None}
    return any(frame.f_code in codes for frame, _ in traceback.walk_tb(error.__traceback__))
