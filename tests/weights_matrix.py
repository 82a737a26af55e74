"""Move every layer between every pair of frameworks, run both on the same image, print the counts.

python tests/weights_matrix.py            all pairs; --pair keras torch for one
"""

import argparse
import collections
import sys
import warnings

import numpy as np

import hwio
from moving_cases import CASES, FRAMEWORKS
from moving_native import CannotBeTested, missing, native, run_moved

U = 2.0**-24


def farthest(case, target):
    """Return max |y_source - y_target| / (T1 of both); raise OptionError where it is refused.

    T1 is 4·√K·u·A, A the layer of |x|, |w| and |b|, as the source itself computes it.
    """
    x, w, pointwise, b = case.arrays()
    size = case.in_size
    moved = hwio.move_layer(
        w, b, target=target, in_size=size, pointwise=pointwise, **case.options()
    )
    ours = run_moved(moved, x, w, pointwise, b)
    theirs, sizes = _source(case)
    assert theirs.shape == ours.shape, (theirs.shape, ours.shape)
    bound = 2 * case.products() * U * sizes + 1e-44
    return float((np.abs(theirs.astype(np.float64) - ours) / bound).max())


_LAST = {}


def _source(case):
    """Run the source once for all targets."""
    if case not in _LAST:
        _LAST.clear()
        arrays = case.arrays()
        x = arrays[0]
        theirs = native(case, *arrays)(x)
        positive = [None if a is None else np.abs(a) for a in arrays]
        sizes = native(case, *positive)(positive[0]).astype(np.float64)
        _LAST[case] = theirs, sizes
    return _LAST[case]


def main():
    """Print one line a pair."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pair", nargs=2, metavar=("SOURCE", "TARGET"), choices=FRAMEWORKS)
    parser.add_argument("-v", action="store_true", help="every refusal and every case left out")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = collections.defaultdict(collections.Counter)
    worst, told = collections.defaultdict(float), []
    for case in CASES:
        for target in FRAMEWORKS:
            pair = case.source, target
            if (asked.pair and tuple(asked.pair) != pair) or (
                case.source == target and not asked.pair
            ):
                continue
            lacks = missing(*pair, *(["keras"] if case.source == "tflite" else []))
            verdict, text = ("no " + ", ".join(lacks), "") if lacks else judge(case, target)
            if isinstance(text, float):
                worst[pair] = max(worst[pair], text)
            elif text and (verdict == "FAILED" or asked.v):
                told.append(f"{verdict}: {case} -> {target}: {text}")
            counts[pair][verdict] += 1
    say(*told)
    heads = ("equal", "refused", "not run", "FAILED")
    say(f"{'from':8} {'to':8} " + " ".join(f"{head:>8}" for head in heads) + "  worst/bound")
    for (source, target), row in counts.items():
        row["not run"] = sum(n for verdict, n in row.items() if verdict not in heads)
        numbers = " ".join(f"{row[head]:8}" for head in heads)
        say(f"{source:8} {target:8} {numbers}  {worst[source, target]:.2f}")
    total = sum(row["equal"] for row in counts.values())
    say(f"{total} layers moved and run on both sides, {len(CASES)} layers in all")
    return int(any(row["FAILED"] for row in counts.values()))


def say(*lines):
    """Print at once: frameworks may end the process."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def judge(case, target):
    """Return the verdict on one case, and its ratio or what was said."""
    try:
        ratio = farthest(case, target)
    except hwio.HwioError as error:
        return "refused", str(error).split("\n")[0]
    except CannotBeTested as error:
        return "not run", str(error)[:200]
    except Exception as error:  # noqa: BLE001 - whatever a framework raises is to be seen
        return "FAILED", f"{type(error).__name__}: {str(error)[:300]}"
    return ("equal", ratio) if ratio <= 1 else ("FAILED", f"{ratio:.3g} bounds apart")


if __name__ == "__main__":
    sys.exit(main())
