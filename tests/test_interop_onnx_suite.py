"""ONNX's own cases and models through the evaluator, and that a slip in it would be seen."""

import functools

import pytest

pytest.importorskip("onnx", "1.23", reason="onnx 1.23 is not installed: pip install hwio[onnx]")
suite = pytest.importorskip("onnx_suite")
operators = pytest.importorskip("hwio.interop.onnx.operators")

# Cases in onnx 1.23: an upgrade may add some, but none may get lost here.
AT_LEAST = {"node": 84, "pytorch-converted": 43, "pytorch-operator": 3}
QUICK = ("light_squeezenet", "light_bvlc_alexnet", "light_shufflenet", "light_resnet50")


def test_every_case_of_the_family_passes(report):
    counts = suite.run_cases(AT_LEAST)
    for kind, count in counts.items():
        report(
            f"ONNX cases, kind {kind}: {len(count.passed)} pass, {len(count.failed)} fail, "
            f"{len(count.not_applicable)} not applicable"
        )
        assert not count.failed
        assert len(count.passed) >= AT_LEAST[kind]
        assert {why for _, why in count.not_applicable} <= set(suite.OTHERS.values())


@pytest.mark.parametrize("name", ["conv", "conv_transpose", "max_pool", "avg_pool"])
def test_a_slip_is_noticed(name, monkeypatch):
    """Show that cases run through hwio, and can fail: a kernel turned round, an image upside down."""
    right = getattr(operators, name)
    slip = {
        "conv": functools.partial(right, flip=True),
        "conv_transpose": functools.partial(right, flip=True),
    }
    monkeypatch.setattr(
        operators, name, slip.get(name, lambda x, *a, **k: right(x[..., ::-1], *a, **k))
    )
    monkeypatch.setattr(operators, "prepare", functools.partial(operators.prepare, flip=True))
    count = suite.run_cases(["pytorch-converted"])["pytorch-converted"]
    assert 2 <= len(count.failed) <= 43


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.nightly)
        for name in suite.light_models()
    ],
)
def test_light_models_match_what_ships_beside_them(name, report):
    trouble, seconds, worst = suite.run_light(*suite.light_models()[name])
    report(f"ONNX {name}: {worst:.1e} relative, {seconds:.2f} s")
    assert trouble is None


@pytest.mark.nightly
def test_a_page_is_read_as_by_onnxruntime():
    pytest.importorskip("rapidocr_onnxruntime", reason="make onnx installs it, for its models")
    pytest.importorskip("skimage")
    import onnx_ocr

    assert onnx_ocr.main() == 0
