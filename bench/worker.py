"""One process that measures some cells: ``python -m bench.worker`` reads what to do on stdin.

It writes one line of JSON per cell to stdout. Threads and waiting are settled by the environment that
``run.py`` starts it in, before any library is loaded; see ``environment``.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import warnings
from typing import Any

# OpenMP reads these when it loads. Threads that wait in a loop for work slow down whatever runs next,
# so they sleep instead. OpenBLAS keeps its habit: its threads give up their turn while they wait, and
# sleep before the drain is over; told to sleep at once, each product would have to wake them.
SLEEPING = {"OMP_WAIT_POLICY": "passive", "KMP_BLOCKTIME": "0"}
COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "HWIO_NUM_THREADS")
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENVINO_LOG_LEVEL": "0"}


def environment(threads: int, spin: bool) -> dict[str, str]:
    """Return the environment of a worker."""
    found = os.environ | QUIET | dict.fromkeys(COUNTS, str(threads))
    for name, value in SLEEPING.items():
        found.pop(name, None)
        if not spin:
            found[name] = value
    found.pop("HWIO_ENGINE", None)
    return found


def use_one_processor() -> None:
    """Pin this process to one processor: whatever a library asks for, it gets one."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run_first() -> None:
    """Give this process and its threads-to-be a place before all programs of ordinary priority.

    Raises
    ------
    PermissionError
        If that is not allowed; it takes root's rights.
    """
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def main() -> None:
    """Measure every cell that was asked for."""
    asked = json.load(sys.stdin)
    # libraries may print what they like: stdout is for results
    lines = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    if asked["first"]:
        run_first()
    if asked["threads"] == 1:
        use_one_processor()
    warnings.simplefilter("ignore")

    from bench.grid import Cell
    from bench.protocol import Rules

    order = random.Random(asked["seed"])
    for row in asked["cells"]:
        cell = Cell(*row)
        found = measure_cell(
            cell, asked["threads"], asked["contenders"], Rules(**asked["rules"]), order
        )
        lines.write(json.dumps({"key": cell.key, **found}) + "\n")
        gc.collect()


def measure_cell(
    cell: Any, threads: int, names: list[str], rules: Any, order: random.Random
) -> dict[str, Any]:
    """Build, check and time the contenders of one cell."""
    from bench.case import Case, LeftOut
    from bench.contenders import CONTENDERS
    from bench.exact import Exact
    from bench.protocol import measure

    case, found, left_out = Case(cell, threads), {}, {}
    exact, calls = Exact(case), {}
    for name in names:
        try:
            contender = CONTENDERS[name].build(case)
            verdict = exact.judge(contender.array(contender.call()))
        except LeftOut as reason:
            left_out[name] = str(reason)
        except Exception as error:  # noqa: BLE001 a library may fail in any way; the rest goes on
            left_out[name] = f"failed: {type(error).__name__}: {error}".partition("\n")[0][:200]
        else:
            calls[name] = contender.call
            found[name] = {"units": _short(verdict.units), "norm": _short(verdict.norm)}
            if contender.note:
                found[name]["way"] = contender.note
    del exact
    for name, times in measure(calls, rules, order).items():
        found[name]["seconds"] = [_short(time) for time in times]
    return {"found": found, "left_out": left_out}


def _short(number: float) -> float:
    """Keep four digits."""
    return float(f"{number:.4g}")


if __name__ == "__main__":
    main()
