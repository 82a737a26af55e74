"""The bridges: hwio's convolution inside PyTorch's and JAX's own ways of differentiating."""

import doctest
import importlib
import subprocess
import sys

import numpy as np
import pytest

import hwio

# name, shapes of x and w (in NHWC, HWIO), whether there is a bias, options
LAYERS = [
    ("plain", (2, 6, 5, 3), (3, 3, 3, 4), True, {}),
    ("stride that leaves rows over", (1, 8, 9, 2), (3, 3, 2, 3), True, {"stride": 3, "padding": 1}),
    ("per axis", (1, 7, 6, 2), (3, 2, 2, 3), False, {"stride": (2, 1), "dilation": (1, 2)}),
    ("groups", (2, 5, 4, 4), (3, 2, 2, 6), True, {"groups": 2, "padding": "same"}),
    ("depthwise", (1, 5, 5, 3), (3, 3, 1, 6), False, {"groups": 3, "stride": 2, "padding": "same"}),
    ("pairs", (1, 5, 5, 2), (3, 3, 2, 2), True, {"padding": ((2, 0), (1, 3))}),
    ("wrap", (1, 5, 5, 1), (3, 3, 1, 2), False, {"padding": 1, "padding_mode": "wrap"}),
    ("edge, flip", (1, 4, 5, 1), (3, 3, 1, 2), True, {"padding": 2, "padding_mode": "edge", "flip": True}),
    ("1-D causal", (2, 7, 2), (3, 2, 3), True, {"padding": "causal", "dilation": 2}),
    ("3-D", (1, 4, 4, 3, 1), (2, 2, 2, 1, 2), True, {"stride": 2, "padding": 1}),
]  # fmt: skip
NAMED = pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer[0])
DEFAULT = {3: "NWC,WIO", 4: "NHWC,HWIO", 5: "NDHWC,DHWIO"}


def numbers(layer, dtype=np.float64, whole=True):
    """Return x, w and b; whole numbers, of which no sum is rounded."""
    _, x, w, biased, _ = layer
    rng = np.random.default_rng(len(x) + w[-1])
    draw = (lambda s: rng.integers(-4, 5, s)) if whole else rng.standard_normal
    b = draw(w[-1]).astype(dtype) if biased else None
    return draw(x).astype(dtype), draw(w).astype(dtype), b


def test_bridges_are_loaded_when_asked_for():
    script = (
        "import sys, hwio; hwio.interop; print(sorted({'torch', 'jax', 'dask'} & set(sys.modules)));"
        "assert 'interop' in dir(hwio) and {'dask', 'jax', 'keras', 'torch'} <= set(dir(hwio.interop))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'caffe'"):
        hwio.interop.caffe  # noqa: B018


@pytest.mark.parametrize("name", ["torch", "jax", "dask", "dask.chunks"])
def test_examples_run(name):
    pytest.importorskip(name.partition(".")[0])
    module = importlib.import_module(f"hwio.interop.{name}")
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 2
    assert found.failed == 0


# ---------------------------------------------------------------- PyTorch


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def tensors(torch, layer, grad=True):
    """Return x, w and b in PyTorch's order."""
    x, w, b = numbers(layer, whole=False)
    x, w = np.moveaxis(x, -1, 1), np.moveaxis(w, (-1, -2), (0, 1))
    return [
        None if a is None else torch.tensor(np.ascontiguousarray(a), requires_grad=grad)
        for a in (x, w, b)
    ]


@NAMED
def test_torch_checks_the_gradients(torch, layer):
    x, w, b = tensors(torch, layer)

    def call(x, w, b):
        return hwio.interop.torch.conv(x, w, b, **layer[-1])

    assert torch.autograd.gradcheck(call, (x, w, b))
    assert torch.autograd.gradgradcheck(call, (x, w, b))


@NAMED
def test_tensors_convolve_as_arrays_do(torch, layer):
    x, w, b = numbers(layer)
    order = DEFAULT[x.ndim]
    one = [None if a is None else torch.tensor(a) for a in (x, w, b)]
    y = hwio.interop.torch.conv(*one, layout=order, **layer[-1])
    assert y.is_contiguous()
    np.testing.assert_array_equal(y.numpy(), hwio.conv(x, w, b, **layer[-1]))


def test_complex_tensors_have_torch_s_gradients(torch):
    x, w = (
        torch.randn(s, dtype=torch.complex128, requires_grad=True)
        for s in ((1, 2, 4, 4), (2, 2, 3, 3))
    )
    assert torch.autograd.gradcheck(hwio.interop.torch.conv, (x, w))
    assert torch.equal(
        hwio.interop.torch.conv(x.conj(), w), hwio.interop.torch.conv(x.conj().resolve_conj(), w)
    )


def test_only_what_is_needed_is_computed(torch, monkeypatch):
    module = importlib.import_module("hwio.interop.torch")
    asked = []
    real = module.conv_grad
    monkeypatch.setattr(
        module, "conv_grad", lambda *a, **k: (asked.append(k["need"]), real(*a, **k))[1]
    )
    x, w, b = tensors(torch, LAYERS[0])
    module.conv(x.detach(), w, b).sum().backward()
    assert asked == ["w"]
    assert b.grad is not None
    module.conv(x, w.detach()).sum().backward()
    assert asked == ["w", "x"]


def test_one_image_needs_no_n(torch):
    x, w, b = tensors(torch, LAYERS[0], grad=False)
    y = hwio.interop.torch.conv(x[0], w, b)
    assert torch.equal(y, hwio.interop.torch.conv(x, w, b)[0])


def test_a_network_learns_as_with_torch_s_own(torch):
    """Train the same layers twice from the same start; every loss is the same."""
    losses = []
    functional = torch.nn.functional
    for conv in (functional.conv2d, hwio.interop.torch.conv):
        torch.manual_seed(3)
        x, target = torch.randn(16, 2, 9, 9).double(), torch.randint(0, 3, (16,))
        first, second = torch.nn.Conv2d(2, 4, 3).double(), torch.nn.Conv2d(4, 3, 3).double()
        step = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.5)
        came = []
        for _ in range(20):
            step.zero_grad()
            hidden = torch.relu(conv(x, first.weight, first.bias, stride=2, padding=1))
            scores = conv(hidden, second.weight, second.bias, padding=0).mean((2, 3))
            loss = functional.cross_entropy(scores, target)
            loss.backward()
            step.step()
            came.append(loss.item())
        losses.append(came)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    assert losses[1][-1] < 0.9 * losses[1][0]


def test_what_torch_has_and_hwio_has_not_is_refused_by_name(torch):
    conv = hwio.interop.torch.conv
    x, w = torch.ones(1, 2, 4, 4), torch.ones(2, 2, 3, 3)
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        conv(x, w.to("meta"))
    assert str(caught.value) == (
        "w is on the device meta, but hwio computes on the CPU\n"
        "  x, w and b must all be there, and so is y\n"
        "  fix: w = w.cpu()"
    )
    with pytest.raises(hwio.ArgumentTypeError, match=r"x is an ndarray, not a torch\.Tensor"):
        conv(np.ones((1, 2, 4, 4)), w)
    with pytest.raises(hwio.ArgumentTypeError, match="x is sparse"):
        conv(x.to_sparse(), w)
    with pytest.raises(hwio.DTypeError, match=r"x has dtype torch\.bfloat16"):
        conv(x.bfloat16(), w)
    with pytest.raises(hwio.ArgumentTypeError, match=r"activation= is no keyword"):
        conv(x, w, activation="relu")
    with pytest.raises(hwio.ShapeError, match="w expects 3 input channels but x has 2"):
        conv(x, torch.ones(2, 3, 3, 3))


def test_a_cuda_tensor_is_refused_by_name(torch):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    with pytest.raises(hwio.ArgumentTypeError, match="x is on the device cuda:0"):
        hwio.interop.torch.conv(torch.ones(1, 2, 4, 4).cuda(), torch.ones(2, 2, 3, 3))


# ---------------------------------------------------------------- JAX


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax")


@NAMED
@pytest.mark.parametrize("compiled", [False, True])
def test_jax_gets_the_numbers_of_conv_and_conv_grad(jax, layer, compiled):
    x, w, b = numbers(layer, np.float32)
    arrays = (x, w) if b is None else (x, w, b)

    def call(*arrays):
        return hwio.interop.jax.conv(*arrays, **layer[-1])

    y = (jax.jit(call) if compiled else call)(*arrays)
    np.testing.assert_array_equal(y, hwio.conv(*arrays, **layer[-1]))
    dy = np.random.default_rng(5).integers(-4, 5, y.shape).astype(np.float32)
    back = jax.grad(lambda *a: (call(*a) * dy).sum(), argnums=tuple(range(len(arrays))))
    grads = (jax.jit(back) if compiled else back)(*arrays)
    wanted = hwio.conv_grad(x, w, dy, **layer[-1])
    for mine, other in zip(grads, wanted, strict=False):
        np.testing.assert_array_equal(mine, other)


def test_jax_agrees_with_its_own_convolution(jax):
    rng = np.random.default_rng(6)
    x, w = (rng.integers(-4, 5, s).astype(np.float32) for s in ((2, 9, 8, 4), (3, 3, 2, 6)))

    def own(x, w):
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            x, w, (2, 2), "SAME", dimension_numbers=numbers, feature_group_count=2
        )

    def ours(x, w):
        return hwio.interop.jax.conv(x, w, stride=2, padding="same", groups=2)

    np.testing.assert_array_equal(own(x, w), ours(x, w))
    for mine, other in zip(
        *(jax.grad(lambda x, w, f=f: (f(x, w) ** 2).sum(), (0, 1))(x, w) for f in (ours, own)),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, other)


def test_vmap_takes_each_entry(jax):
    rng = np.random.default_rng(7)
    x = rng.integers(-4, 5, (3, 1, 5, 5, 2)).astype(np.float32)
    w = rng.integers(-4, 5, (3, 3, 3, 2, 4)).astype(np.float32)
    conv = hwio.interop.jax.conv
    wanted = np.stack([hwio.conv(*pair) for pair in zip(x, w, strict=True)])
    np.testing.assert_array_equal(jax.vmap(conv)(x, w), wanted)
    np.testing.assert_array_equal(jax.vmap(conv, (0, None))(x, w[0])[2], hwio.conv(x[2], w[0]))

    def loss(w, x):
        return (conv(x, w) ** 2).sum()

    each = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(w[0], x)
    for at in range(3):
        y = hwio.conv(x[at], w[0])
        np.testing.assert_array_equal(each[at], hwio.conv_grad(x[at], w[0], 2 * y)[1])


def test_what_jax_has_and_hwio_has_not_is_refused_by_name(jax):
    conv = hwio.interop.jax.conv
    x, w = np.ones((1, 4, 4, 2), np.float32), np.ones((3, 3, 2, 2), np.float32)
    with pytest.raises(hwio.DTypeError, match="x has dtype bfloat16"):
        conv(jax.numpy.asarray(x, "bfloat16"), w)
    with pytest.raises(hwio.DTypeError, match="w has dtype int32; the bridge to JAX takes"):
        conv(x, w.astype(np.int32))
    with pytest.raises(hwio.ShapeError, match="w expects 3 input channels but x has 2"):
        jax.jit(conv)(x, np.ones((3, 3, 3, 2), np.float32))
    with pytest.raises(hwio.ShapeError, match=r"b has shape \(3,\), but w has 2 filters"):
        conv(x, w, np.ones(3, np.float32))
    with pytest.raises(hwio.ArgumentTypeError, match="strides= is no keyword"):
        conv(x, w, strides=2)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: conv(x, w), (x,), (x,))
