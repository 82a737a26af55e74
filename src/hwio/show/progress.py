"""A progress line on a terminal, for work that takes over a second."""

from __future__ import annotations

import sys
from collections.abc import Callable
from shutil import get_terminal_size
from time import monotonic
from types import TracebackType
from typing import Self, TextIO

WAIT = 1.0  # seconds before the first sign: shorter work needs none
PAUSE = 0.1  # seconds between two drawings
WIDTH = 24


class Progress:
    """Count steps, and draw them once the work has taken over a second.

    Parameters
    ----------
    total : int
        Steps in all.
    show : bool, optional
        Whether to draw; by default where stderr is a terminal.
    stream : text stream, optional
        Where to draw, stderr by default.
    clock : callable
        Returns seconds.

    Examples
    --------
    >>> with Progress(3) as bar:
    ...     bar.step("im2col")
    """

    def __init__(
        self,
        total: int,
        *,
        show: bool | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        # stderr is None where there is no console
        self._stream = sys.stderr if stream is None else stream
        isatty = getattr(self._stream, "isatty", None)
        tty = isatty is not None and isatty()
        self._show = (tty if show is None else show) and self._stream is not None
        self._total, self._done, self._width = total, 0, 0
        self._clock = clock
        self._next = clock() + WAIT

    def step(self, label: str = "", count: int = 1) -> None:
        """Count steps as done; the label says at what the work is."""
        self._done = min(self._done + count, self._total)
        if self._show and (now := self._clock()) >= self._next:
            self._next = now + PAUSE
            self._draw(label)

    def _draw(self, label: str) -> None:
        """Write the line over the last one."""
        full = WIDTH * self._done // max(1, self._total)
        bar = "#" * full + "." * (WIDTH - full)
        line = f"[{bar}] {self._done}/{self._total}  {label}"
        line = line[: get_terminal_size().columns - 1]
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def close(self) -> None:
        """Wipe the line."""
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
