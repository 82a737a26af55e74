"""hwio side by side with the frameworks, on the layers of real networks: ``python -m bench --help``.

* ``networks.py``: the layers, as data
* ``grid.py``: which layers, images, dtypes and threads are measured, in which order
* ``contenders/``: who is measured, a file for each library
* ``case.py``: one convolution's arrays
* ``exact.py``: the result in float64, and the published bound
* ``protocol.py``: how a time is taken
* ``worker.py``: one process that measures
* ``run.py``: starts the workers, keeps what they find, draws the progress line
* ``store.py``: the JSON file: every figure, written after each cell, so that a run can go on
* ``machine.py``: what it was measured on
* ``peaks.py``: this machine's fastest multiply-adds and memory reads
* ``figures.py``: ratios and means out of the JSON
* ``bars.py``: what was promised, and whether it holds
* ``report.py``: the page
* ``plots.py``: the pictures
"""
