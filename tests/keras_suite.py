"""Run Keras' own tests of convolution and pooling on its NumPy backend, by hwio and without JAX.

    python tests/keras_suite.py            all of them, then counts by file and reason
    python tests/keras_suite.py -k pool    some of them; any option of pytest

The tests are those in Keras' wheel, as they are. This file only installs the bridge before they are
loaded, and says of a test why it does not apply: that it trains, which no NumPy backend does, or that
its own lines import a framework which is not there (to ask it for a dtype).
"""

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

# JAX is absent even where it is installed: this is how Python spells it.
sys.modules["jax"] = None
os.environ["KERAS_BACKEND"] = "numpy"

FILES = ("ops/nn_test.py", "layers/convolutional/*_test.py", "layers/pooling/*_test.py")
TRAINS = "Keras' NumPy backend does not train"


class Suite:
    """What pytest asks of a plugin: skip what can't apply, and count."""

    def __init__(self):
        self.outcomes = {}  # test -> (outcome, reason)

    def pytest_configure(self, config):
        for name in ("requires_trainable_backend", "skipif_backend", "openvino_backend"):
            config.addinivalue_line("markers", f"{name}: Keras' own")

    def pytest_collection_modifyitems(self, items):
        for item in items:
            if item.get_closest_marker("requires_trainable_backend"):
                item.add_marker(pytest.mark.skip(reason=TRAINS))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if report.failed and call.excinfo.errisinstance(ModuleNotFoundError):
            where = call.excinfo.traceback[-1]
            if str(where.path) == str(item.path):  # the test's own line, not Keras' nor ours
                report.outcome = "skipped"
                reason = f"the test itself imports {call.excinfo.value.name.partition('.')[0]}"
                report.longrepr = (str(item.path), where.lineno + 1, f"Skipped: {reason}")
        return report

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or not report.passed:
            reason = " ".join(report.longrepr[2].split()) if report.skipped else ""
            self.outcomes[report.nodeid] = report.outcome, reason.removeprefix("Skipped: ")

    def table(self):
        """Return the counts as lines."""
        rows = {}
        for test, (outcome, _) in self.outcomes.items():
            file = "/".join(Path(test.partition("::")[0]).parts[-2:])
            rows.setdefault(file, Counter())[outcome] += 1
        rows["all"] = sum(rows.values(), Counter())
        skipped = (reason for outcome, reason in self.outcomes.values() if outcome == "skipped")
        reasons = Counter(skipped)
        return [
            f"{'':46} passed  failed  not applicable",
            *(f"{f:46} {c['passed']:6} {c['failed']:7} {c['skipped']:15}" for f, c in rows.items()),
            "not applicable, by reason:",
            *(f"{count:6}  {reason}" for reason, count in reasons.most_common()),
        ]  # fmt: skip


def main(arguments):
    """Run, print the counts, return 0 where nothing failed."""
    from hwio.interop import keras as bridge

    bridge.install()
    import keras

    source = Path(importlib.util.find_spec("keras").origin).parent / "src"
    files = [str(path) for pattern in FILES for path in sorted(source.glob(pattern))]
    suite = Suite()
    options = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore"]
    # Keras' folder is the root, so that no settings of ours apply
    options += ["--no-summary", "-c", os.devnull, f"--rootdir={source}", "--import-mode=importlib"]
    code = pytest.main([*options, *arguments, *files], plugins=[suite])
    lines = [f"Keras {keras.__version__}, its own tests on its NumPy backend by hwio, without JAX"]
    sys.stdout.write("\n".join([*lines, *suite.table(), ""]))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
