"""``diagnose``: which convolution, of all that fit the shapes, made this y.

``orders`` and ``fits`` list readings by shape arithmetic, ``probing`` kills wrong ones by a few numbers
of y, ``proof`` compares all of y, ``slips`` holds what goes wrong on the way to a right reading.
"""
