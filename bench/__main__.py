"""The command: ``python -m bench``."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from bench import machine
from bench.contenders import CONTENDERS, CONTROL, OTHER, OWN
from bench.grid import (
    DTYPES,
    PRECISIONS,
    THREADS,
    Asked,
    Cell,
    all_cells,
    bar_cells,
    batches,
    quick_cells,
    shape_text,
)
from bench.networks import NETWORKS
from bench.progress import Line, duration
from bench.protocol import Rules
from bench.run import START, Settings, guess, missing, run
from bench.store import Store, read
from bench.worker import run_first

EXAMPLES = """\
examples:
  python -m bench --quick                       two minutes, a little of everything
  python -m bench --bars                        what the promises are about
  python -m bench                               everything; takes hours, may be broken off
  python -m bench --only resnet50 --n 1 --precision high
  python -m bench --only unet --layer 3x3 --dtype float32 --threads one --peers torch openvino
  python -m bench --list                        the layers, nothing is measured
  python -m bench --report --page docs/reference/results.md      page and pictures again

A run that is broken off with Ctrl-C keeps what it found; the same command goes on from there.
Peers that are not installed are left out: pip install "hwio[peers]".
"""


def parser() -> argparse.ArgumentParser:
    """Describe the options."""
    made = argparse.ArgumentParser(
        "python -m bench", description="Measure hwio side by side with the frameworks.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    part = made.add_argument_group("what to measure")
    size = part.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few layers, in two minutes")
    size.add_argument("--bars", action="store_true", help="the layers that the promises are about")
    part.add_argument("--only", nargs="+", default=(), choices=NETWORKS, metavar="NETWORK",
                      help=", ".join(NETWORKS))  # fmt: skip
    part.add_argument(
        "--layer", default="", metavar="TEXT", help="part of a layer's name, like 3x3"
    )
    part.add_argument("--n", nargs="+", type=int, default=(), choices=(1, 8), help="images")
    part.add_argument("--dtype", nargs="+", default=(), choices=DTYPES)
    part.add_argument("--threads", nargs="+", default=(), choices=THREADS)
    part.add_argument("--precision", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    part.add_argument("--peers", nargs="*", metavar="NAME", help="only these; none for hwio alone: "
                      + ", ".join(peer_names()))  # fmt: skip
    how = made.add_argument_group("how")
    how.add_argument(
        "--processes", type=int, help="repeat each batch in so many processes; 3, quick 1"
    )
    how.add_argument("--rounds", type=int, help="rounds in each process; 7, quick 3")
    how.add_argument("--least", type=float, help="seconds that one timing fills; 0.01")
    how.add_argument("--drain", type=float, default=0.06, help="seconds of sleep before each; 0.06")
    how.add_argument(
        "--spin",
        action="store_true",
        help="let waiting OpenMP threads spin, as PyTorch does by default",
    )
    how.add_argument(
        "--first",
        action="store_true",
        help="run before all other programs, on a machine that is not idle (Linux; needs root)",
    )
    out = made.add_argument_group("where to")
    out.add_argument("--out", type=Path, help="the JSON file; out/bench.json, or bench-quick.json")
    out.add_argument("--page", type=Path, help="the page; beside the JSON file")
    out.add_argument("--pictures", type=Path, help="folder of the pictures; that of the page")
    out.add_argument("--fresh", action="store_true", help="forget what the file holds")
    out.add_argument(
        "--date", default=str(date.today()), help="the date that the page names; today"
    )
    out.add_argument("--report", action="store_true", help="only write page and pictures")
    out.add_argument("--list", action="store_true", help="only list the cells and guess the time")
    return made


def peer_names() -> list[str]:
    """Return contenders that ``--peers`` may name."""
    return [name for name, one in CONTENDERS.items() if one.role not in (OWN, CONTROL, OTHER)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    asked = parser().parse_args(arguments)
    out = asked.out or Path("out") / ("bench-quick.json" if asked.quick else "bench.json")
    if asked.report:
        return write(read(out), out, asked)
    cells, settings = cells_asked(asked), settings_asked(asked)
    if not cells:
        sys.stderr.write("no cell fits all that was asked for; python -m bench --list shows them\n")
        return 2
    if asked.list:
        return show(cells, settings)
    store = Store(out, about(settings, asked.date))
    if not asked.fresh:
        store.resume()
    else:
        out.unlink(missing_ok=True)
    broken_off = measure(cells, settings, store)
    write(store.data, out, asked)
    return 130 if broken_off else 0


def cells_asked(asked: argparse.Namespace) -> list[Cell]:
    """Return the cells that the options leave."""
    fits = Asked(
        tuple(asked.only), asked.layer, tuple(asked.n), tuple(asked.dtype), tuple(asked.threads)
    )
    return (quick_cells if asked.quick else bar_cells if asked.bars else all_cells)(fits)


def settings_asked(asked: argparse.Namespace) -> Settings:
    """Return how to measure."""
    unknown = [name for name in asked.peers or () if not matching(name)]
    if unknown:
        parser().error(f"--peers {unknown[0]}: peers are {', '.join(peer_names())}")
    names = [name for name, one in CONTENDERS.items() if one.role in (OWN, CONTROL, OTHER)]
    if "high" not in asked.precision:
        names.remove("hwio high")
    named = [name for word in asked.peers or () for name in matching(word)]
    names += [name for name in peer_names() if asked.peers is None or name in named]
    default = Rules()
    rules = Rules(
        asked.rounds or (3 if asked.quick else default.rounds),
        asked.least or default.least,
        asked.drain,
        0.5 if asked.quick else default.budget,
    )
    processes = asked.processes or (1 if asked.quick else 3)
    return Settings(tuple(names), rules, processes, asked.spin, not asked.quick, asked.first)


def matching(word: str) -> list[str]:
    """Return the peers that a word means: torch is three."""
    return [name for name in peer_names() if name == word or name.split()[0] == word]


def about(settings: Settings, today: str) -> dict[str, Any]:
    """Return the head of the file."""
    return {
        "date": today,
        "machine": machine.describe(),
        "versions": machine.versions(),
        "rules": {**asdict(settings.rules), "spin": settings.spin, "first": settings.first},
        "contenders": list(settings.contenders),
    }


def show(cells: list[Cell], settings: Settings) -> int:
    """Print the cells and how long they may take."""
    for cell in cells:
        print(f"{cell.key:60} {shape_text(cell):44} {cell.n * cell.layer.macs / 1e6:10,.1f} M")
    print(f"{len(cells)} cells, about {expected(cells, settings)}; M: million multiply-adds")
    return 0


def expected(cells: list[Cell], settings: Settings) -> str:
    """Guess how long cells take in all processes."""
    once = sum(guess(cell, settings) for cell in cells)
    return duration((once + START * len(batches(cells, settings.apart))) * settings.processes)


def measure(cells: list[Cell], settings: Settings, store: Store) -> bool:
    """Measure what the store lacks; return True if Ctrl-C broke it off."""
    say = sys.stderr.write
    known = len(store.data["cells"])
    todo = [cell for _, batch in missing(cells, settings, store) for cell in batch]
    say(f"{len(cells)} cells in {settings.processes} process(es)")
    say(f", {known} records known already" if known else "")
    once = sum(guess(cell, settings) for cell in todo)
    say(f"; about {duration(once)}; Ctrl-C keeps what is done\n" if todo else "; nothing to do\n")
    for name, entry in CONTENDERS.items():
        absent = [module for module in entry.needs if not machine.is_installed(module)]
        if absent and name in settings.contenders:
            say(f"left out: {name}, {absent[0]} is not installed\n")
    line = Line()
    try:
        if not store.data["peaks"]:
            say("measuring this machine's peaks ...\n")
            if settings.first:
                run_first()
            from bench.peaks import measure_peaks

            store.data["peaks"] = measure_peaks()
        run(cells, settings, store, line)
    except KeyboardInterrupt:
        line.end()
        say(f"\nbroken off: {store.path} keeps what is done; the same command goes on from there\n")
        return True
    return False


def write(data: dict[str, Any], out: Path, asked: argparse.Namespace) -> int:
    """Write page and pictures, and print the bars."""
    from bench.report import bar_lines, page

    path = asked.page or out.with_suffix(".md")
    folder = asked.pictures or path.parent
    pictures = []
    if data["cells"] and machine.is_installed("matplotlib"):
        from bench.plots import draw

        pictures = [
            (caption, Path(os.path.relpath(file, path.parent)).as_posix())
            for caption, file in draw(data, folder)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(data, pictures), encoding="utf-8")
    print("\n".join(bar_lines(data)))
    print(f"figures: {out}   page: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
