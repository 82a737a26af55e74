"""Code is loaded wherever there is room: in a process whose memory is cut into holes far apart."""

import os
import subprocess
import sys

import pytest

CHILD = '''
import ctypes, mmap
import numpy as np, hwio
from hwio.engine import jit

page = mmap.PAGESIZE
system = ctypes.CDLL(None, use_errno=True)
system.mmap.restype = ctypes.c_void_p
system.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
system.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def reserve(size):
    private, anonymous, unreserved, nobody = 2, 0x20, 0x4000, 0
    found = system.mmap(None, size, nobody, private | anonymous | unreserved, -1, 0)
    assert found != ctypes.c_void_p(-1).value
    return found


def one_hole():
    """Leave one hole of a page; the next one is 16 GiB away."""
    below = reserve(16 << 30)
    for size in (1 << 20, 1 << 16, page):  # Linux takes the highest hole that is large enough
        while (found := reserve(size)) > below:
            pass
        system.munmap(found, size)
    system.munmap(below + (16 << 30) - page, page)


def whole(*shape):
    return (np.arange(np.prod(shape)) % 11 - 5).reshape(shape)


jit.machine()
load, loads = jit.load, []
def load_in_holes(code, symbol):
    one_hole()
    loads.append(symbol)
    return load(code, symbol)
jit.load = load_in_holes

for dtype in ("i1", "u1", "f4", "f8"):
    x, w = whole(4, 41, 41, 64).astype(dtype), whole(3, 3, 64, 20).astype(dtype)
    assert np.array_equal(
        hwio.conv(x, w, method="direct"), hwio.conv(x, w, method="tensordot")
    ), dtype
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    assert np.array_equal(hwio.max_pool(x, window=3, stride=1), windows.max((4, 5))), dtype

CALLS = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @calls(ptr %at, i64 %count) {
  %had = load <4 x double>, ptr %at, align 8
  %now = fmul <4 x double> %had, <double 1.5, double 2.5, double 3.5, double 4.5>
  store <4 x double> %now, ptr %at, align 8
  %rest = getelementptr i8, ptr %at, i64 32
  call void @llvm.memset.p0.i64(ptr %rest, i8 7, i64 %count, i1 false)
  ret void
}
"""  # constants of its own and a function of the C library
code = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_size_t)
found = np.ones(8)
code(jit.load(jit.compile_ir(CALLS), "calls"))(found.ctypes.data, 32)
assert found[:4].tolist() == [1.5, 2.5, 3.5, 4.5]
assert set(found[4:].tobytes()) == {7}
print(len(loads), "pieces of code loaded")
'''


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="maps memory as Linux does")
@pytest.mark.parametrize("cpu", [None, "nehalem"])  # the latter calls the C library's fma
def test_code_is_loaded_into_memory_full_of_holes(cpu, tmp_path):
    pytest.importorskip("llvmlite")
    env = os.environ | {"HWIO_CACHE_DIR": str(tmp_path)}
    if cpu:
        env["NUMBA_CPU_NAME"] = cpu
    for _ in range(2):  # the second finds its kernels made: no compiler stirs the memory
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("pieces of code loaded\n")
        assert int(done.stdout.split()[0]) >= 4
