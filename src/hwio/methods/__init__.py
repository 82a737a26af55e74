"""The readable ways of convolving, one file each; ``METHODS`` lists them.

All take x (n, *in, c) with its padding already there, w (*kernel, i, o) and a Geometry, and return
y (n, *out, o) in x's dtype.
"""

from hwio.methods.broadcast import broadcast_bytes, conv_broadcast
from hwio.methods.einsum import conv_einsum, einsum_bytes
from hwio.methods.fft import conv_fft, fft_bytes
from hwio.methods.im2col import conv_im2col, im2col_bytes, im2col_unit
from hwio.methods.loop import conv_loop, loop_bytes
from hwio.methods.method import Method, whole_image
from hwio.methods.taps import conv_taps, taps_bytes, taps_unit
from hwio.methods.tensordot import conv_tensordot, tensordot_bytes
from hwio.methods.winograd import (
    conv_winograd2,
    conv_winograd4,
    winograd2_bytes,
    winograd4_bytes,
    winograd_refuses,
)

METHODS: dict[str, Method] = {
    "loop": Method(
        "loop",
        conv_loop,
        idea="the definition, number by number",
        formula="y[n, i, j, k] = np.sum(x[n, window of i, j] * w[..., k])",
        workspace=loop_bytes,
    ),
    "broadcast": Method(
        "broadcast",
        conv_broadcast,
        idea="a filter axis on the windows, multiply, sum",
        formula="y = np.sum(windows[..., None] * w, axis=(3, 4, 5))",
        workspace=broadcast_bytes,
    ),
    "einsum": Method(
        "einsum",
        conv_einsum,
        idea="name the axes, sum those that vanish",
        formula='y = np.einsum("nhwpqc,pqck->nhwk", windows, w)',
        workspace=einsum_bytes,
    ),
    "tensordot": Method(
        "tensordot",
        conv_tensordot,
        idea="sum over the axes both share",
        formula="y = np.tensordot(windows, w, axes=3)",
        workspace=tensordot_bytes,
    ),
    "im2col": Method(
        "im2col",
        conv_im2col,
        idea="windows as rows, filters as columns, one product",
        formula="y = windows.reshape(-1, kh*kw*c) @ w.reshape(kh*kw*c, k)",
        workspace=im2col_bytes,
        unit=im2col_unit,
        seamless=True,
    ),
    "taps": Method(
        "taps",
        conv_taps,
        idea="shift x, one product for each tap",
        formula="y = sum(x[:, p:p+oh, q:q+ow] @ w[p, q] for each tap p, q)",
        workspace=taps_bytes,
        unit=taps_unit,
        grouped=True,
    ),
    "fft": Method(
        "fft",
        conv_fft,
        idea="multiply spectra",
        formula="y = irfftn(rfftn(x) @ rfftn(turned w))",
        workspace=fft_bytes,
        bound="T5",
        transforms=True,
        unit=whole_image,
        seamless=True,
    ),
    "winograd": Method(
        "winograd",
        conv_winograd2,
        idea="F(2×2, 3×3): 16 products instead of 36",
        formula="Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, 2×2 outputs from 4×4 tiles",
        workspace=winograd2_bytes,
        unit=whole_image,
        seamless=True,
        bound="T4_2",
        refuses=winograd_refuses,
        transforms=True,
    ),
    "winograd4": Method(
        "winograd4",
        conv_winograd4,
        idea="F(4×4, 3×3): 36 products instead of 144",
        formula="Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A, 4×4 outputs from 6×6 tiles",
        workspace=winograd4_bytes,
        unit=whole_image,
        seamless=True,
        bound="T4_4",
        refuses=winograd_refuses,
        transforms=True,
    ),
}

__all__ = ["METHODS", "Method"]
