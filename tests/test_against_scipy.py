"""SciPy and NumPy compute the same numbers wherever their operation is a case of this one.

``scipy.signal`` and ``scipy.ndimage`` know one image, one channel and one filter; each mode of
theirs is one of the paddings here.
"""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import hwio
from cases import whole_numbers
from hwio.methods import METHODS
from strategies import SPACE

EXACT = [name for name, method in METHODS.items() if not method.transforms]
SIGNAL_MODES = ["valid", "full", "same"]
NDIMAGE_MODES = {  # scipy.ndimage's word -> ours
    "constant": "zeros",
    "grid-constant": "zeros",
    "nearest": "edge",
    "mirror": "reflect",
    "reflect": "symmetric",
    "wrap": "wrap",
    "grid-wrap": "wrap",
}


@pytest.fixture(scope="module")
def signal():
    return pytest.importorskip("scipy.signal", reason="scipy, to compare with")


@pytest.fixture(scope="module")
def ndimage():
    return pytest.importorskip("scipy.ndimage", reason="scipy, to compare with")


@st.composite
def planes(draw, most_axes=3, dtypes=(np.float64, np.complex128)):
    """Draw (x, w), one channel, whole numbers, with w no larger than x on any axis."""
    ndim = draw(st.integers(1, most_axes))
    taps = [draw(st.integers(1, 5)) for _ in range(ndim)]
    sizes = [k + draw(st.integers(0, 6 if ndim < 3 else 3)) for k in taps]
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return tuple(whole_numbers(rng, tuple(shape), dtype, 9) for shape in (sizes, taps))


def conv_plane(x, w, **options):
    """Convolve one plane with one kernel through ``hwio.conv``."""
    space = SPACE[x.ndim]
    y = hwio.conv(x[..., None], w[..., None, None], layout=f"{space}C,{space}IO", **options)
    return y[..., 0]


def centre(mode, w):
    """Return the padding of scipy.signal's mode; "same" keeps the middle of "full"."""
    return [(k // 2, k - 1 - k // 2) for k in w.shape] if mode == "same" else mode


@given(pair=planes(), mode=st.sampled_from(SIGNAL_MODES), method=st.sampled_from(EXACT))
def test_signal_correlate(signal, pair, mode, method):
    x, w = pair
    want = signal.correlate(x, w, mode, method="direct")
    y = conv_plane(x, w.conj(), padding=centre(mode, w), method=method)  # SciPy conjugates w
    np.testing.assert_array_equal(y, want)


@given(pair=planes(), mode=st.sampled_from(SIGNAL_MODES), method=st.sampled_from(EXACT))
def test_signal_convolve(signal, pair, mode, method):
    x, w = pair
    want = signal.convolve(x, w, mode, method="direct")
    y = conv_plane(x, w, padding=centre(mode, w), flip=True, method=method)
    np.testing.assert_array_equal(y, want)


@given(pair=planes(), mode=st.sampled_from(["valid", "full"]))
def test_signal_fftconvolve(signal, pair, mode):
    x, w = pair
    want = signal.fftconvolve(x, w, mode)
    y = conv_plane(x, w, padding=mode, flip=True, method="fft")
    np.testing.assert_array_equal(np.rint(y), np.rint(want))  # both leave fractions


@given(pair=planes(dtypes=(np.int64, np.float64)), mode=st.sampled_from(["valid", "full"]))
def test_signal_convolve2d_and_correlate2d(signal, pair, mode):
    x, w = pair
    assume(x.ndim == 2)
    correlated = conv_plane(x, w, padding=mode)
    np.testing.assert_array_equal(correlated, signal.correlate2d(x, w, mode))
    turned = conv_plane(x, w, padding=mode, flip=True)
    np.testing.assert_array_equal(turned, signal.convolve2d(x, w, mode))


@given(pair=planes(most_axes=1, dtypes=(np.int64, np.float64)), mode=st.sampled_from(SIGNAL_MODES))
def test_numpy_correlate_and_convolve(pair, mode):
    x, w = pair
    sides = centre(mode, w)
    np.testing.assert_array_equal(conv_plane(x, w, padding=sides), np.correlate(x, w, mode))
    turned = conv_plane(x, w, padding=sides, flip=True)
    np.testing.assert_array_equal(turned, np.convolve(x, w, mode))


@given(pair=planes(dtypes=(np.float64,)), mode=st.sampled_from(sorted(NDIMAGE_MODES)))
def test_ndimage_correlate(ndimage, pair, mode):
    x, w = pair
    low_high = [(k // 2, k - 1 - k // 2) for k in w.shape]
    assume(fits(mode, x, low_high))
    y = conv_plane(x, w, padding=low_high, padding_mode=NDIMAGE_MODES[mode])
    np.testing.assert_array_equal(y, ndimage.correlate(x, w, mode=mode))


@given(pair=planes(dtypes=(np.float64,)), mode=st.sampled_from(sorted(NDIMAGE_MODES)))
def test_ndimage_convolve(ndimage, pair, mode):
    x, w = pair
    low_high = [(k - 1 - k // 2, k // 2) for k in w.shape]
    assume(fits(mode, x, low_high))
    y = conv_plane(x, w, padding=low_high, padding_mode=NDIMAGE_MODES[mode], flip=True)
    np.testing.assert_array_equal(y, ndimage.convolve(x, w, mode=mode))


def fits(mode, x, low_high):
    """Tell whether x has cells enough for the padding; SciPy goes round more than once."""
    spare = {"mirror": 1}.get(mode, 0)
    return all(max(pair) <= n - spare for n, pair in zip(x.shape, low_high, strict=True))


@given(pair=planes(dtypes=(np.float64,)), seed=st.integers(0, 99))
def test_channels_are_summed_and_filters_apart(ndimage, pair, seed):
    """Check images, channels and filters, which SciPy lacks, against its loops."""
    x, w = pair
    rng = np.random.default_rng(seed)
    x = np.stack([np.stack([x * rng.integers(-3, 4) for _ in range(3)], -1) for _ in range(2)])
    w = np.stack([np.stack([w * rng.integers(-3, 4) for _ in range(3)], -1) for _ in range(4)], -1)
    low_high = [(k // 2, k - 1 - k // 2) for k in w.shape[:-2]]
    y = hwio.conv(x, w, padding=low_high)
    for n in range(2):
        for k in range(4):
            planes = (
                ndimage.correlate(x[n, ..., c], w[..., c, k], mode="constant") for c in range(3)
            )
            np.testing.assert_array_equal(y[n, ..., k], sum(planes))


def test_the_whole_array_call_of_ndimage_is_another_operation(ndimage):
    """One call on (N, H, W, C) slides over channels too: a silent failure of a peer."""
    x, w = np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8))
    assert ndimage.correlate(x, w).shape == x.shape
    assert hwio.conv(x, w).shape == (2, 3, 5, 8)
