"""Calls that are broken off: by Ctrl-C, by a time limit, by a machine that allows no more threads."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import hwio
from hwio import engine
from hwio.engine import threads
from hwio.ops import compiled, compiled_grad, pool_compiled, quick
from hwio.planner import gradients as planner

pytestmark = pytest.mark.skipif(
    engine.refusal() is not None, reason=f"no engine: {engine.refusal()}"
)
X, W = np.ones((2, 30, 30, 24), np.float32), np.ones((3, 3, 24, 32), np.float32)
REAL_START = threading.Thread.start


def starting(monkeypatch, then):
    """Let the start of one worker be followed, or replaced, by something else."""

    def start(self):
        if self.name.startswith("hwio-"):
            then(self)
        else:
            REAL_START(self)

    monkeypatch.setattr(threading.Thread, "start", start)


def workers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("hwio-")]


def test_a_worker_whose_start_is_broken_off_goes_and_keeps_its_memory_until_then(monkeypatch):
    before = set(workers())

    def interrupted(worker):
        REAL_START(worker)
        raise KeyboardInterrupt

    starting(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        threads.Pool(2)
    for worker in set(workers()) - before:
        worker.join(30)
        assert not worker.is_alive()


def test_an_interrupted_close_leaves_workers_their_memory(monkeypatch):
    pool = threads.Pool(2)
    (worker,) = pool._workers
    serve = worker._target
    assert serve.__self__ is pool  # the thread's own reference

    def interrupted(self, timeout=None):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "join", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.close()
    worker.join(30)
    assert not worker.is_alive()


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_machine_that_allows_few_threads_gets_few_workers(monkeypatch, allowed):
    started = []

    def start(worker):
        if len(started) == allowed:
            message = "can't start new thread"
            raise RuntimeError(message)
        started.append(worker)
        REAL_START(worker)

    starting(monkeypatch, start)
    hwio.set_num_threads(8)
    try:
        y = hwio.conv(X, W)
        assert (y == 9 * 24).all()
        assert threads.pool().threads == allowed + 1
        assert engine.refusal() is None
    finally:
        hwio.set_num_threads(2)


def test_scratch_memory_that_was_not_settled_is_not_used():
    script = """
import numpy as np, hwio
from hwio.engine.threads import Pool
real = Pool.use_scratch
def use(self, buffer):
    Pool.use_scratch = real
    self.scratch.append(buffer)
    raise KeyboardInterrupt
Pool.use_scratch = use
x, w = np.ones((2, 20, 20, 24), "f4"), np.ones((3, 3, 24, 32), "f4")
for _ in range(4):
    try:
        print((hwio.conv(x, w) == 9 * 24).all())
    except KeyboardInterrupt:
        print("broken off")
"""
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=False
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.split("\n").count("True") == 3
    assert "broken off" in said.stdout


class TooLongError(Exception):
    """What a caller's time limit raises."""


@pytest.fixture
def limit(monkeypatch):
    """Return a function that raises a signal, whose handler raises a caller's error."""

    def handler(number, frame):
        raise TooLongError

    before = signal.signal(signal.SIGUSR1, handler)
    yield lambda *args, **kwargs: signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        (compiled, "_run_all", lambda: hwio.conv(X, W, memory_limit=1 << 40)),
        (quick, "plain_start", lambda: hwio.conv(X, W, memory_limit=1 << 41)),
        (compiled_grad, "replace", lambda: hwio.conv_grad(X, W, X[:, :, :, :1] * W[0, 0, 0], padding=((1, 1), (1, 1)), padding_mode="wrap")),
        (pool_compiled, "_launch", lambda: hwio.max_pool(X, (7, 5), ceil_mode=True)),
    ],
)  # fmt: skip
def test_a_time_limit_reaches_the_caller_and_the_engine_stays(
    monkeypatch, limit, module, name, call
):
    real = getattr(module, name)
    monkeypatch.setattr(module, name, limit)
    with pytest.raises(TooLongError):
        call()
    assert engine.refusal() is None
    monkeypatch.setattr(module, name, real)
    call()


def test_an_error_that_no_handler_raised_is_the_engines(monkeypatch):
    monkeypatch.setattr(engine, "_BROKEN", [])

    def fails():
        message = "no time"
        raise TooLongError(message)

    with pytest.warns(RuntimeWarning, match="TooLongError: no time; NumPy serves instead"):
        assert engine.tried(fails) is None
    assert "no time" in str(engine.refusal())


@pytest.mark.parametrize(
    "own", [MemoryError, FloatingPointError, hwio.RangeError, KeyboardInterrupt]
)
def test_errors_of_the_callers_own_pass(own):
    def fails():
        raise own

    with pytest.raises(own):
        engine.tried(fails)
    assert engine.refusal() is None


def test_sums_that_overflow_warn_of_nothing(monkeypatch):
    monkeypatch.setattr(planner, "_numpy_cost", lambda geo: float("inf"))
    x = np.full((2, 12, 12, 40), 5e36, np.float32)
    w, dy = np.ones((3, 3, 1, 40), np.float32), np.ones((2, 10, 10, 40), np.float32)
    with np.errstate(all="raise"):
        for _ in range(3):
            _, dw, _ = hwio.conv_grad(x, w, dy, need="w", groups=40)
            assert np.isposinf(dw).all()
    assert engine.refusal() is None
