"""The page: bars, a line per network, a line per layer, and how it was measured."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from bench.bars import VIEW, Bar, Judged, judge
from bench.contenders import CONTENDERS
from bench.figures import Ratio, Records, broken, by_key, mean, noise, own_call, own_calls, ratio
from bench.grid import Cell, cells_of, flops_of
from bench.networks import NETWORKS

START = "make bench"
WRITTEN = (
    f"Written by `{START}`; no number on this page is typed. "
    "[Measure it on your machine](../how-to/measure-it-on-your-machine.md).\n"
)
SLOW = 0.9  # ratios below are listed by name


def page(data: dict[str, Any], pictures: Iterable[tuple[str, str]] = ()) -> str:
    """Write the page of a run.

    Parameters
    ----------
    data : dict
        What ``store.read`` returns.
    pictures : (caption, path) pairs
    """
    parts = [
        "# Measured speed\n",
        WRITTEN,
    ]
    if not data["cells"]:
        return "\n".join([*parts, f"No run has been kept yet: `{START}` fills this page.\n"])
    parts += [_machine(data), _reading(), _bars(judge(data)), _pictures(pictures)]
    cells = by_key(data)
    parts += [_networks(cells)]
    parts += [text for name in NETWORKS if (text := _layers(name, cells))]
    parts += [_protocol(data)]
    return "\n".join(part for part in parts if part)


def table(head: list[str], rows: Iterable[list[str]], side: str = "---:") -> str:
    """Lay out a Markdown table; every column but the first is set to the right."""
    lines = [head, ["---", *[side] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _machine(data: dict[str, Any]) -> str:
    machine, versions = data["machine"], data["versions"]
    cores = f"{machine['cores']} core{'s' * (machine['cores'] != 1)}"
    caches, features = machine["caches"], ", ".join(machine["features"])
    about = [f"{machine['cpu']} ({machine['family']}), {cores}", caches, features]
    lines = [
        f"* **Processor**: {'; '.join(part for part in about if part)}",
        f"* **Date**: {data['date']}",
        f"* **Versions**: {', '.join(f'{name} {text}' for name, text in versions.items())}",
    ]
    if data["peaks"]:
        peaks: dict[str, list[str]] = {}
        for name, value in data["peaks"].items():
            unit, _, threads = name.partition(", ")
            peaks.setdefault(unit, []).append(f"{value:,.0f} ({threads})")
        words = "; ".join(f"{unit} {' '.join(each)}" for unit, each in peaks.items())
        lines.append(f"* **Peaks, measured** (one thread, all): {words}")
    return "\n".join(lines) + "\n"


def _reading() -> str:
    return (
        "A ratio is the time of the best peer divided by the time of hwio, so above 1 hwio is faster. "
        "Behind it, in brackets, the least and the largest of all processes. A result that breaks its "
        "[error bound](accuracy.md) does not count, on either side: T1 for `highest`, a relative "
        "2-norm of 2e-5 for `high`.\n"
    )


def _bars(judged: list[Judged]) -> str:
    rows = []
    for one in judged:
        bar = one.bar
        aim = f" (aim {bar.aim:g})" if bar.aim else ""
        seen = "" if one.seen is None else f"{one.seen:.2f} [{one.low:.2f}–{one.high:.2f}]"
        where = _where(bar)
        words = f"{where}: {bar.words}" if where else bar.words
        verdict = f"{one.verdict}: {one.why}" if one.why else one.verdict
        rows.append([words, f"≥ {bar.need:g}{aim}", seen, verdict])
    return "## Bars\n\n" + table(
        ["geometric mean, unless it says least", "needed", "seen", ""], rows
    )


def bar_lines(data: dict[str, Any]) -> list[str]:
    """Write the bars for a terminal, and the mean of every group that was measured."""
    cells, lines = by_key(data), []
    for name, network in NETWORKS.items():
        for n, dtype, threads in _groups(name, cells):
            group = _cells(name, n, dtype, threads, cells)
            for own, precision in own_calls(name):
                held = _ratios(group, cells, own, precision)
                if held:
                    average, least, where, count = _summary(held)
                    head = f"{network.title}, N={n}, {dtype}, {_threads(threads)}, {precision}"
                    lines.append(
                        f"{head}: mean {average.strip('*')}, least {least} ({where}), {count} layers"
                    )
    for one in judge(data):
        if one.seen is not None:
            where = f"{_where(one.bar)}: " * bool(_where(one.bar))
            lines.append(
                f"{one.verdict:6}  {one.seen:7.2f}, needed {one.bar.need:g}: {where}{one.bar.words}"
            )
    return lines


def _where(bar: Bar) -> str:
    """Name the networks that a bar speaks of; the thread's arrays are in its words."""
    return " and ".join(NETWORKS[name].title for name in bar.networks if name != "thread")


def _pictures(pictures: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"![{caption}]({path})\n" for caption, path in pictures)


def _networks(cells: dict[str, Records]) -> str:
    """Tabulate a line for each network, number of images, dtype, thread count and precision."""
    rows = []
    for name, network in NETWORKS.items():
        for own, precision in own_calls(name):
            for n, dtype, threads in _groups(name, cells):
                held = _ratios(_cells(name, n, dtype, threads, cells), cells, own, precision)
                if held:
                    front = [network.title, str(n), dtype, threads, precision]
                    rows.append([*front, *_summary(held)])
    head = ["layers of", "N", "dtype", "threads", "precision", "mean", "least", "where", "layers"]
    return "## Networks\n\n" + table(head, rows)


def _summary(held: list[tuple[Cell, Ratio]]) -> list[str]:
    """Return geometric mean, least, its layer, and how many layers."""
    cell, worst = min(held, key=lambda pair: pair[1].middle)
    slow = sum(one.middle < SLOW for _, one in held)
    where = cell.layer.name + (f"; {slow} are under {SLOW}" if slow > 1 else "")
    return [
        f"**{mean(one.middle for _, one in held):.2f}**",
        f"{worst.middle:.2f}",
        where,
        str(len(held)),
    ]


def _layers(name: str, cells: dict[str, Records]) -> str:
    """Tabulate the layers of a network, one table for each group that was measured."""
    parts = []
    for n, dtype, threads in _groups(name, cells):
        if threads == "all":
            rows = [
                _layer(cell, cells[cell.key], own_call(name))
                for cell in _cells(name, n, dtype, threads, cells)
            ]
            parts.append(f"N = {n}, {dtype}, {_threads(threads)}\n\n" + table(LAYER_HEAD, rows))
    if not parts:
        return ""
    network = NETWORKS[name]
    source = network.source[0].upper() + network.source[1:]
    head = f"## {network.title[0].upper()}{network.title[1:]}\n\n{source}.\n"
    return "\n".join([head, *parts])


LAYER_HEAD = [
    "layer", "way", "time", "GFLOP/s", "ratio", "best peer", "error / T1", "high: ratio", "error",
    "as it comes / torch", "NumPy alone",
]  # fmt: skip


def _layer(cell: Cell, records: Records, own: str) -> list[str]:
    """Return one line of a layer table."""
    best = ratio(records, own)
    high = ratio(records, "hwio high", precision="high") if own == "hwio" else None
    comes = ratio(records, "hwio.conv", VIEW)
    alone = ratio(records, own, ("numpy",))
    known = best or alone
    way = next((r["found"][own].get("way", "") for r in records if own in r["found"]), "")
    if known is None:
        return [cell.layer.name, way, *["–"] * 4, _errors(records, own), *["–"] * 4]
    return [
        cell.layer.name,
        way,
        seconds(known.seconds),
        "–" if cell.layer.pool else f"{flops_of(cell) / known.seconds / 1e9:,.0f}",
        _spread(best),
        best.rival if best else "–",
        f"{known.error:.2g}",
        _spread(high),
        f"{high.error:.1e}" if high else "–",
        _spread(comes),
        f"{alone.middle:.1f}" if alone else "–",
    ]


def _errors(records: Records, own: str) -> str:
    """Return the error that keeps a layer from counting."""
    units = [r["found"][own]["units"] for r in records if own in r["found"]]
    return f"{max(units):.2g} breaks it" if units and max(units) > 1 else "–"


def _spread(found: Ratio | None) -> str:
    if found is None:
        return "–"
    if found.least == found.most:
        return f"**{found.middle:.2f}**"
    return f"**{found.middle:.2f}** [{found.least:.2f}–{found.most:.2f}]"


def _protocol(data: dict[str, Any]) -> str:
    """Say how it was measured, what the noise is, and who was left out."""
    rules, differs = data["rules"], noise(data)
    processes = 1 + max(record["process"] for record in data["cells"])
    rounds = (
        f"{processes} process{'es' * (processes > 1)}, {rules['rounds']} rounds, all contenders in "
        "every round in a new order; medians"
    )
    taken = (
        f"{rules['drain'] * 1e3:.0f} ms of sleep and one call that is not timed, then calls that "
        f"fill {rules['least'] * 1e3:.0f} ms"
    )
    waiting = "wait as each library likes" if rules["spin"] else "sleep"
    first = "* The machine had other work; these processes ran before it, at real-time priority."
    lines = [
        f"* Each layer: {rounds}.",
        f"* A time: {taken}.",
        f"* Threads that have nothing to do {waiting}.",
        *([first] if rules.get("first") else []),
        "* One thread: the process is pinned to one processor.",
        "* GFLOP/s counts two for each multiply-add of the definition, whatever a fast way saves.",
    ]
    if differs:
        lines.append(
            f"* Noise: the same prepared hwio, measured twice as two contenders, differs by "
            f"{median(differs) - 1:.0%} (median) and {differs[-1] - 1:.0%} (worst of {len(differs)})."
        )
    lines += [f"* Breaks its bound, so does not count: {words}." for words in broken(data)]
    lines += [f"* Left out: {words}." for words in left_out(data)]
    names = data["contenders"]
    timed = table(["contender", "what is timed"], [[n, CONTENDERS[n].words] for n in names], "---")
    return "## How it was measured\n\n" + "\n".join(lines) + "\n\n" + timed


def left_out(data: dict[str, Any]) -> list[str]:
    """List contenders that are not installed, and failures; not what they have no operation for."""
    found: dict[str, None] = {}
    for record in data["cells"]:
        for name, why in record["left_out"].items():
            if "not installed" in why:
                found[f"{name}, {why}"] = None
            elif why.startswith("failed") or name == "all":
                found[f"{name} on {record['key']}, {why}"] = None
    return list(found)


def seconds(time: float) -> str:
    """Write a time with its unit."""
    unit, scale = ("s", 1.0) if time >= 1 else ("ms", 1e-3) if time >= 1e-3 else ("µs", 1e-6)
    return f"{time / scale:.3g} {unit}"


def _threads(threads: str) -> str:
    return "one thread" if threads == "one" else "all threads"


def _groups(name: str, cells: dict[str, Records]) -> list[tuple[int, str, str]]:
    """List (n, dtype, threads) that were measured of a network."""
    found = {
        (r["n"], r["dtype"], r["threads"]): None
        for records in cells.values()
        for r in records
        if r["network"] == name
    }
    return sorted(found, key=lambda group: (group[2], group[1], group[0]))


def _cells(name: str, n: int, dtype: str, threads: str, cells: dict[str, Records]) -> list[Cell]:
    """List the cells of a group that were measured, in the network's order."""
    return [cell for cell in cells_of(name, (n,), (dtype,), (threads,)) if cell.key in cells]


def _ratios(
    group: list[Cell], cells: dict[str, Records], own: str, precision: str
) -> list[tuple[Cell, Ratio]]:
    """Pair cells with their ratios; those that do not count are left out."""
    pairs = [(cell, ratio(cells[cell.key], own, precision=precision)) for cell in group]
    return [(cell, found) for cell, found in pairs if found is not None]
