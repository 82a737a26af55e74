"""One line that says how far a run is and how long it will still take."""

from __future__ import annotations

import sys
from shutil import get_terminal_size
from time import monotonic
from typing import TextIO

WIDTH = 24


class Line:
    """Draw on a terminal; elsewhere print a line every now and then.

    Parameters
    ----------
    stream : text stream
    every : float
        Seconds between two lines where there is no terminal.
    """

    def __init__(self, stream: TextIO = sys.stderr, every: float = 30) -> None:
        self._stream, self._every = stream, every
        self._tty = stream.isatty()
        self._total = self._done = 0.0
        self._start = self._last = monotonic()

    def begin(self, total: float) -> None:
        """Set how much there is to do, in guessed seconds."""
        self._total, self._done = total, 0.0
        self._start = self._last = monotonic()

    def step(self, weight: float) -> None:
        """Count a cell as done."""
        self._done += weight

    def show(self, words: str, process: int) -> None:
        """Say what comes next."""
        now = monotonic()
        if not self._tty and now - self._last < self._every:
            return
        self._last = now
        share = self._done / self._total if self._total else 1.0
        bar = "█" * int(share * WIDTH) + "░" * (WIDTH - int(share * WIDTH))
        text = f"{bar} {share:4.0%}  {self._left(now)}  {words}  (process {process + 1})"
        if self._tty:
            columns = get_terminal_size().columns - 1
            self._stream.write("\r" + text[:columns].ljust(columns))
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._tty:
            self._stream.write("\r" + " " * (get_terminal_size().columns - 1) + "\r")
            self._stream.flush()

    def _left(self, now: float) -> str:
        """Say the time left, from what the guesses were worth so far."""
        spent, guessed = now - self._start, self._done
        pace = spent / guessed if guessed > 0 else 1.0
        return f"{duration((self._total - self._done) * pace)} left"


def duration(seconds: float) -> str:
    """Write seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
