"""compare: what is timed, how, and what it says. Nothing here depends on how fast the machine is."""

import gc
import io
import json
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import hwio
from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.ops.check import geometry_of
from hwio.planner.choose import COSTS
from hwio.planner.ways import ways
from hwio.show.compare.comparison import Comparison
from hwio.show.compare.contenders import estimate
from hwio.show.compare.findings import Case, Row, Skipped
from hwio.show.compare.machine import Machine, this_machine
from hwio.show.compare.peak import peak_bytes
from hwio.show.compare.plot import PlotError
from hwio.show.compare.timing import fill, measure, summarise
from hwio.show.compare.verdict import reference_of
from hwio.show.progress import Progress

ONCE = {"runs": 1, "loops": 1}


def serving(kernel):
    """Return the ways that can serve the thread's arrays with a kernel of this size."""
    geo = geometry_of((2, 5, 7, 4), (*kernel, 4, 8))
    return {name for name, way in ways().items() if way.refuses(geo) is None}


SERVING = serving((3, 3))
UNABLE = {*ways()} - SERVING
RAW = {"np.sum", "np.einsum", "np.tensordot", "reshape @"}


def arrays(x=(2, 5, 7, 4), w=(3, 3, 4, 8), dtype=np.float32):
    rng = np.random.default_rng(7)
    return rng.standard_normal(x).astype(dtype), rng.standard_normal(w).astype(dtype)


# measuring


class FakeTime:
    """A clock that only calls move on."""

    def __init__(self):
        self.now = 0.0
        self.order = []

    def __call__(self):
        return self.now

    def call(self, cost, name=None):
        costs = iter(cost) if isinstance(cost, list) else None

        def run():
            self.order.append(name)
            self.now += next(costs) if costs else cost

        return run


@pytest.mark.parametrize(
    ("cost", "loops"),
    [(1.0, 1), (0.02, 1), (0.015, 2), (0.007, 5), (0.003, 10), (19e-6, 2000), (21e-6, 1000)],
)
def test_loops_grow_until_a_run_is_long_enough(cost, loops):
    time = FakeTime()
    found, spent = fill(time.call(cost), 0.02, time)
    assert found == loops
    assert spent == pytest.approx(loops * cost)


def test_loops_grow_when_the_clock_sees_nothing_at_first():
    time = FakeTime()
    calls = time.call(0.0)

    def coarse():  # a clock that ticks every 10 ms, for calls of 10 µs
        calls()

    def clock():
        return len(time.order) // 1000 * 0.01

    assert 2000 <= fill(coarse, 0.02, clock)[0] <= 5000


def test_statistics_are_those_of_the_runs():
    time = FakeTime()
    (timing,) = measure([time.call([1.0, 2.0, 2.0, 9.0])], runs=4, loops=1, clock=time)
    assert (timing.mean, timing.median) == (3.5, 2.0)
    assert timing.std == pytest.approx(np.std([1, 2, 2, 9]))
    assert (timing.runs, timing.loops) == (4, 1)


def test_a_run_is_divided_by_its_loops():
    time = FakeTime()
    (timing,) = measure([time.call(0.25)], runs=2, loops=8, clock=time)
    assert (timing.mean, timing.std, timing.loops) == (0.25, 0.0, 8)
    assert len(time.order) == 16


def test_contenders_take_turns_in_changing_order():
    time = FakeTime()
    measure([time.call(1.0, name) for name in "abcd"], runs=6, loops=1, clock=time)
    rounds = ["".join(time.order[i : i + 4]) for i in range(0, 24, 4)]
    assert all(sorted(each) == list("abcd") for each in rounds)
    assert len(set(rounds)) > 2


def test_slow_contenders_get_fewer_runs_but_three():
    time = FakeTime()
    calls = [time.call(cost) for cost in (0.001, 0.5, 5.0)]
    timings = measure(calls, runs=7, seconds=0.01, budget=2.0, clock=time)
    assert [timing.runs for timing in timings] == [7, 4, 3]


def test_two_runs_asked_for_are_two_runs():
    time = FakeTime()
    assert measure([time.call(5.0)], runs=2, clock=time)[0].runs == 2


def test_garbage_collection_rests_during_a_run_only():
    seen = []
    measure([lambda: seen.append(gc.isenabled())], runs=2, loops=2)
    assert seen == [False] * 4
    assert gc.isenabled()


def test_summary_of_one_run_has_no_spread():
    assert summarise([2.0], 5).std == 0.0


def test_peak_counts_what_is_held_beside_the_result():
    x = np.ones(500_000)
    assert peak_bytes(lambda: x + 1) < 20_000
    assert 4_000_000 <= peak_bytes(lambda: np.multiply(np.add(x, 1), 2)) < 4_020_000


# progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drawn(clock, steps=4, **options):
    stream = options.pop("stream", Terminal())
    with Progress(steps, stream=stream, clock=clock, **options) as bar:
        for _ in range(steps):
            bar.step("im2col")
    return stream.getvalue()


def test_short_work_shows_no_progress():
    assert drawn(lambda: 0.0) == ""


def test_work_over_a_second_shows_progress_and_wipes_it():
    seconds = iter([0.0, 0.5, 1.2, 1.25, 2.0])
    text = drawn(lambda: next(seconds))
    assert "2/4  im2col" in text
    assert "1/4" not in text  # too early
    assert "3/4" not in text  # too soon after the last
    assert text.endswith("\r")
    assert text.rsplit("\r", 2)[1].strip() == ""


def test_progress_needs_a_terminal_unless_forced():
    seconds = iter(range(0, 100, 2))
    assert drawn(lambda: next(seconds), stream=io.StringIO()) == ""
    assert "1/4" in drawn(lambda: next(seconds), stream=io.StringIO(), show=True)
    assert drawn(lambda: next(seconds), show=False) == ""


# what runs


def test_every_way_on_every_order_of_w():
    found = hwio.compare(*arrays(), **ONCE)
    ways = {(row.method, row.w_layout) for row in found.rows if not row.expression}
    assert ways == {(m, order) for m in SERVING for order in ("HWIO", "OHWI", "OIHW")}
    assert {row.method for row in found.rows if row.expression} == RAW
    assert found.agree
    assert {one.method for one in found.skipped} == UNABLE
    medians = [row.median for row in found.rows]
    assert medians == sorted(medians)
    assert found.fastest.ratio == 1.0
    assert all(row.runs == row.loops == 1 for row in found.rows)


def test_the_threads_slice():
    x, w = arrays((2, 3, 3, 4), dtype=np.float64)
    found = hwio.compare(x, w, **ONCE)
    assert found.case.y_shape == (2, 1, 1, 8)
    assert len(found.rows) == 3 * len(SERVING) + 4
    assert found.agree


@pytest.mark.parametrize("shape", [(2, 3, 3, 4), (2, 5, 7, 4)])
def test_printed_expressions_give_the_same_numbers(shape):
    x, w = arrays(shape)
    found = hwio.compare(x, w, methods="im2col", **ONCE)
    names = {"np": np, "x": x, "w": w, "sliding_window_view": sliding_window_view}
    texts = [row.expression for row in found.rows if row.expression]
    assert len(texts) == 4
    for text in texts:
        *before, last = text.split("; ")
        scope = dict(names)
        exec("\n".join(before), scope)
        y = eval(last, scope)
        np.testing.assert_allclose(y.reshape(-1), hwio.conv(x, w).reshape(-1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"stride": 2}, {"padding": 1}, {"dilation": 2}, {"flip": True}, {"b": np.ones(8)}],
)
def test_bare_expressions_run_on_plain_calls_only(options):
    found = hwio.compare(*arrays(), methods="im2col", **options, **ONCE)
    assert {row.method for row in found.rows} == {"im2col"}


def test_bare_expressions_can_be_left_out():
    found = hwio.compare(*arrays(), methods="im2col", raw=False, **ONCE)
    assert {row.method for row in found.rows} == {"im2col"}


def test_integers_have_no_bare_expressions_for_they_would_wrap():
    x, w = (np.full(shape, 100, np.int8) for shape in ((1, 4, 4, 2), (3, 3, 2, 3)))
    found = hwio.compare(x, w, **ONCE)
    assert {row.method for row in found.rows} == SERVING
    assert found.agree
    assert {row.bound for row in found.rows} == {"exact"}
    assert "agree exactly" in str(found)


def test_orders_of_x():
    found = hwio.compare(
        *arrays(), x_layouts=["NHWC", "NCHW"], w_layouts="HWIO", methods="taps", raw=False, **ONCE
    )
    assert sorted(row.x_layout for row in found.rows) == ["NCHW", "NHWC"]
    assert found.agree
    assert "x stored NCHW instead of NHWC" in str(found)


CASES = {
    "1-D causal": ((2, 9, 3), (4, 3, 5), {"padding": "causal", "dilation": 2}),
    "3-D": ((1, 4, 5, 6, 2), (3, 3, 3, 2, 4), {"padding": "same"}),
    "NCHW": ((2, 4, 5, 7), (8, 4, 3, 3), {"layout": "NCHW,OIHW"}),
    "y in another order": ((2, 5, 7, 4), (3, 3, 4, 8), {"layout": "NHWC,HWIO->NCHW"}),
    "one image": ((5, 7, 4), (3, 3, 4, 8), {"layout": "HWC,HWIO"}),
    "a rare order of w": ((2, 5, 7, 4), (4, 8, 3, 3), {"layout": "NHWC,IOHW"}),
    "groups": ((1, 6, 6, 4), (3, 3, 2, 6), {"groups": 2, "stride": 2}),
    "depthwise": ((1, 6, 6, 4), (3, 3, 4, 2), {"layout": "NHWC,HWCM"}),
    "edge padding, flipped": (
        (1, 5, 5, 2),
        (3, 3, 2, 3),
        {"padding": ((1, 2), (0, 1)), "padding_mode": "edge", "flip": True},
    ),
    "no images": ((0, 5, 5, 2), (3, 3, 2, 3), {}),
    "no channels": ((1, 5, 5, 0), (3, 3, 0, 3), {}),
}


@pytest.mark.parametrize("name", CASES)
def test_all_ways_agree(name):
    x, w, options = CASES[name]
    found = hwio.compare(*arrays(x, w), **options, **ONCE)
    assert found.agree, str(found)
    assert len({row.w_layout for row in found.rows}) >= 3
    assert str(found.case.layout).startswith(options.get("layout", "")[:3])


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.complex64, np.complex128, np.int16])
def test_all_dtypes_agree_with_bias_and_activation(dtype):
    x, w = arrays(dtype=np.float64)
    x, w = (8 * x).astype(dtype), (8 * w).astype(dtype)
    b = np.arange(8).astype(dtype)
    clip = None if np.dtype(dtype).kind == "c" else (-20, 900)
    found = hwio.compare(x, w, b, activation=clip, **ONCE)
    assert found.agree, str(found)
    assert found.case.dtype == str(hwio.conv(x, w, b).dtype)


def test_orders_between_depthwise_and_grouped_weights():
    x, w = arrays((1, 6, 6, 4), (8, 1, 3, 3))
    found = hwio.compare(
        x, w, layout="NHWC,OIHW", groups=4, w_layouts=["HWCM", "OIHW"], methods="taps", **ONCE
    )
    assert {row.w_layout for row in found.rows} == {"HWCM", "OIHW"}
    assert found.agree


def test_shapes_stand_for_random_numbers():
    found = hwio.compare((1, 4, 4, 2), (3, 3, 2, 3), (3,), methods="im2col", **ONCE)
    assert (found.case.dtype, found.agree) == ("float32", True)


def test_nan_and_infinity_stand_where_the_direct_sum_has_them():
    x, w = arrays()
    x[0, 2, 2, 1], x[1, 0, 0, 0] = np.nan, np.inf
    with np.errstate(invalid="ignore"):
        found = hwio.compare(x, w, **ONCE)
    assert found.agree, str(found)


# who is wrong


def spoil(monkeypatch, name, change):
    """Replace a method by one whose result is changed."""
    right = METHODS[name].function
    wrong = replace(METHODS[name], function=lambda x, w, geo: change(right(x, w, geo)))
    monkeypatch.setitem(METHODS, name, wrong)


def test_a_wrong_method_is_named(monkeypatch):
    spoil(monkeypatch, "einsum", lambda y: y * 1.01)
    found = hwio.compare(*arrays(), w_layouts=["HWIO", "OIHW"], raw=False, **ONCE)
    assert not found.agree
    assert {row.method for row in found.outside} == {"einsum"}
    text = str(found)
    assert "WRONG: einsum on HWIO, OIHW, " in text or "WRONG: einsum on OIHW, HWIO, " in text
    assert " × its bound T1." in text
    assert f"The other {len(found.rows) - 2} agree within their bounds." in text
    assert "agree within" in text
    assert "All " not in text
    assert "WRONG" in found._repr_html_()


def test_the_reference_does_not_trust_a_broken_method(monkeypatch):
    spoil(monkeypatch, "im2col", lambda y: y + 1)
    found = hwio.compare(*arrays(), methods=["im2col", "loop"], raw=False, **ONCE)
    assert {row.method for row in found.outside} == {"im2col"}


def test_a_wrong_integer_is_named(monkeypatch):
    spoil(monkeypatch, "taps", lambda y: y + 1)
    x, w = (np.ones(shape, np.int8) for shape in ((1, 4, 4, 2), (3, 3, 2, 3)))
    found = hwio.compare(x, w, methods=["taps", "loop"], w_layouts="HWIO", **ONCE)
    assert "WRONG: taps on HWIO, not the exact integers. The other 1 agree exactly." in str(found)
    assert json.loads(found.to_json())["rows"][0]["error"] in (None, 0.0)


def test_a_lost_nan_is_wrong(monkeypatch):
    spoil(monkeypatch, "taps", np.nan_to_num)
    x, w = arrays()
    x[0, 2, 2, 1] = np.nan
    found = hwio.compare(x, w, methods=["taps", "loop"], raw=False, **ONCE)
    assert {row.method for row in found.outside} == {"taps"}
    assert "Inf or NaN where the reference has none, or the other way round" in str(found)


def test_a_wrong_shape_is_wrong():
    x, w = arrays()
    reference = reference_of(hwio.ops.planning.problem_of(x, w), x, w, None)
    assert reference.units(hwio.conv(x, w)[:, 1:], "T1") == np.inf
    assert reference.units(hwio.conv(x, w), "T1") < 1


# who is left out


def test_a_method_that_cannot_serve_is_listed_with_the_reason():
    found = hwio.compare(*arrays(w=(2, 2, 4, 8)), **ONCE)
    assert {one.method for one in found.skipped} == {*ways()} - serving((2, 2))
    assert "  winograd, winograd4: it is made for 3 taps on each axis, not 2×2" in str(found)


def test_a_method_that_would_take_long_is_never_started(monkeypatch):
    def never(x, w, geo):
        raise AssertionError

    monkeypatch.setitem(METHODS, "loop", replace(METHODS["loop"], function=never))
    found = hwio.compare((1, 400, 400, 2), (3, 3, 2, 4), methods=["loop", "im2col"], **ONCE)
    assert [one.method for one in found.skipped] == ["loop"]
    assert found.skipped[0].reason == "one call would take about 5 s, over limit=2"


def test_a_call_that_took_too_long_is_not_repeated(monkeypatch):
    spoil(monkeypatch, "taps", lambda y: y)
    times = iter(range(0, 1000, 3))
    monkeypatch.setattr("hwio.show.compare.trials.perf_counter", lambda: next(times))
    with pytest.raises(hwio.OptionError, match=r"taps: one call took 3\.0 s, over limit=2"):
        hwio.compare(*arrays(), methods="taps", raw=False, **ONCE)


def test_a_method_that_would_take_too_much_memory_is_never_started():
    found = hwio.compare(
        *arrays((1, 60, 60, 4)), memory_limit=1_000_000, methods=["broadcast", "einsum"], **ONCE
    )
    reasons = {one.method: one.reason for one in found.skipped}
    assert reasons["broadcast"].startswith("this needs 3.8 MiB")
    assert "more than the limit of 976.6 KiB" in reasons["broadcast"]
    assert "np.sum" in reasons
    assert {row.method for row in found.rows} == {"einsum", *RAW} - {"np.sum"}


def test_a_method_that_runs_out_of_memory_is_listed(monkeypatch):
    def hungry(y):
        raise MemoryError

    spoil(monkeypatch, "taps", hungry)
    found = hwio.compare(*arrays(), methods=["taps", "im2col"], raw=False, **ONCE)
    assert {(one.method, one.reason) for one in found.skipped} == {("taps", "not enough memory")}
    assert "taps on HWIO, OHWI, OIHW: not enough memory" in str(found)


def test_estimates_know_every_method_or_say_nothing():
    geo = hwio.ops.planning.problem_of((1, 64, 64, 8), (3, 3, 8, 8)).geometry
    known = ("loop", "broadcast", "tensordot", "einsum", *COSTS)
    assert all(estimate(name, geo, np.dtype(np.float32)) > 0 for name in known)
    assert estimate("a new way", geo, None) == 0


ERRORS = [
    (
        {"methods": ["wingrad"]},
        hwio.OptionError,
        (
            f"methods: 'wingrad' is not a method\n  methods: {', '.join([*METHODS, *KERNELS])}\n"
            "  fix: did you mean 'winograd'?"
        ),
    ),
    (
        {"method": "fft"},
        hwio.OptionError,
        "compare takes no method=\n  fix: methods=['fft']",
    ),
    (
        {"strid": 2},
        hwio.ArgumentTypeError,
        (
            "strid= is no keyword of hwio.compare\n"
            "  keywords: stride, padding, dilation, groups, layout, flip, activation, precision,\n"
            "            padding_mode, out_dtype, memory_limit, methods, x_layouts, w_layouts, runs,\n"
            "            seconds, loops, raw, limit, progress\n"
            "  fix: stride=2"
        ),
    ),
    (
        {"w_layouts": []},
        hwio.OptionError,
        (
            "w_layouts=[] does not name any\n  w_layouts is a list of words\n"
            "  fix: leave w_layouts out for all"
        ),
    ),
    (
        {"x_layouts": 3},
        hwio.OptionError,
        (
            "x_layouts=3 does not name any\n  x_layouts is a list of words\n"
            "  fix: leave x_layouts out for all"
        ),
    ),
    (
        {"seconds": 0},
        hwio.OptionError,
        "seconds=0 must be above 0\n  fix: seconds=0.02",
    ),
    (
        {"limit": "2"},
        hwio.ArgumentTypeError,
        "limit='2' is not a number\n  fix: limit=2.0",
    ),
    (
        {"methods": "winograd", "stride": 2},
        hwio.OptionError,
        (
            "no method is left to compare\n"
            "  winograd: it is made for stride 1, not (2, 2)\n"
            "  fix: other methods, or a larger limit"
        ),
    ),
]


@pytest.mark.parametrize(("options", "kind", "text"), ERRORS)
def test_errors_say_what_is_wrong_and_what_to_type(options, kind, text):
    with pytest.raises(kind) as error:
        hwio.compare(*arrays(), **options)
    assert str(error.value) == text


@pytest.mark.parametrize("options", [{"runs": 0}, {"loops": 0}])
def test_counts_start_at_one(options):
    with pytest.raises(hwio.ShapeError, match="must be at least 1"):
        hwio.compare(*arrays(), **options)


def test_wrong_arrays_are_refused_in_the_words_of_conv():
    x, w = arrays(w=(3, 3, 3, 8))
    with pytest.raises(hwio.ShapeError) as ours:
        hwio.compare(x, w)
    with pytest.raises(hwio.ShapeError) as theirs:
        hwio.conv(x, w)
    assert str(ours.value) == str(theirs.value)


def test_shapes_too_large_are_refused_before_anything_is_made():
    with pytest.raises(hwio.LimitError, match="compare on fewer images"):
        hwio.compare((2**40, 5, 5, 4), (5, 5, 4, 1), stride=5, memory_limit=2**60)


# what it says


def row(method, w, median, **more):
    facts = {
        "x_layout": "NHWC",
        "mean": median,
        "std": median / 100,
        "runs": 7,
        "loops": 2000,
        "error": 0.05,
        "bound": "T1",
        "peak": 5734,
        "ratio": median / 10e-6,
    }
    return Row(method=method, w_layout=w, median=median, **{**facts, **more})


def fabricated(**more):
    facts = {
        "case": Case(
            x_shape=(2, 5, 7, 4),
            w_shape=(3, 3, 4, 8),
            y_shape=(2, 3, 5, 8),
            layout="NHWC,HWIO->NHWC",
            dtype="float32",
            options="",
            macs=8640,
            auto="im2col",
            reference="float64",
        ),
        "machine": Machine("a CPU", 2, "3.12.1", "2.3.0", "OpenBLAS 0.3.30"),
        "rows": (
            row("im2col", "HWIO", 10e-6),
            row("im2col", "OHWI", 10.1e-6),
            row("np.sum", "HWIO", 20e-6, expression="np.sum(x)"),
            row("loop", "HWIO", 1.5e-3, error=0.0, peak=0),
            row("loop", "OHWI", 3e-3, error=0.001),
        ),
        "skipped": (
            Skipped("winograd", "it is made for 3 taps"),
            Skipped("fft", "not enough memory", "HWIO", "NHWC"),
        ),
    }
    return Comparison(**{**facts, **more})


TABLE = """\
x (2, 5, 7, 4) NHWC · w (3, 3, 4, 8) HWIO → y (2, 3, 5, 8) NHWC · float32 · 8 640 multiply-adds
a CPU · 2 cores · Python 3.12.1 · NumPy 2.3.0 · OpenBLAS 0.3.30

method    w      median         mean ± std  runs × loops  error  measured peak  ratio
─────────────────────────────────────────────────────────────────────────────────────
im2col *  HWIO  10.0 µs   10.0 µs ± 100 ns     7 × 2 000   0.05        5.6 KiB   1.00
im2col *  OHWI  10.1 µs   10.1 µs ± 101 ns     7 × 2 000   0.05        5.6 KiB   1.01
np.sum    HWIO  20.0 µs   20.0 µs ± 200 ns     7 × 2 000   0.05        5.6 KiB   2.00
loop      HWIO  1.50 ms  1.50 ms ± 15.0 µs     7 × 2 000      0            0 B    150
loop      OHWI  3.00 ms  3.00 ms ± 30.0 µs     7 × 2 000  <0.01        5.6 KiB    300

All 5 agree within their bounds.
Fastest: im2col on HWIO, 10.0 µs, 150 × as fast as the loop (1.50 ms).
w stored OHWI instead of HWIO: 1.01 (im2col) to 2.00 (loop) times as long; im2col 1.01, within the
  spread.

error: largest distance from float64 in units of the published bound, right up to 1 · measured peak:
  beside x, w and y, Python's own objects included · ratio: to the least median
* what hwio.conv runs by itself (method="auto")

NumPy expressions, no hwio.conv around them:
  np.sum        np.sum(x)

Not timed:
  winograd: it is made for 3 taps
  fft on HWIO: not enough memory"""


def test_the_table_word_for_word():
    assert str(fabricated()) == repr(fabricated()) == TABLE


def test_a_bare_expression_may_win():
    rows = (row("reshape @", "HWIO", 1e-6, expression="x @ w"), row("im2col", "HWIO", 9e-6))
    text = str(fabricated(rows=rows, skipped=()))
    assert "Fastest: reshape @, 1.00 µs; fastest whole call: hwio.conv with im2col on HWIO" in text
    assert "instead of" not in text
    assert "Not timed" not in text


def test_restless_timings_are_called_so():
    calm = tuple(row("taps", w, 1e-6, std=0.1e-6) for w in ("HWIO", "OHWI", "OIHW", "HWOI"))
    wild = tuple(row("loop", w, 2e-6, std=0.6e-6) for w in ("HWIO", "OHWI"))
    text = str(fabricated(rows=calm + wild))
    assert "Too restless to rank: 2 of 6 spread by over a quarter of their median." in text
    assert "Fastest" not in text
    assert "times as long" not in text
    assert "restless" not in str(fabricated(rows=calm + wild[:1]))
    text = str(fabricated(rows=wild[:1] + calm * 2))
    assert (
        "Too restless to rank: 1 of 9 spreads by over a quarter of its median, the first." in text
    )


def test_compiled_ways_are_marked():
    found = fabricated(
        rows=(row("direct", "HWIO", 1e-6), row("loop", "HWIO", 2e-6)),
        case=replace(fabricated().case, auto="direct"),
    )
    assert "\ndirect (compiled) *  HWIO  1.00 µs" in str(found)
    assert "Fastest: direct (compiled) on HWIO, 1.00 µs" in str(found)


def test_lesser_columns_give_way_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = str(fabricated()).splitlines()
    assert max(map(len, lines)) <= 80
    head = next(line for line in lines if line.startswith("method"))
    assert "runs × loops" not in head
    assert "mean ± std" in head
    monkeypatch.setenv("COLUMNS", "64")
    lines = str(fabricated()).splitlines()
    assert max(map(len, lines)) <= 64
    assert "measured peak" in "\n".join(lines)


def test_one_row_is_a_table():
    found = fabricated(rows=(row("taps", "HWIO", 1e-6),), skipped=())
    assert "The one result is right, within their bounds." not in str(found)
    assert "The one result is right." in str(found)
    assert 'method="auto"' not in str(found)  # no row shows what auto would run


def test_no_line_is_wider_than_100_columns():
    rows = tuple(
        row(
            "a-method-of-a-very-long-name-indeed",
            "DHWIO",
            123e-6 * 1.5**k,
            x_layout=("NDHWC", "NCDHW")[k % 2],
            error=5.123456,
            peak=1_048_000,
            ratio=12345.6,
            loops=1_000_000_000,
        )
        for k in range(4)
    )
    case = replace(fabricated().case, options="padding=((1, 2), (3, 4), (5, 6)), " * 5)
    skipped = (Skipped("loop", "because of " + "one thing and another, " * 20),)
    lines = str(fabricated(rows=rows, case=case, skipped=skipped)).split("\n")
    assert max(map(len, lines)) <= 100


def test_real_tables_stay_within_100_columns():
    found = hwio.compare((1, 4, 5, 6, 2), (3, 3, 3, 2, 4), x_layouts=["NDHWC", "NCDHW"], **ONCE)
    assert max(map(len, str(found).split("\n"))) <= 100


class Tags(HTMLParser):
    """Checks that every tag is closed, and keeps their names."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_well_formed_and_has_no_scripts():
    tags = Tags(fabricated()._repr_html_()).seen
    assert {"table", "td", "details"} <= tags
    assert "script" not in tags


def test_html_escapes_what_users_name():
    evil = "<img src=x onerror=alert(1)>'\""
    rows = (row(evil[:15], "HWIO", 1e-6, expression=evil),)
    found = fabricated(
        case=replace(fabricated().case, options=evil),
        machine=replace(fabricated().machine, cpu=evil),
        rows=rows,
        skipped=(Skipped(evil, evil),),
    )
    html = found._repr_html_()
    assert "<img" not in html
    assert "&lt;img" in html
    assert "img" not in Tags(html).seen


def test_html_takes_the_colours_of_the_page():
    html = fabricated()._repr_html_()
    assert "color:inherit" in html
    assert "#fff" not in html.lower()
    assert "background:white" not in html


def test_json_holds_everything_as_plain_types():
    found = hwio.compare(*arrays(), b=np.ones(8, np.float32), padding=((1, 0), (0, 1)), **ONCE)
    record = json.loads(found.to_json())
    assert record == found.to_dict()
    assert record["case"]["x_shape"] == [2, 5, 7, 4]
    assert record["agree"] is True
    assert {r["method"] for r in record["rows"]} == SERVING
    assert set(record["rows"][0]) == {*Row.__dataclass_fields__, "agrees"}
    assert record["machine"]["numpy"] == np.__version__


def test_infinite_errors_are_none_in_json():
    found = fabricated(rows=(row("taps", "HWIO", 1e-6, error=float("inf")),))
    record = json.loads(found.to_json(indent=None))["rows"][0]
    assert (record["error"], record["agrees"]) == (None, False)


def test_records_are_frozen():
    with pytest.raises(AttributeError):
        fabricated().rows[0].median = 0.0


def test_the_machine_is_described_once():
    assert this_machine() is this_machine()
    assert this_machine().cores >= 1
    assert np.__version__ in str(this_machine())


# the picture


@pytest.mark.parametrize(("name", "magic"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml")])
def test_plot_saves_figures(tmp_path, name, magic):
    pytest.importorskip("matplotlib")
    figure = fabricated().plot(tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(magic)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["10.0 µs", "10.1 µs", "20.0 µs", "1.50 ms", "3.00 ms"]
    assert figure.axes[0].get_xscale() == "log"
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["im2col *", "np.sum", "loop"]


def test_plot_marks_what_is_wrong():
    pytest.importorskip("matplotlib")
    found = fabricated(rows=(row("taps", "HWIO", 1e-6, error=7.0), row("loop", "OIHW", 2e-6)))
    texts = [text.get_text() for text in found.plot().axes[0].texts]
    assert texts == ["1.00 µs  WRONG", "2.00 µs"]


def test_plot_refuses_other_formats():
    with pytest.raises(hwio.OptionError) as error:
        fabricated().plot("a.docx")
    assert str(error.value) == (
        "path='a.docx' does not end in a format of figures\n"
        "  formats: .png .svg .pdf\n"
        '  fix: path="compare.png"'
    )


def test_plot_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PlotError) as error:
        fabricated().plot()
    assert isinstance(error.value, ImportError)
    assert str(error.value) == (
        'drawing needs matplotlib, which is not installed\n  fix: pip install "hwio[plot]"'
    )


def test_compare_loads_no_matplotlib():
    code = (
        "import sys, hwio; str(hwio.compare((1, 3, 3, 2), (3, 3, 2, 2), runs=1, loops=1)); "
        "print('matplotlib' in sys.modules)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.strip() == "False"
