"""The documentation as a site of its own: ``make docs``, or ``python -m docs.website``."""
