"""The grammar of the command line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NoReturn

from hwio import __version__
from hwio.cli.flags import near_flag
from hwio.cli.inputs import read_shape
from hwio.methods import METHODS
from hwio.mistakes.cases import FUNCTIONS
from hwio.shapes.padding import PADDING_MODES, PADDINGS

EXAMPLES = """\
examples to copy:
  hwio tour                                      the whole story, on this machine
  hwio explain 2,5,7,4 3,3,4,8                   sizes, costs, how to read w
  hwio explain --demo --at 0,1,2,5               one output number, product by product
  hwio explain --demo --gradient                 where dx and dw come from, in two views
  hwio explain --demo --animation out.svg        the window on its way over x; --gif for slides
  hwio explain photo.png 3,3,3,8 --padding same --stride 2
  hwio explore --demo                            an interactive page, explore.html
  hwio compare --demo                            every way: same numbers? how fast?
  hwio code --demo --method einsum               a snippet for notes
  hwio code 1,3,32,32 8,3,3,3 --layout NCHW,OIHW --to tensorflow
  hwio layout 3,3,4,8 --filter 5                 where one filter lies in memory
  hwio layout 8,4,3,3 "OIHW->HWIO"               the transpose that reorders weights
  hwio check lab.py:conv_forward                 is my function right? if not, what is the slip?
  hwio diagnose x.npy w.npy y.npy                which convolution made y, or what went wrong
  hwio tune 1,28,28,100 3,3,100,72               the fastest register block, by measuring
  hwio warmup                                    compile all kernels now, not at first use

arrays:  2,5,7,4 (a shape) · x.npy · net.npz:key · photo.png (as x) · --demo
exit codes:  0 fine · 1 a mismatch · 2 a question that can't be answered
"""
_ORDERS = '"NHWC,HWIO->NHWC" unless you say so; quote it: > means something to the shell'
ARRAY = "a shape like 3,3,4,8, or a file .npy or .npz:key"


class _Parser(argparse.ArgumentParser):
    """argparse, with our prefix on errors and examples left as they are written."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        fix = _fix_of(message, self) or f"{self.prog} --help shows what it takes"
        self.exit(2, f"hwio: {message}\n  fix: {fix}\n")

    def flags(self) -> list[str]:
        """Return the flags of this parser and of its commands."""
        own = [flag for flag in self._option_string_actions if flag.startswith("--")]
        for action in self._subparsers._group_actions if self._subparsers else ():
            for command in (action.choices or {}).values():  # type: ignore[attr-defined]
                own += command.flags()
        return list(dict.fromkeys(own))


def _fix_of(message: str, parser: _Parser) -> str | None:
    """Guess what was meant where a flag does not exist, or is short for several."""
    unknown = re.search(r"unrecognized arguments: .*?(--[\w-]+)(?:[= ]([\w.,:]+))?", message)
    if unknown:
        near = near_flag(unknown[1], parser.flags())
        # others' layouts name one array, ours two
        value = f" {unknown[2]}" if unknown[2] and near != "--layout" else ""
        return near and f"did you mean {near}{value}?"
    several = re.search(r"ambiguous option: \S+ could match (.*)", message)
    if several:
        names = several[1].split(", ")
        return "   or   ".join(f"{n}  ({_ABOUT[n]})" if n in _ABOUT else n for n in names)
    return None


_ABOUT = {"--padding": "how many cells", "--padding-mode": "what stands in them"}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``hwio``.

    Examples
    --------
    >>> build_parser().parse_args(["explain", "--demo", "--at", "0,1,2,5"]).at
    (0, 1, 2, 5)
    """
    about = "Convolution on NumPy arrays: every way of doing it, and what it says."
    parser = _Parser(prog="hwio", description=about, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version=f"hwio {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_explain(commands)
    _add_explore(commands)
    _add_compare(commands)
    _add_code(commands)
    _add_layout(commands)
    _add_check(commands)
    _add_diagnose(commands)
    _add_tour(commands)
    _add_tune(commands)
    _add_warmup(commands)
    return parser


def _add_explain(commands: Any) -> None:
    """Add ``hwio explain``."""
    parser = _command(commands, "explain", "say what a convolution does, in words and shapes")
    _add_arrays(parser)
    parser.add_argument("b", nargs="?", metavar="B", help="bias: one number per filter")
    at = "trace one output number: image, row, column, filter"
    parser.add_argument("--at", type=_index, metavar="0,1,2,5", help=at)
    gradient = "show where one number of dx and one of dw come from; --at is in x then"
    parser.add_argument("--gradient", action="store_true", help=gradient)
    at_w = "which number of dw to trace: its place in w"
    parser.add_argument("--at-w", type=_index, metavar="0,0,1,5", help=at_w)
    parser.add_argument("--svg", metavar="FILE", help="write the picture as SVG")
    parser.add_argument("--html", metavar="FILE", help="write the page that a notebook would show")
    moving = "write the window's way over x as an SVG that moves"
    parser.add_argument("--animation", metavar="FILE", help=moving)
    parser.add_argument("--gif", metavar="FILE", help="the same as a GIF for slides")
    transposed = "explain the transposed convolution; W is HWOI then"
    parser.add_argument("--transposed", action="store_true", help=transposed)
    ways = "list every way of computing y, with the memory it needs, and why auto takes it or not"
    parser.add_argument("--ways", action="store_true", help=ways)
    more = "cells more on the high side of y; with --transposed"
    parser.add_argument("--output-padding", type=_sizes, metavar="1 | 1,0", help=more)
    _add_options(parser)


def _add_explore(commands: Any) -> None:
    """Add ``hwio explore``."""
    parser = _command(commands, "explore", "write a page on which the convolution can be explored")
    _add_arrays(parser)
    parser.add_argument("b", nargs="?", metavar="B", help="bias: one number per filter")
    at = "the output number to start with: image, row, column, filter"
    parser.add_argument("--at", type=_index, metavar="0,1,2,5", help=at)
    yours = "your own y, a .npy or .npz:key: numbers that differ are marked"
    parser.add_argument("--y", metavar="Y", help=yours)
    parser.add_argument("--title", metavar="TEXT", help="a heading for the page")
    out = "where the page goes (explore.html)"
    parser.add_argument("--out", metavar="FILE", default="explore.html", help=out)
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    _add_options(parser)


def _add_compare(commands: Any) -> None:
    """Add ``hwio compare``."""
    parser = _command(commands, "compare", "run every way: errors, time and memory of each")
    _add_arrays(parser)
    methods = f"some of {', '.join(METHODS)}"
    parser.add_argument("--methods", type=_names, metavar="A,B", help=methods)
    orders = "orders of w to try, such as HWIO,OHWI,OIHW"
    parser.add_argument("--w-layouts", type=_names, metavar="A,B", help=orders)
    orders = "orders of x to try, such as NHWC,NCHW"
    parser.add_argument("--x-layouts", type=_names, metavar="A,B", help=orders)
    parser.add_argument("--plot", metavar="FILE", help="draw the table as .png or .svg")
    _add_options(parser)


def _add_code(commands: Any) -> None:
    """Add ``hwio code``."""
    parser = _command(commands, "code", "print a convolution as code that runs on its own")
    _add_arrays(parser)
    parser.add_argument("--to", default="numpy", help="numpy, torch, tensorflow, jax or onnx")
    _add_options(parser)


def _add_layout(commands: Any) -> None:
    """Add ``hwio layout``."""
    parser = _command(commands, "layout", "show how weights lie in memory, or how to reorder them")
    parser.add_argument("shape", metavar="SHAPE", help=ARRAY)
    change = 'such as "OIHW->HWIO" (in quotes: > means something to the shell)'
    parser.add_argument("change", nargs="?", metavar="CHANGE", help=change)
    parser.add_argument("--filter", type=_whole, metavar="K", help="which filter to find")
    parser.add_argument("--layout", metavar="LETTERS", help="how SHAPE is read (HWIO)")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _add_check(commands: Any) -> None:
    """Add ``hwio check``."""
    about = "try your own function element by element, and name the mistake"
    parser = _command(commands, "check", about)
    target = "lab.py:conv_forward, or a notebook .ipynb:...; a file alone: all its known functions"
    parser.add_argument("target", metavar="FILE:FUNCTION", help=target)
    like = f"which function it should be, if its name doesn't tell: {', '.join(FUNCTIONS)}"
    parser.add_argument("--like", metavar="NAME", help=like)
    forward = "for a backward function: the forward function of the same file whose cache it gets"
    parser.add_argument("--forward", metavar="NAME", help=forward)
    seconds = "seconds that one case may take (10)"
    parser.add_argument("--timeout", type=_seconds, metavar="S", default=10.0, help=seconds)
    page = "write an interactive page that opens at the first number that differs"
    parser.add_argument("--page", metavar="FILE", help=page)
    parser.add_argument("--open", action="store_true", help="show that page in the browser")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _add_diagnose(commands: Any) -> None:
    """Add ``hwio diagnose``."""
    about = "find the convolution that made y: layouts, padding, stride, flip, or a slip"
    parser = _command(commands, "diagnose", about)
    file = "a file .npy or .npz:key"
    for name, what in (("x", "input"), ("w", "weights"), ("y", "what came out")):
        parser.add_argument(name, metavar=name.upper(), help=f"{what}: {file}")
    parser.add_argument("--bias", dest="b", metavar="FILE", help="bias, if one was added")
    to = 'the layout to go on in, such as "NCHW,OIHW"'
    parser.add_argument("--to", metavar="X,W", help=to)
    html = "write the page that a notebook would show"
    parser.add_argument("--html", metavar="FILE", help=html)
    explore = "write the explorer, opened at the first number that differs"
    parser.add_argument("--explore", metavar="FILE", help=explore)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")
    group = parser.add_argument_group("what is known for sure")
    group.add_argument("--stride", type=_sizes, metavar="2 | 2,1")
    group.add_argument("--padding", type=_padding, metavar="PAD")
    group.add_argument("--padding-mode", metavar="MODE")
    group.add_argument("--dilation", type=_sizes, metavar="2 | 2,1")
    group.add_argument("--layout", metavar="X,W->Y")
    group.add_argument("--flip", action="store_true", default=None, help="true convolution")


def _add_tour(commands: Any) -> None:
    """Add ``hwio tour``."""
    parser = _command(commands, "tour", "see a convolution step by step, then on a photograph")
    parser.add_argument("--out", default="tour", metavar="DIR", help="where files go (./tour)")
    parser.add_argument("--quick", action="store_true", help="shorter timings, rougher numbers")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _add_tune(commands: Any) -> None:
    """Add ``hwio tune``."""
    about = "measure which register block is fastest for one size, and keep what is found"
    parser = _command(commands, "tune", about)
    _add_arrays(parser)
    _add_options(parser)


def _add_warmup(commands: Any) -> None:
    """Add ``hwio warmup``."""
    parser = _command(commands, "warmup", "compile every kernel now, so that no call has to")
    group = parser.add_mutually_exclusive_group()
    checked = "say what is compiled already, with every checksum verified"
    group.add_argument("--check", action="store_true", help=checked)
    group.add_argument("--clear", action="store_true", help="remove what was compiled")
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _command(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    """Add one command, with what it is about in both helps."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    return parser


def _add_arrays(parser: argparse.ArgumentParser) -> None:
    """Add x, w and --demo."""
    parser.add_argument("x", nargs="?", metavar="X", help=f"input: {ARRAY}, or an image")
    parser.add_argument("w", nargs="?", metavar="W", help=f"weights: {ARRAY}")
    demo = "x (2, 5, 7, 4) and w (3, 3, 4, 8) of the README"
    parser.add_argument("--demo", action="store_true", help=demo)
    parser.add_argument("--json", action="store_true", help="print JSON and nothing else")


def _add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``hwio.conv``."""
    group = parser.add_argument_group("the convolution")
    group.add_argument("--stride", type=_sizes, metavar="2 | 2,1")
    words = " | ".join(name for name in PADDINGS if name != "same_upper")
    group.add_argument("--padding", type=_padding, metavar="PAD", help=f'{words} | 1 | "1:2,0:1"')
    group.add_argument("--padding-mode", metavar="MODE", help=" | ".join(PADDING_MODES))
    group.add_argument("--dilation", type=_sizes, metavar="2 | 2,1")
    group.add_argument("--groups", type=_whole, metavar="G")
    group.add_argument("--layout", metavar="X,W->Y", help=_ORDERS)
    group.add_argument("--flip", action="store_true", default=None, help="true convolution")
    group.add_argument("--precision", metavar="P", help="highest | high | medium")
    if not any(action.dest == "methods" for action in parser._actions):
        group.add_argument("--method", metavar="M", help=f"auto | {' | '.join(METHODS)}")


def _kind(what: str) -> Callable[[Callable[[str], Any]], Callable[[str], Any]]:
    """Turn a reader's ValueError into argparse's, saying what was expected."""

    def wrap(read: Callable[[str], Any]) -> Callable[[str], Any]:
        def checked(text: str) -> Any:
            try:
                return read(text)
            except ValueError:
                message = f"{text!r} is not {what}"
                raise argparse.ArgumentTypeError(message) from None

        return checked

    return wrap


def _number(text: str) -> int:
    """Read one whole number; its range is the library's business."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()):
        raise ValueError
    return int(text)


_whole = _kind("a whole number")(_number)


@_kind("a number of seconds above 0, such as 10")
def _seconds(text: str) -> float:
    """Read a time."""
    seconds = float(text)
    if not 0 < seconds < 1e6:
        raise ValueError
    return seconds


@_kind("a whole number, or one per axis such as 2,1")
def _sizes(text: str) -> int | tuple[int, ...]:
    """Read ``2`` or ``2,1``."""
    return _one_or_more(text)


def _one_or_more(text: str) -> int | tuple[int, ...]:
    """Read a number, or several with commas between."""
    if "," not in text:
        return _number(text)
    return tuple(_number(part) for part in text.strip("()[] ").split(",") if part.strip())


@_kind("an index such as 0,1,2,5")
def _index(text: str) -> tuple[int, ...]:
    """Read ``0,1,2,5``; a negative index is for the library to judge."""
    shape = read_shape(text)
    return shape if shape is not None else tuple(_number(part) for part in text.split(","))


@_kind('a padding word, a number of cells, or pairs such as "1:2,0:1"')
def _padding(text: str) -> Any:
    """Read ``same``, ``1``, ``1,1`` or ``1:2,0:1``; the library judges words."""
    text = text.strip()
    if ":" in text:
        return tuple(_pair(part) for part in text.split(","))
    if re.search(r"\d", text):
        return _one_or_more(text)
    return text


def _pair(text: str) -> tuple[int, int]:
    """Read ``1:2`` as (low, high)."""
    low, _, high = text.partition(":")
    return _number(low), _number(high)


def _names(text: str) -> tuple[str, ...]:
    """Read ``a,b``."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
