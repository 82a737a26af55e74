"""Functions as learners write them: right ones in five styles, wrong ones, and ones that break things.

This file is loaded by ``hwio.check`` as a learner's own, so it imports NumPy alone.
"""

import ctypes
import os
import sys
import threading

import numpy as np

# ---------------------------------------------------------------- right, in five styles


def around(x, pad):
    return np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


def sizes_of(A_prev, W, hparameters):
    stride, pad = hparameters["stride"], hparameters["pad"]
    f = W.shape[0]
    rows, columns = ((n - f + 2 * pad) // stride + 1 for n in A_prev.shape[1:3])
    return f, stride, pad, rows, columns


def windows_of(A_prev, W, hparameters):
    f, stride, pad, rows, columns = sizes_of(A_prev, W, hparameters)
    grown = around(A_prev, pad)
    n, h, w, c = grown.strides
    shape = (len(A_prev), rows, columns, f, f, A_prev.shape[3])
    steps = (n, stride * h, stride * w, h, w, c)
    return np.lib.stride_tricks.as_strided(grown, shape, steps)


def conv_forward_loops(A_prev, W, b, hparameters):
    f, stride, pad, rows, columns = sizes_of(A_prev, W, hparameters)
    grown = around(A_prev, pad)
    Z = np.zeros((len(A_prev), rows, columns, W.shape[3]))
    for i in range(len(A_prev)):
        for h in range(rows):
            for w in range(columns):
                for c in range(W.shape[3]):
                    top, left = h * stride, w * stride
                    piece = grown[i, top : top + f, left : left + f]
                    Z[i, h, w, c] = np.sum(piece * W[..., c]) + b[0, 0, 0, c]
    return Z, (A_prev, W, b, hparameters)


def conv_forward_broadcast(A_prev, W, b, hparameters):
    windows = windows_of(A_prev, W, hparameters)
    Z = (windows[..., None] * W).sum(axis=(3, 4, 5)) + b
    return Z, (A_prev, W, b, hparameters)


def conv_forward_einsum(A_prev, W, b, hparameters):
    windows = windows_of(A_prev, W, hparameters)
    return np.einsum("nijhwc,hwck->nijk", windows, W) + b, (A_prev, W, b, hparameters)


def conv_forward_strided(A_prev, W, b, hparameters):
    windows = windows_of(A_prev, W, hparameters)
    return np.tensordot(windows, W, 3) + b, (A_prev, W, b, hparameters)


def conv_forward_im2col(A_prev, W, b, hparameters):
    f, stride, pad, rows, columns = sizes_of(A_prev, W, hparameters)
    grown = around(A_prev, pad)
    places = [(h * stride, w * stride) for h in range(rows) for w in range(columns)]
    matrix = np.stack(
        [grown[:, h : h + f, w : w + f].reshape(len(grown), -1) for h, w in places], 1
    )
    Z = matrix @ W.reshape(-1, W.shape[3])
    return Z.reshape(len(grown), rows, columns, -1) + b, (A_prev, W, b, hparameters)


def conv_forward_float32(A_prev, W, b, hparameters):
    single = (a.astype(np.float32) for a in (A_prev, W, b))
    return conv_forward_im2col(*single, hparameters)[0], (A_prev, W, b, hparameters)


RIGHT = [
    conv_forward_loops,
    conv_forward_broadcast,
    conv_forward_einsum,
    conv_forward_strided,
    conv_forward_im2col,
    conv_forward_float32,
]


def conv2d(x, w, stride=1, padding=0, dilation=1, bias=None):
    """Convolve in a form of its own: plain, with keywords."""
    grown, (kh, kw) = around(x, padding), w.shape[:2]
    tall, wide = (kh - 1) * dilation + 1, (kw - 1) * dilation + 1
    rows, columns = (
        (n - k) // stride + 1 for n, k in zip(grown.shape[1:3], (tall, wide), strict=True)
    )
    y = np.zeros((len(x), rows, columns, w.shape[3]))
    for h in range(rows):
        for v in range(columns):
            top, left = h * stride, v * stride
            piece = grown[:, top : top + tall : dilation, left : left + wide : dilation]
            y[:, h, v] = np.tensordot(piece, w, 3)
    return y if bias is None else y + bias


def conv_same(image, kernel, padding="valid"):
    """Convolve with a padding in words, as TensorFlow has it."""
    kh, kw = kernel.shape[:2]
    if padding == "same":
        around_it = [((k - 1) // 2, k // 2) for k in (kh, kw)]
        image = np.pad(image, ((0, 0), *around_it, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(image, (kh, kw), (1, 2))
    return np.einsum("nijchw,hwck->nijk", windows, kernel)


# ---------------------------------------------------------------- wrong in ways of their own


def _bent(bend):
    def conv_forward(A_prev, W, b, hparameters):
        Z = conv_forward_im2col(A_prev, W, b, hparameters)[0]
        return bend(Z, A_prev, W, b), (A_prev, W, b, hparameters)

    return conv_forward


def _with(change):
    def conv_forward(A_prev, W, b, hparameters):
        return conv_forward_im2col(*change(A_prev, W, b), hparameters)

    return conv_forward


WRONG = {
    "tripled": _bent(lambda Z, A, W, b: 3 * Z),
    "squared": _bent(lambda Z, A, W, b: Z * Z),
    "shifted by one": _bent(lambda Z, A, W, b: Z + 1),
    "negated": _bent(lambda Z, A, W, b: -Z),
    "mirrored afterwards": _bent(lambda Z, A, W, b: Z[:, :, ::-1]),
    "rolled": _bent(lambda Z, A, W, b: np.roll(Z, 1, axis=2)),
    "sigmoid": _bent(lambda Z, A, W, b: 1 / (1 + np.exp(-Z))),
    "normalised": _bent(lambda Z, A, W, b: (Z - Z.mean()) / (Z.std() + 1e-9)),
    "nearly right": _bent(lambda Z, A, W, b: Z * (1 + 1e-6)),
    "one cell off": _bent(lambda Z, A, W, b: Z + 0.25 * (np.arange(Z.size) == 3).reshape(Z.shape)),
    "not a number in a corner": _bent(
        lambda Z, A, W, b: np.where(np.arange(Z.size).reshape(Z.shape) == 0, np.nan, Z)
    ),
    "the mean everywhere": _bent(lambda Z, A, W, b: np.full_like(Z, Z.mean())),
    "sorted": _bent(lambda Z, A, W, b: np.sort(Z, axis=2)),
    "summed up": _bent(lambda Z, A, W, b: np.cumsum(Z, axis=1)),
    "bias tripled": _bent(lambda Z, A, W, b: Z + 2 * b),
    "bias of the next filter": _bent(lambda Z, A, W, b: Z - b + np.roll(b, 1) + 0.125),
    "weights halved": _with(lambda A, W, b: (A, W / 2, b)),
    "sizes of weights": _with(lambda A, W, b: (A, np.abs(W), b)),
    "sizes of images": _with(lambda A, W, b: (np.abs(A), W, b)),
    "squared images": _with(lambda A, W, b: (A * A, W, b)),
    "images turned": _with(lambda A, W, b: (A[:, ::-1, ::-1], W + 1, b)),
    "centre tap missing": _with(
        lambda A, W, b: (A, W * (np.arange(W.size) != 4).reshape(W.shape), b)
    ),
}


# ---------------------------------------------------------------- breaking things


def endless(A_prev, W, b, hparameters):
    while True:
        pass


def endless_print(A_prev, W, b, hparameters):
    while True:
        print("hello", flush=True)  # noqa: T201


def raising(A_prev, W, b, hparameters):
    return A_prev[99], None


def without_return(A_prev, W, b, hparameters):
    conv_forward_im2col(A_prev, W, b, hparameters)


def without_cache(A_prev, W, b, hparameters):
    return conv_forward_im2col(A_prev, W, b, hparameters)[0]


def lists(A_prev, W, b, hparameters):
    Z, cache = conv_forward_im2col(A_prev, W, b, hparameters)
    return Z.tolist(), cache


def objects(A_prev, W, b, hparameters):
    Z, cache = conv_forward_im2col(A_prev, W, b, hparameters)
    return Z.astype(object), cache


def complexes(A_prev, W, b, hparameters):
    Z, cache = conv_forward_im2col(A_prev, W, b, hparameters)
    return Z.astype(complex), cache


def flooding(A_prev, W, b, hparameters):
    for i in range(1000):
        print("x" * 1000, i)  # noqa: T201
        print("y" * 1000, i, file=sys.stderr)  # noqa: T201
    os.write(1, b"z" * 100_000)
    return conv_forward_im2col(A_prev, W, b, hparameters)


def exiting(A_prev, W, b, hparameters):
    sys.exit(0)


def exiting_at_once(A_prev, W, b, hparameters):
    os._exit(0)


def crashing(A_prev, W, b, hparameters):
    ctypes.string_at(0)


def hungry(A_prev, W, b, hparameters):
    return np.ones((1 << 20, 1 << 16)), None


def much_too_large(A_prev, W, b, hparameters):
    return np.zeros((9 << 20,)), None


def changing(A_prev, W, b, hparameters):
    Z = conv_forward_im2col(A_prev, W, b, hparameters)[0]
    A_prev += 1
    return Z, None


def changing_sizes(A_prev, W, b, hparameters):
    Z = conv_forward_im2col(A_prev, W, b, dict(hparameters))[0]
    hparameters["stride"] = 7
    return Z, None


def by_chance(A_prev, W, b, hparameters):
    Z, cache = conv_forward_im2col(A_prev, W, b, hparameters)
    return Z + np.random.default_rng().random() / 1000, cache


def asking(A_prev, W, b, hparameters):
    return input("which stride? "), None


def with_a_thread(A_prev, W, b, hparameters):
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    return conv_forward_im2col(A_prev, W, b, hparameters)


def too_deep(A_prev, W, b, hparameters):
    return too_deep(A_prev, W, b, hparameters)


# name -> status of the first case, words that tell why
BREAKING = {
    "endless": ("timeout", "never ends"),
    "endless_print": ("timeout", "never ends"),
    "raising": ("raised", "IndexError"),
    "without_return": ("returns", "returns None"),
    "without_cache": ("returns", "not (Z, cache)"),
    "lists": ("returns", "Z is a list"),
    "objects": ("returns", "dtype object"),
    "complexes": ("returns", "dtype complex128"),
    "exiting": ("raised", "calls exit"),
    "exiting_at_once": ("died", "exit code 0"),
    "crashing": ("died", "SIGSEGV"),
    "hungry": ("raised", "MemoryError"),
    "much_too_large": ("returns", "far too large"),
    "changing": ("changed", "changes its own arguments"),
    "changing_sizes": ("changed", "changes its own arguments"),
    "by_chance": ("random", "two calls"),
    "asking": ("raised", "EOFError"),
    "too_deep": ("raised", "RecursionError"),
}
