"""Try the installed wheel the way a new user would: NumPy, hwio, and nothing else."""

import sys
from importlib.metadata import distributions

import numpy as np

import hwio

installed = {d.name.lower() for d in distributions()} - {"pip", "setuptools"}
assert installed == {"numpy", "hwio"}, f"the wheel brought more than NumPy: {sorted(installed)}"

heavy = {"scipy", "matplotlib", "numba"} & set(sys.modules)
assert not heavy, f"import hwio loaded {sorted(heavy)}"

rng = np.random.RandomState(1)  # the course's numbers
x = rng.randn(2, 5, 7, 4)
w = rng.randn(3, 3, 4, 8)
y = hwio.conv(x, w)
assert y.shape == (2, 3, 5, 8), y.shape
by_hand = (x[0, 1:4, 2:5, :] * w[:, :, :, 5]).sum()
assert abs(y[0, 1, 2, 5] - by_hand) < 1e-12, (y[0, 1, 2, 5], by_hand)
assert f"{by_hand:.4f}" == "-1.6023", by_hand
page = hwio.explore(x, w).html()  # its style and script lie in the wheel
assert "<style>" in page
assert len(page) > 100_000
print(f"hwio {hwio.__version__} from {hwio.__file__}: y[0, 1, 2, 5] = {by_hand:.4f}")
