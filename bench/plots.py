"""The pictures: ratio per layer, roofline, time against size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.contenders import CONTENDERS, PEER
from bench.figures import Records, by_key, counted, own_call, own_calls, ratio
from bench.grid import Cell, bytes_of, cells_of, flops_of
from bench.networks import CONV, NETWORKS

OWN, HIGH, RIVAL, GREY = "#c2410c", "#1d4ed8", "#57534e", "#a8a29e"
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


def draw(data: dict[str, Any], folder: Path) -> list[tuple[str, Path]]:
    """Draw what the run has figures for and return captions and files."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({
        "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
        "figure.dpi": 110, "savefig.bbox": "tight", "svg.hashsalt": "hwio",
    })  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    cells, found = by_key(data), []
    for name, caption, make in (
        ("bench-ratios.png", "Ratio to the best peer, layer by layer", _ratios),
        (
            "bench-roofline.png",
            "Speed against flops per byte, below this machine's peaks",
            _roofline,
        ),
        ("bench-sizes.png", "Time against problem size", _sizes),
    ):
        figure = make(plt, data, cells)
        if figure is not None:
            figure.savefig(folder / name)
            plt.close(figure)
            found.append((caption, folder / name))
    return found


def _measured(cells: dict[str, Records], dtype: str = "float32") -> list[Cell]:
    """List the cells of one image (or the fixed number), one dtype, all threads."""
    return [
        cell
        for name, network in NETWORKS.items()
        if name != "sizes"
        for cell in cells_of(name, network.images[:1], (dtype,), ("all",))
        if cell.key in cells
    ]


def _ratios(plt: Any, data: dict[str, Any], cells: dict[str, Records]) -> Any:
    """Draw a row per layer: highest, high, and the range over the processes."""
    rows: list[tuple[str, Cell | None]] = []
    for cell in _measured(cells):
        title = NETWORKS[cell.network].title
        if not rows or all(title != text for text, one in rows if one is None):
            rows.append((title, None))
        rows.append((cell.layer.name, cell))
    if not rows:
        return None
    figure, axes = plt.subplots(figsize=(7.5, 0.6 + 0.17 * len(rows)))
    named: set[str] = set()
    for at, (_, cell) in enumerate(rows):
        if cell is None:
            continue
        for own, precision in own_calls(cell.network):
            colour, mark = (OWN, "o") if precision == "highest" else (HIGH, "D")
            found = ratio(cells[cell.key], own, precision=precision)
            if found:
                axes.plot([found.least, found.most], [at, at], color=colour, lw=1, alpha=0.6)
                label = f'precision="{precision}"' if precision not in named else None
                named.add(precision)
                axes.plot(found.middle, at, mark, color=colour, ms=4, label=label)
    axes.axvline(1, color="black", lw=0.8)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis, (0.25, 0.5, 1, 2, 4, 8, 16, 32))
    axes.set_yticks(range(len(rows)), [text for text, _ in rows], fontsize=7)
    for label, (_, cell) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("normal" if cell else "bold")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", color="#e7e5e4", lw=0.6)
    axes.set_xlabel("time of the best peer / time of hwio (right of 1: hwio is faster)")
    axes.set_title("float32, one image, all threads", loc="left", fontsize=9)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0)
    return figure


def _roofline(plt: Any, data: dict[str, Any], cells: dict[str, Records]) -> Any:
    """Draw speed against flops per byte, with the measured roof above."""
    peaks = data["peaks"]
    points = [
        (cell, ratio(cells[cell.key], own_call(cell.network)))
        for cell in _measured(cells)
        if cell.task == CONV
    ]
    points = [(cell, found) for cell, found in points if found]
    if not points or "float32 GFLOP/s, all" not in peaks:
        return None
    figure, axes = plt.subplots(figsize=(7.5, 4.6))
    reach = [0.1, 3000]
    for threads, style in (("all", "-"), ("one", "--")):
        fast, slow = peaks[f"float32 GFLOP/s, {threads}"], peaks[f"read GB/s, {threads}"]
        corner = fast / slow
        axes.plot(
            [reach[0], corner, reach[1]], [reach[0] * slow, fast, fast], style, color="black",
            lw=1, label=f"measured peaks, {threads} thread{'s' * (threads == 'all')}",
        )  # fmt: skip
    for number, name in enumerate(dict.fromkeys(cell.network for cell, _ in points)):
        own = [(cell, found) for cell, found in points if cell.network == name]
        across = [flops_of(cell) / bytes_of(cell) for cell, _ in own]
        speeds = [flops_of(cell) / found.seconds / 1e9 for cell, found in own]
        axes.plot(
            across, speeds, MARKS[number % len(MARKS)], ms=4.5, color=f"C{number % 10}",
            label=NETWORKS[name].title,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="flops per byte of x, w and y", ylabel="GFLOP/s")
    axes.set_title(
        "hwio, float32, precision highest, one image, all threads", loc="left", fontsize=9
    )
    axes.grid(color="#e7e5e4", lw=0.6)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    return figure


def _sizes(plt: Any, data: dict[str, Any], cells: dict[str, Records]) -> Any:
    """Draw time against image size for every contender."""
    row = [cell for cell in cells_of("sizes", (1,), ("float32",), ("all",)) if cell.key in cells]
    if len(row) < 2:
        return None
    figure, axes = plt.subplots(figsize=(7.5, 4.6))
    names = ["hwio", "hwio high", "hwio.conv", "numpy"]
    names += [name for name, entry in CONTENDERS.items() if entry.role == PEER]
    colours = {"hwio": OWN, "hwio high": HIGH, "hwio.conv": "#f59e0b", "numpy": GREY}
    for number, name in enumerate(names):
        precision = "high" if name == "hwio high" else "highest"
        times = [_middle(cells[cell.key], name, precision) for cell in row]
        held = [(c.layer.size[0], t * 1e3) for c, t in zip(row, times, strict=True) if t]
        if held:
            own = name in colours
            axes.plot(
                *zip(*held, strict=True), "-" if own else ":", marker=MARKS[number % len(MARKS)],
                ms=4, lw=1.6 if own else 1, color=colours.get(name, f"C{number % 10}"), label=name,
            )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="height and width of x", ylabel="ms")
    _plain_ticks(axes.xaxis, [cell.layer.size[0] for cell in row])
    axes.set_title("3x3, 64 channels, 64 filters, float32, all threads", loc="left", fontsize=9)
    axes.grid(color="#e7e5e4", lw=0.6)
    axes.legend(fontsize=7, frameon=False)
    return figure


def _middle(records: Records, name: str, precision: str) -> float | None:
    """Return the middle of a contender's times over the processes, if it counts."""
    times = sorted(t for r in records if (t := counted(r, name, precision)) is not None)
    return times[len(times) // 2] if times else None


def _plain_ticks(axis: Any, values: Any) -> None:
    """Write these numbers at a logarithmic axis, and no others."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_locator(NullLocator())
