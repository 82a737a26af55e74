"""The readable ways of going backwards, one file each; ``GRADIENTS`` lists them.

Both gradients are matrix products. With one row of x for each window (m windows, j numbers in each)
and one column of w for each filter (k filters), convolution is

    y  = x · w         [m j] [j k] -> [m k]

and the chain rule for a product gives, for a gradient dy of y's shape,

    dx = dy · wᵀ       [m k] [k j] -> [m j]      what each number of x did to y
    dw = xᵀ · dy       [j m] [m k] -> [j k]      what each weight did to y
    db = 1ᵀ · dy       [1 m] [m k] -> [1 k]      a bias meets a column of ones

There is no other choice: the letters of each product leave only one way to get the shape. What is
special to convolution is that one number of x stands in several windows, so the windows of dx are
added where they overlap. That sum is all that the files here arrange in different ways:

    loop     one output number scatters into its window
    einsum   the whole matrix [m j] by named axes, then one addition per tap
    flip     the scatter read backwards: a convolution of dy with turned filters
    taps     the same product cut by taps: no matrix of windows is ever made

All of them take canonical arrays: ``dx(dy, w, geo)`` and ``dw(x, dy, geo)`` with x (n, *padded, c),
w (*kernel, i, o) and dy (n, *out, o). dx comes with the padding's cells; ``fold`` adds those to the
cells of x that they repeat. Rows that no window reaches, because the stride leaves them over, get 0.
"""

from hwio.gradients.einsum import dw_einsum, dw_einsum_bytes, dx_einsum, dx_einsum_bytes
from hwio.gradients.flip import dw_flip, dw_flip_bytes, dx_flip, dx_flip_bytes
from hwio.gradients.gradient import Gradient
from hwio.gradients.loop import dw_loop, dx_loop, loop_bytes
from hwio.gradients.taps import dw_taps, dw_taps_bytes, dx_taps, dx_taps_bytes

GRADIENTS: dict[str, Gradient] = {
    "loop": Gradient(
        "loop",
        dx_loop,
        dw_loop,
        idea="every output number scatters into its window",
        dx_formula="dx[n, window of i, j] += w[..., k] * dy[n, i, j, k]",
        dw_formula="dw[..., k] += x[n, window of i, j] * dy[n, i, j, k]",
        dx_workspace=loop_bytes,
        dw_workspace=loop_bytes,
    ),
    "einsum": Gradient(
        "einsum",
        dx_einsum,
        dw_einsum,
        idea="move the letters of the forward sum",
        dx_formula='np.einsum("nhwk,pqck->nhwpqc", dy, w), then add where windows overlap',
        dw_formula='dw = np.einsum("nhwpqc,nhwk->pqck", windows, dy)',
        dx_workspace=dx_einsum_bytes,
        dw_workspace=dw_einsum_bytes,
    ),
    "flip": Gradient(
        "flip",
        dx_flip,
        dw_flip,
        idea="both gradients are convolutions again",
        dx_formula="dx = conv(dy with s - 1 zeros between, turned w, padding='full')",
        dw_formula="dw = conv(x, dy, stride=d, dilation=s), images as channels",
        dx_workspace=dx_flip_bytes,
        dw_workspace=dw_flip_bytes,
    ),
    "taps": Gradient(
        "taps",
        dx_taps,
        dw_taps,
        idea="one matrix product for each tap",
        dx_formula="dx[:, p::s, q::s] += dy @ w[p, q].T for each tap p, q",
        dw_formula="dw[p, q] = x[:, p::s, q::s].T @ dy for each tap p, q",
        dx_workspace=dx_taps_bytes,
        dw_workspace=dw_taps_bytes,
        grouped=True,
    ),
}

__all__ = ["GRADIENTS", "Gradient"]
