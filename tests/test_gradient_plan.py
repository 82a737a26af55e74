"""What conv_grad would run and why, before it runs; and kernels of gradients asked for by name."""

import numpy as np
import pytest

import hwio
from cases import CASES
from hwio.engine import refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.gradients import GRADIENTS
from hwio.ops import compiled_grad
from hwio.ops import grad as known_grads
from test_gradients import drawn

needs_engine = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
X, W = (2, 5, 7, 4), (3, 3, 4, 8)
KERNEL_CASES = [
    pytest.param(case, name, id=f"{case}-{name}")
    for case in CASES
    for name, kernel in GRADIENT_KERNELS.items()
    if kernel.refuses(case.problem.geometry) is None
]


@pytest.fixture
def ran(monkeypatch):
    """Return the names of the kernels that a call takes, as they are chosen."""
    known_grads._KNOWN.clear()  # a repeated call has chosen before
    names = {}
    real = compiled_grad.chosen

    def noted(problem, kind, of):
        names[of] = real(problem, kind, of)
        return names[of]

    monkeypatch.setattr(compiled_grad, "chosen", noted)
    return names


@needs_engine
@pytest.mark.parametrize(("case", "name"), KERNEL_CASES)
def test_a_kernel_by_name_runs_and_gives_the_same(case, name, ran):
    x, w, dy = drawn(case, np.float32, most=4)
    got = hwio.conv_grad(x, w, dy, method=name, **case.options)
    want = hwio.conv_grad(x, w, dy, method="taps", **case.options)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    of = GRADIENT_KERNELS[name].of
    plan = hwio.plan(x, w, gradient=True, method=name, **case.options)
    assert ran[of] == getattr(plan, of).kernel == (name if x.size and w.size else None)


@needs_engine
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_plan_is_what_runs(case, ran):
    x, w, dy = drawn(case, np.float32, most=4)
    plan = hwio.plan(x, w, gradient=True, **case.options)
    hwio.conv_grad(x, w, dy, **case.options)
    assert ran == {"dx": plan.dx.kernel, "dw": plan.dw.kernel}
    assert plan.geometry == case.problem.geometry


@pytest.mark.parametrize("method", ["auto", *GRADIENTS])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_other_way_has_its_reason(case, method):
    plan = hwio.plan(case.x_shape, case.w_shape, gradient=True, method=method, **case.options)
    for one in (plan.dx, plan.dw):
        assert one.method == ("taps" if method == "auto" else method)
        assert one.reason
        assert one.workspace >= 0
        if method == "auto":
            assert set(one.rejected) == set(GRADIENTS) - {"taps"}
            assert all(one.rejected.values())
        else:
            assert (one.kernel, one.rejected) == (None, {})


def test_it_prints_itself_without_an_engine(monkeypatch):
    monkeypatch.setattr("hwio.planner.gradient_plan.refusal", lambda: "Numba is not installed")
    plan = hwio.plan(X, W, gradient=True)
    told = str(plan)
    assert told.startswith("dx  taps: one matrix product for each tap")
    assert "no compiled kernel: Numba is not installed" in told
    assert told.endswith("db  the sum of dy over images and cells")
    assert plan.dx.way == plan.dw.way == "taps"


def test_explain_tells_what_would_run():
    explained = hwio.explain(X, W, gradient=True)
    plan = hwio.plan(X, W, gradient=True)
    assert "What conv_grad runs here" in str(explained)
    said = explained.to_dict()["gradient"]["plan"]
    assert {of: one["way"] for of, one in said.items()} == {
        "dx": plan.dx.way,
        "dw": plan.dw.way,
    }


def test_whole_numbers_wait_for_dy():
    plan = hwio.plan(np.ones(X, np.int8), np.ones(W, np.int8), gradient=True)
    assert plan.dx.kernel is None
    if not refusal():
        assert plan.dx.kernel_reason == "of whole numbers, only where float64 holds every sum"


@needs_engine
def test_too_little_room_for_kernels_is_told(monkeypatch):
    monkeypatch.setattr("hwio.ops.backward._kernel_bytes", lambda *given: 1 << 61)
    plan = hwio.plan(X, W, gradient=True)
    assert (plan.dx.kernel, plan.dw.kernel) == (None, None)
    assert plan.dx.kernel_reason == "kernels need more memory than there is"
    with pytest.raises(hwio.LimitError, match="dx_direct and all it copies"):
        hwio.conv_grad(np.ones(X), np.ones(W), np.ones((2, 3, 5, 8)), method="dx_direct")


REFUSED = [
    ({"method": "dx_depthwise"}, "it is made for one filter per channel"),
    ({"method": "dx_direct", "need": "w"}, "it computes dx, which this call does not ask for"),
    ({"method": "dw_direct", "need": "xb"}, "it computes dw, which this call does not ask for"),
]


@needs_engine
@pytest.mark.parametrize(("options", "why"), REFUSED)
def test_a_kernel_that_cannot_serve_says_why(options, why):
    x, w, dy = np.ones(X), np.ones(W), np.ones((2, 3, 5, 8))
    with pytest.raises(hwio.OptionError, match=why):
        hwio.conv_grad(x, w, dy, **options)


@needs_engine
def test_a_kernel_refuses_complex_numbers():
    x, w, dy = np.ones(X), np.ones(W), np.ones((2, 3, 5, 8), complex)
    with pytest.raises(hwio.OptionError, match="computes in float32 and float64, and here it"):
        hwio.conv_grad(x, w, dy, method="dx_direct")


@needs_engine
def test_a_transposed_convolution_takes_the_kernels_of_dx():
    x, w = np.ones((2, 5, 7, 4), np.float32), np.ones((3, 3, 8, 4), np.float32)
    y = hwio.conv_transpose(x, w, stride=2, method="dx_direct")
    np.testing.assert_array_equal(y, hwio.conv_transpose(x, w, stride=2, method="taps"))
    with pytest.raises(hwio.OptionError, match="it computes dw, which this call does not ask for"):
        hwio.conv_transpose(x, w, method="dw_direct")


def test_without_an_engine_a_kernel_is_refused(monkeypatch):
    monkeypatch.setattr("hwio.ops.backward.refusal", lambda: "Numba is not installed")
    with pytest.raises(hwio.OptionError, match="does not serve here: Numba is not installed"):
        hwio.conv_grad(np.ones(X), np.ones(W), np.ones((2, 3, 5, 8)), method="dx_direct")
