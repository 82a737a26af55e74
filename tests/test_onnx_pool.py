"""ONNX's own backend test suite: every test that is a single node of pooling."""

import warnings

import numpy as np
import pytest

from hwio.pooling import POOL_METHODS

onnx = pytest.importorskip("onnx", reason="onnx, for its backend test suite")
loader = pytest.importorskip("onnx.backend.test.loader", reason="onnx's backend test suite")
models = pytest.importorskip("onnx_adapter")
adapter = pytest.importorskip("onnx_pool_adapter")

# Tests in onnx 1.23: an upgrade may add some, but none may get lost here.
AT_LEAST = {"node": 51, "pytorch-converted": 13, "pytorch-operator": 1}
# what the suite has of the family, and hwio does not
NOT_EXPRESSED = {
    "Col2Im": "hwio has no function from columns back to images: gradients add them up inside",
    "MaxUnpool": "not a pooling but NumPy's y.flat[places] = x, with the places of argmax_pool",
}


@pytest.fixture(scope="module")
def suite():
    """Load each kind of test; those of kind "node" are computed by onnx as it loads them."""
    found = {}
    for kind in AT_LEAST:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other operators
            tests = loader.load_model_tests(kind=kind)
        found[kind] = [(test, models.model_of(test)) for test in tests]
    return found


def poolings(tests):
    """Yield (test, node, data sets) of the models that are one node of pooling."""
    for test, model in tests:
        names = [node.op_type for node in model.graph.node]
        if len(names) == 1 and names[0] in adapter.FUNCTIONS:
            yield test, model.graph.node[0], models.data_of(test, model)


@pytest.mark.parametrize("kind", AT_LEAST)
def test_every_single_node_test_passes(suite, kind, report):
    failed, passed = [], 0
    for test, node, sets in poolings(suite[kind]):
        assert sets
        good = all(passes(test, node, *pair) for pair in sets)
        passed += good
        failed += [] if good else [test.name]
    report(f"ONNX pooling, kind {kind}: {passed} of {passed + len(failed)} pass")
    assert not failed
    assert passed >= AT_LEAST[kind]


def passes(test, node, inputs, wanted):
    """Compare every way with the suite's outputs; maxima must be equal."""
    small = [name for name in POOL_METHODS if name != "loop" or inputs[0].size < 10_000]
    for method in ("auto", *small):
        came = adapter.run_pool(node, inputs, method)
        for y, want in zip(came, wanted, strict=True):
            if (y.shape, y.dtype) != (want.shape, want.dtype):
                return False
            exact = "Max" in node.op_type
            near = np.array_equal(y, want) if exact else np.allclose(y, want, test.rtol, test.atol)
            if not near:
                return False
    return True


def test_what_is_not_expressed_is_known(suite, report):
    left = {
        node.op_type
        for tests in suite.values()
        for _, model in tests
        for node in model.graph.node
        if ("Pool" in node.op_type or node.op_type in NOT_EXPRESSED)
        and node.op_type not in adapter.FUNCTIONS
    }
    assert left <= set(NOT_EXPRESSED)
    for name in sorted(left):
        report(f"ONNX {name} is not expressed: {NOT_EXPRESSED[name]}")


def test_every_option_occurs(suite):
    nodes = [node for tests in suite.values() for _, node, _ in poolings(tests)]
    assert {node.op_type for node in nodes} == set(adapter.FUNCTIONS)
    names = {attribute.name for node in nodes for attribute in node.attribute}
    assert {"pads", "auto_pad", "ceil_mode", "dilations", "count_include_pad", "p"} <= names
    assert "storage_order" in names


@pytest.mark.parametrize("slip", ["count_include_pad", "ceil_mode", "padding", "storage_order"])
def test_a_slip_in_the_adapter_is_noticed(suite, slip, monkeypatch):
    """Show that the comparison can fail."""
    options = adapter.pool_options

    def wrong(has, rank):
        right = options(has, rank)
        if slip in right:
            turned = {"padding": 0 if right.get("padding") != "valid" else "same"}
            right[slip] = turned.get(slip, not right[slip])
        return right

    monkeypatch.setattr(adapter, "pool_options", wrong)
    if slip == "storage_order":
        indices = adapter.indices
        monkeypatch.setattr(adapter, "indices", lambda a, b, c: indices(a, b, not c))
    tests = [entry for kind in suite.values() for entry in poolings(kind)]
    assert not all(passes(test, node, *pair) for test, node, sets in tests for pair in sets)
