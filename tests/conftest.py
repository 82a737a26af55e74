"""What every test shares: the Hypothesis profiles, and plots without a screen."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")

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
