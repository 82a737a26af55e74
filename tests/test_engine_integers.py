"""Small integers in the direct kernel: exact for every pair of signs, on every kind of processor."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import hwio
from cases import CASES, Case
from hwio.engine import refusal
from hwio.ops import compiled
from hwio.planner.kernels import choose_kernel
from test_engine_kernels import kernels_of
from test_integers import TABLE, by_hand

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

BYTES = [np.dtype(np.int8), np.dtype(np.uint8)]
SIGNS = list(product(BYTES, BYTES))
SERVED = [case for case in CASES if "direct" in kernels_of(case)]


@pytest.fixture
def sums(monkeypatch):
    """Let no call be small enough to be unrolled; count the launches that sum in int32."""
    from hwio.engine.launch import whole

    launches, run = [], whole.run

    def counted(form, *rest):
        launches.append(form.block.kind)
        return run(form, *rest)

    monkeypatch.setattr(compiled, "is_small", lambda geo: False)
    monkeypatch.setattr(whole, "run", counted)
    return launches


def drawn(shape, dtype, seed=0, ends=False):
    """Draw from all values of a dtype, or from 0, ±1 and its ends alone."""
    rng, info = np.random.default_rng([seed, *shape]), np.iinfo(dtype)
    if ends:
        return rng.choice(np.array([info.min, info.max, info.max, 0, 1], dtype), shape)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def check(case, x, w, b=None, **options):
    """Compare the kernel with its readable twin, bit for bit; return y."""
    options = {**case.options, **options}
    y = hwio.conv(x, w, b, method="direct", **options)
    expected = hwio.conv(x, w, b, method="im2col", **options)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)
    return y


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(("one", "other"), SIGNS, ids=str)
def test_every_case_is_exact_for_every_pair_of_signs(one, other, ends, sums):
    for case in SERVED:
        check(case, drawn(case.x_shape, one, 1, ends), drawn(case.w_shape, other, 2, ends))
    assert len(sums) == len(SERVED) > 60


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_the_sums_are_those_of_pythons_own_integers(case, sums):
    for one, other in (*SIGNS, ("i2", "i1"), ("u1", "i2")):
        x, w = drawn(case.x_shape, one, 3), drawn(case.w_shape, other, 4)
        b = np.arange(case.problem.geometry.out_channels) - 3
        y = hwio.conv(x, w, b, method="direct", **case.options)
        assert y.tolist() == by_hand(case, x, w, b).tolist()
    assert len(sums) == 6


@pytest.mark.parametrize(("one", "other"), SIGNS, ids=str)
def test_tails_of_filters(one, other, sums):
    for filters in (*range(1, 67), 96, 97, 127, 128, 129, 191, 257):
        for x_shape in ((1, 1, 1, 6), (1, 5, 4, 6)):
            case = Case("tail", x_shape, (1, 1, 6, filters))
            check(case, drawn(case.x_shape, one), drawn(case.w_shape, other))
    assert len(sums) == 146


@pytest.mark.parametrize(("one", "other"), SIGNS, ids=str)
def test_tails_of_pixels(one, other, sums):
    for wide in range(1, 31):
        for high in (1, 3):
            case = Case("tail", (1, high, wide, 5), (3, 3, 5, 9), {"padding": 1})
            check(case, drawn(case.x_shape, one), drawn(case.w_shape, other))
    assert len(sums) == 60


@pytest.mark.parametrize(("one", "other"), [*SIGNS, ("i2", "i2")], ids=str)
def test_tails_of_channels(one, other, sums):
    for channels in range(1, 34):
        for kernel, options in ((1, {}), (3, {"padding": 1}), (2, {"padding": 1, "dilation": 2})):
            case = Case("tail", (2, 4, 5, channels), (kernel, kernel, channels, 3), options)
            x, w = drawn(case.x_shape, one), drawn(case.w_shape, other)
            if w.dtype.itemsize == 2:
                x, w = x >> 4, w >> 8
            check(case, x, w)
        case = Case("groups", (1, 4, 5, 3 * channels), (3, 2, channels, 6), {"groups": 3})
        x, w = drawn(case.x_shape, one), drawn(case.w_shape, other)
        check(case, x, w >> 12 if w.dtype.itemsize == 2 else w)
    assert len(sums) == 33 * 4


@pytest.mark.parametrize("out", ["i4", "i8", "u8", "f2", "f4", "f8", "i2", "u1"])
@pytest.mark.parametrize("bias", [None, "i1", "u1", "i4", "i8", "u8", "wide", "widest"])
def test_bias_activation_and_out_dtype_are_those_of_the_twin(out, bias, sums):
    """Errors too: to the letter."""
    case = Case("all of them", (2, 9, 8, 6), (3, 3, 6, 10), {"padding": 1, "out_dtype": out})
    b = None if bias is None else np.arange(10) * {"wide": 2**29, "widest": 2**58}.get(bias, 9)
    b = b if bias in (None, "wide", "widest") else b.astype(bias)
    activations = [None, "relu6", (-50, 3000), (None, -1), (2**31, None), (-(2**40), 2**40)]
    for n, activation in enumerate(activations):
        one, other = SIGNS[n % 4]
        x, w = drawn(case.x_shape, one), drawn(case.w_shape, other)
        told = []
        for method in ("direct", "im2col"):
            try:
                y = hwio.conv(x, w, b, method=method, activation=activation, **case.options)
                told.append((y.dtype, y.tolist()))
            except hwio.HwioError as error:
                told.append((type(error), str(error)))
        assert told[0] == told[1]
    assert sums


# where int32 ends


@pytest.mark.parametrize(
    ("one", "other", "x_most", "w_most", "depth"),
    [
        ("u1", "u1", 255, 255, 33025),
        ("u1", "i1", 255, -128, 65793),
        ("i1", "u1", -128, 255, 65793),
        ("i1", "i1", -128, -128, 131071),
    ],
)
def test_the_last_depth_whose_sums_fit(one, other, x_most, w_most, depth, sums):
    """One more product can leave int32, so floats sum then; the planner says so."""
    for more, reason in ((0, "summed in int32"), (1, "in floats:")):
        x = np.full((1, 2, depth + more), x_most, one)
        w = np.full((1, depth + more, 40), w_most, other)
        geo = Case("deep", x.shape, w.shape).problem.geometry
        assert reason in choose_kernel(geo, f"{one}{other}", "direct").reason
        sums.clear()
        y = hwio.conv(x, w, method="direct", out_dtype=np.int64)
        assert len(sums) == 1 - more
        assert (y == (depth + more) * x_most * w_most).all()
        if more and x_most * w_most > 0:
            with pytest.raises(hwio.RangeError, match=str((depth + 1) * x_most * w_most)):
                hwio.conv(x, w, method="direct")
    x[:], w[:] = np.sign(x_most), np.sign(w_most)
    sums.clear()
    assert (
        hwio.conv(x, w, method="direct") == (depth + 1) * np.sign(x_most) * np.sign(w_most)
    ).all()
    assert len(sums) == 1  # of small values int32 holds more


def test_a_bias_on_both_sides_of_the_last_int32(sums):
    """127·127·131000 is 2112899000; the bias takes it to the last int32, and over both ends."""
    x, w = np.full((1, 2, 131000), 127, np.int8), np.full((1, 131000, 3), 127, np.int8)
    total = 127 * 127 * 131000
    for b in (2**31 - 1 - total, 2**31 - total, -(2**31) - total, 2**40):
        y = hwio.conv(x, w, np.full(3, b), method="direct")
        assert (y == total + b).all()
    assert len(sums) == 4


@pytest.mark.parametrize(
    ("x_most", "w_most", "serves"),
    [
        (32767, 32767, True),
        (-32768, 32767, True),
        (-32768, -32768, False),  # twice 2^30 is 2^31
        (32767, -32768, True),
    ],
)
def test_16_bits_by_their_values(x_most, w_most, serves, sums):
    x, w = np.full((1, 20, 2), x_most, np.int16), np.full((1, 2, 9), w_most, np.int16)
    y = hwio.conv(x, w, method="direct")
    assert y.dtype == np.int64
    assert (y == 2 * x_most * w_most).all()
    assert sums == ["i2i2"] * serves


@pytest.mark.parametrize(("most", "serves"), [(32767, True), (32768, False), (65535, False)])
def test_unsigned_16_bits_serve_as_far_as_signed_ones(most, serves, sums):
    x = np.full((1, 20, 3), most, np.uint16)
    for w in (np.ones((1, 3, 9), np.uint16), np.full((1, 3, 9), 2, np.int8)):
        sums.clear()
        y = hwio.conv(x, w, method="direct")
        assert (y == 3 * most * int(w[0, 0, 0])).all()
        assert sums == ["i2i2"] * serves


# around the kernel


def test_a_prepared_layer_takes_x_of_both_signs_in_turns(sums):
    case = Case("layer", (2, 9, 8, 6), (3, 3, 6, 10), {"padding": "same"})
    w, b = drawn(case.w_shape, np.int8), np.arange(10)
    layer = hwio.prepare(w, b, method="direct", **case.options)
    for dtype in (np.int8, np.uint8, np.int16, np.int8, np.uint8) * 2:
        x = drawn(case.x_shape, dtype)
        np.testing.assert_array_equal(layer(x), hwio.conv(x, w, b, method="im2col", **case.options))
    assert len(sums) == 10


def test_any_number_of_threads_and_any_batch(sums):
    from hwio.engine.threads import get_num_threads, set_num_threads

    before = get_num_threads()
    x, w = drawn((3, 20, 22, 24), np.int8), drawn((3, 3, 24, 40), np.int8)
    expected = hwio.conv(x, w, padding=1, method="im2col")
    try:
        for threads in (1, 2, 3, 8):
            set_num_threads(threads)
            for _ in range(10):
                y = hwio.conv(x, w, padding=1, method="direct")
                np.testing.assert_array_equal(y, expected)
                y = hwio.conv(x[1:2], w, padding=1, method="direct")
                np.testing.assert_array_equal(y, expected[1:2])
    finally:
        set_num_threads(before)


def test_views_and_orders_of_x(sums):
    x, w = drawn((2, 12, 14, 10), np.int8), drawn((3, 3, 5, 9), np.uint8)
    for view in (x[:, ::-1, ::2, ::2], np.asfortranarray(x[..., :5]), x[..., 5:]):
        for options in ({}, {"flip": True}, {"padding": 2, "padding_mode": "reflect"}):
            check(Case("view", view.shape, w.shape), view, w, **options)
    w = np.ascontiguousarray(w.transpose(3, 2, 0, 1))
    check(Case("order", x.shape, w.shape), x[..., :5], w, layout="NHWC,OIHW->NCHW")


def test_auto_takes_bytes_to_the_kernel():
    x, w = np.ones((1, 28, 28, 64), np.uint8), np.ones((3, 3, 64, 64), np.int8)
    plan = hwio.plan(x, w)
    assert plan.kernel == "direct"
    assert "summed in int32" in plan.kernel_reason
    assert (hwio.conv(x, w) == 576).all()


CHILD = """
import numpy as np, hwio
import test_engine_integers as here
from hwio.engine.cpu import processor
from hwio.engine.launch import whole
from hwio.ops import compiled
compiled.is_small = lambda geo: False
kinds, run = set(), whole.run
def counted(form, *rest):
    kinds.add(form.block.kind)
    return run(form, *rest)
whole.run = counted
count = 0
for n, case in enumerate(here.SERVED):
    for one, other in here.SIGNS:
        here.check(case, *(here.drawn(s, d, n, n % 2) for s, d in ((case.x_shape, one), (case.w_shape, other))))
        count += 1
    here.check(case, here.drawn(case.x_shape, "i2") >> 5, here.drawn(case.w_shape, "i1"))
print(processor().level, *sorted(kinds), count)
"""
OLD = "+avx2,+fma,+avx,+bmi2,+f16c"
WIDE = f"+avx512f,+avx512vl,+avx512dq,+avx512bw,+avx512cd,{OLD}"


@pytest.mark.parametrize(
    ("cpu", "features", "needs", "kinds"),
    [
        ("haswell", OLD, "avx2", "avx2 i2i2"),
        ("generic", "", "sse2", "generic i2i2"),
        ("alderlake", f"{OLD},+avxvnni", "avxvnni", "avx2 i1u1 i2i2 u1i1"),
        ("skylake-avx512", WIDE, "avx512bw", "avx512 i2i2"),
    ],
)
def test_other_processors(cpu, features, needs, kinds, tmp_path):
    """LLVM writes code for another processor; the same cases are exact there."""
    import platform

    import llvmlite.binding as llvm

    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("named x86 processors")
    if not llvm.get_host_cpu_features().get(needs):
        pytest.skip(f"this processor has no {needs}")
    here = str(Path(__file__).parent)
    env = os.environ | {
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": features,
        "HWIO_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
    }
    assert child(CHILD, env).rpartition(" ") == (kinds, " ", str(4 * len(SERVED)))


GUARDED = """
import ctypes, mmap
import numpy as np, hwio
from hwio.ops import compiled
compiled.is_small = lambda geo: False
page = mmap.PAGESIZE
room = mmap.mmap(-1, 2 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(room))
protect = ctypes.CDLL(None, use_errno=True).mprotect
protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
assert protect(start + page, page, 0) == 0  # whoever reads there is killed
for channels in range(1, 10):
    for kernel in (1, 2):
        shape = (1, 3, 4, channels)
        for one in (np.int8, np.uint8):
            for other in (np.int8, np.uint8):
                count = int(np.prod(shape))
                x = np.frombuffer(room, np.uint8, count, page - count).view(one).reshape(shape)
                x[...] = np.arange(count).reshape(shape)
                w = np.ones((kernel, kernel, channels, 3), other)
                y = hwio.conv(x, w, method="direct")
                assert np.array_equal(y, hwio.conv(x.copy(), w, method="im2col"))
print("no byte beyond x")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect as Linux has it")
def test_no_byte_beyond_x_is_read():
    assert child(GUARDED, dict(os.environ)) == "no byte beyond x"


def child(code, env):
    """Run code in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_bytes_have_nothing_to_tune_and_explain_tells_of_them():
    from hwio.show.compare.tuning import tune

    x, w = np.ones((1, 28, 28, 64), np.uint8), np.ones((3, 3, 64, 64), np.int8)
    with pytest.raises(hwio.OptionError, match="integers are computed in one form"):
        tune(x, w)
    told = " ".join(str(hwio.explain(x, w)).split())
    assert "products of bytes summed in int32" in told
