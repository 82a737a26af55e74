"""Checking a learner's function: run apart, compared element by element, its mistake named."""
