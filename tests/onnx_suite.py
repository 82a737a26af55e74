"""Run ONNX's own cases, its light models and a trained OCR by ``hwio.interop.onnx``, and compare.

    python tests/onnx_suite.py             all of it, with counts and times
    python tests/onnx_suite.py cases       one part: cases, light, ocr

What is compared with is never computed here: outputs that ship in the wheel of onnx, and ONNX
Runtime's. The criterion of a case is that of onnx's own runner: equal dtype, its rtol and atol.
"""

import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test import loader

from hwio.interop import onnx as bridge

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
OURS = {op.__name__ for op in bridge.OPS}
# of the family by name; the library's own serves
OTHERS = {
    "Col2Im": "no sum of products: onnx's own operator serves",
    "DeformConv": "windows at places that are no whole numbers: onnx's own operator serves",
    "MaxUnpool": "no pooling: onnx's own operator serves",
    "CausalConvWithState": "onnx's own operator serves",
}


@dataclass
class Count:
    """Cases by outcome."""

    passed: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    not_applicable: list = field(default_factory=list)

    def __str__(self):
        return f"{len(self.passed):5}  {len(self.failed):6}  {len(self.not_applicable):14}"


def run_cases(kinds=KINDS):
    """Run every case that holds a node of the family; return kind -> Count."""
    counts = {}
    for kind in kinds:
        count = counts[kind] = Count()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other operators, while onnx computes its cases
            cases = loader.load_model_tests(kind=kind)
        for case in cases:
            model = (
                case.model
                if case.model_dir is None
                else onnx.load(Path(case.model_dir) / "model.onnx")
            )
            types = set(types_in(model))
            if types & OURS:
                trouble = run_case(case, model)
                (count.failed if trouble else count.passed).append((case.name, trouble))
            elif types & set(OTHERS):
                count.not_applicable.append((case.name, OTHERS[min(types & set(OTHERS))]))
    return counts


def types_in(model):
    """Yield the operators of a model, those in graphs inside and in functions too."""
    graphs = [model.graph, *model.functions]
    while graphs:
        for node in graphs.pop().node:
            yield node.op_type
            graphs += [a.g for a in node.attribute if a.HasField("g")]
            graphs += [g for a in node.attribute for g in a.graphs]


def run_case(case, model):
    """Return what is wrong with a case, None for nothing."""
    try:
        runner = bridge.evaluator(model)
        for inputs, wanted in data_of(case):
            outputs = runner.run(None, dict(zip(runner.input_names, inputs, strict=False)))
            for y, want in zip(outputs, wanted, strict=True):
                trouble = differs(np.asarray(y), np.asarray(want), case.rtol, case.atol)
                if trouble:
                    return trouble
    except Exception as error:  # noqa: BLE001 - a case that raises has failed
        return f"{type(error).__name__}: {error}"
    return None


def data_of(case):
    """Return (inputs, outputs) pairs, each a list of arrays."""
    if case.model_dir is None:
        return case.data_sets
    folders = sorted(Path(case.model_dir).glob("test_data_set_*"))
    return [tuple(stored(folder, kind) for kind in ("input", "output")) for folder in folders]


def stored(folder, kind):
    """Read the arrays of one data set in their order."""
    count = len(list(folder.glob(f"{kind}_*.pb")))
    paths = [folder / f"{kind}_{i}.pb" for i in range(count)]
    return [onnx.numpy_helper.to_array(onnx.load_tensor(path)) for path in paths]


def differs(y, want, rtol, atol):
    """Say how an output differs, as onnx's runner judges it; None where it does not."""
    if (y.shape, y.dtype) != (want.shape, want.dtype):
        return f"{y.dtype} {y.shape}, not {want.dtype} {want.shape}"
    if y.dtype.kind in "iub":
        return None if np.array_equal(y, want) else f"{np.sum(y != want)} of {y.size} differ"
    wide = [a.astype(np.float64) for a in (y, want)]
    if want.dtype.name == "bfloat16":
        rtol = max(rtol, 2**-6)
    near = np.isclose(*wide, rtol=rtol, atol=atol, equal_nan=True)
    return (
        None
        if near.all()
        else f"{np.sum(~near)} of {y.size} differ by up to {np.nanmax(abs(wide[0] - wide[1])):.3g}"
    )


def light_models():
    """Return name -> (model, input, output, rtol, atol) of what ships with onnx."""
    folder = Path(loader.DATA_DIR) / "light"
    found = {}
    for case in loader.load_model_tests(kind="real"):
        path = folder / Path(case.url).name
        found[path.stem] = path, folder / f"{path.stem}_output_0.pb", case.rtol, case.atol
    return found


def run_light(path, output, rtol, atol):
    """Return (what is wrong or None, seconds, largest relative difference)."""
    runner = bridge.evaluator(path)
    (name,) = [n for n in runner.input_names if n not in runner.rt_inits_]
    shape = [
        d.dim_value
        for d in runner.input_types[runner.input_names.index(name)].tensor_type.shape.dim
    ]
    x = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(
        np.float32
    )  # as onnx's runner
    start = time.perf_counter()
    (y,) = runner.run(None, {name: x})
    seconds = time.perf_counter() - start
    want = onnx.numpy_helper.to_array(onnx.load_tensor(output))
    return (
        differs(y, want, rtol, atol),
        seconds,
        np.max(abs(y - want) / np.maximum(abs(want), 1e-30)),
    )


def main(parts):
    """Print counts and times, return 0 where nothing failed."""
    failed = 0
    if "cases" in parts:
        counts = run_cases()
        say("onnx", onnx.__version__, "backend cases with a node of the convolution family")
        say(f"{'':20} passed  failed  not applicable")
        for kind, count in counts.items():
            say(f"{kind:20}  {count}")
            failed += len(count.failed)
        for name, trouble in (entry for count in counts.values() for entry in count.failed):
            say("  failed:", name, trouble)
        reasons = Counter(why for count in counts.values() for _, why in count.not_applicable)
        for why, number in reasons.most_common():
            say(f"  {number} not applicable: {why}")
    if "light" in parts:
        say(
            "onnx's light models: seconds of a run, largest relative difference from the output shipped"
        )
        for name, model in light_models().items():
            trouble, seconds, worst = run_light(*model)
            failed += trouble is not None
            say(f"  {name:22} {seconds:6.2f} s   {worst:.1e}   {trouble or 'matches'}")
    if "ocr" in parts:
        import onnx_ocr

        failed += onnx_ocr.main()
    return int(failed > 0)


def say(*words):
    """Print a line."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ("cases", "light", "ocr")))
