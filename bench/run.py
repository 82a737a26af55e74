"""Start the workers and keep what they find."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.grid import Cell, batches, work
from bench.machine import cores
from bench.progress import Line
from bench.protocol import WARM, Rules
from bench.store import Store
from bench.worker import environment

ROOT = Path(__file__).resolve().parents[1]
RATE = 60e9  # multiply-adds a second, over all contenders; only to guess how long a run takes
CHECK = 0.3  # seconds to build and check one contender
START = 6  # seconds to load all libraries


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is done.

    Attributes
    ----------
    contenders : tuple of str
    rules : Rules
    processes : int
        How often each batch of cells is measured, each time in a process of its own.
    spin : bool
        Leave waiting threads to the libraries' own habits.
    apart : bool
        Give each network, number of images and dtype a process of its own.
    first : bool
        Let the workers run before all other programs, where that is allowed.
    """

    contenders: tuple[str, ...]
    rules: Rules
    processes: int
    spin: bool = False
    apart: bool = True
    first: bool = False


def run(cells: list[Cell], settings: Settings, store: Store, line: Line) -> None:
    """Measure all cells that the store lacks."""
    todo = missing(cells, settings, store)
    line.begin(sum(guess(cell, settings) for _, batch in todo for cell in batch))
    for process, batch in todo:
        _run_batch(batch, process, settings, store, line)
    line.end()


def missing(cells: list[Cell], settings: Settings, store: Store) -> list[tuple[int, list[Cell]]]:
    """List (process, cells) in the order of the run: every batch once, then every batch again."""
    found = []
    for process in range(settings.processes):
        for batch in batches(cells, settings.apart):
            lacking = [cell for cell in batch if not store.has(cell.key, process)]
            if lacking:
                found.append((process, lacking))
    return found


def guess(cell: Cell, settings: Settings) -> float:
    """Guess the seconds of one cell: a run's first line, and the weights of its progress."""
    rules, single = settings.rules, work(cell) / RATE
    if cell.threads == "one":
        single *= cores()
    rounds = rules.rounds if single < rules.budget / rules.rounds else 3
    once = rules.drain + max(2 * rules.least, (1 + (single < WARM)) * single)
    return len(settings.contenders) * 0.8 * (CHECK + (rounds + 1) * once)


def _run_batch(
    batch: list[Cell], process: int, settings: Settings, store: Store, line: Line
) -> None:
    """Measure a batch; where a worker dies, note that and go on behind the cell that killed it."""
    left = list(batch)
    while left:
        line.show(left[0].key, process)
        died = ""
        for record in _records(left, process, settings):
            if "died" in record:
                died = record["died"]
                break
            cell = left.pop(0)
            store.add({**_about(cell), "process": process, **record})
            line.step(guess(cell, settings))
            if left:
                line.show(left[0].key, process)
        if left:
            cell = left.pop(0)
            store.add({
                **_about(cell), "key": cell.key, "process": process, "found": {},
                "left_out": {"all": died or "the worker ended early"},
            })  # fmt: skip
            line.step(guess(cell, settings))


def _records(cells: list[Cell], process: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """Run one worker and yield its lines."""
    threads = 1 if cells[0].threads == "one" else cores()
    asked = {
        "threads": threads,
        "first": settings.first,
        "seed": process,
        "contenders": settings.contenders,
        "rules": asdict(settings.rules),
        "cells": [[cell.network, cell.index, cell.n, cell.dtype, cell.threads] for cell in cells],
    }
    errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    worker = subprocess.Popen(
        [sys.executable, "-m", "bench.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,  # a file: libraries may write more than a pipe holds
        cwd=ROOT,
        env=environment(threads, settings.spin),
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is ours: the worker is ended below
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        json.dump(asked, worker.stdin)
        worker.stdin.close()
        for text in worker.stdout:
            yield json.loads(text)
        if worker.wait():
            errors.seek(0)
            said = errors.read().strip().splitlines()
            end = f"signal {-worker.returncode}" if worker.returncode < 0 else "an error"
            yield {"died": f"the worker ended by {end}: {said[-1] if said else 'no word'}"[:200]}
    finally:
        worker.kill()
        worker.wait()
        errors.close()


def _about(cell: Cell) -> dict[str, Any]:
    """Describe a cell so that the file can be read without this program."""
    return {
        "network": cell.network,
        "layer": cell.layer.name,
        "n": cell.n,
        "dtype": cell.dtype,
        "threads": cell.threads,
    }
