"""Read a page with the three models of rapidocr-onnxruntime, by hwio and by ONNX Runtime.

    python tests/onnx_ocr.py               print differences, times and the text

The page is scikit-image's scan of a book. Everything but the models' own runs is RapidOCR's: it cuts
lines out, turns them, spells what the recogniser says. One run has ONNX Runtime, as it comes; in the
other each model is asked of hwio, and of ONNX Runtime too, with the same input.
"""

import sys
import time
from math import sqrt
from pathlib import Path

import numpy as np
import skimage
from onnx.reference.ops.op_conv import Conv as ReferenceConv
from rapidocr_onnxruntime import RapidOCR

from hwio.interop import onnx as bridge

# The outputs are probabilities. Rounding is bounded layer by layer (T1, below); through some sixty
# layers of a network no useful bound can be proved, so this is a plain limit on what is seen.
LIMIT = 1e-4
MODELS = {
    "find lines": "text_det.infer",
    "turn them": "text_cls.infer",
    "read them": "text_rec.session",
}


class Both:
    """What RapidOCR takes for a session: answers by hwio, and compares with ONNX Runtime."""

    def __init__(self, session, path):
        self.session, self.evaluator = session, bridge.evaluator(path)
        self.worst, self.calls, self.seconds, self.feeds = 0.0, 0, [0.0, 0.0], None

    def __getattr__(self, name):
        return getattr(self.session, name)

    def run(self, names, feeds, **options):
        """Return hwio's outputs."""
        start = time.perf_counter()
        ours = self.evaluator.run(names, feeds)
        middle = time.perf_counter()
        theirs = self.session.run(names, feeds, **options)
        self.seconds[0] += middle - start
        self.seconds[1] += time.perf_counter() - middle
        self.calls, self.feeds = self.calls + 1, feeds
        for y, want in zip(ours, theirs, strict=True):
            assert y.shape == want.shape
            self.worst = max(self.worst, float(abs(y - want).max()))
        return ours


def read_both(image):
    """Return what ONNX Runtime reads, what hwio reads, and name -> Both."""
    plain, ours, sessions = RapidOCR(), RapidOCR(), {}
    root = sys.modules["rapidocr_onnxruntime"].__path__[0]
    folders = {"find lines": "det", "turn them": "cls", "read them": "rec"}
    for name, place in MODELS.items():
        part, attribute = place.split(".")
        holder = getattr(getattr(ours, part), attribute)
        (path,) = (p for p in Path(root, "models").iterdir() if f"{folders[name]}_infer" in p.name)
        sessions[name] = holder.session = Both(holder.session, path)
    return plain(image)[0], ours(image)[0], sessions


def timed(both):
    """Return the best of three runs of the last input again: hwio's and ONNX Runtime's seconds."""
    best = [float("inf")] * 2
    for _ in range(3):
        for i, runner in enumerate((both.evaluator, both.session)):
            start = time.perf_counter()
            runner.run(None, both.feeds)
            best[i] = min(best[i], time.perf_counter() - start)
    return best


def layers_within_t1(runner, feeds):
    """Compare every Conv of a model with onnx's own in float64; return (layers, worst / bound)."""
    values = runner.run(None, feeds, intermediate=True)
    layers, worst = 0, 0.0
    for node in runner.nodes_:
        if node.op_type != "Conv":
            continue
        x, w, *rest = (values[name].astype(np.float64) for name in node.input if name)
        single = ReferenceConv(
            node, {"log": lambda *_: None, "opsets": runner.opsets, "new_ops": None}
        )
        (exact,) = single.run(x, w, *rest)
        (size,) = single.run(abs(x), abs(w), *map(abs, rest))
        terms = w[0].size + len(rest)
        bound = 4 * sqrt(terms) * 2**-24 * size + terms * 2**-149
        worst = max(worst, float((abs(values[node.output[0]] - exact) / bound).max()))
        layers += 1
    return layers, worst


def main():
    """Print, return how many comparisons failed."""
    page = np.repeat(skimage.data.page()[..., None], 3, axis=-1)
    wanted, found, sessions = read_both(page)
    say(f"RapidOCR's models on scikit-image's page {page.shape[:2]}, by hwio and by ONNX Runtime")
    failed = 0
    for name, both in sessions.items():
        (first, ort_first), (again, ort_again) = both.seconds, timed(both)
        say(f"  {name:10}  first call: hwio {first:6.3f} s, ONNX Runtime {ort_first:6.3f} s")
        say(f"  {'':10}  again:      hwio {again:6.3f} s, ONNX Runtime {ort_again:6.3f} s")
        say(f"  {'':10}  {both.calls} calls, largest difference {both.worst:.1e}, limit {LIMIT}")
        failed += both.worst > LIMIT
    for name, both in sessions.items():
        layers, worst = layers_within_t1(both.evaluator, both.feeds)
        say(
            f"  {name:10}  {layers} Conv layers, worst {worst:.2f} of the bound T1 = 4·√K·u·(|w| convolved with |x|)"
        )
        failed += worst > 1
    texts = [[text for _, text, _ in result] for result in (wanted, found)]
    same = texts[0] == texts[1]
    say(
        f"  {len(texts[0])} lines of text, {'identical' if same else 'DIFFERENT'}; the first: {texts[1][:2]}"
    )
    return failed + (not same)


def say(line):
    """Print a line."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main() > 0)
