"""Teach a small network to read handwritten digits, with hwio and NumPy alone.

Nothing is hidden: every layer is a function that goes forwards and one that goes backwards, and
training is a loop over them. The digits are the 1797 pictures of 8x8 pixels that come with
scikit-learn; of these the network never trains on 360, and reads them at the end.

    x (n, 8, 8, 1)   conv -> relu -> pool   (n, 4, 4, 16)
                     conv -> relu -> pool   (n, 2, 2, 64)
                     dense                  (n, 10), one score per digit

Needs scikit-learn for the digits and matplotlib to draw; no window is opened:

    python -m pip install scikit-learn matplotlib
    python examples/learn_digits.py --out out
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import hwio
from hwio.show.progress import Progress

SEED = 0  # of the split, the weights at the start, the order of the pictures and their shifts
TEST = 360  # pictures kept aside, a fifth
EPOCHS = 40  # how often each picture is looked at
BATCH = 32  # pictures per step
RATE = 1 / 16  # how far the first step goes downhill; the last go nearly nowhere
MOMENTUM = 7 / 8  # how much of the last step goes on
CLASSES = 10

Weights = dict[str, np.ndarray]
SHAPES = {
    "w1": (3, 3, 1, 16),  # HWIO: 16 filters of 3x3 on 1 channel
    "b1": (16,),
    "w2": (3, 3, 16, 64),  # 64 filters of 3x3 on 16 channels
    "b2": (64,),
    "w3": (2 * 2 * 64, CLASSES),  # what pooling left, to ten scores
    "b3": (CLASSES,),
}


# The layers. Backwards, dy is how much the loss grows with each number of y; the function returns
# the same for what the layer was given.


def conv(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Convolve; x (n, h, w, i) and w (3, 3, i, o) give (n, h, w, o)."""
    return hwio.conv(x, w, b, padding="same")


def conv_back(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray, need: str = "xwb"
) -> tuple[np.ndarray | None, ...]:
    """Return dx (n, h, w, i), dw (3, 3, i, o) and db (o,) from dy (n, h, w, o)."""
    return hwio.conv_grad(x, w, dy, padding="same", need=need)


def relu(x: np.ndarray) -> np.ndarray:
    """Let through what is above zero; any shape."""
    return np.maximum(x, 0)


def relu_back(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Let dy through where x was let through."""
    return dy * (x > 0)


def pool(x: np.ndarray) -> np.ndarray:
    """Keep the largest of each 2x2 numbers: (n, h, w, c) to (n, h/2, w/2, c)."""
    return hwio.max_pool(x, 2)


def pool_back(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Send dy (n, h/2, w/2, c) to where the largest was: (n, h, w, c), the rest 0."""
    return hwio.max_pool_grad(x, dy, 2)


def dense(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Weigh every number of a picture for every score: (n, 2, 2, 64) to (n, 10)."""
    return x.reshape(len(x), -1) @ w + b  # (n, 256) @ (256, 10)


def dense_back(
    x: np.ndarray, w: np.ndarray, dy: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dx (n, 2, 2, 64), dw (256, 10) and db (10,) from dy (n, 10)."""
    dx = dy @ w.T  # (n, 256)
    dw = x.reshape(len(x), -1).T @ dy  # (256, 10)
    return dx.reshape(x.shape), dw, dy.sum(axis=0)


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean of -log(probability of the right digit), and its gradient (n, 10)."""
    n = len(scores)
    scores = scores - scores.max(axis=1, keepdims=True)  # so that exp can't overflow
    logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))  # (n, 10)
    right = np.arange(n), labels
    dscores = np.exp(logs)
    dscores[right] -= 1  # probability minus what it should be
    return float(-logs[right].mean()), dscores / n


# The network: the layers in a row, and back through them in reverse.


class Kept(NamedTuple):
    """What each layer was given: the way back needs it."""

    x: np.ndarray  # (n, 8, 8, 1)
    c1: np.ndarray  # (n, 8, 8, 16)
    r1: np.ndarray
    p1: np.ndarray  # (n, 4, 4, 16)
    c2: np.ndarray  # (n, 4, 4, 64)
    r2: np.ndarray
    p2: np.ndarray  # (n, 2, 2, 64)


def forward(x: np.ndarray, weights: Weights) -> tuple[np.ndarray, Kept]:
    """Return ten scores for each picture, and what the way back needs."""
    c1 = conv(x, weights["w1"], weights["b1"])  # (n, 8, 8, 16)
    r1 = relu(c1)
    p1 = pool(r1)  # (n, 4, 4, 16)
    c2 = conv(p1, weights["w2"], weights["b2"])  # (n, 4, 4, 64)
    r2 = relu(c2)
    p2 = pool(r2)  # (n, 2, 2, 64)
    scores = dense(p2, weights["w3"], weights["b3"])  # (n, 10)
    return scores, Kept(x, c1, r1, p1, c2, r2, p2)


def backward(dscores: np.ndarray, kept: Kept, weights: Weights) -> Weights:
    """Return the gradient of every weight, in its shape."""
    dp2, dw3, db3 = dense_back(kept.p2, weights["w3"], dscores)  # (n, 2, 2, 64)
    dr2 = pool_back(kept.r2, dp2)  # (n, 4, 4, 64)
    dc2 = relu_back(kept.c2, dr2)
    dp1, dw2, db2 = conv_back(kept.p1, weights["w2"], dc2)  # (n, 4, 4, 16)
    dr1 = pool_back(kept.r1, dp1)  # (n, 8, 8, 16)
    dc1 = relu_back(kept.c1, dr1)
    _, dw1, db1 = conv_back(kept.x, weights["w1"], dc1, need="wb")  # the picture can't change
    return {"w1": dw1, "b1": db1, "w2": dw2, "b2": db2, "w3": dw3, "b3": db3}


# Training.


def start(seed: int = SEED) -> Weights:
    """Draw the weights at the start: zero biases, filters that keep the size of the numbers (He)."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in SHAPES.items():
        seen = np.prod(shape[:-1])  # numbers that one sum adds
        spread = np.sqrt(2 / seen) if name.startswith("w") else 0
        weights[name] = (spread * rng.standard_normal(shape)).astype(np.float32)
    return weights


def step(
    x: np.ndarray, labels: np.ndarray, weights: Weights, speed: Weights, rate: float = RATE
) -> float:
    """Go one step downhill, changing weights and speed in place, and return the loss before it."""
    scores, kept = forward(x, weights)
    loss, dscores = cross_entropy(scores, labels)
    for name, gradient in backward(dscores, kept, weights).items():
        speed[name] *= MOMENTUM
        speed[name] += gradient
        weights[name] -= rate * speed[name]
    return loss


def shift(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Move each picture by up to one pixel: another picture of the same digit."""
    n, h, w, _ = x.shape
    wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])  # (n, 10, 10, 1)
    places = np.lib.stride_tricks.sliding_window_view(wide, (h, w), axis=(1, 2))
    i, j = rng.integers(0, 3, (2, n))  # where each window starts
    return places[np.arange(n), i, j].transpose(0, 2, 3, 1)  # (n, 1, 8, 8) -> (n, 8, 8, 1)


def train(
    x: np.ndarray,
    labels: np.ndarray,
    weights: Weights,
    epochs: int = EPOCHS,
    after: Callable[[], None] = lambda: None,
    seed: int = SEED,
) -> np.ndarray:
    """Train in place, call `after` each epoch, and return the losses (epochs, steps)."""
    rng = np.random.default_rng(seed)
    speed = {name: np.zeros_like(w) for name, w in weights.items()}
    steps = len(x) // BATCH  # the few left over have their turn in another epoch
    losses = np.zeros((epochs, steps))
    with Progress(losses.size) as bar:
        for epoch in range(epochs):
            rate = RATE * (1 - epoch / epochs)
            order = rng.permutation(len(x))[: steps * BATCH].reshape(steps, BATCH)
            for at, batch in enumerate(order):
                losses[epoch, at] = step(shift(x[batch], rng), labels[batch], weights, speed, rate)
                bar.step(f"epoch {epoch + 1} of {epochs}, loss {losses[epoch, at]:.4f}")
            after()
    return losses


def read(x: np.ndarray, weights: Weights) -> np.ndarray:
    """Return the digit with the largest score for each picture, (n,)."""
    return forward(x, weights)[0].argmax(axis=1)


class Digits(NamedTuple):
    """Pictures (n, 8, 8, 1) in 0..1 and what they show (n,), to train on and to test with."""

    x: np.ndarray
    labels: np.ndarray
    test_x: np.ndarray
    test_labels: np.ndarray


def load(seed: int = SEED) -> Digits:
    """Load scikit-learn's digits and keep 360 aside, drawn with the seed."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)  # (1797, 8, 8, 1), ink was 0..16
    order = np.random.default_rng(seed).permutation(len(x))
    test, rest = order[:TEST], order[TEST:]
    return Digits(x[rest], digits.target[rest], x[test], digits.target[test])


# Pictures.

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "0.35"


def figure_of(width: float, height: float):
    """Return a white figure of so many inches that needs no screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_loss(losses: np.ndarray, accuracy: list[float], out: Path) -> None:
    """Draw the loss of every step and its mean over each epoch, and what was read right."""
    figure = figure_of(9, 4)
    left, right = figure.subplots(1, 2)
    epochs, steps = losses.shape
    left.plot(np.arange(losses.size) / steps, losses.ravel(), color=BLUE, alpha=0.3, label="step")
    left.plot(np.arange(epochs) + 0.5, losses.mean(axis=1), "o-", color=BLUE, ms=4, label="epoch")
    left.set(yscale="log", xlabel="epoch", title="Loss on the pictures trained on")
    left.legend(frameon=False)
    right.plot(np.arange(1, epochs + 1), [100 * a for a in accuracy], "o-", color=ORANGE, ms=4)
    right.axhline(98, color=GREY, lw=1, ls="--")
    right.text(epochs, 97.8, "98 %", ha="right", va="top", color=GREY)
    right.set(xlabel="epoch", ylabel="%", title=f"Of {TEST} pictures never seen, read right")
    for axes in (left, right):
        axes.title.set(color=GREY, fontsize=11)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out)


def draw_filters(before: Weights, weights: Weights, digits: Digits, out: Path) -> None:
    """Draw the 16 first filters at the start and after, and where each answers on a picture."""
    answers = relu(conv(digits.test_x[:1], weights["w1"], weights["b1"]))[0]  # (8, 8, 16)
    rows = [
        ("start", before["w1"][:, :, 0], "PuOr_r"),  # (3, 3, 16)
        ("learned", weights["w1"][:, :, 0], "PuOr_r"),
        (f"answers to a {digits.test_labels[0]}", answers, "Greys"),
    ]
    figure = figure_of(11, 2.7)
    figure.suptitle("w1[:, :, 0, k]: orange adds, purple takes away", color=GREY, fontsize=11)
    grid = figure.subplots(3, 17, gridspec_kw={"width_ratios": [2] + [1] * 16})
    for axes, (name, planes, colours) in zip(grid, rows, strict=True):
        end = np.abs(planes).max()
        low = 0 if colours == "Greys" else -end
        for k in range(16):
            axes[k + 1].imshow(planes[:, :, k], cmap=colours, vmin=low, vmax=end)
            axes[k + 1].set(xticks=[], yticks=[])
        axes[0].axis("off")
        axes[0].text(1, 0.5, name, ha="right", va="center", color=GREY)
    for k in range(16):
        grid[0, k + 1].set_title(f"k={k}", fontsize=8, color=GREY)
    figure.savefig(out)


def draw_misread(digits: Digits, found: np.ndarray, out: Path) -> None:
    """Draw the pictures never seen that were read wrongly, and what was read."""
    wrong = np.flatnonzero(found != digits.test_labels)
    figure = figure_of(1.5 * max(len(wrong), 3), 2)
    grid = figure.subplots(1, max(len(wrong), 3), squeeze=False)[0]
    for axes in grid:
        axes.axis("off")
    for axes, at in zip(grid, wrong, strict=False):
        axes.imshow(digits.test_x[at, ..., 0], cmap="Greys")
        axes.set_title(f"{digits.test_labels[at]}, read {found[at]}", color=GREY, fontsize=11)
    figure.savefig(out)


def main(out: str = "out", epochs: int = EPOCHS, seed: int = SEED) -> float:
    """Train, say how it went, draw it, and return the share of unseen pictures read right."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    digits = load(seed)
    weights, before, accuracy = start(seed), start(seed), []

    def test() -> None:
        accuracy.append(float((read(digits.test_x, weights) == digits.test_labels).mean()))

    count = sum(w.size for w in weights.values())
    print(f"{count} weights, {len(digits.x)} pictures to train on, {TEST} never seen, seed {seed}")
    began = time.perf_counter()
    with threadpool_limits(1, "blas"):  # products this small are slower shared
        losses = train(digits.x, digits.labels, weights, epochs, test, seed)
    seconds = time.perf_counter() - began
    print("  epoch     loss   read right")
    for epoch in sorted({*range(0, epochs, 10), epochs - 1}):
        print(f"  {epoch + 1:5}   {losses[epoch].mean():.4f}   {accuracy[epoch]:10.2%}")

    found = read(digits.test_x, weights)
    wrong = int((found != digits.test_labels).sum())
    print(f"{seconds:.1f} s; {wrong} of {TEST} unseen pictures misread: {accuracy[-1]:.2%} right")
    draw_loss(losses, accuracy, folder / "digits-loss.png")
    draw_filters(before, weights, digits, folder / "digits-filters.png")
    draw_misread(digits, found, folder / "digits-misread.png")
    print(f"drawn: digits-loss.png, digits-filters.png, digits-misread.png in {folder}")
    return accuracy[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", default="out", help="folder for the pictures")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="times each picture is seen")
    parser.add_argument("--seed", type=int, default=SEED, help="of all that is drawn by chance")
    main(**vars(parser.parse_args()))
