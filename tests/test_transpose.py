"""Transposed convolution: against PyTorch, as the adjoint of ``conv``, and every size it can have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwio
from cases import whole_numbers
from hwio.gradients import GRADIENTS
from hwio.gradients.accuracy import dx_bound
from hwio.shapes.output_sizes import sizes_of
from hwio.shapes.transposed import transposed_geometry, transposed_layout
from strategies import SPACE


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="torch, to compare with")
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(before)


@st.composite
def calls(draw):
    """Draw x's and w's shapes, channels first, and options with output_padding in its range."""

    def between(low, high):
        return draw(st.integers(low, high))

    ndim = between(1, 3)
    axes = []
    for _ in range(ndim):
        n, k, s, d = between(1, 5), between(1, 4), between(1, 3), between(1, 3)
        low, high, extra = between(0, 3), between(0, 3), between(0, s - 1)
        spare = (n - 1) * s + (k - 1) * d + extra - low - high  # at least one cell is left
        axes.append((n, k, s, d, (low, high) if spare >= 0 else (0, 0), extra))
    n, k, s, d, pads, extra = zip(*axes, strict=True)
    groups = between(1, 3)
    x_shape = (between(1, 3), groups * between(1, 3), *n)
    w_shape = (x_shape[1], between(1, 3), *k)
    options = {"stride": s, "dilation": d, "padding": list(pads), "groups": groups}
    return x_shape, w_shape, options | {"output_padding": extra}


def whole(*shapes, seed=0, dtype=np.float64):
    rng = np.random.default_rng([seed, *shapes[0]])
    return [whole_numbers(rng, shape, dtype, 9) for shape in shapes]


def torch_transpose(torch, x, w, b, options):
    """Transpose with torch: without padding, then cut, because torch knows no uneven padding."""
    ndim = x.ndim - 2
    function = getattr(torch.nn.functional, f"conv_transpose{ndim}d")
    y = function(
        x, w, b, stride=options["stride"], dilation=options["dilation"], groups=options["groups"]
    )
    for axis, ((low, high), extra) in enumerate(
        zip(options["padding"], options["output_padding"], strict=True), 2
    ):
        size = y.shape[axis] - low - high + extra
        more = list(y.shape)
        more[axis] = extra
        fill = torch.zeros(more, dtype=y.dtype)
        if b is not None:
            fill = fill + b.reshape(-1, *(1,) * ndim)
        y = torch.cat([y, fill], axis).narrow(axis, low, size)
    return y


@given(call=calls(), seed=st.integers(0, 99))
@settings(max_examples=200)
def test_whole_numbers_equal_torch_and_so_do_gradients(torch, call, seed):
    x_shape, w_shape, options = call
    x, w = whole(x_shape, w_shape, seed=seed)
    b = np.arange(-3.0, w_shape[1] * options["groups"] - 3)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    want = torch_transpose(torch, *leaves, options)
    space = SPACE[x.ndim - 2]
    layout = f"NC{space},IO{space}"
    way = ("auto", *GRADIENTS)[seed % (1 + len(GRADIENTS))]
    y = hwio.conv_transpose(x, w, b, layout=layout, method=way, **options)
    np.testing.assert_array_equal(y, want.detach().numpy())
    (dy,) = whole(y.shape, seed=seed + 1)
    want.backward(torch.tensor(dy))
    got = hwio.conv_transpose_grad(x, w, dy, layout=layout, method=way, **options)
    for mine, leaf in zip(got, leaves, strict=True):
        np.testing.assert_array_equal(mine, leaf.grad.numpy())
    left = {k: v for k, v in options.items() if k != "output_padding"}  # dy tells the size
    again = hwio.conv_transpose_grad(x, w, dy, layout=layout, **left)
    for mine, other in zip(again, got, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("output_padding", [0, 1])
def test_torch_s_own_output_padding(torch, output_padding):
    x, w = whole((2, 3, 4, 5), (3, 2, 3, 3))
    y = hwio.conv_transpose(
        x, w, layout="NCHW,IOHW", stride=2, padding=1, output_padding=output_padding
    )
    a, k = torch.from_numpy(x), torch.from_numpy(w)
    want = torch.nn.functional.conv_transpose2d(
        a, k, stride=2, padding=1, output_padding=output_padding
    )
    np.testing.assert_array_equal(y, want.numpy())


@given(call=calls())
@settings(max_examples=100)
def test_it_is_the_gradient_for_x_of_the_convolution(call):
    """The weights are the convolution's own: HWIO there is HWOI here."""
    x_shape, w_shape, options = call
    n, c, *size = x_shape
    i, o, *kernel = w_shape
    x, w = whole((n, *size, c), (*kernel, o, i))
    y = hwio.conv_transpose(x, w, **options)
    rest = {k: v for k, v in options.items() if k != "output_padding"}
    dx, _, _ = hwio.conv_grad(y.shape, w, x, need="x", **rest)
    np.testing.assert_array_equal(y, dx)
    (other,) = whole(y.shape, seed=1)
    there = hwio.conv(other, w, method="einsum", **rest)
    assert (there * x).sum() == (other * y).sum()
    dw = hwio.conv_transpose_grad(x, w, other, need="w", **rest)[1]
    assert (dw * w).sum() == (other * y).sum()


@pytest.mark.parametrize(("k", "s", "d"), [(3, 1, 1), (3, 2, 1), (2, 3, 2), (1, 4, 1), (4, 2, 1)])
@pytest.mark.parametrize("padding", ["same", "same_lower", "valid", "half", "full", [(1, 0)]])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_output_size_takes_every_size_that_leads_to_x_and_no_other(n, padding, k, s, d):
    x, w = whole((1, n, 2), (k, 3, 2))
    options = {"stride": s, "dilation": d, "padding": padding}
    taken = []
    for size in range((n + 1) * s + k * d + 3):
        try:
            y = hwio.conv_transpose(x, w, output_size=size, **options)
        except hwio.ShapeError:
            continue
        taken.append(size)
        assert y.shape == (1, size, 3)
    wanted = []
    for size in range((n + 1) * s + k * d + 3):
        try:
            wanted += [size] * (hwio.plan((1, size, 3), w, **options).geometry.out_size == (n,))
        except hwio.ShapeError:
            continue
    assert taken == wanted


def test_same_is_s_times_as_large():
    x, w = whole((1, 3, 5, 2), (3, 4, 6, 2))
    assert hwio.conv_transpose(x, w, stride=(2, 3), padding="same").shape == (1, 6, 15, 6)
    assert hwio.conv_transpose(x, w[:1, :1], stride=4, padding="SAME").shape == (1, 12, 20, 6)
    extra = hwio.conv_transpose(x, w, stride=2, padding="same", output_padding=0)
    assert extra.shape == (1, 5, 9, 6)


def test_sizes():
    assert list(sizes_of(3, 3, 2, 1, (0, 0))) == [7, 8]
    own, forward = transposed_layout("CHWN,OHIW->NHWC", (4, 5, 6, 2), (3, 2, 4, 2))
    assert (own.w, forward.text) == ("OHIW", "NHWC,IHOW->CHWN")
    geo = transposed_geometry(own, (4, 5, 6, 2), (3, 2, 4, 2), stride=2)
    assert (geo.y_shape, geo.x_shape) == ((2, 5, 6, 4), (2, 10, 12, 3))


@pytest.mark.parametrize(
    ("layout", "x_shape", "w_shape", "y_shape"),
    [
        (None, (2, 4, 5, 3), (3, 3, 6, 3), (2, 9, 11, 6)),
        ("NHWC,HWOI->NCHW", (2, 4, 5, 3), (3, 3, 6, 3), (2, 6, 9, 11)),
        ("NCHW,IOHW", (2, 3, 4, 5), (3, 6, 3, 3), (2, 6, 9, 11)),
        ("HWC,HWIO", (4, 5, 3), (3, 3, 3, 6), (9, 11, 6)),
        ("CHWN,OHIW->NHWC", (3, 4, 5, 2), (6, 3, 3, 3), (2, 9, 11, 6)),
        ("NHWC,HWCM", (2, 4, 5, 6), (3, 3, 2, 3), (2, 9, 11, 2)),
        (None, (2, 4, 3), (3, 6, 3), (2, 9, 6)),
        ("NCDHW,IODHW", (1, 3, 2, 4, 5), (3, 6, 3, 3, 3), (1, 6, 5, 9, 11)),
    ],
    ids=str,
)
def test_layouts(layout, x_shape, w_shape, y_shape):
    x, w = whole(x_shape, w_shape)
    for flip in (False, True):
        y = hwio.conv_transpose(x, w, layout=layout, stride=2, flip=flip)
        assert y.shape == y_shape
        (dy,) = whole(y_shape, seed=2)
        dx, dw, db = hwio.conv_transpose_grad(x, w, dy, layout=layout, stride=2, flip=flip)
        assert (dx.shape, dw.shape) == (x_shape, w_shape)
        assert (dy * y).sum() == (dx * x).sum() == (dw * w).sum()
        letters = (layout or "N?C").partition("->")[2] or (layout or "?C").partition(",")[0]
        assert db.size == y_shape[letters.index("C") if layout else -1]


def test_every_way_keeps_the_bound_of_direct_sums():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x, w = (rng.standard_normal(s).astype(dtype) for s in ((2, 6, 7, 24), (3, 3, 5, 24)))
        own, _ = transposed_layout(None, x.shape, w.shape)
        geo = transposed_geometry(own, x.shape, w.shape, stride=2, padding=1)
        r = hwio.conv_transpose(x.astype(float), w.astype(float), stride=2, padding=1)
        if dtype == np.float64:
            r = hwio.conv_transpose(x, w, stride=2, padding=1, method="loop")
        bound = dx_bound(x, w, geo, np.finfo(dtype).eps / 2) * (2 if dtype == np.float64 else 1)
        for method in GRADIENTS:
            y = hwio.conv_transpose(x, w, stride=2, padding=1, method=method)
            assert (np.abs(y - r) <= bound).all()


@pytest.mark.parametrize(
    ("dtypes", "want"),
    [
        (("f4", "f4", "f4"), "f4"),
        (("f2", "f2", "f2"), "f2"),
        (("f4", "f4", "f8"), "f8"),
        (("i1", "i1", "i1"), "i4"),
        (("i1", "i1", "i8"), "i8"),
        (("u1", "i2", "u1"), "i8"),
        (("c8", "f4", "f4"), "c8"),
    ],
    ids=str,
)
def test_dtypes(dtypes, want):
    arrays = [np.abs(a) for a in whole((1, 4, 2), (3, 5, 2))] + [np.arange(5.0)]
    x, w, b = (a.astype(d) for a, d in zip(arrays, dtypes, strict=True))
    y = hwio.conv_transpose(x, w, b, stride=2)
    assert y.dtype == np.dtype(want)
    np.testing.assert_array_equal(y, hwio.conv_transpose(*arrays, stride=2).astype(y.dtype))


def test_complex_gradients_are_those_of_torch(torch):
    x, w, dy = whole((1, 2, 4), (2, 3, 3), (1, 3, 9), dtype=np.complex128)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w)]
    want = torch.nn.functional.conv_transpose1d(*leaves, stride=2)
    y = hwio.conv_transpose(x, w, layout="NCW,IOW", stride=2)
    np.testing.assert_array_equal(y, want.detach().numpy())
    want.backward(torch.tensor(dy))
    got = hwio.conv_transpose_grad(x, w, dy, layout="NCW,IOW", stride=2)
    for mine, leaf in zip(got, leaves, strict=False):
        np.testing.assert_array_equal(mine, leaf.grad.numpy())


def test_inputs_are_never_written_and_may_be_strided():
    x, w = whole((2, 4, 5, 3), (3, 3, 6, 3))
    b = np.arange(6.0)
    want = hwio.conv_transpose(x, w, b, stride=2)
    kept = x.copy(), w.copy(), b.copy()
    for a in (x, w, b):
        a.flags.writeable = False
    other = np.repeat(x, 2, axis=2)[:, :, ::2], np.asfortranarray(w), b.reshape(1, 1, 1, 6)
    for method in ("auto", *GRADIENTS):
        np.testing.assert_array_equal(
            hwio.conv_transpose(*other, stride=2, method=method), want, method
        )
        hwio.conv_transpose(x, w, b, stride=2, method=method)
        hwio.conv_transpose_grad(x, w, want, stride=2, method=method)
    for a, before in zip((x, w, b), kept, strict=True):
        np.testing.assert_array_equal(a, before)


def test_nothing_comes_of_nothing():
    assert hwio.conv_transpose(np.ones((0, 4, 3)), np.ones((3, 5, 3))).shape == (0, 6, 5)
    assert not hwio.conv_transpose(np.ones((2, 4, 0)), np.ones((3, 5, 0))).any()
    y = hwio.conv_transpose(np.ones((2, 4, 0)), np.ones((3, 5, 0)), np.arange(5.0))
    np.testing.assert_array_equal(y, np.broadcast_to(np.arange(5.0), (2, 6, 5)))
    assert hwio.conv_transpose(np.ones((2, 4, 3)), np.ones((3, 0, 3))).shape == (2, 6, 0)


@pytest.mark.parametrize("size", [2**61, 2**63 - 1, 2**63, 2**64, 10**5000], ids=hex)
@pytest.mark.parametrize(
    "option", ["stride", "dilation", "padding", "groups", "output_size", "output_padding"]
)
def test_absurd_numbers(option, size):
    with pytest.raises(hwio.HwioError):
        hwio.conv_transpose(np.ones((2, 5, 7, 4)), np.ones((3, 3, 8, 4)), **{option: size})
