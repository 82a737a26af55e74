"""Multiply spectra: a correlation is a product in frequency space.

    Y[f, k] = Σ_c  X[f, c] · conj(W[f, c, k])        y = inverse transform of Y, every s-th cell

Cost does not grow with the kernel, so large kernels gain. It runs in double precision whatever the
input. Rounding spreads over the whole image: a small output beside a large input loses digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def conv_fft(x: Array, w: Array, geo: Geometry) -> Array:
    """Convolve through the discrete Fourier transform.

    Parameters
    ----------
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, c, o)
    geo : Geometry

    Returns
    -------
    array, shape (n, *out, o)
    """
    y = np.zeros((x.shape[0], *geo.out_size, w.shape[-1]), x.dtype)
    size = tuple(fast_length(n) for n in x.shape[1:-1])
    axes = tuple(range(geo.ndim))
    whole = np.iscomplexobj(x)
    forward = np.fft.fftn if whole else np.fft.rfftn
    spread = np.zeros((*geo.reach, *w.shape[-2:]), w.dtype)  # taps d cells apart
    spread[tuple(slice(None, None, d) for d in geo.dilation)] = w
    wide = np.complex128 if whole else np.float64
    w_hat = forward(spread[_reversed(geo.ndim)].astype(wide), size, axes)  # (*freq, c, o)
    keep = tuple(
        slice(reach - 1, reach - 1 + (out - 1) * s + 1, s)
        for reach, out, s in zip(geo.reach, geo.out_size, geo.stride, strict=True)
    )
    for image, out in zip(x, y, strict=True):
        x_hat = forward(image.astype(wide), size, axes)  # (*freq, c)
        y_hat = (x_hat[..., None, :] @ w_hat)[..., 0, :]  # (*freq, o), summed over c
        if whole:
            out[...] = np.fft.ifftn(y_hat, size, axes)[keep]  # (*out, o)
        else:
            out[...] = np.fft.irfftn(y_hat, size, axes)[keep]
    return y


def _reversed(ndim: int) -> tuple[slice, ...]:
    """Turn a kernel round: the product of spectra is a true convolution, which flips."""
    return (slice(None, None, -1),) * ndim


def fast_length(n: int) -> int:
    """Return the least length >= n without prime factors above 5.

    Examples
    --------
    >>> fast_length(227)
    240
    """
    if n < 2:
        return n
    best = 1 << (n - 1).bit_length()
    fives = 1
    while fives < best:
        odd = fives
        while odd < best:  # 5^a · 3^b, and the power of 2 that lifts it to n
            best = min(best, odd << (-(-n // odd) - 1).bit_length())
            odd *= 3
        fives *= 5
    return best


def fft_bytes(geo: Geometry, itemsize: int) -> int:
    """Count spectra of the filters of one group, of one image and of its output."""
    del itemsize  # always complex128
    cells = 1
    for n in geo.padded_size:
        cells *= fast_length(n)
    return cells * 16 * (geo.group_channels * (1 + geo.group_filters) + 2 * geo.group_filters)
