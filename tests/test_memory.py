"""No path behind "auto" takes more than max(y, 16 MiB + packed weights) beside its inputs and y."""

import gc
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import hwio
from hwio.engine import refusal

MIB = 1 << 20
F2, F4, F8, I1, I8, C8 = np.float16, np.float32, np.float64, np.int8, np.int64, np.complex64
PHOTO = (1, 1100, 1200, 3)


def cells(shape, dtype):
    """Return small whole numbers that repeat."""
    return np.resize(np.arange(-3, 4).astype(dtype), shape)


def swapped(x):
    """Return the same numbers in the other byte order."""
    return x.astype(x.dtype.newbyteorder())


def channels_first(x):
    """Return the same numbers, stored with the channels before the cells."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -1, 1)), 1, -1)


def spread(x):
    """Return the same numbers with room between the channels."""
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def unaligned(x):
    """Return the same numbers one byte off."""
    memory = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype)
    memory[:] = x.reshape(-1)
    return memory.reshape(x.shape)


# name: shape of x, of w, dtype, what is done with x, options
JOBS = {
    "photo": (PHOTO, (5, 5, 3, 4), F4, None, {"padding": 2}),
    "photo edge": (PHOTO, (5, 5, 3, 4), F4, None, {"padding": 2, "padding_mode": "edge"}),
    "photo reflect": (PHOTO, (3, 3, 3, 2), F8, None, {"padding": 1, "padding_mode": "reflect"}),
    "photo wrap, steps": (PHOTO, (3, 3, 3, 8), F4, None, {"padding": 9, "padding_mode": "wrap", "stride": 2}),
    "photo of bytes": (PHOTO, (3, 3, 3, 2), np.uint8, None, {"padding": 1}),
    "photo of int64": (PHOTO, (3, 3, 3, 2), I8, None, {}),
    "photo float16": (PHOTO, (3, 3, 3, 2), F2, None, {"padding": "same"}),
    "photo complex": (PHOTO, (2, 2, 3, 1), C8, None, {"padding": 1}),
    "photo swapped": (PHOTO, (3, 3, 3, 2), F4, swapped, {}),
    "photo unaligned": (PHOTO, (3, 3, 3, 2), F4, unaligned, {}),
    "one filter": ((1, 1500, 1700, 8), (3, 3, 8, 1), F4, None, {"padding": 1}),
    "deep": ((2, 200, 210, 64), (3, 3, 64, 32), F4, None, {"padding": 1}),
    "deep edge": ((2, 200, 210, 64), (3, 3, 64, 32), F4, None, {"padding": 1, "padding_mode": "edge"}),
    "channels first": ((2, 64, 200, 210), (32, 64, 3, 3), F4, None, {"padding": 1, "layout": "NCHW,OIHW"}),
    "seen from behind": ((2, 200, 210, 64), (1, 1, 64, 4), F4, lambda x: x[:, ::-1, ::-1], {}),
    "channels backwards": ((2, 200, 210, 64), (1, 1, 64, 4), F4, lambda x: x[..., ::-1], {}),
    "channels apart": ((2, 200, 210, 32), (3, 3, 32, 4), F4, spread, {}),
    "one number": ((4, 300, 300, 16), (3, 3, 16, 2), F4, lambda x: np.broadcast_to(x[:1, :1, :1, :1], x.shape), {}),
    "half as float32": ((2, 300, 300, 32), (1, 1, 32, 64), F2, None, {}),
    "float32 as half": ((2, 300, 300, 32), (1, 1, 32, 64), F4, None, {"out_dtype": F2}),
    "bytes to 64 filters": ((1, 400, 400, 3), (3, 3, 3, 64), I1, None, {"padding": 1}),
    "groups": ((2, 200, 200, 32), (3, 3, 8, 32), F4, None, {"groups": 4, "padding": 1}),
    "groups reflect": ((2, 200, 200, 32), (3, 3, 8, 32), F4, None, {"groups": 4, "padding": 1, "padding_mode": "reflect"}),
    "depthwise": ((1, 400, 400, 32), (3, 3, 1, 32), F4, None, {"groups": 32, "padding": 1}),
    "depthwise, a long row": ((1, 400_000, 2), (25, 1, 2), F4, None, {"groups": 2, "padding": 12}),
    "depthwise, long rows": ((2, 3, 90_000, 2), (3, 3, 1, 2), F4, None, {"groups": 2, "padding": 1}),
    "depthwise half": ((1, 400, 400, 32), (3, 3, 1, 32), F2, None, {"groups": 32, "padding": 1}),
    "depthwise, 2 filters": ((1, 400, 400, 16), (3, 3, 1, 32), F4, None, {"groups": 16, "padding": 1}),
    "signal": ((1, 3_000_000, 1), (25, 1, 2), F4, None, {"padding": "same"}),
    "signal wrap": ((1, 3_000_000, 1), (25, 1, 2), F4, None, {"padding": 12, "padding_mode": "wrap"}),
    "signals, dilated": ((2, 64, 60_000), (16, 64, 2), F4, None, {"layout": "NCW,OIW", "dilation": 512, "padding": "causal"}),
    "far taps": ((1, 1_000_000, 8), (3, 8, 4), F4, lambda x: x[..., ::-1], {"dilation": 400_000}),
    "far windows": ((1, 3000, 3000, 2), (2, 2, 2, 2), F4, lambda x: x[..., ::-1], {"stride": 250, "padding": 100}),
    "volume": ((1, 40, 50, 90, 8), (3, 3, 3, 8, 4), F4, None, {"padding": 1}),
    "volume half": ((1, 40, 50, 90, 8), (3, 3, 3, 8, 4), F2, None, {"padding": 1, "padding_mode": "symmetric"}),
    "thousands of small images": ((20_000, 8, 8, 4), (3, 3, 4, 4), F4, None, {"padding": 1}),
    "thousands of small images, half": ((20_000, 8, 8, 4), (3, 3, 4, 4), F2, None, {}),
    "many weights": ((1, 16, 16, 512), (3, 3, 512, 512), F4, None, {"padding": 1}),
    "many weights as OIHW": ((1, 512, 16, 16), (512, 512, 3, 3), F4, None, {"layout": "NCHW,OIHW"}),
    "many weights, half": ((1, 16, 16, 512), (3, 3, 512, 512), F2, None, {"padding": 1}),
    "a wide row": ((1, 3, 400_000, 4), (3, 3, 4, 2), F4, lambda x: x[..., ::-1], {"padding": 1}),
    "much padding": ((1, 5, 5, 4), (3, 3, 4, 2), F4, None, {"padding": 700, "padding_mode": "edge"}),
    "large kernel": ((1, 300, 300, 16), (15, 15, 1, 16), F4, None, {"groups": 16, "padding": 7}),
    "fft": ((1, 300, 300, 1), (31, 31, 1, 1), F4, None, {"precision": "high"}),
    "fft, 8 images": ((8, 150, 150, 2), (25, 25, 2, 2), F2, None, {"precision": "high", "padding": "same"}),
    "winograd half edge": ((2, 200, 200, 32), (3, 3, 32, 32), F2, None, {"precision": "high", "padding": 1, "padding_mode": "edge"}),
    "winograd": ((4, 200, 200, 32), (3, 3, 32, 32), F4, None, {"precision": "high", "padding": 1}),
}  # fmt: skip


def peak(function):
    """Return the most bytes that NumPy and Python held while a function ran, and its result."""
    gc.collect()
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def job(name):
    """Return x, w and options of one job."""
    x_shape, w_shape, dtype, change, options = JOBS[name]
    x, w = cells(x_shape, dtype), cells(w_shape, dtype)
    return (change(x) if change else x), w, options


def packed(w):
    """Return the most bytes that weights take in the order of a kernel: 128 filters at a time."""
    filters = -(-w.shape[-1] // 128) * 128
    return (
        max(w.size // w.shape[-1] * filters, w.size)
        * max(4, w.dtype.itemsize)
        * (2 - (w.dtype.kind == "f"))
    )


def measure(name):
    """Check one job: what it takes, that its plan tells no less, and that y is right."""
    x, w, options = job(name)
    told = hwio.plan(x, w, **options).workspace
    small = {**options, "padding": 1, "dilation": 1} if name == "far taps" else options
    for _ in range(2):  # what is compiled or kept on first use, and on the first repetition
        hwio.conv(x[:1], w, **small)
    used, y = peak(lambda: hwio.conv(x, w, **options))
    beside = used - y.nbytes
    bound = max(y.nbytes, 16 * MIB + packed(w))
    assert beside <= bound, (
        f"{beside / MIB:.1f} MiB beside x, w and y; the promise is {bound / MIB:.1f}"
    )
    slack = 300_000 + (w.nbytes * 8 // w.itemsize)  # views, frames, NumPy's buffers; w converted
    assert beside <= told + slack, f"{beside / MIB:.2f} MiB, but the plan told {told / MIB:.2f}"
    out = np.empty_like(y)
    used, _ = peak(lambda: hwio.conv(x, w, out=out, **options))
    assert used <= bound, f"{used / MIB:.1f} MiB with out="
    np.testing.assert_array_equal(out, y)


@pytest.mark.parametrize("name", JOBS)
def test_a_call_takes_no_more_than_promised(name):
    measure(name)


def run_apart(code, **environment):
    """Run Python code in a process of its own, in the folder of the tests; return what it says."""
    environment["PYTHONPATH"] = str(Path(hwio.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=os.environ | environment,
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(refusal() is not None, reason="it is what ran already")
def test_numpy_alone_takes_no_more_than_promised():
    run_apart("import test_memory as t\nfor name in t.JOBS: t.measure(name)", HWIO_ENGINE="off")


RESIDENT = """
import resource, sys
import test_memory as t
x, w, options = t.job({name!r})
few = x[:, :40].copy()
y = t.hwio.conv(few, w, **options)
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = most()
y = t.hwio.conv(x, w, **options)
print((most() - before) * (1 if sys.platform == "darwin" else 1024), y.nbytes, t.packed(w))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize(
    "name", ["photo reflect", "photo of bytes", "deep edge", "depthwise half", "volume half"]
)
def test_no_more_memory_is_touched_than_promised(name):
    """Count pages of the whole process: compiled code and BLAS are seen too."""
    said = run_apart(RESIDENT.format(name=name), HWIO_NUM_THREADS="2")
    grown, y, packed_weights = map(int, said.split())
    assert grown <= y + max(y, 16 * MIB + packed_weights) + 2 * MIB
