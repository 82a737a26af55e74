"""PyTorch computes the same numbers, over random geometries, layouts and padding modes."""

import importlib.util
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwio
from cases import CASES, whole_arrays
from definition import sides
from hwio.methods import METHODS
from strategies import SPACE, cases, seeded_cases

COUNT = 2000  # random geometries
EXACT = [name for name, method in METHODS.items() if not method.transforms]
TORCH_MODES = {"zeros": "constant", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}
DTYPES = [np.float32, np.float64, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64]


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="torch, to compare with")
    with one_thread(module):
        yield module


@contextmanager
def one_thread(torch):
    """Keep torch's threads from waiting for each other over arrays this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def torch_conv(torch, case, x, w):
    """Convolve with torch in float64, through torch's own padding and layout (N, C, ...)."""
    has = dict(case.options)
    ndim = case.problem.geometry.ndim
    space = SPACE[ndim]
    ins, _, y_letters = has.get("layout", f"N{space}C,{space}IO->N{space}C").partition("->")
    x_letters, w_letters = ins.split(",")
    y_letters = y_letters or x_letters
    n = "N" if "N" in x_letters else ""
    groups = has.get("groups", 1)
    x = x.transpose([x_letters.index(letter) for letter in f"{n}C{space}"])
    if "M" in w_letters:
        w = w.transpose([w_letters.index(letter) for letter in f"CM{space}"])  # (c, m, *kernel)
        groups, w = len(w), w.reshape(-1, 1, *w.shape[2:])  # (c·m, 1, *kernel)
    else:
        w = w.transpose([w_letters.index(letter) for letter in f"OI{space}"])
    if has.get("flip"):
        w = np.flip(w, range(2, w.ndim))
    x, w = (torch.from_numpy(np.array(a, np.float64, order="C")) for a in (x, w))
    strides, dilations = (np.broadcast_to(has.get(o, 1), ndim) for o in ("stride", "dilation"))
    strides, dilations = map(np.ndarray.tolist, (strides, dilations))
    geometry = zip(x.shape[-ndim:], w.shape[2:], strides, dilations, strict=True)
    padding = has.get("padding", "valid")
    pads = [sides(padding, at, ndim, *axis) for at, axis in enumerate(geometry)]
    if not n:
        x = x[None]
    flat = [cells for pair in reversed(pads) for cells in pair]  # torch: last axis first
    if any(flat):
        x = torch.nn.functional.pad(x, flat, TORCH_MODES[has.get("padding_mode", "zeros")])
    function = getattr(torch.nn.functional, f"conv{ndim}d")
    y = function(x, w, stride=strides, dilation=dilations, groups=groups).numpy()
    y = y if n else y[0]
    return y.transpose([f"{n}C{space}".index(letter) for letter in y_letters])


def symmetric(case):
    """Tell whether a case needs the one padding mode that torch lacks."""
    return case.options["padding_mode"] == "symmetric"


@pytest.fixture(scope="module")
def peer():
    """Return torch's convolution where torch is installed, else the loop, with its name."""
    torch = importlib.import_module("torch") if importlib.util.find_spec("torch") else None

    def loop(case, x, w):
        return hwio.conv(x.astype(np.float64), w.astype(np.float64), method="loop", **case.options)

    def compute(case, x, w):
        return (
            loop(case, x, w) if torch is None or symmetric(case) else torch_conv(torch, case, x, w)
        )

    if torch is None:
        yield compute, "the loop"
    else:
        with one_thread(torch):
            yield compute, "torch (symmetric padding: the loop)"


# a matrix library may raise this flag for lanes that it does not use; every number is compared below
@pytest.mark.filterwarnings("ignore:invalid value encountered in matmul")
def test_random_geometries_agree(peer, report):
    """Compare 2,000 random convolutions of whole numbers, element by element, with a peer.

    The drawn dtype is computed by ``auto`` and by one method in turn; float64 in the peer is exact.
    """
    compute, name = peer
    mismatches, seen = [], set()
    for at, case in enumerate(seeded_cases(2018, COUNT)):
        x, w = whole_arrays(case, DTYPES[at % len(DTYPES)], seed=at)
        want = compute(case, x, w)
        for method in ("auto", EXACT[at % len(EXACT)]):
            y = hwio.conv(x, w, method=method, **case.options)
            if not (y.shape == want.shape and np.array_equal(y, want)):
                mismatches.append((at, method, case))
        seen.add((case.x_shape, case.w_shape, *map(str, case.options.values())))
    report(f"random convolutions compared with {name}: {COUNT}, mismatches: {len(mismatches)}")
    assert mismatches == []
    assert len(seen) > 0.95 * COUNT  # they differ from each other


def test_the_random_geometries_are_varied():
    drawn = list(seeded_cases(2018, COUNT))
    geometries = [case.problem.geometry for case in drawn]
    few = COUNT // 100
    for option in ("padding_mode", "flip"):
        values = [case.options[option] for case in drawn]
        assert all(values.count(value) > few for value in set(values))
    assert len({case.options["layout"] for case in drawn}) > 200
    for wanted in (
        lambda g: g.groups > 1,
        lambda g: g.group_channels == 1 < g.groups,
        lambda g: max(g.stride) > 1,
        lambda g: max(g.dilation) > 1,
        lambda g: any(low != high for low, high in g.padding),
        lambda g: any(
            (n - reach) % s for n, reach, s in zip(g.padded_size, g.reach, g.stride, strict=True)
        ),
        lambda g: g.kernel == g.padded_size,
        lambda g: METHODS["winograd"].refuses(g) is None,
    ):
        assert sum(map(bool, map(wanted, geometries))) > few


def test_a_slip_is_a_mismatch(peer):
    """Show that the comparison can fail, on turned kernels."""
    compute, _ = peer
    unnoticed = 0
    for at, case in enumerate(seeded_cases(7, 200, flips=False)):
        geo = case.problem.geometry
        if max(geo.kernel) > 1 and min(geo.in_size) > 1 and geo.pixels > 1:  # else it may not show
            x, w = whole_arrays(case, np.float64, seed=at)
            y = hwio.conv(x, w, **(case.options | {"flip": True}))
            unnoticed += np.array_equal(y, compute(case, x, w))
    assert unnoticed < 10


@given(case=cases(modes=tuple(TORCH_MODES)), seed=st.integers(0, 99))
@settings(max_examples=150)
def test_whole_numbers_equal_torch(torch, case, seed):
    x, w = whole_arrays(case, np.float64, seed=seed)
    y = hwio.conv(x, w, **case.options)
    np.testing.assert_array_equal(y, torch_conv(torch, case, x, w))


@given(case=cases(modes=tuple(TORCH_MODES)), seed=st.integers(0, 99))
@settings(max_examples=150)
def test_normal_numbers_are_near_torch(torch, case, seed):
    """Both keep the bound of direct sums, so they differ by twice the bound at most."""
    rng = np.random.default_rng(seed)
    x, w = (rng.standard_normal(shape) for shape in (case.x_shape, case.w_shape))
    want = torch_conv(torch, case, x, w)
    sizes = hwio.conv(abs(x), abs(w), **case.options)
    bound = 8 * case.problem.geometry.depth**0.5 * 2.0**-53 * sizes
    for method in case.methods:
        if method in EXACT:
            y = hwio.conv(x, w, method=method, **case.options)
            assert y.shape == want.shape
            assert (abs(y - want) <= bound).all()


@pytest.mark.parametrize("case", [case for case in CASES if case.methods], ids=str)
def test_the_table_of_cases_equals_torch(torch, case):
    if case.options.get("padding_mode") == "symmetric":
        pytest.skip("torch has no symmetric padding")
    geo = case.problem.geometry
    if 0 in (*case.x_shape, *case.w_shape) or max(geo.stride + geo.dilation) > 2**31:
        pytest.skip("torch refuses empty arrays, and far strides")
    x, w = whole_arrays(case, np.float64)
    want = torch_conv(torch, case, x, w)
    np.testing.assert_array_equal(hwio.conv(x, w, **case.options), want)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_half_is_the_padding_that_torch_users_write(torch, k, stride):
    x, w = np.random.default_rng(k).integers(-9, 9, (2, 3, 8, 7)), np.ones((4, 3, k, k), int)
    w[:, 1, 0, 0] = -3
    y = hwio.conv(x, w, layout="NCHW,OIHW", padding="half", stride=stride)
    x, w = (torch.from_numpy(a.astype(np.float64)) for a in (x, w))
    want = torch.nn.functional.conv2d(x, w, padding=k // 2, stride=stride)
    np.testing.assert_array_equal(y, want.numpy())


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_same_is_that_of_torch_where_torch_has_it(torch, k):
    x, w = np.random.default_rng(k).integers(-9, 9, (2, 3, 8, 7)), np.ones((4, 3, k, 3), int)
    w[:, 1, 0, 0] = -3
    for dilation in (1, 2):
        y = hwio.conv(x, w, layout="NCHW,OIHW", padding="same", dilation=dilation)
        a, b = (torch.from_numpy(v.astype(np.float64)) for v in (x, w))
        want = torch.nn.functional.conv2d(a, b, padding="same", dilation=dilation)
        np.testing.assert_array_equal(y, want.numpy())


def test_same_with_stride_is_not_that_of_torchs_habit(torch):
    """Problem 4: same shape, other values; each convention has its own name."""
    x = np.arange(36.0).reshape(1, 6, 6, 1)
    w = np.arange(9.0).reshape(3, 3, 1, 1)
    same, half = (hwio.conv(x, w, padding=p, stride=2)[0, :, :, 0] for p in ("same", "half"))
    habit = torch.nn.functional.conv2d(
        torch.from_numpy(x[..., 0][None]),
        torch.from_numpy(w[..., 0, 0][None, None]),
        padding=1,
        stride=2,
    )
    assert same.shape == half.shape
    assert not np.array_equal(same, half)
    np.testing.assert_array_equal(half, habit[0, 0].numpy())


def test_a_torch_tensor_is_accepted(torch):
    x, w = torch.ones(1, 4, 4, 2), torch.ones(3, 3, 2, 5)
    np.testing.assert_array_equal(hwio.conv(x, w), np.full((1, 2, 2, 5), 18, np.float32))
