"""Weights that are packed by the task that uses them: the same bits as packed beforehand."""

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.ops.conv import _KNOWN

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

CASES = {
    "late layer": ((1, 7, 7, 256), (3, 3, 256, 256), {"padding": 1}),
    "pointwise": ((2, 7, 5, 128), (1, 1, 128, 512), {}),
    "steps and gaps": (
        (1, 15, 14, 64),
        (3, 3, 64, 256),
        {"stride": 2, "dilation": 2, "padding": 2},
    ),
    "groups": ((1, 9, 8, 64), (3, 3, 16, 512), {"groups": 4, "padding": 1}),
    "one pixel": ((1, 3, 3, 64), (3, 3, 64, 1024), {}),
    "signal": ((1, 40, 64), (5, 64, 512), {"padding": "causal", "activation": "relu"}),
    "volume": ((1, 4, 5, 6, 32), (3, 3, 3, 32, 256), {"padding": 1}),
    "reversed": ((1, 9, 9, 64), (3, 3, 64, 512), {"x": np.s_[:, ::-1, 1::2]}),
}


@pytest.fixture
def launched(monkeypatch):
    """Collect what is launched."""
    from hwio.engine.launch import spatial

    names, starter = [], spatial.starter

    def counted(packed, *rest):
        names.append(packed.kernel)
        return starter(packed, *rest)

    monkeypatch.setattr(spatial, "starter", counted)
    return names


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_it_gives_the_bits_of_packed_weights(name, dtype, launched):
    x_shape, w_shape, options = CASES[name]
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s).astype(dtype) for s in (x_shape, w_shape, w_shape[-1]))
    options = {"method": "direct", **options}
    x = x[options.pop("x", ...)]
    y = hwio.conv(x, w, b, **options)
    assert launched == ["unpacked"]
    packed = hwio.prepare(w, b, **options)(x)
    assert set(launched[1:]) == {"direct"}
    assert y.tobytes() == packed.tobytes()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda x, w: (x, w[..., :-1]), "a last panel that is not full"),
        (lambda x, w: (x, np.asfortranarray(w)), "another order of axes"),
        (lambda x, w: (np.tile(x, (40, 1, 1, 1)), w), "many pixels"),
        (lambda x, w: (x.astype(np.float64), w), "another number type"),
    ],
)
def test_other_weights_are_packed_first(change, why, launched):
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((1, 7, 7, 128), (3, 3, 128, 512)))
    x, w = change(x, w)
    y = hwio.conv(x, w, method="direct")
    assert set(launched) == {"direct"}, why
    np.testing.assert_allclose(y, hwio.conv(x, w, method="im2col"), rtol=1e-3, atol=1e-3)


def test_few_threads_and_many_have_the_same_bits():
    rng = np.random.default_rng(1)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((1, 9, 9, 64), (3, 3, 64, 1024)))
    expected, before = hwio.conv(x, w, method="direct"), hwio.get_num_threads()
    try:
        for threads in (1, 3, 8):
            hwio.set_num_threads(threads)
            _KNOWN.clear()
            assert hwio.conv(x, w, method="direct").tobytes() == expected.tobytes()
    finally:
        hwio.set_num_threads(before)
