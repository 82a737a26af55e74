"""The course's functions: against loops written here, against PyTorch, and with no other library."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwio import lab

GEOMETRIES = [  # m, n_H, n_W, n_C_prev, f, n_C, stride, pad
    (2, 5, 7, 4, 3, 8, 2, 1),
    (10, 4, 4, 3, 2, 8, 2, 2),  # sizes of the course's own examples
    (10, 5, 7, 4, 3, 8, 2, 1),
    (1, 4, 4, 1, 4, 1, 1, 0),
    (3, 6, 5, 2, 3, 2, 3, 0),  # rows are left over
    (1, 3, 3, 2, 5, 3, 1, 2),  # the window is larger than the image
    (2, 7, 3, 1, 1, 2, 4, 3),
    (0, 5, 5, 2, 3, 2, 1, 0),
]


def whole(seed, *shapes):
    """Draw whole numbers, of which no sum is rounded."""
    rng = np.random.default_rng(seed)
    return [rng.integers(-4, 5, shape) * 1.0 for shape in shapes]


def layer(geometry, seed=0):
    m, high, wide, channels, f, filters, stride, pad = geometry
    shapes = (m, high, wide, channels), (f, f, channels, filters), (1, 1, 1, filters)
    return (*whole(seed, *shapes), {"stride": stride, "pad": pad})


def places(n_out, stride, f):
    """Yield each cell of one axis with what its window covers."""
    return [(at, range(at * stride, at * stride + f)) for at in range(n_out)]


# ---------------------------------------------------------------- loops of our own, over numbers


def padded(x, pad):
    """Return x as nested lists, with zeros around."""
    m, high, wide, channels = x.shape
    grown = np.zeros((m, high + 2 * pad, wide + 2 * pad, channels))
    for n, i, j, c in product(*map(range, x.shape)):
        grown[n, i + pad, j + pad, c] = x[n, i, j, c]
    return grown


def convolved(x, w, b, stride, pad):
    x = padded(x, pad)
    f, filters = w.shape[0], w.shape[3]
    high, wide = ((n - f) // stride + 1 for n in x.shape[1:3])
    z = np.zeros((len(x), high, wide, filters))
    for n, (i, rows), (j, columns), k in product(
        range(len(x)), places(high, stride, f), places(wide, stride, f), range(filters)
    ):
        taps = product(enumerate(rows), enumerate(columns), range(w.shape[2]))
        z[n, i, j, k] = b[0, 0, 0, k] + sum(
            x[n, row, column, c] * w[p, q, c, k] for (p, row), (q, column), c in taps
        )
    return z


def gradients(x, w, dz, stride, pad):
    grown = padded(x, pad)
    dx, dw, db = np.zeros_like(grown), np.zeros_like(w), np.zeros((1, 1, 1, w.shape[3]))
    f = w.shape[0]
    for n, (i, rows), (j, columns), k in product(
        range(len(x)), places(dz.shape[1], stride, f), places(dz.shape[2], stride, f), range(w.shape[3])
    ):  # fmt: skip
        db[0, 0, 0, k] += dz[n, i, j, k]
        for (p, row), (q, column), c in product(
            enumerate(rows), enumerate(columns), range(w.shape[2])
        ):
            dx[n, row, column, c] += w[p, q, c, k] * dz[n, i, j, k]
            dw[p, q, c, k] += grown[n, row, column, c] * dz[n, i, j, k]
    return dx[:, pad : pad + x.shape[1], pad : pad + x.shape[2]], dw, db


def pooled(x, da, f, stride, mode):
    """Return the pooled x, and dx where da is given."""
    high, wide = ((n - f) // stride + 1 for n in x.shape[1:3])
    a, dx = np.zeros((len(x), high, wide, x.shape[3])), np.zeros(x.shape)
    for n, (i, rows), (j, columns), c in product(
        range(len(x)), places(high, stride, f), places(wide, stride, f), range(x.shape[3])
    ):
        cells = list(product(rows, columns))
        values = [x[n, row, column, c] for row, column in cells]
        a[n, i, j, c] = max(values) if mode == "max" else sum(values) / len(values)
        for (row, column), value in zip(cells, values, strict=True):
            if da is not None and mode == "average":
                dx[n, row, column, c] += da[n, i, j, c] / len(values)
            elif da is not None and value == max(values):
                dx[n, row, column, c] += da[n, i, j, c]
    return a, dx


# ---------------------------------------------------------------- against them


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_convolution_is_that_of_the_loops(geometry):
    x, w, b, sizes = layer(geometry)
    z, cache = lab.conv_forward(x, w, b, sizes)
    np.testing.assert_array_equal(z, convolved(x, w, b, **sizes))
    assert [a is b for a, b in zip(cache, (x, w, b, sizes), strict=True)] == [True] * 4
    (dz,) = whole(1, z.shape)
    for mine, loop in zip(lab.conv_backward(dz, cache), gradients(x, w, dz, **sizes), strict=True):
        assert mine.shape == loop.shape
        np.testing.assert_array_equal(mine, loop)


@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize(
    ("shape", "f", "stride"),
    [((2, 4, 4, 3), 3, 2), ((2, 5, 5, 3), 3, 1), ((5, 5, 3, 2), 2, 1), ((1, 7, 9, 2), 4, 2),
     ((2, 3, 3, 1), 1, 2)],
)  # fmt: skip
def test_pooling_is_that_of_the_loops(shape, f, stride, mode):
    (x,) = whole(2, shape)
    x = np.abs(x)  # so that many windows have their maximum twice
    a, cache = lab.pool_forward(x, {"f": f, "stride": stride}, mode)
    (da,) = whole(3, a.shape)
    da *= 144  # every share of f·f cells is a whole number
    wanted, dx = pooled(x, da, f, stride, mode)
    np.testing.assert_allclose(a, wanted, rtol=4e-16)
    np.testing.assert_array_equal(lab.pool_backward(da, cache, mode), dx)


def test_ties_get_all_of_it_each():
    x = np.array([[5.0, 5.0], [5.0, 1.0]]).reshape(1, 2, 2, 1)
    _, cache = lab.pool_forward(x, {"f": 2, "stride": 2})
    dx = lab.pool_backward(np.full((1, 1, 1, 1), 7.0), cache)
    assert dx[0, ..., 0].tolist() == [[7, 7], [7, 0]]


def test_a_single_step_is_one_number_of_the_layer():
    x, w, b, sizes = layer(GEOMETRIES[0])
    z, _ = lab.conv_forward(x, w, b, sizes)
    grown = lab.zero_pad(x, sizes["pad"])
    np.testing.assert_array_equal(grown, padded(x, sizes["pad"]))
    for n, i, j, c in product(*map(range, z.shape)):
        window = grown[n, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        one = lab.conv_single_step(window, w[..., c], b[..., c])
        assert one == z[n, i, j, c]
        assert np.ndim(one) == 0


@settings(max_examples=40)
@given(
    st.tuples(*(st.integers(1, 3), *(st.integers(4, 8),) * 2, st.integers(1, 3), st.integers(1, 4)),
              *(st.integers(1, 3),) * 2, st.integers(0, 3)),
    st.integers(0, 9),
)  # fmt: skip
def test_torch_agrees(geometry, seed):
    torch = pytest.importorskip("torch")
    x, w, b, sizes = layer(geometry, seed)
    given_ = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    out = torch.nn.functional.conv2d(
        given_[0].permute(0, 3, 1, 2), given_[1].permute(3, 2, 0, 1).contiguous(), given_[2].reshape(-1),
        stride=sizes["stride"], padding=sizes["pad"],
    ).permute(0, 2, 3, 1)  # fmt: skip
    z, cache = lab.conv_forward(x, w, b, sizes)
    np.testing.assert_array_equal(z, out.detach().numpy())
    (dz,) = whole(seed + 1, z.shape)
    (out * torch.tensor(dz)).sum().backward()
    for mine, tensor in zip(lab.conv_backward(dz, cache), given_, strict=True):
        np.testing.assert_array_equal(mine, tensor.grad.numpy())


def test_the_comparison_sees_the_course_s_usual_slips():
    """Show that the numbers above can differ: a turned kernel, a stride forgotten, one tie alone."""
    x, w, b, sizes = layer(GEOMETRIES[0])
    z, cache = lab.conv_forward(x, w, b, sizes)
    assert not np.array_equal(z, convolved(x, w[::-1, ::-1], b, **sizes))
    (dz,) = whole(1, z.shape)
    dx, dw, _ = lab.conv_backward(dz, cache)
    turned = gradients(x, w[::-1, ::-1], dz, **sizes)
    assert not np.array_equal(dx, turned[0])
    assert not np.array_equal(dw, turned[1][::-1, ::-1])


def test_inputs_stay_as_they_are():
    x, w, b, sizes = layer(GEOMETRIES[0])
    for array in (x, w, b):
        array.flags.writeable = False
    z, cache = lab.conv_forward(x, w, b, sizes)
    lab.conv_backward(z, cache)
    assert sizes == {"stride": 2, "pad": 1}


def test_lab_is_loaded_when_asked_for():
    script = "import sys, hwio; assert 'hwio.lab' not in sys.modules; hwio.lab.conv_forward"
    subprocess.run([sys.executable, "-c", script], check=True)
