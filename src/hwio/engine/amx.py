"""AMX: whether this process may use its tiles, found out with care.

Four things are needed, and asked for in this order: a processor that has AMX for bfloat16; the
operating system's permission, without which the first instruction would end the process; a trial in
a child process, whose exact results are compared; and that nobody said no. The trial takes some
seconds, most of them to compile what this process then finds compiled. It runs once for each machine
and version, because its verdict is kept with the compiled kernels.

``HWIO_AMX=off`` masks AMX. ``HWIO_AMX=soft`` has tiles in memory stand in for it: slow, on any
processor, for tests.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import signal
import sys
import threading
from functools import lru_cache
from pathlib import Path

from hwio.engine import cache
from hwio.engine.cpu import processor

ABSENT = "this processor has no AMX"
_SYSTEM_CALL = 158  # arch_prctl on x86-64
_GET, _REQUEST, _TILES = 0x1022, 0x1023, 18  # ARCH_GET_XCOMP_PERM, ARCH_REQ_XCOMP_PERM, TILEDATA
_RIGHT = "right"
_PATIENCE = 120  # seconds for a trial, most of it to compile
_SCRIPT = "import sys; from hwio.engine.amx_trial import main; main(*sys.argv[1:])"


class _Once:
    """What lets a trial run once in this process."""

    lock = threading.Lock()


def _forget() -> None:
    """Start over in a forked child, whose parent may have been in the middle of a trial."""
    _Once.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def form() -> str:
    """Return how tiles are multiplied where ``refusal`` has no objection: "amx" or "soft"."""
    return "soft" if _told() == "soft" else "amx"


def refusal(parts: int = 3) -> str | None:
    """Return why products of numbers of some parts can't be made in this process, or None."""
    with _Once.lock:
        return _refusal(_told(), parts)


def _told() -> str:
    return os.environ.get("HWIO_AMX", "").lower()


@lru_cache(maxsize=8)
def _refusal(told: str, parts: int) -> str | None:
    if told == "soft":
        return None
    if told in ("0", "off", "no"):
        return "HWIO_AMX is off"
    if not processor().amx:
        return ABSENT
    return permission() or verdict(parts)


def permission() -> str | None:
    """Ask Linux for the use of tiles, for all threads of this process; return why not, or None."""
    if sys.platform != "linux":
        return "only Linux lets a process use AMX"
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    number, granted = ctypes.c_long(_SYSTEM_CALL), ctypes.c_uint64(0)
    call(number, ctypes.c_long(_REQUEST), ctypes.c_long(_TILES))
    failed = call(number, ctypes.c_long(_GET), ctypes.byref(granted))
    if failed or not granted.value >> _TILES & 1:
        return "the operating system does not let this process use AMX"
    return None


def verdict(parts: int, kind: str = "amx") -> str | None:
    """Return why tiles failed their trial here, or None; the trial runs if no verdict is kept."""
    path = cache.path_of(f"amx_{parts}", _machine(kind), ending=".tried")
    kept = cache.read(path)
    if kept is None:
        found, lasting = _tried(kind, parts)
        if lasting:
            cache.write(path, found.encode())
    else:
        found = kept.decode(errors="replace")
    return None if found == _RIGHT else f"AMX failed its trial: {found}"


def _machine(kind: str) -> str:
    """Return what a verdict depends on beside the kernels' source."""
    from hwio.engine.jit import machine_name

    here = Path(__file__).parent
    files = ["slabs.py", "amx_trial.py", "launch/split.py", "threads.py", "pack.py"]
    total = hashlib.sha256()
    for name in files:
        total.update((here / name).read_bytes())
    return f"{machine_name()} {kind} {platform.system()} {platform.release()} {total.hexdigest()}"


def _tried(kind: str, parts: int) -> tuple[str, bool]:
    """Run the trial in a child process; return what came out, and whether that would come again."""
    import subprocess  # here: it is needed once for each machine

    if not sys.executable:
        return "there is no Python to run it", False
    env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _SCRIPT, kind, str(parts)],
            env=env,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not run ({type(error).__name__})", False
    if done.returncode < 0:
        name = signal.strsignal(-done.returncode) or f"signal {-done.returncode}"
        # what the tiles do themselves comes again; being killed from outside need not
        own = -done.returncode in (signal.SIGILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE)
        return f"it ended by a signal, {name}", own
    said = done.stdout.strip().splitlines()
    if done.returncode == 0 and said:
        return said[-1], True
    last = done.stderr.strip().splitlines()
    return f"it stopped: {last[-1] if last else 'without a word'}"[:200], False
