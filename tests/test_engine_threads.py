"""The pool: the same bits for any number of threads and any batch, from any thread, after a fork."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.engine.threads import get_num_threads, set_num_threads

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

CALLS = [
    ((3, 20, 22, 24), (3, 3, 24, 40), {"padding": 1, "method": "direct"}),
    ((3, 20, 22, 40), (3, 3, 1, 40), {"padding": 1, "groups": 40, "method": "depthwise"}),
    ((3, 41, 43, 3), (7, 7, 3, 16), {"padding": 3, "stride": 2, "method": "direct"}),
    ((3, 9, 7, 64), (1, 1, 64, 200), {"method": "direct"}),
    ((3, 50, 61, 3), (5, 5, 1, 3), {"padding": 2, "groups": 3, "method": "planes"}),
    ((3, 31, 22, 20), (3, 3, 20, 70), {"padding": 1, "method": "winograd_f2"}),
    ((3, 31, 22, 20), (3, 3, 20, 70), {"padding": 1, "method": "winograd_f4"}),
]


def arrays(x, w):
    rng = np.random.default_rng(3)
    return rng.standard_normal(x).astype(np.float32), rng.standard_normal(w).astype(np.float32)


def bits(y):
    return np.ascontiguousarray(y).view(np.uint32)


@pytest.fixture(autouse=True)
def _as_many_threads_afterwards():
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.mark.parametrize(("x", "w", "options"), CALLS)
def test_the_same_bits_for_any_number_of_threads(x, w, options):
    x, w = arrays(x, w)
    set_num_threads(1)
    expected = bits(hwio.conv(x, w, **options))
    for threads in range(1, 9):
        set_num_threads(threads)
        for _ in range(12):
            np.testing.assert_array_equal(bits(hwio.conv(x, w, **options)), expected)


@pytest.mark.parametrize(("x", "w", "options"), CALLS)
def test_the_same_bits_alone_and_in_any_batch(x, w, options):
    x, w = arrays(x, w)
    together = bits(hwio.conv(x, w, **options))
    for n in range(len(x)):
        np.testing.assert_array_equal(
            bits(hwio.conv(x[n : n + 1], w, **options)), together[n : n + 1]
        )
        np.testing.assert_array_equal(bits(hwio.conv(x[n:], w, **options)), together[n:])


def test_sixteen_python_threads_at_once():
    set_num_threads(3)
    work = [(*arrays(x, w), options) for x, w, options in CALLS]
    expected = [bits(hwio.conv(x, w, **options)) for x, w, options in work]
    wrong = []

    def call(seed):
        for turn in range(20):
            n = (seed + turn) % len(work)
            x, w, options = work[n]
            if not np.array_equal(bits(hwio.conv(x, w, **options)), expected[n]):
                wrong.append(n)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_number_of_threads_may_change_while_others_compute():
    x, w = arrays(*CALLS[0][:2])
    options = CALLS[0][2]
    expected = bits(hwio.conv(x, w, **options))
    wrong, stop = [], threading.Event()

    def call():
        while not stop.is_set():
            if not np.array_equal(bits(hwio.conv(x, w, **options)), expected):
                wrong.append(1)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for threads in [2, 4, 1, 3, 5, 2] * 5:
        set_num_threads(threads)
    stop.set()
    for caller in callers:
        caller.join()
    assert wrong == []


def test_after_a_pause_the_sleeping_workers_wake():
    set_num_threads(4)
    x, w = arrays(*CALLS[0][:2])
    expected = bits(hwio.conv(x, w, **CALLS[0][2]))
    for _ in range(5):
        time.sleep(0.02)
        np.testing.assert_array_equal(bits(hwio.conv(x, w, **CALLS[0][2])), expected)


def _in_child(x, w, options, queue):
    queue.put(hwio.conv(x, w, **options))


# JAX, where another test has loaded it, warns of any fork
@pytest.mark.filterwarnings("ignore:os.fork", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_after_fork_computes():
    set_num_threads(3)
    x, w = arrays(*CALLS[0][:2])
    expected = bits(hwio.conv(x, w, **CALLS[0][2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: the point here
        warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(x, w, CALLS[0][2], queue))
        child.start()
    np.testing.assert_array_equal(bits(queue.get(timeout=60)), expected)
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_array_equal(bits(hwio.conv(x, w, **CALLS[0][2])), expected)


ONCE = """
import numpy as np, hwio
x, w = np.ones((1, 30, 30, 16), np.float32), np.ones((3, 3, 16, 16), np.float32)
y = hwio.conv(x, w, method="direct")
from hwio.engine.threads import get_num_threads
print(int(y[0, 0, 0, 0]), get_num_threads())
"""


def run_child(**env):
    return subprocess.run(
        [sys.executable, "-c", ONCE],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_process_ends_in_peace_while_workers_wait():
    for _ in range(3):
        done = run_child(HWIO_NUM_THREADS="4")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.split() == ["144", "4"]


def test_a_wrong_number_of_threads_is_one_warning():
    done = run_child(HWIO_NUM_THREADS="abc")
    assert done.returncode == 0
    assert done.stdout.split()[0] == "144"
    assert done.stderr.count("HWIO_NUM_THREADS='abc' is not a number") == 1


@pytest.mark.parametrize(
    ("threads", "error"),
    [(0, hwio.ShapeError), (-1, hwio.ShapeError), (1.5, hwio.ArgumentTypeError), (True, TypeError)],
)
def test_no_threads_are_refused(threads, error):
    with pytest.raises(error, match="threads="):
        hwio.set_num_threads(threads)


def test_where_threads_can_not_sleep_there_are_none(monkeypatch):
    from hwio.engine import threads

    monkeypatch.setattr(threads, "_FUTEX", {})
    pool = threads.Pool(4)
    assert pool.threads == 1
    assert pool._workers == []


FORK = """
import os, sys, threading
import numpy as np, hwio
def compiling():
    for n in range(3, 40):
        hwio.conv(np.ones((1, n, n + 1, 3), np.float32), np.ones((3, 3, 3, n), np.float32))
# all is imported: a module that another thread is importing is beyond any library's help
hwio.conv(np.ones((1, 40, 40, 8), np.float32), np.ones((3, 3, 8, 16), np.float32))
hwio.conv(np.ones((1, 3, 3, 2), np.float32), np.ones((3, 3, 2, 2), np.float32))
thread = threading.Thread(target=compiling)
thread.start()
for _ in range(5):
    child = os.fork()
    if child == 0:
        y = hwio.conv(np.ones((1, 50, 50, 8), np.float32), np.ones((3, 3, 8, 16), np.float32))
        os._exit(0 if (y == 72).all() else 1)
    assert os.waitpid(child, 0)[1] == 0
thread.join()
print("fine")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_while_another_thread_compiles():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ},
    )  # fmt: skip
    assert done.stdout == "fine\n", done.stderr
