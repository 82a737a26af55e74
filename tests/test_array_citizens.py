"""Arrays of other libraries: read where they lie, refused by name, answered in kind."""

import importlib
import sys

import numpy as np
import pytest

import hwio
from hwio.ops.arrays import as_array
from hwio.ops.elsewhere import answer_as

X, W = (2, 9, 8, 4), (3, 3, 4, 8)


def numbers(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def memory(array):
    """Return another library's array as NumPy sees it, by that library's own way."""
    return np.from_dlpack(array) if hasattr(array, "__dlpack__") else np.asarray(array)


class OnlyDLPack:
    """An array that has nothing but DLPack's two methods."""

    def __init__(self, array, device=(1, 0)):
        self._array, self._device = array, device

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._device


class OnlyArray:
    """An array that has nothing but ``__array__``."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return self._array


def from_torch(array):
    return pytest.importorskip("torch").from_numpy(array)


def from_jax(array):
    return pytest.importorskip("jax.numpy").asarray(array)


def from_strict(array):
    return pytest.importorskip("array_api_strict").asarray(array)


def from_xarray(array):
    return pytest.importorskip("xarray").DataArray(array)


KINDS = [from_torch, from_jax, from_strict, from_xarray, OnlyDLPack, OnlyArray]
NAMED = pytest.mark.parametrize("of", KINDS, ids=lambda of: of.__name__)


@NAMED
def test_arrays_of_others_are_read_where_they_lie(of):
    x, w = numbers(X), numbers(W, seed=1)
    given = of(x)
    seen = as_array(given, "x")
    assert type(seen) is np.ndarray
    assert np.shares_memory(seen, x if of in (OnlyDLPack, OnlyArray) else memory(given))
    assert seen.strides == x.strides
    y = hwio.conv(given, of(w), of(numbers(8)), padding="same")
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(y, hwio.conv(x, w, numbers(8), padding="same"))


@NAMED
def test_the_family_takes_them(of):
    x, w, dy = numbers(X), numbers(W, seed=1), numbers((2, 7, 6, 8), seed=2)
    np.testing.assert_array_equal(hwio.max_pool(of(x), 2), hwio.max_pool(x, 2))
    for got, want in zip(
        hwio.conv_grad(of(x), of(w), of(dy)), hwio.conv_grad(x, w, dy), strict=True
    ):
        np.testing.assert_array_equal(got, want)
    layer = hwio.prepare(of(w))
    np.testing.assert_array_equal(layer(of(x)), hwio.conv(x, w))


def test_what_can_not_be_written_is_read():
    x, w = numbers(X), numbers(W, seed=1)
    want = hwio.conv(x, w)
    x.flags.writeable = False
    for of in (OnlyDLPack, OnlyArray):
        np.testing.assert_array_equal(hwio.conv(of(x), w), want)


def test_lists_and_frames():
    pd = pytest.importorskip("pandas")
    signal = pd.DataFrame({"left": [1.0, 2.0, 4.0, 8.0], "right": [0.0, 1.0, 0.0, 1.0]})
    w = np.ones((2, 2, 1))
    want = hwio.conv(signal.to_numpy(), w, layout="WC,WIO")
    np.testing.assert_array_equal(hwio.conv(signal, w, layout="WC,WIO"), want)
    listed = hwio.conv(signal.to_numpy().tolist(), w.tolist(), layout="WC,WIO")
    np.testing.assert_array_equal(listed, want)
    assert np.shares_memory(as_array(signal, "x"), signal.to_numpy())


# ---------------------------------------------------------------- PyTorch


def test_tensors_of_any_stride():
    torch = pytest.importorskip("torch")
    x, w = numbers((2, 4, 9, 8)), numbers((8, 4, 3, 3), seed=1)
    tensor = torch.from_numpy(x)
    want = hwio.conv(x, w, layout="NCHW,OIHW")
    last = tensor.to(memory_format=torch.channels_last)  # PyTorch's own way to keep NHWC
    for given in (tensor, last, tensor[:, :, ::1], torch.cat([tensor, tensor], 3)[..., :8]):
        seen = as_array(given, "x")
        assert seen.__array_interface__["data"][0] == given.data_ptr()
        np.testing.assert_array_equal(hwio.conv(given, w, layout="NCHW,OIHW"), want)


def test_tensors_whose_conjugate_or_sign_is_put_off():
    torch = pytest.importorskip("torch")
    x, w = numbers((1, 9, 2), np.complex64) * (1 + 2j), numbers((3, 2, 3), seed=1)
    tensor = torch.from_numpy(x)
    np.testing.assert_array_equal(hwio.conv(tensor.conj(), w), hwio.conv(x.conj(), w))
    np.testing.assert_array_equal(hwio.conv(tensor.conj().imag, w), hwio.conv(-x.imag, w))


def test_tensors_of_bfloat16():
    torch, ml_dtypes = pytest.importorskip("torch"), pytest.importorskip("ml_dtypes")
    x = torch.from_numpy(numbers(X)).to(torch.bfloat16)
    w = torch.from_numpy(numbers(W, seed=1)).to(torch.bfloat16)
    seen = as_array(x, "x", bfloat16=True)
    assert seen.dtype == ml_dtypes.bfloat16
    assert seen.__array_interface__["data"][0] == x.data_ptr()
    np.testing.assert_array_equal(seen.astype(np.float32), x.float().numpy())
    y = hwio.conv(x, w, like=x)
    assert y.dtype == torch.bfloat16
    want = hwio.conv(x.float().numpy(), w.float().numpy())
    assert torch.equal(y, torch.from_numpy(want).to(torch.bfloat16))


def test_bfloat16_without_a_dtype_for_it(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    x = torch.ones(X, dtype=torch.bfloat16)
    with pytest.raises(hwio.ArgumentTypeError, match=r"fix: x = x\.float\(\)"):
        hwio.conv(x, np.ones(W))


def test_tensors_that_record_gradients():
    torch = pytest.importorskip("torch")
    x = torch.ones(X, requires_grad=True)
    with pytest.raises(hwio.ArgumentTypeError, match=r"hwio\.interop\.torch\.conv") as caught:
        hwio.conv(x, np.ones(W))
    assert str(caught.value).endswith("fix: x = x.detach()")
    assert hwio.conv(x.detach(), np.ones(W), like=x).shape == (2, 7, 6, 8)


def test_a_tensor_that_shares_y_with_out():
    torch = pytest.importorskip("torch")
    out = np.empty((2, 7, 6, 8), np.float32)
    y = hwio.conv(from_torch(numbers(X)), numbers(W, seed=1), out=out, like=torch.empty(0))
    assert y.data_ptr() == out.ctypes.data


# ---------------------------------------------------------------- what can't be read


@pytest.mark.parametrize(("number", "place"), [(2, "cuda:0"), (10, "rocm:0"), (8, "metal:0")])
def test_a_device_that_dlpack_tells(number, place):
    class Array(OnlyDLPack):
        def cpu(self):
            return self._array

    x = Array(np.ones(X), (number, 0))
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        hwio.conv(x, np.ones(W))
    said = str(caught.value).splitlines()
    assert said[0] == f"x is on the device {place}, but hwio computes on the CPU"
    assert said[-1] == "  fix: x = x.cpu()"


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", "xpu:0"])
@pytest.mark.parametrize("name", ["x", "w", "b", "like"])
def test_a_device_that_the_array_tells(device, name):
    class Tensor:
        def __init__(self):
            self.device = device

        def __array__(self, dtype=None, copy=None):
            raise AssertionError

        def cpu(self):
            return np.ones(X)

    given = {"x": np.ones(X), "w": np.ones(W), "b": None, "like": None, name: Tensor()}
    x, w, b = (given.pop(n) for n in "xwb")
    with pytest.raises(hwio.ArgumentTypeError, match=f"{name} is on the device {device}, but hwio"):
        hwio.conv(x, w, b, **given)


def test_a_lazy_array_inside_a_labelled_one():
    da, xr = pytest.importorskip("dask.array"), pytest.importorskip("xarray")
    x = xr.DataArray(da.ones(X, chunks=4))
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        hwio.conv(x, np.ones(W))
    assert str(caught.value) == (
        "x holds a dask array, which this would load whole\n"
        "  hwio.conv takes x.data as it is, and computes y chunk by chunk\n"
        "  fix: x = x.data"
    )
    assert isinstance(hwio.conv(x.data, np.ones(W)), da.Array)


# ---------------------------------------------------------------- like=


@pytest.mark.parametrize("of", [from_torch, from_jax, from_strict])
@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.complex64])
@pytest.mark.parametrize("layout", ["NHWC,HWIO", "NHWC,HWIO->NCHW"])
def test_y_comes_in_kind(of, dtype, layout):
    x, w = (4 * numbers(X)).astype(dtype), (4 * numbers(W, seed=1)).astype(dtype)
    want = hwio.conv(x, w, layout=layout)
    y = hwio.conv(x, w, layout=layout, like=of(x))
    assert type(y) is type(of(x))
    assert str(y.dtype).rpartition(".")[2] == want.dtype.name
    np.testing.assert_array_equal(np.asarray(memory(y)), want)


def test_every_function_that_takes_like():
    like = from_torch(np.ones(1))
    x, w = numbers(X), numbers(W, seed=1)
    pairs = [
        (hwio.conv, (x, w)),
        (hwio.conv_transpose, (x, numbers((3, 3, 8, 4)))),
        (hwio.prepare(w), (x,)),
        (hwio.max_pool, (x, 2)),
        (hwio.avg_pool, (x, 2)),
        (hwio.lp_pool, (x, 2)),
    ]
    for function, args in pairs:
        y = function(*args, like=like)
        assert type(y) is type(like), function
        np.testing.assert_array_equal(y.numpy(), function(*args))


def test_like_of_numpys_own_and_of_lists():
    x, w = numbers(X), numbers(W, seed=1)
    want = hwio.conv(x, w)
    assert type(hwio.conv(from_torch(x), w, like=x)) is np.ndarray
    assert type(hwio.conv(x, w, like=np.float32(1))) is np.ndarray
    assert hwio.conv(x, w, like=[]) == want.tolist()


def test_a_tensor_shares_the_numbers_of_y():
    torch = pytest.importorskip("torch")
    y = np.ones((2, 3)).T
    kept = answer_as(torch.empty(0))(y)
    y[0, 0] = 7
    assert kept[0, 0] == 7
    assert np.shares_memory(kept.numpy(), y)


def test_jax_that_would_lose_digits_says_so():
    like = from_jax(np.ones(1, np.float32))
    if importlib.import_module("jax").config.jax_enable_x64:
        pytest.skip("JAX keeps float64 here")
    x, w = numbers(X, np.float64), numbers(W, np.float64, 1)
    with pytest.raises(hwio.DTypeError) as caught:
        hwio.conv(x, w, like=like)
    assert str(caught.value) == (
        "y is float64, but jax makes it float32\n"
        "  hwio rounds to fewer digits only when told to\n"
        '  fix: jax.config.update("jax_enable_x64", True)\n'
        "   or: out_dtype=np.float32"
    )


def test_bfloat16_of_jax():
    jnp = pytest.importorskip("jax.numpy")
    x, w = (jnp.asarray(numbers(s), jnp.bfloat16) for s in (X, W))
    y = hwio.conv(x, w, like=x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(y), hwio.conv(np.asarray(x), np.asarray(w)))


def test_like_and_laziness():
    da = pytest.importorskip("dask.array")
    x, w = da.ones(X, chunks=4), np.ones(W)
    assert isinstance(hwio.conv(x, w, like=x), da.Array)
    with pytest.raises(hwio.ArgumentTypeError, match="y is computed later"):
        hwio.conv(x, w, like=[])
    with pytest.raises(hwio.ArgumentTypeError, match=r"fix: x = dask\.array\.from_array\(x\)"):
        hwio.conv(np.ones(X), w, like=x)


def test_a_kind_that_nobody_makes():
    with pytest.raises(hwio.ArgumentTypeError, match="like= is a dict, of which hwio makes none"):
        hwio.max_pool(np.ones(X), 2, like={})
