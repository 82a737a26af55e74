"""ONNX's own backend test suite: every test that is a single Conv or ConvInteger node."""

import warnings

import numpy as np
import pytest

import hwio
from hwio.methods import METHODS

onnx = pytest.importorskip("onnx", reason="onnx, for its backend test suite")
loader = pytest.importorskip("onnx.backend.test.loader", reason="onnx's backend test suite")
adapter = pytest.importorskip("onnx_adapter")

OPERATORS = ("Conv", "ConvInteger")
# Tests in onnx 1.23: an upgrade may add some, but none may get lost here.
AT_LEAST = {"node": 8, "pytorch-converted": 26, "pytorch-operator": 1}


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
    """Return (name, test, node, data sets) if the model is one node and that a convolution."""
    model = adapter.model_of(test)
    if [node.op_type for node in model.graph.node] not in [[name] for name in OPERATORS]:
        return None
    return test.name, test, model.graph.node[0], adapter.data_of(test, model)


@pytest.mark.parametrize("kind", AT_LEAST)
def test_every_single_node_test_passes(suite, kind, report):
    failed = []
    for name, test, node, sets in suite[kind]:
        assert sets
        for inputs, (want,) in sets:
            if not passes(test, node, inputs, want):
                failed.append(name)
    passed = len(suite[kind]) - len(set(failed))
    report(f"ONNX Conv and ConvInteger, kind {kind}: {passed} of {len(suite[kind])} pass")
    assert not failed
    assert len(suite[kind]) >= AT_LEAST[kind]


def passes(test, node, inputs, want):
    """Compare every method that serves with the suite's output; whole numbers must be equal."""
    whole = all(np.array_equal(a, np.rint(a)) for a in inputs)
    methods = [name for name in METHODS if name != "loop" or want.size < 10_000]
    for method in ("auto", *methods):
        try:
            y = adapter.run_node(node, inputs, method)
        except hwio.OptionError:  # Winograd on a kernel that it is not made for
            assert method.startswith("winograd")
            continue
        if (y.shape, y.dtype) != (want.shape, want.dtype):
            return False
        if whole and not METHODS.get(method, METHODS["loop"]).transforms:
            near = np.array_equal(y, want)
        else:  # a small number beside large ones is what cancellation leaves of them
            near = np.allclose(y, want, test.rtol, max(test.atol, 1e-6 * np.abs(want).max()))
        if not near:
            return False
    return True


def test_both_operators_and_both_ways_of_padding_occur(suite):
    nodes = [node for _, _, node, _ in suite["node"]]
    assert {node.op_type for node in nodes} == set(OPERATORS)
    attributes = {attribute.name for node in nodes for attribute in node.attribute}
    assert {"pads", "strides", "auto_pad"} <= attributes


@pytest.mark.parametrize("slip", ["transposed kernel", "low for high", "no zero point"])
def test_a_slip_in_the_adapter_is_noticed(suite, slip, monkeypatch):
    """Show that the comparison can fail."""
    options = adapter.options_of

    def wrong(node, rank):
        right = options(node, rank)
        if slip == "low for high" and isinstance(right["padding"], list):
            right["padding"] = [(high + 1, max(low - 1, 0)) for low, high in right["padding"]]
        return right | ({"flip": True} if slip == "transposed kernel" else {})

    monkeypatch.setattr(adapter, "options_of", wrong)
    if slip == "no zero point":
        monkeypatch.setattr(adapter, "names_of", lambda node: ["X", "W"])
    tests = [entry for kind in suite.values() for entry in kind]
    assert not all(passes(test, node, *pair[0][:1], *pair[0][1]) for _, test, node, pair in tests)
