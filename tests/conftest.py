"""What every test shares: Hypothesis profiles, plots without a screen, counts at the end."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["COLUMNS"] = "100"  # texts are as wide as the terminal

# ci: the same examples on every run, so a red build is red again at home.
settings.register_profile("ci", derandomize=True, deadline=None)
# nightly: new examples on every run, and many; a failure prints how to repeat it.
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=2000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HWIO_HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _jax_as_it_comes():
    """Take back the switch to 64 bits that code for notes makes: it holds for a whole process."""
    yield
    jax = sys.modules.get("jax")
    if jax is not None and getattr(jax, "config", None) and jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)


COUNTS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def report(pytestconfig):
    """Return a function that keeps a line for the end of the run: how many cases were compared."""
    return pytestconfig.stash.setdefault(COUNTS, []).append


def pytest_sessionfinish(session):
    """Hand the lines of one half of the suite to the process that sums up (pytest -n 2)."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["counts"] = session.config.stash.get(COUNTS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take them over."""
    lines = getattr(node, "workeroutput", {}).get("counts", [])
    node.config.stash.setdefault(COUNTS, []).extend(lines)


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(COUNTS, []):
        terminalreporter.write_line(line)
