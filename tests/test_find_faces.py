"""A trained network on a photograph: hwio against torch, and the face where it is."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

import hwio

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.append(str(EXAMPLES))
find_faces = importlib.import_module("find_faces")

# Measured in the photo: left, top, right, bottom of the face; column, row of eyes and mouth.
FACE = np.array([180, 72, 268, 187])
FEATURES = [(202, 101), (247, 103), (223, 144)]


@pytest.fixture(scope="module")
def weights():
    pytest.importorskip("lz4.frame", reason="lz4, to decompress the weights")
    if importlib.util.find_spec("mtcnn") is None:  # importing it would need TensorFlow
        pytest.skip("mtcnn is not installed: no trained weights")
    return find_faces.pnet_weights()


@pytest.fixture(scope="module")
def photo():
    data = pytest.importorskip("skimage.data", reason="scikit-image, for the photo")
    return data.astronaut()


@pytest.fixture(scope="module")
def levels(photo, weights):
    return find_faces.search(photo, weights)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch, to compare with")


# Against torch.


def torch_pnet(torch, x, weights):
    """Run P-Net in torch on (n, h, w, 3): faces, boxes, their bounds and every convolution.

    The bounds travel with the values. Two convolutions of the same numbers, each summing K products
    in an order of its own, may differ by 4 sqrt(K) u A, where A is the same convolution of the
    absolute values. What the inputs may differ by already comes through as conv(bound, |w|).

    The convolutions are (x, kernel, bias, y, bound), where bound leaves the inputs' part out.
    """
    conv = torch.nn.functional.conv2d
    pool = torch.nn.MaxPool2d(2, ceil_mode=True)
    u = np.finfo(x.dtype).eps / 2
    steps = []

    def nhwc(t):
        return t.permute(0, 2, 3, 1).numpy()

    def layer(x, bound, kernel, bias):
        w = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())  # HWIO -> OIHW
        b = torch.from_numpy(bias)
        y = conv(x, w, b)
        own = conv(x.double().abs() + bound, w.double().abs(), b.double().abs())
        own *= 4 * (w[0].numel() + 1) ** 0.5 * u
        steps.append((nhwc(x), kernel, bias, nhwc(y), nhwc(own)))
        return y, own + conv(bound, w.double().abs())

    def prelu(x, bound, slope):
        slope = torch.from_numpy(slope.ravel().copy())
        y = torch.nn.functional.prelu(x, slope)
        return y, bound * slope.double().abs().clamp(min=1)[:, None, None] + u * y.double().abs()

    x = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())  # NHWC -> NCHW
    bound = torch.zeros_like(x, dtype=torch.float64)
    for name in ("conv1", "conv2", "conv3"):
        kernel, bias, slope = weights[name]
        x, bound = prelu(*layer(x, bound, kernel, bias), slope)  # (n, c, oh, ow)
        if name == "conv1":
            x, bound = pool(x), pool(bound)  # a maximum moves no further than what it is taken of
    box, box_bound = layer(x, bound, *weights["box"])  # (n, 4, oh, ow)
    score, score_bound = layer(x, bound, *weights["face"])  # (n, 2, oh, ow)
    # Of two scores' softmax: it moves by at most 1/4 of their difference. 16 u: exp, sum, ratio.
    face = torch.softmax(score, dim=1).permute(0, 2, 3, 1).numpy()[..., 1]  # (n, oh, ow)
    face_bound = score_bound.sum(dim=1).numpy() / 4 + 16 * u
    return (face, face_bound), (nhwc(box), nhwc(box_bound)), steps


def double(weights):
    return {name: [a.astype(np.float64) for a in arrays] for name, arrays in weights.items()}


def assert_within(got, want, bound):
    assert got.shape == want.shape == bound.shape
    assert got.dtype == want.dtype
    worst = np.max(np.abs(got.astype(np.float64) - want) / bound)
    assert worst <= 1, f"differs by {worst:.3g} times the bound"


def test_each_convolution_of_the_photo_agrees_with_torch(torch, levels, weights):
    for level in levels:
        _, _, steps = torch_pnet(torch, level.image[None], weights)
        assert len(steps) == 5
        for x, kernel, bias, y, bound in steps:
            assert x.dtype == np.float32
            assert_within(hwio.conv(x, kernel, bias), y, bound)


def test_the_network_agrees_with_torch_in_float64(torch, levels, weights):
    weights = double(weights)
    for level in levels:
        x = level.image[None].astype(np.float64)
        face, box, _ = torch_pnet(torch, x, weights)
        got_face, got_box = find_faces.pnet(x, weights)
        assert_within(got_face, *face)
        assert_within(got_box, *box)
        assert max(face[1].max(), box[1].max()) < 1e-10  # the bounds say something


def test_the_network_agrees_with_torch_in_float32(torch, levels, weights):
    """Hold the whole network in float32 to 1e-5.

    A bound that lets all roundings conspire through all layers would be 0.02 here; the differences
    measured are up to 1.3e-6. The rest is room for machines that sum in another order.
    """
    for level in levels:
        (face, _), (box, _), _ = torch_pnet(torch, level.image[None], weights)
        assert level.face.dtype == face.dtype == level.box.dtype == np.float32
        np.testing.assert_allclose(level.face[None], face, rtol=0, atol=1e-5)
        np.testing.assert_allclose(level.box[None], box, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 12), (13, 12), (14, 15), (31, 44), (40, 27)])
def test_any_size_and_a_batch_agree_with_torch(torch, weights, size):
    x = np.random.default_rng(size).uniform(-1, 1, (3, *size, 3))
    got_face, got_box = find_faces.pnet(x, double(weights))
    face, box, _ = torch_pnet(torch, x, double(weights))
    assert_within(got_face, *face)
    assert_within(got_box, *box)


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3"])
@pytest.mark.parametrize("wrong", ["columns first", "flipped", "channels reversed"])
def test_a_kernel_read_in_the_wrong_order_is_noticed(torch, weights, name, wrong):
    x = np.random.default_rng(0).uniform(-1, 1, (1, 24, 24, 3))
    weights = double(weights)
    kernel, *rest = weights[name]
    kernel = {
        "columns first": kernel.transpose(1, 0, 2, 3),
        "flipped": kernel[::-1, ::-1],
        "channels reversed": kernel[:, :, ::-1],
    }[wrong]
    face, _, _ = torch_pnet(torch, x, weights)
    got, _ = find_faces.pnet(x, weights | {name: [kernel, *rest]})
    with pytest.raises(AssertionError, match="times the bound"):
        assert_within(got, *face)


# The face.


def test_the_strongest_response_lies_on_the_face(levels):
    best = find_faces.surest(levels)
    left, top, right, bottom = find_faces.window(best, *best.best)
    assert FACE[0] < (left + right) / 2 < FACE[2]
    assert FACE[1] < (top + bottom) / 2 < FACE[3]
    assert best.face.max() > 0.999
    assert 0.8 < (bottom - top) / (FACE[3] - FACE[1]) < 1.25  # and it is the face's own scale


def test_the_box_holds_eyes_and_mouth_and_little_else(levels):
    best = find_faces.surest(levels)
    box = find_faces.corrected(best, *best.best)
    assert all(box[0] < x < box[2] and box[1] < y < box[3] for x, y in FEATURES)
    both = np.minimum(box, FACE)[2:] - np.maximum(box, FACE)[:2]
    area = [np.prod(b[2:] - b[:2]) for b in (box, FACE)]
    assert both.prod() / (sum(area) - both.prod()) > 0.7  # shared part of what both cover


def test_without_the_face_no_window_is_as_sure(photo, levels, weights):
    left, top, right, bottom = FACE
    blank = photo.copy()
    blank[top - 40 : bottom, left - 20 : right + 20] = photo[top, 20]  # some of the flag's blue
    without = find_faces.search(blank, weights)
    assert find_faces.surest(without).face.max() < 0.999
    at = levels.index(find_faces.surest(levels))
    assert without[at].face.max() < 0.9  # at the face's own scale


# Its parts.


def test_a_window_looks_at_twelve_pixels_from_every_second_one(weights):
    x = np.random.default_rng(0).uniform(-1, 1, (1, 26, 28, 3)).astype(np.float32)
    before, _ = find_faces.pnet(x, weights)
    for row, column in [(0, 0), (10, 7), (25, 27), (13, 12)]:
        changed = x.copy()
        changed[0, row, column] = np.where(x[0, row, column] > 0, -9, 9)
        after, _ = find_faces.pnet(changed, weights)
        rows, columns = (2 * np.arange(n) for n in before.shape[1:])
        sees = ((rows <= row) & (row < rows + 12))[:, None]
        sees = sees & (columns <= column) & (column < columns + 12)  # (oh, ow)
        moved = np.abs(after - before)[0] > 1e-6
        assert not (moved & ~sees).any()
        assert moved.any() == sees.any()
        assert moved.sum() > 0.6 * sees.sum()  # a pool may pass a pixel over


def test_shrinking_takes_the_mean_of_each_area():
    image = np.arange(6 * 4 * 2.0).reshape(6, 4, 2)
    halves = image.reshape(3, 2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(find_faces.shrink(image, 3, 2), halves, rtol=1e-14)
    np.testing.assert_allclose(find_faces.shrink(image, 6, 4), image, rtol=1e-14)
    thirds = find_faces.shrink(np.array([[[3.0]], [[6.0]]]), 3, 1).ravel()
    np.testing.assert_allclose(thirds, [3, 4.5, 6], rtol=1e-14)
    np.testing.assert_allclose(find_faces.shrink(np.ones((7, 5, 3)), 4, 3), 1, rtol=1e-14)


def test_pooling_keeps_an_odd_edge():
    x = np.array([[1, 5, -2], [3, 2, -4], [-7, -8, -9]], np.float32).reshape(1, 3, 3, 1)
    assert find_faces.max_pool(x).reshape(2, 2).tolist() == [[5, -2], [-7, -9]]


def test_other_weights_are_refused(monkeypatch):
    monkeypatch.setattr(find_faces, "weights_path", lambda net: net)
    monkeypatch.setattr(find_faces, "read_mtcnn", lambda path: [np.zeros((3, 3, 3, 28))])
    with pytest.raises(ValueError, match="not the weights of P-Net"):
        find_faces.pnet_weights()


def test_the_script_prints_what_it_found_and_draws_it(weights, photo, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib, to draw")
    out = tmp_path / "faces.png"
    find_faces.main(str(out))
    printed = capsys.readouterr().out
    assert "surest: 0.999" in printed
    assert printed.count(" ms\n") == 10
    picture = out.read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert 50_000 < len(picture) < 400_000
