"""The command ``hwio``: questions about a convolution, answered in a terminal.

Exit codes: 0 fine, 1 a mismatch, 2 a question that can't be answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hwio.cli.arguments import build_parser
from hwio.cli.commands import COMMANDS
from hwio.cli.flags import in_shell
from hwio.cli.terminal import drop_stdout, forgive_letters, print_error
from hwio.errors import HwioError

INTERRUPTED = 130  # what shells report after Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``hwio``.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments, by default those of the process.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["layout", "8,4,3,3", "OIHW->HWIO"])
    (8, 4, 3, 3)  OIHW
    (3, 3, 4, 8)  HWIO    np.transpose(w, (2, 3, 1, 0))
    0
    """
    forgive_letters()
    typed = argparse.Namespace()
    try:
        code = _answer(argv, typed)
        sys.stdout.flush()
    except HwioError as error:
        print_error(type(error).__name__, in_shell(str(error), typed))
        return 2
    except MemoryError as error:  # NumPy's own, where less is free than the machine has
        print_error("MemoryError", str(error) or "not enough memory is free")
        return 2
    except BrokenPipeError:
        drop_stdout()
        return 0
    except OSError as error:  # a file to write, in a folder that is not there, say
        where = f"{error.filename}: " if error.filename else ""
        print_error(type(error).__name__, f"{where}{error.strerror or error}")
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _answer(argv: Sequence[str] | None, typed: argparse.Namespace) -> int:
    """Read the arguments into ``typed`` and run the command."""
    parser = build_parser()
    try:
        options = parser.parse_args(argv, typed)
    except SystemExit as done:  # argparse has printed help, the version, or what is wrong
        return int(done.code or 0)
    if options.command is None:
        parser.print_help()
        return 0
    return COMMANDS[options.command](options)
