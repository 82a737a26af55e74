"""The gradients shown by explain: both views of dx, dw, their code, and that they agree."""

import re
from itertools import product

import numpy as np
import pytest

import hwio
from cases import CASES, whole_arrays
from hwio.cli import main
from hwio.ops.memory import stored_shape

RNG = np.random.RandomState(1)
X, W = RNG.randn(2, 5, 7, 4), RNG.randn(3, 3, 4, 8)
SHOWN = [c for c in CASES if 0 not in (*c.x_shape, *c.w_shape) and not re.search("far", c.name)]


def drawn(case):
    """Return whole x, w and dy of a case."""
    x, w = whole_arrays(case, np.float64, 9, 0)
    shape = stored_shape(case.problem.geometry, case.problem.layout)
    return x, w, np.random.default_rng(4).integers(-9, 10, shape) * 1.0


@pytest.mark.parametrize("case", SHOWN, ids=str)
def test_both_views_and_the_code_give_conv_grad_s_numbers(case):
    x, w, dy = drawn(case)
    if 0 in dy.shape:
        pytest.skip("y holds no number")
    dx, dw, db = hwio.conv_grad(x, w, dy, **case.options)
    rng = np.random.default_rng(5)
    for _ in range(4):
        at, at_w = (tuple(int(rng.integers(n)) for n in a.shape) for a in (x, w))
        said = hwio.explain(x, w, gradient=True, dy=dy, at=at, at_w=at_w, **case.options)
        found = said.gradient
        assert found.cell.scattered == found.cell.gathered == found.cell.check == dx[at]
        assert found.tap.total == found.tap.check == dw[at_w]
        assert found.bias == db[found.tap.filter]
        assert found.agree
        told = said.to_dict()["gradient"]
        names = {"np": np, "x": x, "w": w, "dy": dy}
        exec(told["dx"]["before"], names)
        if not any(met.copy for met in found.cell.meetings):
            assert eval(told["dx"]["code"], names) == dx[at]
        exec(told["dw"]["before"] or "", names)
        assert eval(told["dw"]["code"], names) == dw[at_w]
        for met in found.cell.meetings:
            assert len(met.cell) == len(met.tap) == len(case.problem.geometry.letters)
        text = str(said)
        assert max(map(len, text.splitlines())) <= 100
        assert "they agree" in text
        assert "they agree" in said.html()


def test_each_scattered_row_is_a_window_that_saw_the_cell():
    at = (1, 2, 3, 1)
    dy = np.random.default_rng(2).integers(-5, 6, (2, 3, 4, 8)) * 1.0
    said = hwio.explain(X, W, gradient=True, dy=dy, at=at, stride=2, padding=1)
    rows = {met.cell: (met.tap, met.value) for met in said.gradient.cell.meetings}
    for i, j in product(range(3), range(4)):  # the definition, by trying every window
        tap = (2 - (2 * i - 1), 3 - (2 * j - 1))
        if all(0 <= p < 3 for p in tap):
            assert rows[i, j] == (tap, pytest.approx(dy[1, i, j] @ W[tap][1]))
        else:
            assert (i, j) not in rows
    for met, line in zip(
        said.gradient.cell.meetings,
        re.findall(r"(dy\[.*?\])  ·  (w\[.*?\])  Σ = *(\S+)", str(said)),
        strict=True,
    ):
        value = eval(line[0], {"dy": dy}) @ eval(line[1], {"w": W})
        assert f"{value:.4f}" == line[2]
        assert value == pytest.approx(met.value)


def test_a_cell_that_the_stride_leaves_over_says_so():
    text = str(hwio.explain(X, W, gradient=True, at=(0, 3, 3, 0), stride=4))
    assert "no window saw it: the stride left it over, so its gradient is 0" in text
    assert "they agree" in text


def test_copies_in_the_padding_count():
    said = hwio.explain(X, W, gradient=True, at=(0, 0, 0, 0), padding=1, padding_mode="edge")
    copied = [met for met in said.gradient.cell.meetings if met.copy]
    assert copied
    assert str(said).count("met a copy in the padding") == min(len(copied), 12)
    assert "copies of the cell in the padding, likewise" in str(said)
    assert said.gradient.agree


def test_dy_is_y_where_none_is_given():
    y = hwio.conv(X, W)
    said = hwio.explain(X, W, gradient=True, at=(0, 2, 3, 1))
    assert said.gradient.cell.check == hwio.conv_grad(X, W, y)[0][0, 2, 3, 1]
    assert "½·Σ y²" in str(said)
    assert "½·Σ y²" not in str(hwio.explain(X, W, gradient=True, dy=y))


def test_shapes_alone_are_shown_without_numbers():
    text = str(hwio.explain((2, 5, 7, 4), (3, 3, 4, 8), gradient=True, at=(0, 2, 3, 1)))
    assert "dy[0, 0, 1, :]  ·  w[2, 2, 1, :]" in text
    assert "np.sum(dyw[0, 2:5, 3:6, :] * w[::-1, ::-1, 1, :])" in text
    assert "Σ = " not in text
    assert "agree" not in text


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex128, np.int32, np.uint8])
def test_every_dtype_agrees(dtype):
    rng = np.random.default_rng(3)
    x, w = (rng.integers(0, 9, s).astype(dtype) for s in ((1, 6, 5, 3), (3, 3, 3, 2)))
    if dtype == np.complex128:
        x, w = x + 2j * x[:, ::-1], w - 1j * w[::-1]
    said = hwio.explain(x, w, gradient=True, stride=2, padding=1)
    assert said.gradient.agree
    if np.dtype(dtype).itemsize > 2:
        told = said.to_dict()["gradient"]["dx"]
        names = {"np": np, "w": w, "dy": hwio.conv(x, w, stride=2, padding=1)}
        exec(told["before"].replace("))", "), complex)", 1), names)
        assert eval(told["code"], names) == said.gradient.cell.check


def test_a_disagreement_would_be_seen():
    from dataclasses import replace

    found = hwio.explain(X, W, gradient=True).gradient
    assert found.agree
    wrong = replace(found, cell=replace(found.cell, check=found.cell.check + 1e-6))
    assert not wrong.agree
    assert not replace(found, tap=replace(found.tap, check=found.tap.check * (1 + 1e-9))).agree


def test_the_picture_shows_a_window_that_saw_the_cell():
    assert "<svg" in hwio.explain(X, W, gradient=True).svg()


def test_what_can_not_be_shown_is_refused():
    with pytest.raises(hwio.OptionError, match="dy= is about gradients"):
        hwio.explain(X, W, dy=np.ones((2, 3, 5, 8)))
    with pytest.raises(hwio.ArgumentTypeError, match="gradient=1 is not True or False"):
        hwio.explain(X, W, gradient=1)
    with pytest.raises(hwio.ShapeError, match=r"at=\(0, 5, 0, 0\): H = 5 lies outside x"):
        hwio.explain(X, W, gradient=True, at=(0, 5, 0, 0))
    with pytest.raises(hwio.ShapeError, match=r"at_w=\(0, 0\) names 2 axes but w has 4"):
        hwio.explain(X, W, gradient=True, at_w=(0, 0))
    with pytest.raises(hwio.ShapeError, match=r"dy has shape \(2, 5, 7, 8\), but y has"):
        hwio.explain(X, W, gradient=True, dy=np.ones((2, 5, 7, 8)))


def test_the_command_shows_the_same(capsys):
    assert main(["explain", "--demo", "--gradient", "--at", "0,2,3,1", "--at-w", "0,0,1,5"]) == 0
    said = capsys.readouterr().out
    assert said.strip() == str(
        hwio.explain(X, W, gradient=True, at=(0, 2, 3, 1), at_w=(0, 0, 1, 5))
    )
