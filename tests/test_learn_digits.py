"""The network that learns: its gradients, the same steps in PyTorch, and what it reads at the end."""

import copy
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.append(str(EXAMPLES))
learn = importlib.import_module("learn_digits")

STEPS = 40


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    """On a busy machine, small products on two threads mostly wait for each other."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
    else:
        with threadpool_limits(1, "blas"):
            yield


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn.datasets", reason="scikit-learn, for the digits")
    return learn.load()


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch, to compare with")


def ink(rng, n):
    """Draw pictures of noise, and labels."""
    x = rng.random((n, 8, 8, 1)).astype(np.float32)
    return x, rng.integers(0, learn.CLASSES, n)


def double(arrays):
    return {name: a.astype(np.float64) for name, a in arrays.items()}


# One step.


def test_shapes_are_those_of_the_comments():
    x, labels = ink(np.random.default_rng(0), 5)
    weights = learn.start()
    scores, kept = learn.forward(x, weights)
    assert scores.shape == (5, 10)
    assert [a.shape[1:] for a in kept] == [
        (8, 8, 1), (8, 8, 16), (8, 8, 16), (4, 4, 16), (4, 4, 64), (4, 4, 64), (2, 2, 64),
    ]  # fmt: skip
    _, dscores = learn.cross_entropy(scores, labels)
    gradients = learn.backward(dscores, kept, weights)
    assert {name: g.shape for name, g in gradients.items()} == learn.SHAPES
    assert {a.dtype for a in (scores, dscores, *kept, *gradients.values())} == {np.dtype("f4")}


@pytest.mark.parametrize("name", learn.SHAPES)
def test_gradients_are_the_slopes_of_the_loss(name):
    """A weight moved by h either way: (loss after - loss before) / 2h, for some of the weights.

    The quotient errs by h²/6 times a third derivative, so at 2h by four times that: what both
    quotients differ by is three times the error of the first. To that comes what the losses are
    rounded by, over h; their own sums have up to 256 terms, hence 4·√256 = 64 roundings. At a kink
    (a sign that ReLU sees changes, or the largest of a window) there is no slope: left out.
    """
    x, labels = ink(np.random.default_rng(1), 4)
    x, weights, h = x.astype(np.float64), double(learn.start()), 2.0**-12

    def quotient(flat, at, h):
        held, losses, paths = flat[at], [], []
        for moved in (held + h, held - h):
            flat[at] = moved
            scores, kept = learn.forward(x, weights)
            losses.append(learn.cross_entropy(scores, labels)[0])
            ways = [kept.c1 > 0, kept.c2 > 0]
            ways += [learn.pool_back(r, np.ones_like(learn.pool(r))) for r in (kept.r1, kept.r2)]
            paths.append(np.concatenate([way.ravel() for way in ways]))
        flat[at] = held
        return (losses[0] - losses[1]) / (2 * h), np.array_equal(*paths), losses[0]

    scores, kept = learn.forward(x, weights)
    gradient = learn.backward(learn.cross_entropy(scores, labels)[1], kept, weights)[name]
    flat, slopes, compared = weights[name].reshape(-1), gradient.reshape(-1), 0
    for at in range(0, flat.size, 1 if flat.size < 20 else flat.size // 20):
        near, _, _ = quotient(flat, at, h)
        far, smooth, loss = quotient(flat, at, 2 * h)
        if smooth:
            bound = abs(far - near) + 64 * np.finfo(float).eps * loss / h
            assert abs(near - slopes[at]) <= bound
            assert bound < 1e-5
            compared += 1
    assert compared >= 5


def test_the_loss_of_a_guess_is_log_ten_and_large_scores_do_not_overflow():
    labels = np.array([3, 7])
    loss, dscores = learn.cross_entropy(np.zeros((2, 10)), labels)
    assert loss == pytest.approx(np.log(10), rel=1e-15)
    want = np.full((2, 10), 0.05)
    want[[0, 1], labels] -= 0.5
    np.testing.assert_allclose(dscores, want, rtol=1e-15)
    loss, dscores = learn.cross_entropy(np.full((2, 10), 1e4) * np.eye(10)[labels], labels)
    assert loss == 0
    assert not dscores.any()


# The same network in PyTorch.


def torch_steps(torch, batches, start, slip=None):
    """Train PyTorch's own layers, autograd and SGD from the same start; losses and weights.

    `slip` is a mistake to make on purpose.
    """
    conv = [torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.Conv2d(16, 64, 3, padding=1)]
    dense = torch.nn.Linear(256, learn.CLASSES)
    relu, pool = torch.nn.ReLU(), torch.nn.MaxPool2d(2)
    network = torch.nn.Sequential(
        conv[0], relu, pool, conv[1], relu, pool, torch.nn.Flatten(), dense
    ).double()
    with torch.no_grad():
        for at, layer in enumerate(conv, 1):
            layer.weight.copy_(torch.tensor(start[f"w{at}"].transpose(3, 2, 0, 1)))  # to OIHW
            layer.bias.copy_(torch.tensor(start[f"b{at}"]))
        # Rows of w3 run h, w, c; PyTorch flattens c, h, w.
        w3 = start["w3"].reshape(2, 2, 64, 10)
        dense.weight.copy_(torch.tensor(w3.transpose(3, 2, 0, 1).reshape(10, 256)))
        dense.bias.copy_(torch.tensor(start["b3"]))
    momentum = learn.MOMENTUM * (1 - 1e-9 if slip == "momentum" else 1)
    descent = torch.optim.SGD(network.parameters(), lr=learn.RATE, momentum=momentum)
    losses = []
    for at, (x, labels) in enumerate(batches):
        x = torch.tensor(x.transpose(0, 3, 1, 2))  # (n, 1, 8, 8)
        if slip == "pixel" and at == 0:
            x[0, 0, 3, 3] += 1e-9
        loss = torch.nn.functional.cross_entropy(network(x), torch.tensor(labels))
        descent.zero_grad()
        loss.backward()
        if slip == "gradient" and at == STEPS // 2:
            conv[0].weight.grad[5, 0, 1, 1] += 1e-9
        descent.step()
        losses.append(loss.item())
    numbers = [p.detach().numpy() for p in network.parameters()]
    w1, b1, w2, b2, w3, b3 = numbers
    w1, w2 = (w.transpose(2, 3, 1, 0) for w in (w1, w2))  # OIHW -> HWIO
    w3 = w3.reshape(10, 64, 2, 2).transpose(2, 3, 1, 0).reshape(256, 10)
    return np.array(losses), {"w1": w1, "b1": b1, "w2": w2, "b2": b2, "w3": w3, "b3": b3}


def own_steps(batches, start):
    weights = copy.deepcopy(start)
    speed = {name: np.zeros_like(w) for name, w in weights.items()}
    losses = [learn.step(x, labels, weights, speed) for x, labels in batches]
    return np.array(losses), weights


def bounds(batches, start):
    """How far two float64 runs may part, from how far a float32 run parts from one in float64.

    Every step rounds, and every later step makes of that rounding what the network's curvature
    makes of it. To first order the distance from the exact path is u·D, with D a property of the
    path alone, so what the same code does in float32 (u = 2^-24) shows D, and 2^-29 of it is what
    float64 (2^-53) should do. 2 because both libraries round; 4 because one draw of roundings may
    be unluckier than another, as in the published bounds of a sum. One bound per array, from the
    largest of its differences. The start, the pictures, the rate and the momentum are float32
    numbers: both runs begin at the same point. Where float32 alone crosses a kink (ReLU, the
    largest of a window) it parts further: the bound is looser then, some 1e-12.
    """
    narrow = [(x.astype(np.float32), labels) for x, labels in batches]
    single = own_steps(narrow, {name: w.astype(np.float32) for name, w in start.items()})
    wide = own_steps(batches, start)
    shrink = 2 * 4 * 2.0**-29
    parted = {name: np.abs(single[1][name] - wide[1][name]).max() for name in start}
    parted["loss"] = np.abs(single[0] - wide[0]).max()
    return wide, {name: shrink * d for name, d in parted.items()}


def batches_of(digits, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.x))[: STEPS * learn.BATCH].reshape(STEPS, learn.BATCH)
    return [(digits.x[at].astype(np.float64), digits.labels[at]) for at in order]


def parting(torch, digits, seed, slip=None):
    """Return the differences of losses and weights in units of their bounds, and the bounds."""
    batches, start = batches_of(digits, seed), double(learn.start(seed))
    (losses, weights), bound = bounds(batches, start)
    their_losses, theirs = torch_steps(torch, batches, start, slip)
    assert losses[-5:].mean() < losses[0] / 4  # it has learned something on the way
    mine, theirs = {"loss": losses, **weights}, {"loss": their_losses, **theirs}
    found = {}
    for name in bound:
        assert mine[name].shape == theirs[name].shape
        assert mine[name].dtype == theirs[name].dtype == np.float64
        assert bound[name] < 1e-11  # it says something
        found[name] = np.abs(mine[name] - theirs[name]) / bound[name]
    return found, bound


def test_forty_steps_in_torch_give_the_same_losses_and_weights(torch, digits, report):
    found, bound = parting(torch, digits, 0)
    for name in ("loss", "w1"):
        far = (found[name] * bound[name]).max()
        report(
            f"digits: {STEPS} steps beside PyTorch: {name} {far:.1e} apart, {bound[name]:.1e} allowed"
        )
    assert all((f <= 1).all() for f in found.values())


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(1, 11))
def test_other_starts_and_orders_stay_within_the_bound(torch, digits, seed):
    assert all((f <= 1).all() for f in parting(torch, digits, seed)[0].values())


@pytest.mark.parametrize("slip", ["momentum", "pixel", "gradient"])
def test_a_slip_of_a_billionth_is_noticed(torch, digits, slip):
    found, _ = parting(torch, digits, 0, slip)
    assert found["loss"].max() > 1
    assert max(f.max() for f in found.values()) > 10


# Training.


def test_the_split_is_the_stated_one(digits):
    assert digits.x.shape == (1437, 8, 8, 1)
    assert digits.test_x.shape == (learn.TEST, 8, 8, 1) == (360, 8, 8, 1)
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    again = learn.load()
    np.testing.assert_array_equal(again.test_x, digits.test_x)
    both = np.concatenate([digits.x, digits.test_x]).reshape(1797, -1)
    assert len(np.unique(both, axis=0)) == 1797  # so no test picture is trained on


def test_two_runs_give_the_same_bits(digits):
    runs = []
    for _ in range(2):
        weights = learn.start()
        losses = learn.train(digits.x[:320], digits.labels[:320], weights, epochs=2)
        runs.append([losses, *weights.values()])
    assert runs[0][0].shape == (2, 320 // learn.BATCH)
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_that_mean_nothing_are_not_read(digits):
    """What is learned comes from the labels: shuffled, they leave a tenth right."""
    weights = learn.start()
    shuffled = np.random.default_rng(0).permutation(digits.labels)
    learn.train(digits.x, shuffled, weights, epochs=1)
    assert (learn.read(digits.test_x, weights) == digits.test_labels).mean() < 0.3


def test_the_script_says_how_it_went_and_draws_it(digits, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib, to draw")
    accuracy = learn.main(str(tmp_path / "a" / "b"), epochs=2)
    assert accuracy > 0.7
    printed = capsys.readouterr().out
    assert "12010 weights, 1437 pictures to train on, 360 never seen, seed 0" in printed
    assert f"{accuracy:.2%} right" in printed
    for name in ("digits-loss.png", "digits-filters.png", "digits-misread.png"):
        picture = (tmp_path / "a" / "b" / name).read_bytes()
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(picture) > 3000


@pytest.mark.nightly
def test_all_of_it_reads_98_percent_of_unseen_pictures(digits, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib, to draw")
    assert learn.main(str(tmp_path)) >= 0.98
