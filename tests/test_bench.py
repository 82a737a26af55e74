"""The bench: its tables against the papers, its verdicts, its page. Nothing here takes a time."""

import json
import random
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from bench import __main__ as command
from bench.bars import all_bars, judge
from bench.case import Case
from bench.contenders import CONTENDERS
from bench.exact import Exact, Verdict
from bench.figures import mean, ratio
from bench.grid import DTYPES, Asked, Cell, all_cells, bar_cells, batches, quick_cells
from bench.networks import NETWORKS, RESNET50, SHORTCUTS
from bench.protocol import Rules, measure
from bench.report import page
from bench.run import Settings, missing
from bench.store import Store, read
from bench.worker import environment

import hwio

ROOT = Path(__file__).parents[1]
INTEL = {"cpu": "A CPU", "family": "", "cores": 2, "features": ["avx2"], "caches": "", "system": ""}


def macs(*names):
    return sum(layer.macs * layer.count for name in names for layer in NETWORKS[name].layers)


# The tables against the papers


def bottlenecks():
    """Walk He et al. 2015, table 1: (size, c, o, kernel, stride) of each convolution in order."""
    yield 224, 3, 64, 7, 2
    size, c = 56, 64
    for stage, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            if block == 0:  # the shortcut
                yield size, c, 4 * width, 1, stride
            yield size, c, width, 1, stride
            size //= stride
            yield size, width, width, 3, 1
            yield size, width, 4 * width, 1, 1
            c = 4 * width


def test_resnet50_is_the_papers():
    walked = Counter(bottlenecks())
    rows = [*RESNET50, *SHORTCUTS[:3]]
    table = {(*r.size[:1], r.c, r.o, r.kernel[0], r.stride): r.count for r in rows}
    assert len(RESNET50) == 17
    assert sum(walked.values()) == 49 + 4  # of its 50 layers the last is no convolution
    assert table == walked


def test_published_sums():
    shortcuts = sum(layer.macs for layer in SHORTCUTS[:3])
    assert abs((macs("resnet50") + shortcuts) / 3.8e9 - 1) < 0.02
    assert abs((macs("vgg16") + 123.6e6) / 15.5e9 - 1) < 0.01  # with its three dense layers
    assert abs(macs("mobilenetv2-dense", "mobilenetv2-depthwise") / 300e6 - 1) < 0.01


def inverted_residuals():
    """Walk Sandler et al. 2018, table 2."""
    size, c = 112, 32
    for t, out, blocks, first in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:  # fmt: skip
        for block in range(blocks):
            stride = first if block == 0 else 1
            if t > 1:
                yield size, c, t * c, 1, 1, 1
            yield size, t * c, t * c, 3, stride, t * c
            size //= stride
            yield size, t * c, out, 1, 1, 1
            c = out
    yield 224, 3, 32, 3, 2, 1
    yield 7, 320, 1280, 1, 1, 1


def test_mobilenetv2_is_the_papers():
    rows = NETWORKS["mobilenetv2-dense"].layers + NETWORKS["mobilenetv2-depthwise"].layers
    table = {(*r.size[:1], r.c, r.o, r.kernel[0], r.stride, r.groups): r.count for r in rows}
    assert table == Counter(inverted_residuals())


def test_vgg16_is_the_papers():
    widths = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512]
    walked, size, c = Counter(), 224, 3
    for width in widths:
        if width == 0:
            size //= 2
            continue
        walked[size, c, width] += 1
        c = width
    assert {(r.size[0], r.c, r.o): r.count for r in NETWORKS["vgg16"].layers} == walked


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_of_hwio(name):
    for index, layer in enumerate(NETWORKS[name].layers):
        case = Cell(name, index, 1, "float32", "all")
        x = (1, *layer.size, layer.c)
        w = (*layer.kernel, layer.c // layer.groups, layer.o)
        options = Case.options.fget(type("", (), {"layer": layer}))
        geo = hwio.plan(x, w, **options).geometry
        assert (geo.out_size, geo.macs) == (layer.out, layer.macs), case.key


@pytest.mark.parametrize("name", NETWORKS)
def test_names_tell_layers_apart(name):
    names = [layer.name for layer in NETWORKS[name].layers]
    assert len(set(names)) == len(names)


# What is measured


def test_the_grid_covers_what_was_asked():
    cells = all_cells(Asked())
    assert {cell.network for cell in cells} == set(NETWORKS)
    assert {(c.n, c.dtype, c.threads) for c in cells if c.network == "vgg16"} == {
        (1, "float32", "all"), (8, "float32", "all"), (1, "float64", "all"), (1, "float32", "one"),
    }  # fmt: skip
    assert set(bar_cells(Asked())) | set(quick_cells(Asked())) <= set(cells)
    assert len({cell.key for cell in cells}) == len(cells)
    one = all_cells(Asked(("vgg16",), n=(8,), dtypes=("float64",), threads=("one",)))
    assert [cell.layer for cell in one] == list(NETWORKS["vgg16"].layers)


def test_bars_speak_of_cells_that_are_measured():
    cells = {(c.network, c.n, c.dtype) for c in bar_cells(Asked())}
    spoken = {(name, bar.n, bar.dtype) for bar in all_bars() for name in bar.networks}
    assert spoken <= cells


def test_one_process_measures_one_kind():
    for batch in batches(all_cells(Asked())):
        assert len({(c.network, c.n, c.dtype, c.threads) for c in batch}) == 1


# How it is measured


def test_the_protocol_drains_shuffles_and_counts():
    now, said, slept = [0.0], [], []

    def contender(name, seconds):
        def call():
            said.append(name)
            now[0] += seconds

        return call

    calls = {"a": contender("a", 0.004), "b": contender("b", 0.5), "c": contender("c", 0.01)}
    rules = Rules(rounds=6, least=0.01, drain=0.06, budget=1.0)
    times = measure(calls, rules, random.Random(1), slept.append, lambda: now[0])
    assert {name: len(found) for name, found in times.items()} == {"a": 6, "b": 3, "c": 6}
    for name, seconds in (("a", 0.004), ("b", 0.5), ("c", 0.01)):
        assert times[name] == pytest.approx([seconds] * len(times[name]))
    assert slept == [0.06] * (3 + 6 + 3 + 6)
    rounds = "".join(said[said.index("c") :])
    assert "ab" in rounds
    assert "ba" in rounds


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("network", "index"),
    [("thread", 0), ("mobilenetv2-depthwise", 9), ("wavenet", 1), ("unet3d", 6)],
)
def test_the_check_passes_what_is_right_and_nothing_else(network, index, dtype):
    case = Case(Cell(network, index, 2, dtype, "all"), 1)
    exact, right = Exact(case), hwio.conv(case.x, case.w, **case.options)
    assert exact.judge(right).counts("highest")
    assert exact.judge(right).counts("high")
    wrong = right.copy()
    wrong[0, ..., 0].flat[0] += 1
    assert not exact.judge(wrong).counts("highest")
    broken = np.full_like(right, np.nan)
    assert not exact.judge(broken).counts("highest")
    assert not exact.judge(broken).counts("high")
    with pytest.raises(ValueError, match="shape"):
        exact.judge(right[..., :1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("network", "index"),
    [("resnet50-gradients", 9), ("mobilenetv2-gradients", 8), ("mobilenetv2-gradients", 10)],
)
def test_the_check_of_gradients_passes_what_is_right_and_nothing_else(network, index, dtype):
    case = Case(Cell(network, index, 1, dtype, "all"), 1)
    exact = Exact(case)
    dx, dw, _ = hwio.conv_grad(case.x, case.w, case.dy, need="xw", method="taps", **case.options)
    assert exact.judge((dx, dw)).counts("highest")
    for number in range(2):
        wrong = [dx.copy(), dw.copy()]
        wrong[number].flat[0] += 1
        assert not exact.judge(tuple(wrong)).counts("highest")
    with pytest.raises(ValueError, match="shape"):
        exact.judge((dx[:, 1:], dw))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("network", "index", "pool"),
    [("max-pooling", 7, hwio.max_pool), ("average-pooling", 5, hwio.avg_pool)],
)
def test_the_check_of_pooling_passes_what_is_right_and_nothing_else(network, index, pool, dtype):
    case = Case(Cell(network, index, 2, dtype, "all"), 1)
    layer, exact = case.layer, Exact(case)
    y = pool(
        case.x, layer.kernel[0], stride=layer.stride, padding=layer.padding[0], method="windows"
    )
    assert exact.judge(y).counts("highest")
    y[1, 0, 0, 3] += 1
    assert not exact.judge(y).counts("highest")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("network", "index"), [("max", 7), ("max", 5), ("average", 5)])
def test_the_check_of_poolings_gradients_passes_what_is_right_and_nothing_else(
    network, index, dtype
):
    case = Case(Cell(f"{network}-pooling-gradients", index, 2, dtype, "all"), 1)
    case.x[...] = np.round(case.x)  # ties
    layer, exact = case.layer, Exact(case)
    back = hwio.max_pool_grad if network == "max" else hwio.avg_pool_grad
    words = {"stride": layer.stride, "padding": layer.padding[0], "method": "windows"}
    dx = back(case.x, case.dy, layer.kernel[0], **words)
    assert exact.judge(dx).counts("highest")
    dx[1, 0, 0, 3] += 1
    assert not exact.judge(dx).counts("highest")


def test_a_worker_checks_every_contender_that_is_installed():
    cells = [
        Cell("thread", 1, 2, "float32", "all"),
        Cell("mobilenetv2-depthwise", 8, 1, "float32", "all"),
        Cell("resnet50", 9, 1, "float64", "all"),
        Cell("large-kernel", 3, 1, "float32", "all"),
        Cell("unet3d", 7, 1, "float32", "all"),
        Cell("resnet50-gradients", 9, 1, "float64", "all"),
        Cell("mobilenetv2-gradients", 8, 1, "float32", "all"),
        Cell("max-pooling", 7, 1, "float32", "all"),
        Cell("average-pooling", 5, 1, "float64", "all"),
        Cell("max-pooling-gradients", 7, 1, "float32", "all"),
        Cell("average-pooling-gradients", 5, 1, "float64", "all"),
    ]
    asked = {
        "threads": 1,
        "first": False,
        "seed": 0,
        "contenders": list(CONTENDERS),
        "rules": asdict(Rules(rounds=1, least=0, drain=0)),
        "cells": [[c.network, c.index, c.n, c.dtype, c.threads] for c in cells],
    }
    # apart: libraries' threads and switches would stay in this process
    worker = subprocess.run(
        [sys.executable, "-m", "bench.worker"],
        input=json.dumps(asked),
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env=environment(1, spin=False) | {"PYTHONPATH": str(Path(hwio.__file__).parents[1])},
        check=False,
    )
    assert worker.returncode == 0, worker.stderr
    records = [json.loads(line) for line in worker.stdout.splitlines()]
    assert [one["key"] for one in records] == [cell.key for cell in cells]
    for one in records:
        assert set(one["found"]) | set(one["left_out"]) == set(CONTENDERS)
        assert not [why for why in one["left_out"].values() if why.startswith("failed")]
        for name, found in one["found"].items():
            precision = "high" if name in ("hwio high", "scipy") else "highest"
            assert Verdict(found["units"], found["norm"]).counts(precision), (one["key"], name)
            assert len(found["seconds"]) == 1


# What comes out


def record(cell, process=0, own=1e-3, peer=2e-3, units=0.1, **others):
    found = {"hwio": own, "hwio high": own / 2, "hwio.conv": own * 1.1, "hwio again": own * 1.05}
    found |= {"torch": peer, "torch view": 2 * peer, "openvino": 1.5 * peer, **others}
    return {
        "key": cell.key, "network": cell.network, "layer": cell.layer.name, "n": cell.n,
        "dtype": cell.dtype, "threads": cell.threads, "process": process,
        "found": {
            name: {"units": units, "norm": 1e-7, "seconds": [3 * time, time, time / 2]}
            for name, time in found.items()
        },
        "left_out": {"jax": "jax is not installed"},
    }  # fmt: skip


def run_of(records):
    return {
        "format": 1, "date": "2026-01-02", "machine": INTEL, "versions": {"numpy": "2.0"},
        "rules": {"rounds": 3, "least": 0.01, "drain": 0.06, "budget": 1.0, "spin": False},
        "contenders": list(CONTENDERS), "cells": records,
        "peaks": {"float32 GFLOP/s, one": 100.0, "float32 GFLOP/s, all": 190.0,
                  "read GB/s, one": 10.0, "read GB/s, all": 15.0},
    }  # fmt: skip


CELL = Cell("resnet50", 2, 1, "float32", "all")


def test_a_ratio_is_the_middle_of_processes_against_the_best_peer():
    found = ratio([record(CELL, p, peer=peer) for p, peer in enumerate((2e-3, 3e-3, 7e-3))], "hwio")
    assert (found.middle, found.least, found.most, found.rival) == (3.0, 2.0, 7.0, "torch")


def test_what_breaks_its_bound_does_not_count():
    assert ratio([record(CELL, units=1.5)], "hwio") is None
    one = record(CELL)
    one["found"]["torch"]["units"] = 1.5
    assert ratio([one], "hwio").rival == "openvino"
    assert ratio([one], "hwio high", precision="high").rival == "torch"
    assert "torch: 1 cell, such as resnet50/3x3" in page(run_of([one]))


def test_the_page_of_a_tiny_run():
    cells = [Cell("thread", 0, 2, "float32", "all"), CELL]
    records = [record(cell, p, loop=0.5) for cell in cells for p in range(3)]
    text = page(run_of(records), [("A picture", "../images/p.png")])
    assert "A CPU" in text
    assert "2026-01-02" in text
    assert "| 3x3 64→64 @56 |" in text
    assert "**2.00**" in text
    assert "not judged: 16 of 17 layers not measured" in text
    assert "Left out: jax, jax is not installed" in text
    assert "![A picture](../images/p.png)" in text


def test_a_run_of_nothing_has_a_page():
    assert "No run has been kept yet" in page(run_of([]))


def test_bars_are_judged_on_whole_networks():
    cells = [cell for cell in bar_cells(Asked()) if cell.network == "resnet50"]
    whole = judge(run_of([record(cell) for cell in cells]))
    judged = {one.bar.words: one for one in whole if "mobilenet" not in one.bar.network}
    seen = judged['prepared, best peer, N=1, "highest"']
    assert (seen.seen, seen.verdict, seen.bar.need) == (pytest.approx(2), "kept", 0.9)
    high = judged['prepared, best peer, N=8, "high", 3x3 stride 1']
    assert (high.seen, high.verdict) == (pytest.approx(4), "kept")
    assert judged["whole call on the slice, np.einsum float32"].verdict == "not judged"
    amx = run_of([record(cell, peer=1.1e-3) for cell in cells])
    amx["machine"] = INTEL | {"features": ["amx_bf16"]}
    missed = {one.bar.words: one for one in judge(amx) if one.bar.network == "resnet50"}
    assert missed['prepared, best peer, N=1, "highest"'].verdict == "missed"


def test_every_bar_of_a_whole_run_is_judged():
    records = [record(c, loop=0.5, einsum=3e-3) for c in bar_cells(Asked())]
    assert {one.verdict for one in judge(run_of(records))} <= {"kept", "missed"}


def test_a_mean_of_ratios_is_geometric():
    assert mean([0.5, 2.0]) == pytest.approx(1)


# A file that goes on


def about(numpy="2.0"):
    data = run_of([])
    del data["cells"], data["peaks"], data["format"]
    return data | {"versions": {"numpy": numpy}}


def test_a_run_goes_on_where_it_was_broken_off(tmp_path):
    cells = bar_cells(Asked(("thread",), dtypes=("float32",)))
    first = Store(tmp_path / "r.json", about())
    first.add(record(cells[0]))
    second = Store(tmp_path / "r.json", about())
    assert second.resume() == 1
    todo = missing(cells, Settings((), Rules(), 2), second)
    assert [(p, [c.key for c in batch]) for p, batch in todo] == [
        (0, [cells[1].key]), (1, [cells[0].key, cells[1].key]),
    ]  # fmt: skip
    assert read(tmp_path / "r.json")["cells"] == [record(cells[0])]


def test_figures_of_two_kinds_do_not_mix(tmp_path):
    Store(tmp_path / "r.json", about()).save()
    with pytest.raises(SystemExit, match=r"other versions: numpy 2\.0 -> 2\.1\n  fix: --fresh"):
        Store(tmp_path / "r.json", about("2.1")).resume()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 0}'])
def test_a_file_of_something_else_is_named(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(SystemExit, match=r"r\.json"):
        read(tmp_path / "r.json")


def test_report_writes_page_and_pictures_without_timing(tmp_path, capsys, monkeypatch):
    cells = [Cell("sizes", i, 1, "float32", "all") for i in range(7)]
    data = run_of([record(cell, numpy=9e-3) for cell in [CELL, *cells]])
    (tmp_path / "r.json").write_text(json.dumps(data), encoding="utf-8")
    monkeypatch.setattr(command, "measure", None)
    assert command.main(["--report", "--out", str(tmp_path / "r.json")]) == 0
    assert "ResNet-50, N=1, float32" in capsys.readouterr().out
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "| 3x3 64→64 @56 |" in text
    if command.machine.is_installed("matplotlib"):
        names = ["bench-ratios.png", "bench-roofline.png", "bench-sizes.png"]
        assert sorted(path.name for path in tmp_path.glob("*.png")) == names
        assert all(f"]({name})" in text for name in names)


def test_list_measures_nothing(capsys):
    assert command.main(["--list", "--only", "vgg16", "--n", "1", "--peers", "torch"]) == 0
    said = capsys.readouterr().out
    assert "vgg16/3x3 3→64 @224/n1/float32/all" in said
    assert "27 cells, about" in said
    assert command.main(["--only", "vgg16", "--layer", "11x11"]) == 2


def test_an_unknown_peer_is_named(capsys):
    with pytest.raises(SystemExit):
        command.main(["--peers", "cafe"])
    assert "--peers cafe: peers are torch," in capsys.readouterr().err


def test_the_checked_in_page_names_no_host():
    text = (ROOT / "docs" / "reference" / "results.md").read_text("utf-8")
    assert text.startswith("# Measured speed\n")
