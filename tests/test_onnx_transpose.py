"""ONNX's own backend test suite: every test that is a single ConvTranspose node."""

import warnings

import numpy as np
import pytest

from hwio.gradients import GRADIENTS

onnx = pytest.importorskip("onnx", reason="onnx, for its backend test suite")
loader = pytest.importorskip("onnx.backend.test.loader", reason="onnx's backend test suite")
adapter = pytest.importorskip("onnx_adapter")

# Tests in onnx 1.23: an upgrade may add some, but none may get lost here.
AT_LEAST = {"node": 11, "pytorch-converted": 2, "pytorch-operator": 1}


@pytest.fixture(scope="module")
def suite():
    """Load each kind of test; those of kind "node" are computed by onnx as it loads them."""
    found = {}
    for kind in AT_LEAST:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other operators
            tests = loader.load_model_tests(kind=kind)
        found[kind] = [entry for entry in map(single_node, tests) if entry]
    return found


def single_node(test):
    """Return (name, test, node, data sets) if the model is one ConvTranspose node."""
    model = adapter.model_of(test)
    if [node.op_type for node in model.graph.node] != ["ConvTranspose"]:
        return None
    return test.name, test, model.graph.node[0], adapter.data_of(test, model)


def passes(test, node, inputs, want):
    """Compare every way with the suite's output; whole numbers must be equal."""
    whole = all(np.array_equal(a, np.rint(a)) for a in inputs)
    for method in ("auto", *GRADIENTS):
        y = adapter.run_transpose(node, inputs, method)
        if (y.shape, y.dtype) != (want.shape, want.dtype):
            return False
        near = max(test.atol, 1e-6 * np.abs(want).max())
        if not (np.array_equal(y, want) if whole else np.allclose(y, want, test.rtol, near)):
            return False
    return True


@pytest.mark.parametrize("kind", AT_LEAST)
def test_every_single_node_test_passes(suite, kind, report):
    failed = []
    for name, test, node, sets in suite[kind]:
        assert sets
        failed += [name for inputs, (want,) in sets if not passes(test, node, inputs, want)]
    passed = len(suite[kind]) - len(set(failed))
    report(f"ONNX ConvTranspose, kind {kind}: {passed} of {len(suite[kind])} pass")
    assert not failed
    assert len(suite[kind]) >= AT_LEAST[kind]


def test_what_says_the_size_occurs(suite):
    nodes = [node for tests in suite.values() for _, _, node, _ in tests]
    named = {attribute.name for node in nodes for attribute in node.attribute}
    assert {"output_shape", "output_padding", "auto_pad", "pads", "group", "dilations"} <= named


def test_a_slip_in_the_adapter_is_noticed(suite, monkeypatch):
    """Show that the comparison can fail: a turned kernel."""
    right = adapter.hwio.conv_transpose
    monkeypatch.setattr(
        adapter.hwio, "conv_transpose", lambda *a, **named: right(*a, flip=True, **named)
    )
    for name, test, node, sets in suite["pytorch-converted"]:
        assert not passes(test, node, sets[0][0], sets[0][1][0]), name
