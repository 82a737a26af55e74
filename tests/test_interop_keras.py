"""The bridge to Keras: its own tests, the same numbers as JAX and PyTorch give it, and what it refuses.

Keras fixes its backend as it is imported, so each of these runs in a process of its own.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("Keras is not installed: pip install hwio[keras]", allow_module_level=True)

from hwio.interop.keras import OPERATIONS

HERE = Path(__file__).parent
NO_JAX = "import sys; sys.modules['jax'] = None\n"


def run(script, *arguments, backend="numpy", fails=False):
    """Run a script, return what it printed."""
    env = os.environ | {"PYTHONPATH": f"{HERE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    env.pop("KERAS_BACKEND", None)
    if backend:
        env["KERAS_BACKEND"] = backend
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout if not fails else done.stderr


# ------------------------------------------------------------ Keras' own tests

# Tests of convolution and pooling that pass in Keras 3.15: an upgrade may add some, none may get lost.
AT_LEAST = 509
CONCERNED = "conv or pool or Conv or Pool"


def test_every_test_of_keras_passes_without_jax(report):
    """Those of a nn_test that are neither convolution nor pooling are run by ``make keras``."""
    command = [sys.executable, HERE / "keras_suite.py", "-k", CONCERNED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    passed, failed, skipped = map(
        int, re.search(r"^all +(\d+) +(\d+) +(\d+)$", done.stdout, re.M).groups()
    )
    report(
        f"Keras' own tests of convolution and pooling: {passed} pass, {failed} fail, {skipped} not applicable"
    )
    assert done.returncode == 0, done.stdout
    assert failed == 0
    assert passed >= AT_LEAST
    reasons = set(re.findall(r"^ +\d+  (.+)$", done.stdout.partition("by reason:")[2], re.M))
    assert reasons <= {
        "`output_padding` greater than `strides` is not supported",  # Keras' own three
        "`output_padding` must be less than `strides`",
        "Unsupported configuration",
        "Keras' NumPy backend does not train",
    }  # fmt: skip


def test_a_slip_in_the_bridge_is_noticed():
    """Show that Keras' tests run through hwio: a turned kernel fails them."""
    script = """
import functools, sys, keras_suite
import hwio; hwio.interop.keras.install()
from hwio.interop.keras import operations
operations.conv_arrays = functools.partial(operations.conv_arrays, flip=True)
code = keras_suite.main(["-k", "test_conv_2d"])
sys.exit(0 if code == 1 else "nothing failed")
"""
    assert " failed" in run(script)


# ------------------------------------------------------------ the same numbers

NETWORK = """
import sys, numpy as np
if sys.argv[1] == "hwio":
    sys.modules["jax"] = None
    import hwio; hwio.interop.keras.install()
import keras
from keras import layers
net = keras.Sequential([
    keras.Input((16, 16, 3)),
    layers.Conv2D(8, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(2),
    layers.DepthwiseConv2D(3, strides=2, padding="same"),
    layers.SeparableConv2D(6, 3, padding="same", activation="relu"),
    layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
    layers.AveragePooling2D(2),
    layers.Flatten(),
    layers.Dense(5),
])
rng = np.random.default_rng(0)  # whole numbers: no sum is rounded
net.set_weights([rng.integers(-2, 3, w.shape).astype("float32") for w in net.get_weights()])
x = rng.integers(-4, 5, (3, 16, 16, 3)).astype("float32")
np.save(sys.argv[2], net.predict(x, verbose=0))
print(keras.config.backend(), sys.modules.get("jax"), [type(l).__name__ for l in net.layers][:2])
"""


def test_a_network_predicts_what_it_does_on_torch(tmp_path):
    import numpy as np

    pytest.importorskip("torch")
    assert run(NETWORK, "hwio", tmp_path / "a.npy").startswith("numpy None")
    assert run(NETWORK, "torch", tmp_path / "b.npy", backend="torch").startswith("torch")
    y, want = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    assert y.shape == (3, 5)
    assert np.abs(want).max() > 100
    assert np.array_equal(y, want)


BY_HAND = """
import sys; sys.modules["jax"] = None
import numpy as np, hwio; hwio.interop.keras.install()
import keras
from keras import layers
net = keras.Sequential([keras.Input((9, 8, 2)), layers.Conv2D(4, 3, strides=2, activation="relu"),
                        layers.MaxPooling2D(2), layers.Flatten()])
rng = np.random.default_rng(1)
w, b = (rng.integers(-3, 4, s).astype("float32") for s in ((3, 3, 2, 4), 4))
net.set_weights([w, b])
x = rng.integers(-4, 5, (2, 9, 8, 2)).astype("float32")
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))[:, ::2, ::2]  # (n, oh, ow, c, kh, kw)
y = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, w) + b, 0)
y = y[:, :4, :2].reshape(2, 2, 2, 1, 2, 4).max((2, 4)).reshape(2, -1)
assert np.array_equal(net.predict(x, verbose=0), y), (net.predict(x, verbose=0), y)
print("equal", y.size)
"""


def test_a_network_predicts_what_numpy_says():
    assert run(BY_HAND, backend=None) == "equal 16\n"


AGAINST_JAX = """
import itertools, sys, numpy as np, keras, hwio
every = int(sys.argv[1])  # JAX compiles each call: of so many, one; 11 meets every operation
at = itertools.count()
from keras.src.backend.numpy import nn
from hwio.interop import keras as bridge
own = {name: getattr(nn, name) for name in bridge.OPERATIONS}
bridge.install()
assert all(getattr(nn, name) is not own[name] for name in own)
rng = np.random.default_rng(2)
count, met = 0, set()

def same(name, x, w=(), dtype=None, **options):
    global count
    if next(at) % every:
        return
    arrays = [rng.integers(-4, 5, s).astype("float32") for s in (x, *w)]
    want, y = own[name](*arrays, **options), getattr(nn, name)(*arrays, **options)
    rounds = 2**-23 if name == "average_pool" else 0  # one division each
    near = y.shape == want.shape and np.all(abs(y - want) <= rounds * abs(want))
    assert y.dtype == want.dtype and near, (name, x, w, options, y.shape, want.shape)
    count += 1
    met.add(name)

def formats(*x):
    return ("channels_last", x), ("channels_first", (x[0], x[-1], *x[1:-1]))

for space, padding in itertools.product(((11,), (9, 8), (5, 6, 7)), ("valid", "same")):
    ndim = len(space)
    k = (3, 2, 3)[:ndim]
    for (form, x), (stride, dilation) in itertools.product(formats(2, *space, 4), ((1, 1), (2, 1), (1, 2))):
        options = {"padding": padding, "data_format": form}
        steps = options | {"strides": stride, "dilation_rate": dilation}
        same("conv", x, [(*k, 4, 6)], **steps)
        same("conv", x, [(*k, 2, 6)], **steps)
        same("depthwise_conv", x, [(*k, 4, 2)], **steps)
        same("separable_conv", x, [(*k, 4, 2), (*[1] * ndim, 8, 3)], **steps)
        for extra in (None, 0, stride - 1):
            same("conv_transpose", x, [(*k, 3, 4)], output_padding=extra, **steps)
        for name in ("max_pool", "average_pool"):
            same(name, x, strides=stride, pool_size=k, **options)
print(count, sorted(met))
"""


@pytest.mark.parametrize(
    ("every", "calls"), [(11, 30), pytest.param(1, 324, marks=pytest.mark.nightly)]
)
def test_operations_equal_those_by_jax(every, calls, report):
    pytest.importorskip("jax")
    count, _, met = run(AGAINST_JAX, every).partition(" ")
    assert int(count) == calls
    assert all(repr(name) in met for name in OPERATIONS)
    report(f"Keras' operations: {calls} calls by hwio equal those by JAX")


DTYPES = """
import sys; sys.modules["jax"] = None
import numpy as np, ml_dtypes, hwio; hwio.interop.keras.install()
from keras import ops
for dtype in ("float16", "float32", "float64", ml_dtypes.bfloat16, "int8", "int32"):
    x, w = np.ones((1, 5, 5, 2), dtype), np.ones((3, 3, 2, 2), dtype)
    for y in (ops.conv(x, w), ops.depthwise_conv(x, w), ops.conv_transpose(x, w, 2), ops.max_pool(x, 2)):
        assert y.dtype == x.dtype, (y.dtype, x.dtype)
    print(ops.conv(x, w)[0, 0, 0, 0], end=" ")
try:
    ops.conv(np.full((1, 3, 1), 100, "int8"), np.full((2, 1, 1), 100, "int8"))
except hwio.RangeError as error:
    print(str(error).splitlines()[0])
"""


STRIDES = """
from hwio.interop import keras as bridge
bridge.install()
import numpy as np
from keras import ops
x, w = np.ones((1, 4, 4, 2), "float32"), np.ones((3, 3, 5, 2), "float32")
print(ops.conv_transpose(x, w, strides=np.int64(2)).shape)
"""


def test_a_stride_may_be_a_number_of_numpy():
    assert run(STRIDES) == "(1, 9, 9, 5)\n"


def test_dtypes_stay_and_integers_never_wrap():
    assert run(DTYPES) == "18.0 18.0 18.0 18 18 18 " + RANGE


RANGE = "y spans 20000 … 20000, but int8 holds -128 … 127\n"

# ------------------------------------------------------------ coming and going


def test_without_jax_keras_alone_does_not_load_and_with_the_bridge_does():
    script = (
        NO_JAX
        + """
try:
    import keras
except ImportError as error:
    print("alone:", error.name)
import hwio
hwio.interop.keras.install()
hwio.interop.keras.install()
import keras, numpy as np
x = np.ones((1, 3, 3, 1), "float32")
print(keras.ops.max_pool(x, 2).shape, [m for m in sys.modules if m.startswith("jax.")])
print(np.round(keras.ops.fft((x[0, 0, :, 0], x[0, 0, :, 0]))[0]))
"""
    )
    assert run(script) == "alone: jax\n(1, 1, 1, 1) []\n[3. 0. 0.]\n"


def test_a_block_ends_and_says_what_would_be_needed():
    script = (
        NO_JAX
        + """
import hwio
with hwio.interop.keras.enabled():
    with hwio.interop.keras.enabled():
        import keras, numpy as np
    y = keras.ops.conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))
print(y.sum())
try:
    keras.ops.conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))
except ModuleNotFoundError as error:
    print(error)
"""
    )
    assert run(script, backend=None).splitlines() == [
        "16.0",
        "Keras' NumPy backend borrows this from jax, which is not installed",
        "  fix: hwio.interop.keras.install()",
    ]


@pytest.mark.parametrize(
    ("before", "name"),
    [("import os; os.environ['KERAS_BACKEND'] = 'tensorflow'", "tensorflow")],
)
def test_another_backend_is_refused(before, name):
    script = f"{before}\nimport hwio\ntry:\n    hwio.interop.keras.install()\nexcept hwio.OptionError as e:\n    print(e)"
    assert run(script).splitlines() == [
        f"Keras runs on the backend '{name}'; hwio serves 'numpy'",
        "  Keras reads KERAS_BACKEND once, as it is imported",
        '  fix: os.environ["KERAS_BACKEND"] = "numpy"   # before Keras is imported',
    ]


WRONG = [
    ("conv(x, w[..., :3, :])", "inputs have 4 channels, no multiple of the kernel's 3"),
    ("depthwise_conv(x, w[:, :, :2])", "inputs have 4 channels, but the depthwise kernel is for 2"),
    ("conv(x, w, padding='causal')", "padding='causal' is none that Keras' operations take"),
    ("conv_transpose(x, w, padding=1)", "padding=1 is none that Keras' operations take"),
    ("max_pool(x[0, 0], 2)", "inputs have 2 axes; hwio takes 3, 4 or 5"),
    ("conv(x[:, :1], w)", "the kernel spans 3 cells on H, but the padded input has 1"),
]


def test_errors_are_in_words():
    script = (
        NO_JAX
        + """
import numpy as np, hwio
hwio.interop.keras.install()
from hwio.interop.keras.operations import *
x, w = np.ones((1, 5, 5, 4)), np.ones((3, 3, 4, 2))
for call in sys.argv[1:]:
    try:
        eval(call)
    except hwio.HwioError as error:
        print(error, end="\\0")
"""
    )
    said = run(script, *(call for call, _ in WRONG)).split("\0")[:-1]
    for text, (call, says) in zip(said, WRONG, strict=True):
        assert text.startswith(says), call
        assert re.findall("(?:fix| or): (.+)", text) in ([], ["padding='same'"])  # what Keras takes


def test_examples_run():
    script = (
        NO_JAX
        + """
import doctest
from hwio.interop import keras
found = doctest.testmod(keras, optionflags=doctest.NORMALIZE_WHITESPACE)
print(found.attempted > 8, found.failed)
"""
    )
    assert run(script, backend=None) == "True 0\n"
