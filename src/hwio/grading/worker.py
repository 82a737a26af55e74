"""The process that runs a learner's function, seen from outside: ask, wait, and end it."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import IO, Any, Self

from hwio.grading.messages import receive, send

_START = "from hwio.grading.sandbox import main; main()"
GRACE = 2.0  # seconds that a process may take to end once told to


class OutOfTimeError(Exception):
    """No answer came in time."""


class DiedError(Exception):
    """The process ended without an answer; the argument says how."""


class Worker:
    """One process. Use it in a ``with``, which ends the process whatever it does.

    Parameters
    ----------
    function, forward : callable, optional
        Run these, in a fork of this process; otherwise a fresh one loads what it is asked to.
    """

    def __init__(
        self,
        function: Callable[..., Any] | None = None,
        forward: Callable[..., Any] | None = None,
    ) -> None:
        self._replies: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._child: subprocess.Popen[bytes] | None = None
        self._code: int | None = None
        self.pid = 0
        if function is None:
            self._read, self._write = self._spawn()
        else:
            self._read, self._write = self._fork(function, forward)
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _spawn(self) -> tuple[IO[bytes], IO[bytes]]:
        """Start a fresh Python."""
        env = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        own: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        self._child = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            **own,
        )
        self.pid = self._child.pid
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        return self._child.stdout, self._child.stdin

    def _fork(
        self, function: Callable[..., Any], forward: Callable[..., Any] | None
    ) -> tuple[IO[bytes], IO[bytes]]:
        """Copy this process, with the function and all that it uses."""
        ours_read, theirs_write = os.pipe()
        theirs_read, ours_write = os.pipe()
        with warnings.catch_warnings():
            # of forks beside threads: the copy runs the function and touches no lock of theirs
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _become_sandbox(theirs_read, theirs_write, (ours_read, ours_write), function, forward)
        os.close(theirs_read)
        os.close(theirs_write)
        return os.fdopen(ours_read, "rb"), os.fdopen(ours_write, "wb")

    def _listen(self) -> None:
        """Put answers into the queue, and None at the end."""
        reply: dict[str, Any] | None = {}
        while reply is not None:
            try:
                reply = receive(self._read)
            except (OSError, ValueError, MemoryError):
                reply = None
            self._replies.put(reply)

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and return the answer.

        Raises
        ------
        OutOfTimeError
            If none comes within so many seconds. The process is ended.
        DiedError
            If the process ends instead of answering.
        """
        try:
            send(self._write, message)
            reply = self._replies.get(timeout=seconds)
        except BrokenPipeError:
            reply = None
        except Empty:
            self.end()
            raise OutOfTimeError from None
        if reply is None:
            raise DiedError(self._how_it_ended())
        return reply

    def _how_it_ended(self) -> str:
        """Say how a process ended that was not told to."""
        code = self._wait()
        if code is None:
            return "it closed what it answers through"
        if code >= 0:
            return f"it ended the process, with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        means = {"SIGSEGV": "a wrong address", "SIGKILL": "killed, perhaps for memory"}
        return f"the process died of {name}" + (f" ({means[name]})" if name in means else "")

    def _wait(self) -> int | None:
        """Return the exit code, negative for a signal; None if it does not end by itself."""
        if self._code is not None:
            return self._code
        if self._child is not None:
            try:
                self._code = self._child.wait(GRACE)
            except subprocess.TimeoutExpired:
                return None
        else:
            collector = Thread(target=self._collect, daemon=True)
            collector.start()
            collector.join(GRACE)
        return self._code

    def _collect(self) -> None:
        """Wait for a fork."""
        try:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:  # someone else has collected it
            self._code = 0

    def end(self) -> None:
        """End the process and all that it started."""
        if self._code is not None:
            return
        if os.name == "posix":
            _kill(os.killpg, self.pid)
            _kill(os.kill, self.pid)  # a fork may not have its own group yet
        elif self._child is not None:
            self._child.kill()
        self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._listener.join(GRACE)
        streams = [self._write] if self._listener.is_alive() else [self._write, self._read]
        for stream in streams:
            with suppress(OSError):  # what was not written yet has no reader
                stream.close()


def _kill(how: Callable[[int, int], None], pid: int) -> None:
    """End a process, or its group, that may have ended already."""
    with suppress(ProcessLookupError, PermissionError):
        how(pid, signal.SIGKILL)


def _become_sandbox(
    read: int,
    write: int,
    others: tuple[int, int],
    function: Callable[..., Any],
    forward: Callable[..., Any] | None,
) -> None:
    """Turn a fork into the process that runs the function. It never returns."""
    try:
        os.setsid()
        for other in others:
            os.close(other)
        from hwio.grading.sandbox import serve, silence

        faulthandler.disable()  # it would tell of a crash on the terminal, as notebooks have it
        silence()
        _leave_threads()
        serve(os.fdopen(read, "rb"), os.fdopen(write, "wb"), function, forward)
    finally:
        os._exit(0)


def _leave_threads() -> None:
    """Have PyTorch work without its threads: a fork does not copy them, and would wait for ever."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
