"""Models of ONNX by hwio: what they compute, what they keep, and models that mean harm."""

import itertools
import tracemalloc

import numpy as np
import pytest

import hwio

pytest.importorskip("onnx", "1.23", reason="onnx 1.23 is not installed: pip install hwio[onnx]")

import onnx
from onnx import TensorProto as T
from onnx import helper
from onnx.reference import ReferenceEvaluator

from hwio.interop.onnx import OPS, evaluator

RNG = np.random.default_rng(0)
TRUST = "   # if you trust the model"


def tensor(name, array):
    return onnx.numpy_helper.from_array(np.asarray(array), name)


def value(name, shape=("n", "c", "h", "w"), kind=T.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name="n", **attributes)


def model(nodes, weights=(), *, inputs=("x",), outputs=("y",), opset=17, **more):
    """Make a model; inputs may be names or declared values."""
    declared = [i if isinstance(i, onnx.ValueInfoProto) else value(i) for i in inputs]
    graph = helper.make_graph(nodes, "graph", declared, [value(name) for name in outputs], weights)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def layer(**attributes):
    """Return a model of one convolution with its weights."""
    w, b = (RNG.integers(-4, 5, s).astype(np.float32) for s in ((4, 3, 3, 3), 4))
    return model([node("Conv", "x w b", **attributes)], [tensor("w", w), tensor("b", b)]), w, b


X = RNG.integers(-4, 5, (2, 3, 6, 7)).astype(np.float32)

# ------------------------------------------------------------ what they compute


def test_operators_may_go_into_an_evaluator_of_onnx():
    made, w, b = layer(pads=[1, 0, 2, 1], strides=[2, 1])
    (y,) = ReferenceEvaluator(made, new_ops=OPS).run(None, {"x": X})
    want = hwio.conv(X, w, b, layout="NCHW,OIHW", padding=[(1, 2), (0, 1)], stride=(2, 1))
    assert np.array_equal(y, want)
    assert np.array_equal(y, ReferenceEvaluator(made).run(None, {"x": X})[0])


@pytest.mark.parametrize("where", ["initializer", "Constant"])
def test_weights_of_the_model_are_packed_once(where):
    made, w, b = layer()
    if where == "Constant":
        del made.graph.initializer[:]
        constants = [node("Constant", "", n, value=tensor(n, a)) for n, a in (("w", w), ("b", b))]
        nodes = [*constants, *made.graph.node]
        del made.graph.node[:]
        made.graph.node.extend(nodes)
    runner = evaluator(made)
    y = [runner.run(None, {"x": X})[0] for _ in range(2)]
    conv = runner.rt_nodes_[-1]
    first = conv._layer[3]
    runner.run(None, {"x": X[:1]})
    assert conv._layer[3] is first
    assert np.array_equal(first.w, w)
    assert np.array_equal(y[0], y[1])


def test_weights_that_come_with_the_call_are_never_kept():
    made, w, b = layer()
    made.graph.input.append(value("w", w.shape))  # a default: a call may give another
    runner = evaluator(made)
    want = runner.run(None, {"x": X})[0]
    mine = w.copy()
    assert np.array_equal(runner.run(None, {"x": X, "w": mine})[0], want)
    mine *= 2  # in place, in the same array
    y = runner.run(None, {"x": X, "w": mine})[0]
    assert np.array_equal(y - b[:, None, None], 2 * (want - b[:, None, None]))
    assert np.array_equal(runner.run(None, {"x": X})[0], want)


def test_graphs_and_functions_inside_are_hwios_too():
    made, w, b = layer()
    inner = helper.make_graph([node("Conv", "x w b", "z")], "then", [], [value("z")])
    other = helper.make_graph([node("Relu", "x", "z")], "else", [], [value("z")])
    function = helper.make_function(
        "own", "F", ["v", "k"], ["r"], [node("Conv", "v k", "r")], [helper.make_opsetid("", 17)]
    )
    nodes = [
        node("If", "c", "y", then_branch=inner, else_branch=other),
        helper.make_node("F", ["x", "w"], ["u"], domain="own"),
    ]
    given = [value("x"), value("c", [], T.BOOL)]
    both = model(
        nodes, made.graph.initializer, inputs=given, outputs=("y", "u"), functions=[function]
    )
    runner = evaluator(both)
    y, u = runner.run(None, {"x": X, "c": np.array(True)})
    want = hwio.conv(X, w, b, layout="NCHW,OIHW")
    assert np.array_equal(y, want)
    assert np.array_equal(u, want - b[:, None, None])
    inside = (
        runner.rt_nodes_[0].then_branch.rt_nodes_[0],
        runner.functions_["own", "F"].rt_nodes_[0],
    )
    assert {type(one).__module__ for one in inside} == {"hwio.interop.onnx.operators"}


def against_onnxruntime(made, **feeds):
    """Run both; return what hwio and ONNX Runtime say."""
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return evaluator(made).run(None, feeds)[0], session.run(None, feeds)[0]


@pytest.mark.parametrize("opset", [8, 9, 11, 13, 15])
def test_old_opsets_are_run_as_they_say(opset):
    """onnx.reference alone gets these wrong: statistics of the batch, and one axis for many."""
    parts = [tensor(n, RNG.uniform(0.5, 2, 3).astype(np.float32)) for n in ("s", "b", "m", "v")]
    axis = {} if opset < 13 else {"axis": 1}
    nodes = [node("BatchNormalization", "x s b m v", "z"), node("Softmax", "z", **axis)]
    nodes[1].name = "another"
    given = [value("x", [2, 3, 6, 7])]
    y, want = against_onnxruntime(model(nodes, parts, inputs=given, opset=opset), x=X)
    assert np.allclose(y, want, rtol=1e-5, atol=1e-7)
    assert np.isclose(want.sum(), 2) == (opset < 13)  # of each image all numbers, or of each cell


@pytest.mark.parametrize("zeros", [(0, 0), (7, 0), (120, (3, 0, 250, 9))], ids=str)
@pytest.mark.parametrize("kind", [np.uint8, np.int8], ids=["uint8", "int8"])
def test_integers_equal_those_of_onnxruntime(zeros, kind):
    x, w = (RNG.integers(0, 100, s).astype(kind) for s in ((1, 3, 6, 5), (4, 3, 3, 3)))
    zeros = [np.array(np.minimum(z, np.iinfo(kind).max), kind) for z in zeros]
    weights = [tensor("w", w), tensor("zx", zeros[0]), tensor("zw", zeros[1])]
    form = T.UINT8 if kind is np.uint8 else T.INT8
    graph = [node("ConvInteger", "x w zx zw", pads=[1, 1, 0, 0])]
    made = model(graph, weights, inputs=[value("x", x.shape, form)])
    made.graph.output[0].type.tensor_type.elem_type = T.INT32
    wide = [a.astype(np.int64) for a in (x, w)]
    wide[0] -= zeros[0].astype(np.int64)
    wide[1] -= np.reshape(zeros[1].astype(np.int64), (-1, 1, 1, 1))
    want = hwio.conv(*wide, layout="NCHW,OIHW", padding=[(1, 0), (1, 0)], method="loop")
    (y,) = evaluator(made).run(None, {"x": x})
    assert y.dtype == np.int32
    assert np.array_equal(y, want)


def test_quantised_numbers_equal_those_of_onnxruntime():
    x, w = (RNG.integers(0, 256, s).astype(np.uint8) for s in ((2, 3, 6, 5), (4, 3, 3, 3)))
    scales = {"sx": 0.02, "sy": 0.5}
    weights = [tensor(n, np.float32(s)) for n, s in scales.items()]
    weights += [tensor(n, np.uint8(z)) for n, z in (("zx", 117), ("zw", 130), ("zy", 101))]
    weights += [
        tensor("w", w),
        tensor("sw", np.float32(0.03)),
        tensor("b", np.arange(4, dtype=np.int32) * 500),
    ]
    graph = [node("QLinearConv", "x sx zx w sw zw sy zy b", pads=[1, 1, 1, 1])]
    made = model(graph, weights, inputs=[value("x", x.shape, T.UINT8)])
    made.graph.output[0].type.tensor_type.elem_type = T.UINT8
    y, want = against_onnxruntime(made, x=x)
    assert y.dtype == want.dtype
    assert len(np.unique(want)) > 20
    assert np.array_equal(y, want)


@pytest.mark.parametrize("name", ["sx", "zx", "sw", "zw", "sy", "zy"])
def test_scales_and_zeros_are_one_number_or_one_per_filter(name):
    """Others would spread y over all of them, past every size that onnx infers."""
    given = {"sx": np.ones(1, np.float32), "sw": np.ones(4, np.float32), "sy": np.float32(1)}
    given |= {"zx": np.zeros(1, np.uint8), "zw": np.zeros(4, np.uint8), "zy": np.uint8(0)}
    graph = [node("QLinearConv", "x sx zx w sw zw sy zy")]
    x, w = np.ones((1, 3, 6, 5), np.uint8), np.ones((4, 3, 3, 3), np.uint8)

    def made():
        weights = [tensor("w", w), *(tensor(n, a) for n, a in given.items())]
        return model(graph, weights, inputs=[value("x", x.shape, T.UINT8)])

    assert (evaluator(made()).run(None, {"x": x})[0] == 27).all()
    given[name] = np.ones(9, given[name].dtype)
    with pytest.raises(hwio.ShapeError, match=r"has shape \(9,\), but it holds 1 number"):
        evaluator(made()).run(None, {"x": x})


def test_transposed_same_equals_that_of_onnxruntime():
    cases = itertools.product((1, 2, 3), (1, 3, 4), (1, 2), (0, 1, 2), ("SAME_UPPER", "SAME_LOWER"))
    seen = 0
    for stride, k, dilation, extra, word in cases:
        reach = (k - 1) * dilation + 1
        if extra >= stride or reach + extra < stride:  # ONNX Runtime leaves gaps out of y
            continue
        x, w = (RNG.integers(-4, 5, s).astype(np.float32) for s in ((1, 2, 5), (2, 3, k)))
        options = {"strides": [stride], "dilations": [dilation], "output_padding": [extra]}
        graph = [node("ConvTranspose", "x w", auto_pad=word, **options)]
        made = model(graph, [tensor("w", w)], inputs=[value("x", x.shape)])
        made.graph.output[0].CopyFrom(value("y", ("n", "c", "w")))
        y, want = against_onnxruntime(made, x=x)
        assert np.array_equal(y, want), (options, word)
        seen += 1
    assert seen > 40


def test_examples_run():
    import doctest

    from hwio.interop.onnx import attributes, sizes

    flags = doctest.NORMALIZE_WHITESPACE
    for module in (hwio.interop.onnx, attributes, sizes):
        found = doctest.testmod(module, optionflags=flags)
        assert found.attempted
        assert not found.failed


# ------------------------------------------------------------ inputs of a call


@pytest.mark.parametrize(
    ("feeds", "error", "says"),
    [
        (X, hwio.ArgumentTypeError, """the inputs are an ndarray, not a dict of arrays
  'x'  float32 (?, 3, ?, 7)
  fix: run(None, {'x': x})"""),
        ({}, hwio.ArgumentTypeError, """the input 'x' is missing
  'x'  float32 (?, 3, ?, 7)
  fix: run(None, {'x': x})"""),
        ({"x": X, "xx": X}, hwio.ArgumentTypeError, """the model has no input 'xx'
  'x'  float32 (?, 3, ?, 7)
  fix: did you mean 'x'?"""),
        ({"x": X.astype(float)}, hwio.DTypeError, """the input 'x' has dtype float64, but the model declares float32
  fix: x = x.astype(np.float32)"""),
        ({"x": X[0]}, hwio.ShapeError, """the input 'x' has shape (3, 6, 7), but the model declares float32 (?, 3, ?, 7)
  a size that is ? may be any"""),
        ({"x": X[:, :2]}, hwio.ShapeError, """the input 'x' has shape (2, 2, 6, 7), but the model declares float32 (?, 3, ?, 7)
  a size that is ? may be any"""),
    ],
)  # fmt: skip
def test_inputs_are_checked(feeds, error, says):
    made, _, _ = layer()
    made.graph.input[0].CopyFrom(value("x", ["n", 3, -1, 7]))
    with pytest.raises(error) as caught:
        evaluator(made).run(None, feeds)
    assert str(caught.value) == says


def test_outputs_are_checked_and_values_on_the_way_may_be_asked_for():
    runner = evaluator(model([node("Neg", "x", "z"), node("Neg", "z")]))
    assert np.array_equal(runner.run(["z"], {"x": X})[0], -X)
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        runner.run(["yy"], {"x": X})
    assert str(caught.value) == (
        "the model makes no 'yy'\n  its outputs are 'y'\n  fix: did you mean ['y']?"
    )


def test_a_node_of_onnx_that_fails_is_named():
    with pytest.raises(hwio.FileError) as caught:
        evaluator(model([node("MatMul", "x m")], [tensor("m", np.ones((2, 2), np.float32))])).run(
            None, {"x": X}
        )
    first, *rest = str(caught.value).split("\n")
    assert first == "node 'n' of type MatMul can't be run on its inputs"
    assert rest[:2] == ["  x  float32 (2, 3, 6, 7)", "  m  float32 (2, 2)"]
    assert rest[2].startswith("  onnx.reference says: ValueError: ")


def test_an_onnx_that_crashes_on_bad_models_is_refused(monkeypatch):
    monkeypatch.setattr(onnx, "__version__", "1.22.0")
    with pytest.raises(hwio.OptionError) as caught:
        evaluator(layer()[0])
    assert str(caught.value) == (
        "onnx 1.22.0 can't check a model that nobody vouches for\n"
        '  before 1.23 a stride of 0 ends the process\n  fix: pip install "onnx>=1.23"'
    )


# ------------------------------------------------------------ models that mean harm


def refused(error, made, feeds=None, **options):
    """Return the message of a model that is refused, at once and without taking memory."""
    tracemalloc.start()
    try:
        with pytest.raises(error) as caught:
            evaluator(made, **options).run(None, {"x": X} if feeds is None else feeds)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (16 << 20) + options.get("memory_limit", 0)  # of values that do fit
    return str(caught.value)


def outside(name="w", shape=(4, 3, 3, 3)):
    """Return a tensor that says it is in another file."""
    made = T(name=name, data_type=T.FLOAT, dims=shape, data_location=T.EXTERNAL)
    made.external_data.add(key="location", value="../../etc/passwd")
    return made


def hidden(place):
    """Return a model with such a tensor in it."""
    constant = node("Constant", "", "w", value=outside())
    conv = node("Conv", "x w")
    if place == "initializer":
        return model([conv], [outside()])
    if place == "attribute":
        return model([constant, conv])
    if place == "inner graph":
        inner = helper.make_graph([constant, conv], "then", [], [value("y")])
        return model(
            [
                node("Constant", "", "c", value=tensor("c", True)),
                node("If", "c", then_branch=inner, else_branch=inner),
            ]
        )
    function = helper.make_function(
        "own", "F", ["x"], ["y"], [constant, conv], [helper.make_opsetid("", 17)]
    )
    return model([helper.make_node("F", ["x"], ["y"], domain="own")], functions=[function])


@pytest.mark.parametrize("place", ["initializer", "attribute", "inner graph", "function"])
@pytest.mark.parametrize("form", ["bytes", "path", "proto"])
def test_files_that_a_model_names_are_not_opened(place, form, tmp_path, monkeypatch):
    made, path, name = hidden(place), tmp_path / "m.onnx", "the model"
    if form == "bytes":
        made = made.SerializeToString()
    elif form == "path":
        path.write_bytes(made.SerializeToString())
        made, name = path, "'m.onnx'"
    monkeypatch.setattr(onnx.external_data_helper, "load_external_data_for_model", None)
    assert refused(hwio.FileError, made) == (
        f"{name} keeps the tensor 'w' in another file, which hwio does not open\n"
        "  location  '../../etc/passwd'\n"
        "  fix: onnx.save(onnx.load('model.onnx'), 'whole.onnx')   # if you trust it"
    )


HUGE = 2**20


def growing():
    """Return nodes that double a value sixty times."""
    names = ["x", *(f"v{i}" for i in range(59)), "y"]
    pairs = itertools.pairwise(names)
    return [node("Concat", f"{a} {a}", b, axis=0) for a, b in pairs]


BOMBS = {
    "ConstantOfShape": [node("ConstantOfShape", "s")],
    "Expand": [node("Expand", "one s")],
    "Tile": [node("Tile", "x t")],
    "Resize": [node("Resize", "x none scales")],
    "Pad": [node("Pad", "x pads")],
    "Range": [node("Range", "zero far one0")],
    "product of two vectors": [node("Mul", "row column")],
    "doubled": growing(),
    "list of itself": [
        *(node("Concat", f"{'x ' * 64}", "a", axis=0),),
        node("SequenceConstruct", "a " * 4000, "q"),
        node("ConcatFromSequence", "q", axis=0),
    ],
    "padding": [node("Conv", "x w", pads=[HUGE, HUGE, HUGE, HUGE])],
    "transposed": [node("ConvTranspose", "x w2", strides=[HUGE, HUGE])],
    "transposed, then cut": [node("ConvTranspose", "x w2", strides=[20_000, 20_000], output_shape=[2, 2])],
    "unpooled": [node("MaxPool", "x", "p i", kernel_shape=[1, 1]), node("MaxUnpool", "p i", kernel_shape=[1, 1], strides=[HUGE, HUGE])],
    "average": [node("AveragePool", "x", kernel_shape=[HUGE, HUGE], pads=[HUGE] * 4, count_include_pad=1)],
}  # fmt: skip
WEIGHTS = [
    tensor("s", [HUGE, HUGE]), tensor("t", [1, 1, HUGE, HUGE]), tensor("one", np.float32([[1]])),
    tensor("scales", np.float32([1, 1, HUGE, HUGE])), tensor("none", np.float32([])),
    tensor("pads", [0, 0, HUGE, HUGE] * 2), tensor("zero", np.int64(0)), tensor("one0", np.int64(1)),
    tensor("far", np.int64(2**50)), tensor("w", np.ones((1, 3, 1, 1), np.float32)),
    tensor("row", np.ones((1, 1 << 18), np.float32)), tensor("column", np.ones((1 << 18, 1), np.float32)),
    tensor("w2", np.ones((3, 1, 1, 1), np.float32)),
]  # fmt: skip


@pytest.mark.parametrize("where", ["graph", "inner graph", "function"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_value_that_does_not_fit_is_never_made(bomb, where):
    nodes, functions = BOMBS[bomb], []
    used = {name for one in nodes for name in one.input}
    weights = [w for w in WEIGHTS if w.name in used]
    if where == "inner graph":
        inner = helper.make_graph(nodes, "then", [], [value("y")])
        weights.append(tensor("c", True))
        nodes = [node("If", "c", then_branch=inner, else_branch=inner)]
    if where == "function":
        names = [w.name for w in weights]
        functions = [
            helper.make_function(
                "own", "F", ["x", *names], ["y"], nodes, [helper.make_opsetid("", 17)]
            )
        ]
        nodes = [helper.make_node("F", ["x", *names], ["y"], domain="own")]
    said = refused(
        hwio.LimitError, model(nodes, weights, functions=functions), memory_limit=64 << 20
    )
    assert "more than memory_limit of 64.0 MiB" in said.split("\n")[0]
    assert "node 'n' of type" in said


@pytest.mark.parametrize("name", ["Constant", "Softmax", "Conv"])
def test_a_function_may_bear_the_name_of_an_operator(name):
    opsets = [helper.make_opsetid("", 12)]
    shape = node("Constant", "", "s", value=tensor("s", [HUGE, HUGE]))
    for body, fits in (([node("Neg", "x")], True), ([shape, *BOMBS["ConstantOfShape"]], False)):
        takes = ["x"] if fits else []
        function = helper.make_function("own", name, takes, ["y"], body, opsets)
        made = model(
            [helper.make_node(name, takes, ["y"], domain="own")], functions=[function], opset=12
        )
        if fits:
            assert np.array_equal(evaluator(made).run(None, {"x": X})[0], -X)
        else:
            refused(hwio.LimitError, made, memory_limit=1 << 20)


def test_the_message_of_a_limit_says_what_takes_it():
    said = refused(hwio.LimitError, model([node("Tile", "x t")], [WEIGHTS[1]]), memory_limit=1000)
    assert said == (
        "this needs 1,008.0 TiB, more than memory_limit of 1000 B\n"
        "  node 'n' of type Tile  ->  1,008.0 TiB\n"
        "  weights and values before it  ->  32 B\n"
        f"  fix: memory_limit={X.nbytes * HUGE**2 + 32}{TRUST}"
    )


def test_without_a_limit_it_is_the_machines_memory():
    said = refused(
        hwio.LimitError, model([node("ConstantOfShape", "s")], [tensor("s", [2**31, 2**31])])
    )
    assert said.startswith("this needs 16.0 EiB, more than this machine's memory of ")


def test_values_count_together():
    nodes = [node("Relu", "x" if i == 0 else f"v{i}", f"v{i + 1}") for i in range(10)]
    made = model([*nodes, node("Neg", "v10")])
    need = 11 * X.nbytes
    assert evaluator(made, memory_limit=need).run(None, {"x": X})[0].shape == X.shape
    assert "type Neg" in refused(hwio.LimitError, made, memory_limit=need - 1)


def test_values_of_an_inner_graph_are_free_after_it():
    inside = [node("Neg", "a", "b"), node("Neg", "b", "c"), node("Identity", "go", "on")]
    takes = [value("i", [], T.INT64), value("go", [], T.BOOL), value("a")]
    body = helper.make_graph(inside, "body", takes, [value("on", [], T.BOOL), value("c")])
    weights = [tensor("times", np.int64(100)), tensor("go0", True)]
    made = model([node("Loop", "times go0 x", body=body)], weights)
    (y,) = evaluator(made, memory_limit=10 * X.nbytes).run(None, {"x": X})
    assert np.array_equal(y, X)
    refused(hwio.LimitError, made, memory_limit=2 * X.nbytes)


def test_weights_count_before_they_are_arrays(tmp_path):
    made, _, _ = layer()
    assert refused(hwio.LimitError, made, memory_limit=100) == (
        "this needs 448 B, more than memory_limit of 100 B\n"
        "  all weights of the model  ->  448 B\n"
        "  the largest is 'w'  [4, 3, 3, 3]  ->  432 B\n"
        f"  fix: memory_limit=448{TRUST}"
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    said = refused(hwio.LimitError, str(path), memory_limit=100)
    assert f"m.onnx  {path.stat().st_size} B on disk" in said


@pytest.mark.parametrize(
    ("dims", "says"),
    [
        ([2**40], "claims more numbers than it has\n  dims  [1099511627776]  but  4 bytes"),
        ([2**31] * 8, "claims more numbers than it has"),
        ([-1, 3], "has a negative size\n  dims  [-1, 3]"),
        ([1] * 100, "has 100 axes\n  NumPy's arrays have 64 at most"),
    ],
    ids=["long", "longer", "negative", "axes"],
)
def test_a_tensor_must_have_the_numbers_that_it_claims(dims, says):
    lie = T(name="w", data_type=T.FLOAT, dims=dims, raw_data=bytes(4))
    said = refused(hwio.FileError, model([node("Conv", "x w")], [lie]))
    assert said.startswith(f"the tensor 'w' of the model {says}")


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node("Relu", "b", "y"), node("Relu", "y", "b")], "is not a valid ONNX model"),  # in a circle
        ([node("Relu", "y", "y")], "is not a valid ONNX model"),
        ([node("Conv", "x w")], "is not a valid ONNX model"),  # there is no w
        ([node("Relu", "x"), node("Neg", "x")], "is not a valid ONNX model"),  # y twice
        ([node("Conv", "x")], "is not a valid ONNX model"),
        ([node("Relu", "x", "y", alpha=1.0)], "is not a valid ONNX model"),
        ([node("NoSuchThing", "x")], "is not a valid ONNX model"),
        ([helper.make_node("Secret", ["x"], ["y"], domain="own")], "can't be run"),
        ([], "is not a valid ONNX model"),  # nobody makes y
    ],
    ids=["circle", "itself", "missing", "twice", "no weights", "attribute", "operator", "domain", "empty"],
)  # fmt: skip
def test_broken_graphs_are_refused(nodes, says):
    said = refused(hwio.FileError, model(nodes))
    assert said.startswith(f"the model {says}\n  onnx")


def test_a_function_that_calls_itself_is_refused():
    own = helper.make_node("F", ["x"], ["y"], domain="own")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    function = helper.make_function("own", "F", ["x"], ["y"], [own], opsets)
    refused(hwio.FileError, model([own], functions=[function]))


def test_graphs_a_thousand_deep_are_refused():
    deep = b""
    for _ in range(1000):  # a graph in an attribute in a node in a graph ...
        deep = field(1, field(5, field(6, deep)))
    refused(hwio.FileError, field(7, deep))


def field(number, data):
    """Return a field of protobuf that holds bytes."""
    length, out = len(data), bytearray([number << 3 | 2])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    return bytes(out) + bytes([length]) + data


@pytest.mark.parametrize(
    ("nodes", "x", "error", "says"),
    [
        ([node("Conv", "x w", pads=[0, -1, 0, 0])], X, hwio.ShapeError, "negative"),
        ([node("Conv", "x w", pads=[1, 1])], X, hwio.ShapeError, "pads has 2 numbers, but HW need 4"),
        ([node("Conv", "x w", strides=[0, 1])], X, hwio.ShapeError, "stride"),
        ([node("Conv", "x w", strides=[1, 1, 1])], X, hwio.ShapeError, "stride"),
        ([node("Conv", "x w", dilations=[-1, 1])], X, hwio.ShapeError, "dilation"),
        ([node("Conv", "x w", group=2)], X, hwio.ShapeError, "groups"),
        ([node("Conv", "x w", group=0)], X, hwio.ShapeError, "groups=0"),
        ([node("ConvTranspose", "x w2", group=0)], X, hwio.ShapeError, "groups=0"),
        ([node("LpPool", "x", kernel_shape=[2, 2], p=0)], X, hwio.ShapeError, "p=0"),
        ([node("Conv", "x w", kernel_shape=[2, 2])], X, hwio.ShapeError, "kernel_shape=[2, 2], but W has (1, 1) on HW"),
        ([node("Conv", "x w", auto_pad="SAME")], X, hwio.OptionError, "auto_pad='SAME' is none of ONNX's"),
        ([node("Conv", "x w")], X[0], hwio.HwioError, "w"),
        ([node("Conv", "x w")], X[0, 0], hwio.ShapeError, "X has 2 axes; hwio takes 3, 4 or 5"),
        ([node("Conv", "x w")], X[:, :2], hwio.ShapeError, "w expects 3 input channels but x has 2"),
        ([node("MaxPool", "x", kernel_shape=[9, 9])], X, hwio.ShapeError, "window"),
        ([node("MaxPool", "x", kernel_shape=[2])], X, hwio.ShapeError, "window"),
        ([node("GlobalAveragePool", "x")], X[0, 0], hwio.ShapeError, "X has 2 axes"),
        ([node("ConvTranspose", "x w2", output_padding=[9, 9])], X, hwio.ShapeError, "output_padding"),
    ],
)  # fmt: skip
def test_nodes_are_refused_by_name(nodes, x, error, says):
    used = set(nodes[0].input)
    weights = [w for w in WEIGHTS if w.name in used]
    said = refused(error, model(nodes, weights, inputs=[value("x", [None] * x.ndim)]), {"x": x})
    first, second, *_ = said.split("\n")
    assert says in first
    assert second == f"  node 'n' of type {nodes[0].op_type}"


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        (b"", hwio.FileError, "the model is no ONNX model\n  it does not parse as one"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), hwio.FileError, "the model is no ONNX model"),
        (layer()[0].SerializeToString()[:-40], hwio.FileError, "the model is no ONNX model"),
        ("no_such.onnx", hwio.FileError, "'no_such.onnx' is not there\n  a model is one file, .onnx"),
        ("/", hwio.FileError, "'/' is a folder"),
        (None, hwio.ArgumentTypeError, "model is None, not an ONNX model"),
        (X, hwio.ArgumentTypeError, "model is an ndarray, not an ONNX model"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(given, error, says):
    assert refused(error, given).startswith(says)


def test_any_bytes_are_a_model_or_an_error_of_ours():
    data = bytearray(layer(pads=[1, 1, 1, 1])[0].SerializeToString())
    rng, outcomes = np.random.default_rng(3), set()
    for _ in range(300):
        flipped = bytearray(data)
        for at in rng.integers(0, len(data), 2):
            flipped[at] ^= 1 << rng.integers(8)
        try:
            made = evaluator(bytes(flipped), memory_limit=1 << 24)
        except hwio.HwioError as error:
            outcomes.add(type(error).__name__)
            continue
        outcomes.add("made")
        try:
            made.run(None, {"x": X})
        except hwio.HwioError as error:
            outcomes.add(type(error).__name__)
    assert {"made", "FileError", "ShapeError"} <= outcomes
