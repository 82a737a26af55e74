"""Every method on the whole table of cases: the same numbers as the loop, and as the formula."""

import numpy as np
import pytest

import hwio
from cases import CASES, Case, every_way, normal_arrays, whole_arrays
from definition import convolve
from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.methods.accuracy import BOUNDS
from nearness import excess

# Twenty-fourths are not exact in binary, so F(4, 3) is held to its bound alone.
ROUNDS = {"winograd4"}
SMALL = {"winograd": 8}  # quarters of sums of larger numbers would pass 2^24


def test_the_table_is_long_and_its_names_differ():
    assert len(CASES) >= 50
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_method_serves_some_case_with_groups_and_every_rank():
    for name in METHODS:
        ranks = {case.problem.geometry.ndim for case, way in every_way() if way == name}
        assert ranks == {1, 2, 3}
        assert any(way == name and case.problem.geometry.groups > 1 for case, way in every_way())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_loop_is_the_formula(case: Case):
    x, w = whole_arrays(case, np.int64)
    shape, numbers = convolve(x.tolist(), w.tolist(), x.shape, w.shape, **case.options)
    for dtype in (np.int64, np.float64):
        y = hwio.conv(x.astype(dtype), w.astype(dtype), method="loop", **case.options)
        assert y.shape == shape
        assert y.dtype == dtype
        assert {index: y[index] for index in np.ndindex(shape)} == numbers


@pytest.mark.parametrize(("case", "method"), every_way(), ids=str)
def test_whole_numbers_are_exact(case: Case, method: str):
    for dtype in (np.float32, np.float64):
        if method in ROUNDS:
            x, w = whole_arrays(case, dtype)
            y = hwio.conv(x.astype(int), w.astype(int), method=method, **case.options)
        else:
            x, w = whole_arrays(case, dtype, SMALL.get(method, 32))
            y = hwio.conv(x, w, method=method, **case.options)
            assert y.dtype == dtype
            y = np.rint(y) if method == "fft" else y  # frequencies are irrational
        assert np.array_equal(y, hwio.conv(x, w, method="loop", **case.options)), dtype


@pytest.mark.parametrize(("case", "method"), every_way(), ids=str)
def test_normal_numbers_are_within_the_published_bound(case: Case, method: str):
    for dtype in (np.float16, np.float32, np.float64, np.complex64, np.complex128):
        x, w = normal_arrays(case, dtype)
        y = hwio.conv(x, w, method=method, **case.options)
        assert y.dtype == dtype
        assert excess(y, x, w, method, case.options) <= 1, dtype


def test_each_method_names_its_bound():
    assert {way.bound for way in (*METHODS.values(), *KERNELS.values())} == set(BOUNDS)


@pytest.mark.parametrize("piece", [1, 100, 2000])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pieces_of_any_size_give_the_same_numbers(case: Case, piece: int, monkeypatch):
    monkeypatch.setattr("hwio.methods.im2col.PIECE", piece)
    x, w = whole_arrays(case)
    y = hwio.conv(x, w, method="im2col", **case.options)
    assert np.array_equal(y, hwio.conv(x, w, method="loop", **case.options))


@pytest.mark.parametrize("method", ["auto", "tensordot", "im2col", "taps", "fft"])
def test_arrays_of_many_pieces_are_exact(method: str):
    """Compare with einsum, which knows no pieces."""
    large = Case("large", (2, 60, 50, 24), (5, 3, 24, 10), {"stride": (1, 2), "padding": "same"})
    x, w = whole_arrays(large, most=8)
    y = hwio.conv(x, w, method=method, **large.options)
    y = np.rint(y) if method == "fft" else y
    assert np.array_equal(y, hwio.conv(x, w, method="einsum", **large.options))
