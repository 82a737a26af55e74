"""Gradients of convolution: every readable way, against the adjoint, PyTorch and published bounds."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwio
from cases import CASES, Case, whole_arrays, whole_numbers
from definition import sides
from hwio.gradients import GRADIENTS
from hwio.gradients.accuracy import db_bound, dw_bound, dx_bound
from hwio.gradients.apply import apply_dw, apply_dx, dw_bytes, dx_bytes
from hwio.gradients.fold import cell_sources, copies, fold
from hwio.ops.canonical import canonical_arrays
from hwio.ops.memory import stored_shape
from strategies import SPACE, cases, seeded_cases

TORCH_MODES = {"zeros": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}


def upper(case, dtype=np.float64, seed=0, most=9):
    """Draw whole numbers of y's shape."""
    problem = case.problem
    shape = stored_shape(problem.geometry, problem.layout)
    rng = np.random.default_rng([seed, 5, *shape])
    depth = max(problem.geometry.depth, problem.geometry.n * problem.geometry.pixels)
    return whole_numbers(rng, shape, dtype, most, depth)


def drawn(case, dtype=np.float64, seed=0, most=9):
    """Return whole x, w and dy of a case."""
    return (*whole_arrays(case, dtype, most, seed), upper(case, dtype, seed, most))


# ---------------------------------------------------------------- the ways agree


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_way_equals_the_loop_and_is_the_adjoint(case):
    x, w, dy = drawn(case)
    want = hwio.conv_grad(x, w, dy, method="loop", **case.options)
    assert [g.shape for g in want[:2]] == [x.shape, w.shape]
    y = hwio.conv(x, w, method="einsum", **case.options)
    assert (dy * y).sum() == (want[0] * x).sum() == (want[1] * w).sum()
    other = tuple(at for at, letter in enumerate(case.problem.layout.y) if letter != "C")
    np.testing.assert_array_equal(want[2], dy.sum(other))
    for name in GRADIENTS:
        got = hwio.conv_grad(x, w, dy, method=name, **case.options)
        for mine, loop in zip(got, want, strict=True):
            np.testing.assert_array_equal(mine, loop, name)


def adjoint(count, seed, report):
    """Compare <dy, conv x>, <dx, x> and <dw, w> on whole numbers, which have no rounding."""
    names, mismatches = list(GRADIENTS), []
    dtypes = [np.float64, np.int64, np.float32, np.int16]
    for at, case in enumerate(seeded_cases(seed, count)):
        dtype = dtypes[at // len(names) % len(dtypes)]
        x, w, dy = drawn(case, dtype, at, 4)
        y = hwio.conv(x, w, method="einsum", **case.options)  # no kernel to compile for each
        dx, dw, _ = hwio.conv_grad(x, w, dy, method=names[at % len(names)], **case.options)
        products = ((dy, y), (dx, x), (dw, w))
        if len({int(np.sum(a.astype(np.int64) * b.astype(np.int64))) for a, b in products}) > 1:
            mismatches.append((at, case))
    report(f"adjoint identity on whole numbers: {count} convolutions, {len(mismatches)} mismatches")
    assert mismatches == []


def test_adjoint(report):
    adjoint(500, 4, report)


@pytest.mark.nightly
def test_adjoint_many_times(report):
    adjoint(10_000, 44, report)


def test_a_slip_is_no_adjoint():
    """Show that the identity can fail: a turned kernel, a shifted dx, a forgotten border."""
    case = next(c for c in CASES if c.name == "wrap")
    x, w, dy = drawn(case)
    y = hwio.conv(x, w, **case.options)
    dx, dw, _ = hwio.conv_grad(x, w, dy, **case.options)
    dropped = hwio.conv_grad(x, w, dy, **(case.options | {"padding_mode": "zeros"}))[0]
    wanted = (dy * y).sum()
    assert wanted == (dx * x).sum() == (dw * w).sum()
    for slip in (np.roll(dx, 1, 1), dropped, dx * 0):
        assert (slip * x).sum() != wanted
    assert (dw[::-1, ::-1] * w).sum() != wanted


def test_the_table_has_what_gradients_need():
    geometries = [case.problem.geometry for case in CASES]
    assert {case.problem.padding_mode for case in CASES} >= set(TORCH_MODES) | {"symmetric"}
    leftover = [
        case
        for case, g in zip(CASES, geometries, strict=True)
        if any((n - r) % s for n, r, s in zip(g.padded_size, g.reach, g.stride, strict=True))
    ]
    assert {case.problem.padding_mode for case in leftover} >= {"zeros", "edge", "wrap"}


def test_rows_that_the_stride_leaves_over_get_nothing():
    x, w = np.ones((1, 9, 8, 2)), np.ones((3, 3, 2, 3))
    for name in GRADIENTS:
        dx = hwio.conv_grad(x, w, np.ones((1, 2, 2, 3)), stride=4, method=name)[0]
        assert not dx[:, 7:].any()
        assert not dx[:, 3].any()  # between windows
        assert not dx[:, :, 7:].any()
        assert dx[:, :3, :3].all()


# ---------------------------------------------------------------- PyTorch


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="torch, to compare with")
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(before)


def torch_grads(torch, case, x, w, dy):
    """Return torch's dx and dw, through its own padding, from tensors stored as the case says."""
    has, ndim = dict(case.options), case.problem.geometry.ndim
    space = SPACE[ndim]
    ins, _, y_letters = has.get("layout", f"N{space}C,{space}IO").partition("->")
    x_letters, w_letters = ins.split(",")
    y_letters, n = y_letters or x_letters, "N" if "N" in x_letters else ""
    x, w = (torch.tensor(a, requires_grad=True) for a in (x, w))
    a = x.permute([x_letters.index(letter) for letter in f"{n}C{space}"])
    groups = has.get("groups", 1)
    if "M" in w_letters:
        k = w.permute([w_letters.index(letter) for letter in f"CM{space}"])
        groups = len(k)
        k = k.reshape(-1, 1, *k.shape[2:])
    else:
        k = w.permute([w_letters.index(letter) for letter in f"OI{space}"])
    k = k.flip(list(range(2, 2 + ndim))) if has.get("flip") else k
    strides, dilations = (
        np.broadcast_to(has.get(o, 1), ndim).tolist() for o in ("stride", "dilation")
    )
    geometry = zip(a.shape[-ndim:], k.shape[2:], strides, dilations, strict=True)
    pads = [sides(has.get("padding", "valid"), at, ndim, *axis) for at, axis in enumerate(geometry)]
    a = a if n else a[None]
    flat = [cells for pair in reversed(pads) for cells in pair]  # torch: last axis first
    if any(flat):
        a = torch.nn.functional.pad(a, flat, TORCH_MODES[has.get("padding_mode", "zeros")])
    function = getattr(torch.nn.functional, f"conv{ndim}d")
    y = function(a, k, stride=strides, dilation=dilations, groups=groups)
    y = (y if n else y[0]).permute([f"{n}C{space}".index(letter) for letter in y_letters])
    y.backward(torch.tensor(dy))
    return x.grad.numpy(), w.grad.numpy()


@given(case=cases(modes=tuple(TORCH_MODES)), seed=st.integers(0, 99))
@settings(max_examples=200)
def test_whole_numbers_equal_torch(torch, case, seed):
    x, w, dy = drawn(case, seed=seed)
    want = torch_grads(torch, case, x, w, dy)
    for name in ("auto", list(GRADIENTS)[seed % len(GRADIENTS)]):
        got = hwio.conv_grad(x, w, dy, need="xw", method=name, **case.options)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_table_equals_torch(torch, case):
    geo = case.problem.geometry
    if case.problem.padding_mode == "symmetric":
        pytest.skip("torch has no symmetric padding")
    if 0 in (*case.x_shape, *case.w_shape) or max(geo.stride + geo.dilation) > 2**31:
        pytest.skip("torch refuses empty arrays, and far strides")
    x, w, dy = drawn(case)
    got = hwio.conv_grad(x, w, dy, need="xw", **case.options)
    for mine, theirs in zip(got, torch_grads(torch, case, x, w, dy), strict=False):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", GRADIENTS)
def test_complex_gradients_are_those_of_torch(torch, name):
    rng = np.random.default_rng(3)
    case = Case("complex", (2, 6, 7, 4), (3, 2, 2, 6), {"stride": 2, "padding": 1, "groups": 2})
    shapes = (case.x_shape, case.w_shape, stored_shape(case.problem.geometry, case.problem.layout))
    x, w, dy = (whole_numbers(rng, shape, np.complex128, 9) for shape in shapes)
    got = hwio.conv_grad(x, w, dy, method=name, **case.options)
    for mine, theirs in zip(got, torch_grads(torch, case, x, w, dy), strict=False):
        np.testing.assert_array_equal(mine, theirs)
    y = hwio.conv(x, w, **case.options)
    assert np.vdot(dy, y) == np.vdot(got[0], x)


# ---------------------------------------------------------------- bounds and what is not finite

BOUND_CASES = [
    Case("channels", (2, 12, 11, 16), (3, 3, 16, 8), {"padding": 1}),
    Case("many filters", (1, 6, 5, 4), (3, 3, 4, 160)),
    Case("many pixels", (4, 24, 25, 2), (3, 3, 2, 3)),
    Case("groups", (2, 8, 9, 8), (3, 3, 2, 8), {"groups": 4, "padding": 1}),
    Case("depthwise", (2, 8, 9, 8), (3, 3, 8, 2), {"padding": 1, "layout": "NHWC,HWCM"}),
    Case("stride", (1, 20, 20, 3), (7, 7, 3, 8), {"stride": 2}),
    Case("edge", (1, 7, 6, 3), (3, 3, 3, 4), {"padding": 5, "padding_mode": "edge"}),
    Case("wrap", (2, 7, 6, 3), (3, 3, 3, 4), {"padding": 4, "padding_mode": "wrap"}),
    Case("3-D", (1, 7, 6, 7, 8), (3, 3, 3, 8, 4), {"padding": 1}),
]


def normal(rng, shape):
    return rng.standard_normal(shape)


KINDS = {  # name -> how dy and the other factor are drawn
    "normal": (normal, normal),
    "uniform": (lambda rng, shape: rng.random(shape),) * 2,
    "wide": (lambda rng, shape: normal(rng, shape) * 10.0 ** rng.uniform(-6, 6, shape),) * 2,
    "denormal": (lambda rng, shape: normal(rng, shape) * 1e-40, normal),
}


def floats(case, kind, dtype, seed=0):
    problem = case.problem
    rng = np.random.default_rng([seed, *case.x_shape])
    up, other = KINDS[kind]
    y_shape = stored_shape(problem.geometry, problem.layout)
    x, w = other(rng, case.x_shape), other(rng, case.w_shape)
    return [a.astype(dtype) for a in (x, w, up(rng, y_shape))]


def excesses(got, x, w, dy, case):
    """Return the largest error of dx, dw and db in units of their bounds; all are channels last."""
    u = np.finfo(dy.dtype).eps / 2
    wide = [a.astype(np.longdouble) for a in (x, w, dy)]
    problem = case.problem
    geo, mode = problem.geometry, problem.padding_mode
    padded, weights = canonical_arrays(problem, x, w)
    deep, deep_w = canonical_arrays(problem, *wide[:2])
    exact_dx = apply_dx(GRADIENTS["einsum"], wide[2], deep_w, geo, mode)
    exact_dw = apply_dw(GRADIENTS["einsum"], deep, wide[2], geo).reshape(w.shape)
    pairs = [
        (got[0], exact_dx, dx_bound(dy, weights, geo, u, mode)),
        (got[1], exact_dw, dw_bound(padded, dy, geo, u).reshape(w.shape)),
        (got[2], wide[2].reshape(-1, dy.shape[-1]).sum(0), db_bound(dy, geo, u)),
    ]
    return [float((np.abs(mine - r) / bound).max()) for mine, r, bound in pairs]


@pytest.mark.parametrize("case", BOUND_CASES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_way_keeps_its_bound(kind, case):
    for dtype in (np.float32, np.float64):
        x, w, dy = floats(case, kind, dtype)
        for name in GRADIENTS:
            got = hwio.conv_grad(x, w, dy, method=name, **case.options)
            assert [g.dtype for g in got] == [dtype] * 3
            assert max(excesses(got, x, w, dy, case)) <= 1, name


@pytest.mark.parametrize("case", BOUND_CASES, ids=str)
def test_slips_break_the_bounds(case):
    x, w, dy = floats(case, "normal", np.float32)
    got = hwio.conv_grad(x, w, dy, flip=True, **case.options)
    moved = hwio.conv_grad(x, w, np.roll(dy, 1, 1), **case.options)
    found = [excesses(slip, x, w, dy, case) for slip in (got, moved)]
    assert min(found[0][:2] + found[1][:2]) > 1


NOT_FINITE = {
    "Inf in dy": lambda x, w, dy: dy.__setitem__((0, 1, 1, 0), np.inf),
    "NaN in dy": lambda x, w, dy: dy.__setitem__((0, 0, 2, -1), np.nan),
    "Inf in w": lambda x, w, dy: w.__setitem__((0, -1, 0, 1), np.inf),
    "NaN in w": lambda x, w, dy: w.__setitem__((-1, 0, 0, 0), np.nan),
    "Inf in x": lambda x, w, dy: x.__setitem__((0, 1, 2, 0), -np.inf),
    "NaN in x": lambda x, w, dy: x.__setitem__((0, 3, 3, -1), np.nan),
}


@pytest.mark.parametrize("case", BOUND_CASES[:-1], ids=str)
@pytest.mark.parametrize("kind", NOT_FINITE)
def test_every_way_has_the_pattern_of_the_loop(kind, case):
    x, w, dy = floats(case, "normal", np.float32)
    NOT_FINITE[kind](x, w, dy)
    with np.errstate(all="ignore"):
        want = hwio.conv_grad(x, w, dy, method="loop", **case.options)
        for name in GRADIENTS:
            got = hwio.conv_grad(x, w, dy, method=name, **case.options)
            for mine, loop in zip(got, want, strict=True):
                for test in (np.isnan, np.isposinf, np.isneginf):
                    np.testing.assert_array_equal(test(mine), test(loop), name)


# ---------------------------------------------------------------- arrays as they come

X, W, DY = (
    np.random.default_rng(9).integers(-9, 10, shape).astype(np.float32)
    for shape in ((2, 7, 8, 4), (3, 3, 4, 6), (2, 4, 4, 6))
)
OPTIONS = {"stride": 2, "padding": 1}
WANT = hwio.conv_grad(X, W, DY, **OPTIONS)
KINDS_OF_ARRAY = {
    "Fortran": np.asfortranarray,
    "negative strides": lambda a: np.ascontiguousarray(a[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
    "every second": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": lambda a: np.frombuffer(b"\0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
    "list": lambda a: a.tolist(),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("kind", KINDS_OF_ARRAY)
def test_arrays_of_every_kind(kind, name):
    change = KINDS_OF_ARRAY[kind]
    got = hwio.conv_grad(change(X), change(W), change(DY), method=name, **OPTIONS)
    for mine, want in zip(got, WANT, strict=True):
        np.testing.assert_array_equal(mine, want)
        assert mine.dtype.isnative


def test_the_bits_do_not_depend_on_strides():
    rng = np.random.default_rng(1)
    x, w, dy = (rng.standard_normal(a.shape) for a in (X, W, DY))
    want = hwio.conv_grad(x, w, dy, **OPTIONS)
    for change in (np.asfortranarray, KINDS_OF_ARRAY["negative strides"]):
        got = hwio.conv_grad(change(x), change(w), change(dy), **OPTIONS)
        for mine, plain in zip(got, want, strict=True):
            np.testing.assert_array_equal(mine, plain)


def test_an_image_gets_the_same_bits_alone():
    rng = np.random.default_rng(2)
    w, dy = rng.standard_normal(W.shape), rng.standard_normal((5, 4, 4, 6))
    both = hwio.conv_grad((5, 7, 8, 4), w, dy, need="x", **OPTIONS)[0]
    one = hwio.conv_grad((1, 7, 8, 4), w, dy[3:4], need="x", **OPTIONS)[0]
    np.testing.assert_array_equal(both[3:4], one)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_inputs_are_never_written(case):
    arrays = drawn(case)
    kept = [a.copy() for a in arrays]
    for a in arrays:
        a.flags.writeable = False
    for name in GRADIENTS:
        got = hwio.conv_grad(*arrays, method=name, **case.options)
        for a, before in zip(arrays, kept, strict=True):
            np.testing.assert_array_equal(a, before)
        for result in got:
            assert not any(np.shares_memory(result, a) for a in arrays)


@pytest.mark.parametrize("need", ["x", "w", "b", "xw", "bw", "xwb"])
def test_only_what_is_needed_is_computed(need, monkeypatch):
    from hwio.ops import grad_each

    for letter, function in (("x", "gradient_for_x"), ("w", "gradient_for_w")):
        if letter not in need:
            monkeypatch.setattr(grad_each, function, None)
    got = hwio.conv_grad(X, W, DY, need=need, **OPTIONS)
    for letter, mine, want in zip("xwb", got, WANT, strict=True):
        if letter in need:
            np.testing.assert_array_equal(mine, want)
        else:
            assert mine is None


def test_a_shape_will_do_where_numbers_are_not_needed():
    np.testing.assert_array_equal(hwio.conv_grad(X.shape, W, DY, need="x", **OPTIONS)[0], WANT[0])
    np.testing.assert_array_equal(hwio.conv_grad(X, W.shape, DY, need="w", **OPTIONS)[1], WANT[1])


@pytest.mark.parametrize(
    ("dtypes", "want"),
    [
        (("f4", "f4", "f4"), ("f4", "f4", "f4")),
        (("f4", "f8", "f4"), ("f8", "f4", "f4")),
        (("f2", "f2", "f2"), ("f2", "f2", "f2")),
        (("c8", "f4", "c8"), ("c8", "c8", "c8")),
        (("i1", "i1", "i1"), ("i4", "i4", "i8")),
        (("u1", "i2", "u1"), ("i8", "i4", "u8")),
        (("u8", "u8", "u8"), ("u8", "u8", "u8")),
        (("i1", "f4", "i2"), ("f4", "i8", "i8")),
    ],
    ids=str,
)
def test_dtypes(dtypes, want):
    x, w, dy = (np.abs(a).astype(d) for a, d in zip((X, W, DY), dtypes, strict=True))
    got = hwio.conv_grad(x, w, dy, **OPTIONS)
    assert [g.dtype.str[1:] for g in got] == list(want)
    exact = hwio.conv_grad(*(abs(a).astype(np.float64) for a in (X, W, DY)), **OPTIONS)
    for mine, r in zip(got, exact, strict=True):
        np.testing.assert_array_equal(mine, r.astype(mine.dtype))


def test_float16_sums_in_float32():
    dy = np.full((1, 1, 1, 4096), 1, np.float16)
    w = np.full((1, 1, 1, 4096), 1, np.float16)
    w[..., 0] = 0.5
    dx = hwio.conv_grad((1, 1, 1, 1), w, dy, need="x")[0]
    assert dx.dtype == np.float16
    assert dx.item() == np.float16(4095.5)


def test_integers_never_wrap():
    x, w = np.full((1, 3, 1), 100, np.int8), np.full((3, 1, 1), 100, np.int8)
    dy = np.full((2**8, 1, 1), 100, np.int8)
    dw = hwio.conv_grad(np.repeat(x, 2**8, 0), w, dy, need="w")[1]
    assert dw.dtype == np.int32
    assert (dw == 100 * 100 * 2**8).all()
    with pytest.raises(hwio.RangeError, match="dx could reach"):
        hwio.conv_grad(x.astype(np.int64), w.astype(np.int64) * 2**40, dy[:1].astype(int) * 2**30)
    big = np.broadcast_to(
        np.int8(127), (2**18, 1, 1)
    )  # each product fits int32, their sum does not
    with pytest.raises(hwio.RangeError, match="dw spans"):
        hwio.conv_grad(big, np.ones((1, 1, 1), np.int8), big, need="w")


# ---------------------------------------------------------------- padding folds back


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("pair", [(0, 0), (1, 0), (0, 2), (3, 3), (2, 3)])
def test_fold_is_the_transpose_of_pad(mode, pair):
    size = 4
    name = {"zeros": "constant"}.get(mode, mode)
    matrix = np.pad(np.eye(size), (pair, (0, 0)), name)  # padded = matrix @ x
    geo = hwio.plan((1, size, 1), (1, 1, 1), padding=pair, padding_mode=mode).geometry
    padded = np.random.default_rng(0).integers(-9, 10, (1, size + sum(pair), 1)).astype(float)
    np.testing.assert_array_equal(
        fold(padded.copy(), geo, mode)[0, :, 0], matrix.T @ padded[0, :, 0]
    )
    assert copies(geo, mode) == matrix.sum(0).max()
    assert cell_sources(size, pair, mode).tolist() == matrix.argmax(1).tolist()


# ---------------------------------------------------------------- memory


def peak(act):
    tracemalloc.start()
    try:
        result = act()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


SIZED = [
    Case("dense", (2, 40, 41, 32), (3, 3, 32, 24), {"padding": 1}),
    Case("groups", (2, 40, 41, 32), (3, 3, 8, 24), {"groups": 4}),
    Case("depthwise", (2, 60, 61, 32), (3, 3, 1, 32), {"groups": 32, "padding": 1}),
    Case("multiplier", (2, 60, 61, 16), (3, 3, 1, 32), {"groups": 16}),
    Case("stride", (2, 60, 61, 16), (3, 3, 16, 32), {"stride": 2, "padding": 1}),
    Case("long filters", (2, 3000, 2), (200, 2, 4)),
    Case("many small images", (600, 7, 7, 16), (3, 3, 16, 16), {"padding": 1}),
]


@pytest.mark.parametrize("case", SIZED, ids=str)
@pytest.mark.parametrize("name", [name for name in GRADIENTS if name != "loop"])
def test_no_way_takes_more_than_it_says(case, name):
    x, w = (np.ones(shape, np.float32) for shape in (case.x_shape, case.w_shape))
    geo = case.problem.geometry
    dy = np.ones(geo.y_shape, np.float32)
    for need, count in (("x", dx_bytes), ("w", dw_bytes)):
        taken, _ = peak(lambda need=need: hwio.conv_grad(
            x, w, dy, need=need, method=name, **case.options
        ))  # fmt: skip
        assert taken <= count(GRADIENTS[name], geo, 4) + (1 << 17), (need, taken)


def test_auto_never_holds_the_matrix_of_windows():
    case = Case("eight images", (8, 40, 41, 32), (3, 3, 32, 24), {"padding": 1})
    x, w = (np.ones(shape, np.float32) for shape in (case.x_shape, case.w_shape))
    geo = case.problem.geometry
    dy = np.ones(geo.y_shape, np.float32)
    hwio.conv_grad(x[:1], w, dy[:1], **case.options)  # loads a compiler, and kernels
    taken, got = peak(lambda: hwio.conv_grad(x, w, dy, **case.options))
    assert got[0].flags.c_contiguous
    assert taken < geo.n * geo.pixels * geo.depth * 4 / 2


def test_too_little_memory_is_said_before_any_is_taken():
    x = np.broadcast_to(np.float32(1), (1, 2**19, 2**19, 1))
    dy = np.broadcast_to(np.float32(1), (1, 2**19 - 2, 2**19 - 2, 1))
    w = np.ones((3, 3, 1, 1), np.float32)

    def call():
        with pytest.raises(hwio.LimitError):
            hwio.conv_grad(x, w, dy)

    assert peak(call)[0] < 1 << 20


@pytest.mark.parametrize("name", ["dout", "dZ", "grad_output"])
def test_other_names_of_dy_are_told(name):
    for call, fix in (
        (lambda **given: hwio.conv_grad(X, W, **given), "hwio.conv_grad(x, w, dy)"),
        (lambda **given: hwio.prepare(W).grad(X, **given), "layer.grad(x, dy)"),
    ):
        with pytest.raises(hwio.ArgumentTypeError) as caught:
            call(**{name: DY})
        assert f"{name}= is no keyword" in str(caught.value)
        assert str(caught.value).endswith(f"fix: {fix}")


def test_options_of_a_layer_come_too_late_for_its_gradients():
    with pytest.raises(hwio.ArgumentTypeError, match="stride=2 comes too late"):
        hwio.prepare(W).grad(X, DY, stride=2)
    with pytest.raises(hwio.ArgumentTypeError, match="it takes x, dy, y= and need="):
        hwio.prepare(W).grad(X, DY, colour=1)
