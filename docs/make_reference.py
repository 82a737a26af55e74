"""Write the tables of docs/reference/ from the source, so that they can't disagree with it.

    python docs/make_reference.py

A page holds pairs of comments, ``<!-- table: layouts -->`` and ``<!-- end -->``; what stands between
them is replaced. The words around the tables are written by hand.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import hwio
from hwio.engine.registry import KERNELS, PARTS
from hwio.errors import HwioError
from hwio.gradients import GRADIENTS
from hwio.gradients.accuracy import db_bound, dw_bound, dx_bound
from hwio.methods import METHODS
from hwio.methods.accuracy import (
    direct_bound,
    half_bound,
    spectrum_bound,
    tile_bound,
    two_part_bound,
)
from hwio.mistakes import MISTAKES
from hwio.mistakes.cases import FUNCTIONS
from hwio.ops.arrays import as_array
from hwio.ops.check import geometry_of
from hwio.ops.memory import size
from hwio.ops.planning import problem_of
from hwio.planner.choose import PRECISIONS
from hwio.pooling.accuracy import average_bound, power_bound, spread_bound
from hwio.shapes.geometry import arithmetic
from hwio.shapes.layout import ACTIVATION_LAYOUTS, SPATIAL, WEIGHT_LAYOUTS
from hwio.shapes.padding import PADDING_MODES, PADDINGS

REFERENCE = Path(__file__).parent / "reference"
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SIZES = {"D": 3, "H": 3, "W": 3, "I": 4, "O": 8, "C": 4, "M": 2}
THREAD = ((2, 5, 7, 4), (3, 3, 4, 8))
LAYER = ((1, 56, 56, 64), (3, 3, 64, 64))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Lay rows out as a Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(c) for c in line) + " |" for line in lines) + "\n"


def _cell(value: object) -> str:
    """Keep a cell on one line, and its bars from ending it."""
    return " ".join(str(value).split()).replace("|", "\\|")


def weight_layouts() -> str:
    """Tabulate the named orders of w: who uses them, and the way to canonical order."""
    rows = []
    for rank, names in WEIGHT_LAYOUTS.items():
        for name, owner in names.items():
            target = SPATIAL[rank] + "IO"
            recipe = (
                "as it is" if name == target else f"`{hwio.layout_recipe(f'{name}->{target}')}`"
            )
            sizes = SIZES | ({"I": 1} if "depthwise" in owner else {})
            shape = tuple(sizes[letter] for letter in name)
            rows.append([f"{rank}-D", f"`{name}`", owner, shape, recipe])
    return table(["", "layout", "who stores w so", "3 taps, 4 in, 8 out", "to HWIO"], rows)


def activation_layouts() -> str:
    """Tabulate the named orders of x and y."""
    rows = []
    for rank, names in ACTIVATION_LAYOUTS.items():
        for name, owner in names.items():
            target = "N" + SPATIAL[rank] + "C"
            recipe = (
                "as it is" if name == target else f"`{hwio.layout_recipe(f'{name}->{target}')}`"
            )
            rows.append([f"{rank}-D", f"`{name}`", owner, recipe])
    return table(["", "layout", "who stores x so", "to channels last"], rows)


def paddings() -> str:
    """Tabulate the words, with their cells for two sizes of x."""
    rows = []
    for word, meaning in PADDINGS.items():
        cells = []
        for n in (5, 6):
            geo = geometry_of((1, n, 1), (3, 1, 1), stride=2, padding=word)
            cells.append(f"{geo.padding[0]} → {geo.out_size[0]}")
        rows.append([f"`{word!r}`", meaning, *cells])
    return table(["padding", "meaning", "n = 5: (low, high) → out", "n = 6"], rows)


def padding_windows() -> str:
    """Draw the windows of every convention; a dot is a padding cell."""
    lines = ["```text"]
    for n in (5, 6):
        lines.append(f"x = 0 … {n - 1}   n = {n}, k = 3, s = 2, a dot is a padding cell")
        for word in (p for p in PADDINGS if p != "same_upper"):
            geo = geometry_of((1, n, 1), (3, 1, 1), stride=2, padding=word)
            low, out = geo.padding[0][0], geo.out_size[0]
            lines.append(f"  {word:<10} {'  '.join(_window(2 * o - low, n) for o in range(out))}")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n```\n"


def _window(start: int, n: int) -> str:
    """Write three neighbouring cells."""
    cells = range(start, start + 3)
    return "[" + " ".join(str(i) if 0 <= i < n else "·" for i in cells) + "]"


def padding_arithmetic() -> str:
    """Write the size of y out for every convention."""
    rows = []
    for word in PADDINGS:
        row: list[object] = [f"`{word!r}`"]
        for n in (5, 6):
            pair = geometry_of((1, n, 1), (3, 1, 1), stride=2, padding=word).padding[0]
            row.append(arithmetic(n, pair, 3, 1, 2))
        rows.append(row)
    return table(["padding", "n = 5", "n = 6"], rows)


def padding_modes() -> str:
    """Tabulate what stands in the padding."""
    rows = []
    for mode, name in PADDING_MODES.items():
        grown = np.pad([1, 2, 3, 4], 2, name)  # type: ignore[call-overload]
        rows.append([f"`{mode!r}`", f"`{name!r}`", " ".join(map(str, grown))])
    return table(["padding_mode", "np.pad's name", "1 2 3 4 with two cells on each side"], rows)


def dtypes() -> str:
    """Tabulate the dtype of y for pairs of operands."""
    names = [
        *("float16", "float32", "float64", "complex64", "int8", "uint8", "int16", "int32"),
        *("int64", "uint64"),
    ]
    rows = []
    for x in names:
        row = [f"**{x}**"]
        for w in names:
            arrays = np.zeros((1, 1, 1), x), np.zeros((1, 1, 1), w)
            row.append(problem_of(*arrays).result.name)
        rows.append(row)
    return table(["x \\ w", *names], rows)


def refused_dtypes() -> str:
    """Tabulate the dtypes that are refused, with the words that say so."""
    rows = []
    for example in ("bool", "object", "<U1", "S1", "M8[s]", "m8[s]", "i4,f4"):
        try:
            as_array(np.zeros(1, example), "x")
        except HwioError as error:
            lines = str(error).splitlines()
            rows.append([f"`{lines[0]}`", f"`{lines[-1].strip()}`" if "fix" in lines[-1] else ""])
    return table(["what is said", ""], rows)


def methods() -> str:
    """Tabulate the readable ways."""
    rows = []
    for name, method in METHODS.items():
        where = f"`hwio/methods/{Path(inspect.getfile(method.function)).name}`"
        rows.append([f"`{name}`", method.idea, f"`{method.formula}`", where])
    return table(["method", "idea", "formula", "file"], rows)


def kernels() -> str:
    """Tabulate the compiled ways."""
    odd, rows = geometry_of((1, 9, 9, 2), (5, 5, 2, 3), stride=2), []
    for name, kernel in KERNELS.items():
        kinds = ", ".join(np.dtype(kind).name for kind in kernel.kinds)
        serves = "numbers within a range, on processors with AMX"
        if name not in PARTS:
            serves = (kernel.refuses(odd) or "everything").removeprefix("it is made for ")
            serves = serves.partition(", not")[0]
        file = f"`hwio/engine/kernels/{kernel.module}.py`"
        rows.append(
            [f"`{name}`", kernel.idea, f"`{kernel.twin}`", kinds, kernel.bound, serves, file]
        )
    return table(["kernel", "idea", "twin", "computes in", "bound", "serves", "file"], rows)


def method_facts() -> str:
    """Tabulate bound, memory and limits of every way."""
    thread, layer = geometry_of(*THREAD), geometry_of(*LAYER)
    odd = geometry_of((1, 9, 9, 1), (5, 5, 1, 1), stride=2)
    rows = []
    for name, method in METHODS.items():
        serves = (
            "3 taps on each axis, stride 1, dilation 1" if method.refuses(odd) else "everything"
        )
        rows.append(
            [
                f"`{name}`",
                method.bound[:2],
                serves,
                "itself" if method.grouped else "one call per group",
                size(method.workspace(thread, 8)),
                size(method.workspace(layer, 4)),
            ]
        )
    head = ["method", "error bound", "serves", "groups", f"memory, {THREAD[0]} float64"]
    return table([*head, f"memory, {LAYER[0]} float32"], rows)


def bounds() -> str:
    """Tabulate the published error bounds in the words of their functions."""
    rows = []
    functions = {
        "T1": direct_bound,
        "T2": two_part_bound,
        "T3": half_bound,
        "T4": tile_bound,
        "T5": spectrum_bound,
    }
    for key, function in functions.items():
        text = inspect.getdoc(function) or ""
        says = text.split("\n\nParameters")[0].split(": ", 1)[1]
        ways = {**METHODS, **KERNELS}
        users = ", ".join(f"`{name}`" for name, way in ways.items() if way.bound[:2] == key)
        rows.append([key, says, users])
    return table(["bound", "abs(y − exact) is at most", "kept by"], rows)


def gradients() -> str:
    """Tabulate the readable ways of going backwards."""
    rows = []
    for name, way in GRADIENTS.items():
        where = f"`hwio/gradients/{Path(inspect.getfile(way.dx)).name}`"
        rows.append([f"`{name}`", way.idea, f"`{way.dx_formula}`", f"`{way.dw_formula}`", where])
    return table(["way", "idea", "dx", "dw", "file"], rows)


def gradient_bounds() -> str:
    """Tabulate the error bounds of gradients in the words of their functions."""
    rows = []
    for name, function in (("dx", dx_bound), ("dw", dw_bound), ("db", db_bound)):
        text = inspect.getdoc(function) or ""
        rows.append([name, text.split("\n\nParameters")[0].split(": ", 1)[1]])
    return table(["", "abs(gradient − exact) is at most"], rows)


def pool_bounds() -> str:
    """Tabulate the error bounds of pooling in the words of their functions."""
    users = {
        "`avg_pool`, `global_avg_pool`": average_bound,
        "`avg_pool_grad`, `max_pool_grad`": spread_bound,
        "`lp_pool`": power_bound,
    }
    rows = []
    for names, function in users.items():
        first = (inspect.getdoc(function) or "").split("\n")[0]
        key, says = first.split(": ", 1)
        rows.append([key, says, names])
    return table(["bound", "abs(y − exact) is at most", "kept by"], rows)


def precisions() -> str:
    """Tabulate what auto may choose from."""
    return table(["precision", "promise"], [[f"`{k!r}`", v] for k, v in PRECISIONS.items()])


def functions() -> str:
    """Describe every public function from its docstring."""
    first = ["conv", "plan", "explain", "explore", "compare", "code"]
    first += ["to_layout", "layout_recipe", "move_layer"]
    others = [n for n in hwio.__all__ if inspect.isfunction(getattr(hwio, n)) and n not in first]
    names = first + sorted(others)
    return "\n".join(_function(name) for name in names)


def lab() -> str:
    """Describe the course's functions from their docstrings."""
    names = [n for n, f in vars(hwio.lab).items() if inspect.isfunction(f) and n[0] != "_"]
    own = [n for n in names if getattr(hwio.lab, n).__module__ == "hwio.lab"]
    return "\n".join(_described(f"lab.{n}", getattr(hwio.lab, n)) for n in own)


def prepared() -> str:
    """Describe what a prepared layer does."""
    return _described("Prepared.grad", hwio.Prepared.grad)


# library -> what its bridge offers
BRIDGES = {
    "torch": ("conv",),
    "jax": ("conv",),
    "dask": ("conv",),
    "keras": ("install", "enabled", "uninstall"),
    "onnx": ("evaluator",),
}


def bridges() -> str:
    """Describe the bridges from their source: the libraries need not be there."""
    return "\n".join(_bridge(library, name) for library, names in BRIDGES.items() for name in names)


def _bridge(library: str, name: str) -> str:
    """Describe one function of a bridge."""
    folder = Path(hwio.__file__).parent / "interop"
    file = folder / library / "__init__.py"
    tree = ast.parse((file if file.exists() else folder / f"{library}.py").read_text("utf-8"))
    found = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
    given, says = _parameters(found.args), ast.get_docstring(found) or ""
    text = _document(f"interop.{library}.{name}", f"interop.{library}.{name}({given})", says)
    setup = f"<!-- needs: {library} -->\n"
    if name == "conv":
        setup += f"```python\nfrom hwio.interop.{library} import conv\n```\n\n{setup}"
    return text.replace("```pycon", f"{setup}```pycon")


def _parameters(given: ast.arguments) -> str:
    """Write parameters without their types."""
    if given.vararg is not None and ast.unparse(given.vararg).endswith(": Never"):
        given.vararg = None  # taken only to be refused in words
    for one in (*given.args, *given.kwonlyargs, given.kwarg):
        if one is not None:
            one.annotation = None
    return ast.unparse(given)


def mistakes() -> str:
    """Tabulate the catalogue of mistakes, function by function."""
    parts = []
    for function, written in FUNCTIONS.items():
        entries = [entry for entry in MISTAKES.values() if entry.function == function]
        if entries:
            rows = [
                [entry.name, entry.hint, f"[read](../{entry.page})", f"`{entry.key}`"]
                for entry in entries
            ]
            head = ["what was done", "where to look", "", "key"]
            parts.append(
                f"## {function}\n\n`{written}`, {len(rows)} mistakes\n\n{table(head, rows)}"
            )
    return "\n".join(parts)


def _function(name: str) -> str:
    """Turn one numpydoc docstring into Markdown."""
    return _described(name, getattr(hwio, name))


def _described(name: str, function: Callable[..., object]) -> str:
    """Describe a function under a name of its own."""
    return _document(name, _signature(name, function), inspect.getdoc(function) or "")


def _document(name: str, signature: str, says: str) -> str:
    """Turn a signature and a numpydoc docstring into Markdown."""
    parts = re.split(r"\n\n?(\w[\w ]+)\n-{3,}\n", "\n" + says)
    call = textwrap.wrap(signature, 96, subsequent_indent=" " * (len(name) + 1))
    lines = [f"## hwio.{name}", "", "```text", *call, "```", "", parts[0].strip()]
    for section, text in zip(parts[1::2], parts[2::2], strict=True):
        if section in ("Parameters", "Returns", "Raises"):
            rows = [[_first(head), body] for head, body in _entries(text)]
            lines += ["", table([section.lower(), ""], rows).rstrip()]
        elif section == "Notes":
            lines += ["", text.strip()]
        elif section == "Examples":
            lines += ["", "```pycon", text.strip(), "```"]
    return re.sub(r"(?<!`)``(?!`)", "`", "\n".join(lines)) + "\n"


def _signature(name: str, function: Callable[..., object]) -> str:
    """Write the parameters without their types."""
    given = inspect.signature(function).parameters.values()
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in given]
    return f"{name}{inspect.Signature(bare)}"


def _entries(text: str) -> list[tuple[str, str]]:
    """Split a section into heads, at the margin, and what is indented below."""
    found = re.findall(r"^(\S.*)\n((?:(?: +.*)?(?:\n|$))*)", text + "\n", re.MULTILINE)
    return [(head, body) for head, body in found]


def _first(head: str) -> str:
    """Set the name apart from its type."""
    name, colon, kind = head.partition(" : ")
    return f"`{name}` : {kind}" if colon else f"`{head}`" if head.startswith("*") else head


TABLES: dict[str, Callable[[], str]] = {
    "activation_layouts": activation_layouts,
    "bounds": bounds,
    "bridges": bridges,
    "dtypes": dtypes,
    "functions": functions,
    "gradient_bounds": gradient_bounds,
    "gradients": gradients,
    "kernels": kernels,
    "lab": lab,
    "method_facts": method_facts,
    "methods": methods,
    "mistakes": mistakes,
    "padding_arithmetic": padding_arithmetic,
    "padding_modes": padding_modes,
    "padding_windows": padding_windows,
    "paddings": paddings,
    "pool_bounds": pool_bounds,
    "precisions": precisions,
    "prepared": prepared,
    "refused_dtypes": refused_dtypes,
    "weight_layouts": weight_layouts,
}


def render(page: str) -> str:
    """Return a page with every marked table made anew."""
    return MARKED.sub(lambda found: found[1] + "\n" + TABLES[found[2]]() + "\n" + found[3], page)


def main() -> None:
    """Renew the pages."""
    for path in sorted(REFERENCE.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        path.write_text(render(page), encoding="utf-8")


if __name__ == "__main__":
    main()
