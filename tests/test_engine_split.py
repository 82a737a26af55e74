"""Split-bf16: proved with tiles in memory, and its AMX code run by a handler of signals.

Where the processor has AMX the last tests use it; elsewhere they are skipped, with the reason.
"""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import hwio
from amx_traps import CAN_TRAP, trapped
from cases import CASES, Case, normal_arrays, whole_arrays
from hwio.engine import amx, amx_trial, cache, refusal
from hwio.engine.registry import KERNELS, PARTS
from hwio.engine.slabs import axis_of, slabs_of
from hwio.engine.threads import get_num_threads, set_num_threads
from hwio.ops.check import geometry_of
from hwio.planner.choose import choose
from nearness import excess
from test_bounds import CASES as BOUND_CASES
from test_bounds import KINDS, NOT_FINITE, draw, pattern

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

NO_AMX = "no engine" if refusal() else amx.refusal()
needs_amx = pytest.mark.skipif(NO_AMX is not None, reason=str(NO_AMX))
needs_traps = pytest.mark.skipif(not CAN_TRAP, reason="signal contexts of x86-64 Linux")
SERVED = [c for c in CASES if 0 not in c.problem.geometry.y_shape and c.problem.geometry.depth]


@pytest.fixture
def soft(monkeypatch):
    """Let tiles in memory stand in for AMX."""
    monkeypatch.setenv("HWIO_AMX", "soft")


@pytest.fixture(autouse=True)
def _as_many_threads_afterwards():
    before = get_num_threads()
    yield
    set_num_threads(before)


def serves(case):
    """Tell whether tiles serve a case; a few need too many cells at once."""
    return KERNELS["bf16x6"].refuses(case.problem.geometry) is None


def bits(y):
    return np.ascontiguousarray(y).view(np.uint32)


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("case", SERVED, ids=str)
def test_exact_on_whole_numbers(case, name):
    if not serves(case):
        pytest.skip(KERNELS[name].refuses(case.problem.geometry))
    x, w = whole_arrays(case)
    expected = hwio.conv(x, w, method="im2col", **case.options)
    np.testing.assert_array_equal(hwio.conv(x, w, method=name, **case.options), expected)


def test_most_cases_are_served(soft):
    assert sum(map(serves, SERVED)) > len(SERVED) - 5


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_keeps_its_bound_on_every_kind_of_data(kind, name):
    for case in BOUND_CASES:
        x, w = draw(kind, case)
        y = hwio.conv(x, w, method=name, **case.options)
        assert excess(y, x, w, name, case.options) <= 1, case


@pytest.mark.parametrize(("name", "lower"), [("bf16x3", "bf16x6"), ("bf16", "bf16x3")])
def test_fewer_parts_break_the_bound_of_more(soft, name, lower):
    """A bound that nothing breaks would test nothing."""
    case = BOUND_CASES[2]  # nine products in a sum
    x, w = draw("uniform", case)
    y = hwio.conv(x, w, method=name, **case.options)
    assert excess(y, x, w, lower, case.options) > 1


@pytest.mark.parametrize("name", PARTS)
def test_whole_numbers_of_many_digits(soft, name):
    """One part holds 8 bits, two 16, three 24: exact as long as the sums are."""
    rng = np.random.default_rng(5)
    most = {"bf16": 2**7, "bf16x3": 2**11, "bf16x6": 2**20}[name]
    x = rng.integers(-most, most + 1, (1, 6, 6, 40)).astype(np.float32)
    w = np.zeros((1, 1, 40, 40), np.float32)
    w[0, 0] = np.eye(40)  # one product in each sum
    np.testing.assert_array_equal(hwio.conv(x, w * 3, method="bf16x6"), x * 3)
    np.testing.assert_array_equal(hwio.conv(x, w, method=name), x)


TAILS = [*range(1, 18), 31, 32, 33, 47, 48, 49, 63, 64, 65]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("size", TAILS)
def test_tails_of_channels_filters_and_pixels(size):
    for x_shape, w_shape in [
        ((1, 4, 5, size), (2, 2, size, 9)),
        ((1, 4, 5, 9), (2, 2, 9, size)),
        ((2, 2, size + 1, 9), (2, 2, 9, 20)),
        ((2, size + 1, 2, 9), (2, 2, 9, 20)),
    ]:
        case = Case("tail", x_shape, w_shape)
        x, w = whole_arrays(case)
        expected = hwio.conv(x, w, method="im2col")
        for name in PARTS:
            np.testing.assert_array_equal(hwio.conv(x, w, method=name), expected)


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3, 70])
def test_long_rows_are_cut(stride, dilation):
    case = Case("long", (2, 3000, 40), (3, 40, 5), {"stride": stride, "dilation": dilation})
    x, w = whole_arrays(case)
    expected = hwio.conv(x, w, method="im2col", **case.options)
    np.testing.assert_array_equal(hwio.conv(x, w, method="bf16x6", **case.options), expected)
    if stride == 1:
        assert slabs_of(case.problem.geometry, 3).block_w < expected.shape[1]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("activation", [None, "relu", "relu6", (-2.5, None), (None, 3), (-1, 1)])
def test_bias_and_activation(activation):
    for case in BOUND_CASES[:4]:
        x, w = whole_arrays(case)
        b = np.arange(case.problem.geometry.out_channels, dtype=x.dtype) - 3
        options = {**case.options, "activation": activation}
        expected = hwio.conv(x, w, b, method="im2col", **options)
        for name in PARTS:
            np.testing.assert_array_equal(hwio.conv(x, w, b, method=name, **options), expected)


@pytest.mark.parametrize(("size", "kernel"), [(9, 1), (9, 2), (9, 3), (12, 5)])
@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("tap_step", [1, 2, 3, 4, 20])
def test_every_tap_finds_its_cells(size, kernel, step, tap_step):
    for apart in (False, True):
        axis = axis_of(size, kernel, step, tap_step, apart=apart)
        for t, (slab, place) in enumerate(axis.taps):
            for o in range(size):
                assert axis.starts[slab] + (place + o) * step == t * tap_step + o * step
            assert place <= axis.more


# Numbers that parts can't hold: such an image goes to direct, alone.


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("kind", NOT_FINITE)
def test_non_finite_numbers_go_where_the_direct_sum_sends_them(kind):
    for case in BOUND_CASES[:6]:
        x, w = draw("normal", case)
        NOT_FINITE[kind](x, w)
        with np.errstate(all="ignore"):
            r = hwio.conv(x, w, method="direct", **case.options)
            for name in PARTS:
                y = hwio.conv(x, w, method=name, **case.options)
                assert pattern(y) == pattern(r), (case, name)


ODD = {"nan": np.nan, "inf": -np.inf, "large": 3e38, "subnormal": 1e-40, "small": 1e-33}


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", PARTS)
def test_one_image_goes_to_direct_and_the_others_do_not(name, value):
    case = Case("four images", (4, 20, 19, 40), (3, 3, 40, 35), {"padding": 1})
    x, w = normal_arrays(case)
    before = hwio.conv(x, w, method=name, padding=1)
    x[2, 17, 3, 39] = value
    y = hwio.conv(x, w, method=name, padding=1)
    direct = hwio.conv(x, w, method="direct", padding=1)
    np.testing.assert_array_equal(bits(y[2]), bits(direct[2]))
    np.testing.assert_array_equal(bits(y[[0, 1, 3]]), bits(before[[0, 1, 3]]))
    for n in range(4):
        alone = hwio.conv(x[n : n + 1], w, method=name, padding=1)
        np.testing.assert_array_equal(bits(alone[0]), bits(y[n]))
    assert (bits(before) != bits(direct)).any()


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_weights_that_parts_cannot_hold_go_to_direct(soft, value):
    case = BOUND_CASES[0]
    x, w = draw("normal", case)
    w[1, 1, 3, 4] = value
    with np.errstate(all="ignore"):
        y = hwio.conv(x, w, method="bf16x6", **case.options)
        direct = hwio.conv(x, w, method="direct", **case.options)
    np.testing.assert_array_equal(bits(y), bits(direct))


def test_a_cell_that_no_tap_meets_does_not_matter(soft):
    x, w = np.ones((1, 7, 7, 32), np.float32), np.ones((1, 1, 32, 32), np.float32)
    x[0, 1::2], x[0, :, 1::2] = np.nan, np.nan
    y = hwio.conv(x, w, method="bf16x6", stride=2)
    np.testing.assert_array_equal(y, np.full((1, 4, 4, 32), 32))


@pytest.mark.parametrize("edge", ["small", "large"])
@pytest.mark.parametrize("name", PARTS)
def test_the_bound_holds_at_the_very_edge_of_the_range(soft, name, edge):
    """What tiles flush there stays below the bound, and nothing overflows."""
    from hwio.engine.launch import split

    rng = np.random.default_rng(2)
    case = BOUND_CASES[1]
    geo = case.problem.geometry
    for weight in (2.0**-90, 2.0**-40, 1.0):
        w = (rng.uniform(1, 2, case.w_shape) * weight * rng.choice([-1, 1], case.w_shape)).astype(
            np.float32
        )
        packed = split.pack(PARTS[name], w, None, geo)
        ends = packed.low * 1.001, packed.high * 0.999
        size = rng.uniform(1, 2, case.x_shape) * ends[0]
        if edge == "large":
            size = rng.uniform(0.5, 1, case.x_shape) * ends[1]
        x = (size * rng.choice([-1, 1], case.x_shape)).astype(np.float32)
        y, left = split.run(packed, x, geo, None, "soft")
        assert left is None
        assert excess(y, x, w, name, case.options) <= 1
        outside = x / 4 if edge == "small" else x * 4
        assert split.run(packed, outside, geo, None, "soft")[1].tolist() == [0]


# The same bits, and the memory that was told.

CALLS = [
    ((3, 20, 22, 24), (3, 3, 24, 40), {"padding": 1}),
    ((3, 41, 43, 3), (7, 7, 3, 16), {"padding": 3, "stride": 2}),
    ((3, 9, 7, 64), (1, 1, 64, 200), {}),
    ((3, 7, 7, 96), (3, 3, 96, 300), {"padding": 1}),
]


@pytest.mark.usefixtures("soft")
@pytest.mark.parametrize(("x", "w", "options"), CALLS)
def test_the_same_bits_for_any_number_of_threads_and_any_batch(x, w, options):
    rng = np.random.default_rng(3)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in (x, w))
    x[1, 3, 3, 1] = np.inf  # this image goes to direct
    set_num_threads(1)
    with np.errstate(all="ignore"):
        for name in PARTS:
            expected = bits(hwio.conv(x, w, method=name, **options))
            for threads in (2, 3, 5, 8):
                set_num_threads(threads)
                for _ in range(3):
                    y = hwio.conv(x, w, method=name, **options)
                    np.testing.assert_array_equal(bits(y), expected)
            for n in range(3):
                y = hwio.conv(x[n : n + 1], w, method=name, **options)
                np.testing.assert_array_equal(bits(y), expected[n : n + 1])


def test_prepared_weights_give_the_same_bits(soft):
    x, w = normal_arrays(BOUND_CASES[0])
    layer = hwio.prepare(w, method="bf16x6", **BOUND_CASES[0].options)
    expected = hwio.conv(x, w, method="bf16x6", **BOUND_CASES[0].options)
    for _ in range(2):
        np.testing.assert_array_equal(bits(layer(x)), bits(expected))
    assert layer._packs


@pytest.mark.parametrize("name", PARTS)
def test_no_more_memory_than_the_plan_says(soft, name):
    x, w = np.ones((2, 60, 64, 64), np.float32), np.ones((3, 3, 64, 64), np.float32)
    options = {"method": name, "padding": 1}
    hwio.conv(x, w, **options)
    tracemalloc.start()
    try:
        y = hwio.conv(x, w, **options)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used - y.nbytes <= hwio.plan(x, w, **options).workspace + (256 << 10)


# What auto takes.


def plan_of(x, w, precision="highest", **options):
    return choose(geometry_of(x, w, **options), 4, precision, kind="f4")


LARGE = ((1, 56, 56, 64), (3, 3, 64, 64))


@pytest.mark.parametrize(
    ("precision", "kernel"), [("highest", "bf16x6"), ("high", "bf16x3"), ("medium", "bf16")]
)
def test_auto_takes_as_many_parts_as_the_precision_asks_for(soft, precision, kernel):
    options = {"precision": precision, "padding": 1, "stride": 2}  # no case for Winograd
    plan = plan_of(*LARGE, **options)
    assert plan.kernel == kernel
    assert plan_of((8, *LARGE[0][1:]), LARGE[1], **options).kernel == kernel
    if precision == "highest":
        assert "precision='high' would admit it" in plan.kernels_rejected["bf16x3"]


LEFT = {
    "few channels": ((1, 112, 112, 3), (7, 7, 3, 64), "of its tiles would hold"),
    "small": ((1, 5, 7, 64), (3, 3, 64, 64), "too few multiply-adds"),
    "groups": ((1, 56, 56, 64), (3, 3, 4, 64), "of its tiles would hold"),
    "reduction": ((1, 56, 56, 256), (1, 1, 256, 64), "splitting x costs"),
}


@pytest.mark.parametrize("name", LEFT)
def test_auto_leaves_what_tiles_do_not_speed_up(soft, name):
    x, w, why = LEFT[name]
    plan = plan_of(x, w, groups=x[-1] // w[-2])
    assert plan.kernel != "bf16x6"
    assert why in plan.kernels_rejected["bf16x6"]


def test_double_precision_has_no_parts(soft):
    plan = choose(geometry_of(*LARGE), 8, kind="f8")
    assert plan.kernels_rejected["bf16x6"] == "it does not compute in f8"
    x, w = np.ones((1, 5, 6, 4)), np.ones((3, 3, 4, 8))
    np.testing.assert_array_equal(hwio.conv(x, w, method="bf16x6"), hwio.conv(x, w))


def test_a_masked_amx_is_said(monkeypatch):
    monkeypatch.setenv("HWIO_AMX", "off")
    assert plan_of(*LARGE).kernels_rejected["bf16x6"] == "HWIO_AMX is off"
    x, w = np.ones((1, 9, 9, 4), np.float32), np.ones((3, 3, 4, 8), np.float32)
    with pytest.raises(hwio.OptionError, match="HWIO_AMX is off"):
        hwio.conv(x, w, method="bf16x6")


@pytest.mark.skipif(NO_AMX != amx.ABSENT, reason="this processor has AMX, or it is masked")
def test_a_processor_without_amx_is_said():
    plan = hwio.plan(*LARGE, padding=1)
    assert plan.kernel == "direct"
    assert "  not bf16x6 (compiled): this processor has no AMX" in str(plan).splitlines()


# AMX itself.


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_the_code_for_amx(parts):
    """It compiles on any x86; every product is there, between configuration and release."""
    import llvmlite.binding as llvm

    from hwio.engine.cpu import processor
    from hwio.engine.jit import machine
    from hwio.engine.kernels.tile_forms import PAIRS, emit

    if not machine().triple.startswith("x86_64"):
        pytest.skip("x86-64")
    module = llvm.parse_assembly(emit("amx", parts, "products", processor().features))
    words = [line.split()[0] for line in machine().emit_assembly(module).splitlines() if line]
    # blocks of 2×2, 1×2, 2×1 and 1×1 tiles of sums
    assert words.count("tdpbf16ps") == len(PAIRS[parts]) * (4 + 2 + 2 + 1)
    assert words.count("tilezero") == words.count("tilestored") == 9
    assert words.count("ldtilecfg") == words.count("tilerelease") == 1
    own = [n for n, word in enumerate(words) if word.startswith("t") and "tile" in word]
    own += [n for n, word in enumerate(words) if word == "tdpbf16ps"]
    assert words.index("ldtilecfg") < min(own)
    assert words.index("tilerelease") == max(own)
    assert words.index("retq") > max(own)


@needs_traps
@pytest.mark.skipif(NO_AMX is None, reason="this processor has AMX: nothing to trap")
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_the_code_for_amx_gives_the_bits_of_tiles_in_memory(parts):
    from hwio.engine.launch import split

    rng = np.random.default_rng(4)
    for x_shape, w_shape in [((1, 5, 6, 33), (3, 3, 33, 50)), ((1, 3, 20, 8), (1, 1, 8, 10))]:
        x, w = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, w_shape))
        geo = geometry_of(x_shape, w_shape, padding=1)
        packed = split.pack(parts, w, None, geo)
        expected = split.run(packed, x, geo, None, "soft")[0]
        with trapped() as tiles:
            y = split.run(packed, x, geo, None, "amx")[0]
        np.testing.assert_array_equal(bits(y), bits(expected))
        assert tiles.counts["tdpbf16ps"] > 0
        assert tiles.counts["ldtilecfg"] == tiles.counts["tilerelease"]
        assert not tiles.threads  # every thread released its tiles


@needs_amx
def test_amx_is_exact_and_gives_the_bits_of_tiles_in_memory():
    from hwio.engine.launch import split

    for parts in PARTS.values():
        assert amx_trial.trial("amx", parts) == "right"
    for case in BOUND_CASES:
        x, w = normal_arrays(case)
        geo = case.problem.geometry
        for parts in PARTS.values():
            packed = split.pack(parts, w, None, geo)
            real, soft = (split.run(packed, x, geo, None, kind)[0] for kind in ("amx", "soft"))
            np.testing.assert_array_equal(bits(real), bits(soft))


# The trial in a child process.


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Give the trial a cache folder of its own."""
    monkeypatch.setenv("HWIO_CACHE_DIR", str(tmp_path))
    return tmp_path


def verdicts(folder):
    return [cache.read(path) for path in folder.glob("*.tried")]


def test_a_trial_finds_right_tiles_right_and_runs_once(alone, monkeypatch):
    assert amx.verdict(2, "soft") is None
    assert verdicts(alone) == [b"right"]
    monkeypatch.setattr(amx, "_SCRIPT", "raise SystemExit(1)")
    assert amx.verdict(2, "soft") is None  # not tried again
    path = next(alone.glob("*.tried"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")  # damaged: tried again
    assert "it stopped" in amx.verdict(2, "soft")


@pytest.mark.parametrize(
    ("script", "said", "kept"),
    [
        ("print('wrong numbers from 3 parts')", "wrong numbers from 3 parts", True),
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "signal, Illegal", True),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal, Killed", False),
        ("raise ImportError('no such thing')", "it stopped: ImportError: no such thing", False),
        ("import time; time.sleep(60)", "it could not run (TimeoutExpired)", False),
    ],
)
def test_a_trial_that_fails_leaves_amx_unused(alone, monkeypatch, script, said, kept):
    monkeypatch.setattr(amx, "_SCRIPT", script)
    monkeypatch.setattr(amx, "_PATIENCE", 2)
    why = amx.verdict(2, "soft")
    assert why.startswith("AMX failed its trial: ")
    assert said in why
    assert bool(verdicts(alone)) == kept


def test_a_trial_sees_wrong_numbers(monkeypatch):
    from hwio.engine.launch import split

    right = split.run

    def wrong(packed, x, geo, clip, form):
        y, left = right(packed, x, geo, clip, form)
        y[-1, -1, -1, -1] += 1
        return y, left

    for parts in PARTS.values():
        assert amx_trial.trial("soft", parts) == "right"
    monkeypatch.setattr(split, "run", wrong)
    assert amx_trial.trial("soft", 3).startswith("wrong numbers from 3 parts")


@pytest.mark.skipif(NO_AMX != amx.ABSENT, reason="this processor has AMX, or it is masked")
def test_amx_that_is_not_there_ends_the_child_only(alone, monkeypatch):
    """What the trial is for: the instruction itself is met, and the parent lives."""
    if not CAN_TRAP:
        pytest.skip("x86-64 Linux")
    script = f"from hwio.engine import amx; amx.permission = lambda: None; {amx._SCRIPT}"
    monkeypatch.setattr(amx, "_SCRIPT", script)
    assert "it ended by a signal, Illegal instruction" in amx.verdict(2, "amx")
    assert amx.permission() == "the operating system does not let this process use AMX"


def test_a_named_processor_has_no_amx():
    script = "from hwio.engine import amx; print(amx.refusal())"
    env = {"NUMBA_CPU_NAME": "haswell", "PYTHONPATH": ":".join(p for p in sys.path if p)}
    said = subprocess.check_output([sys.executable, "-c", script], env=env, text=True)
    assert said.strip() == amx.ABSENT


def test_explain_says_it_too(monkeypatch):
    monkeypatch.setenv("HWIO_AMX", "off")
    assert "no AMX tiles: HWIO_AMX is off" in str(
        hwio.explain((1, 57, 56, 64), (3, 3, 64, 64), ways=True)
    )
