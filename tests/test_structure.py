"""The architecture, held by reading the source: imports go down, and no file hides a function."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import hwio

ROOT = Path(__file__).parents[1] / "src" / "hwio"
DOOR = "hwio"

# Bottom to top. A part imports from itself and from lower floors, never from its neighbours.
FLOORS = [
    {"errors"},
    {"called", "fixes", "types"},
    {"shapes"},
    {"methods", "engine", "pooling"},
    {"gradients"},
    {"planner"},
    {"ops"},
    {"lab", "show", "mistakes"},
    {"explorer", "interop"},
    {"grading", "diagnosis"},
    {"cli"},
    {DOOR, "__main__"},
]
LEVEL = {part: level for level, floor in enumerate(FLOORS) for part in floor}

MAX_LINES = 400
SAYS_NOTHING = {"core", "common", "utils", "util", "helpers", "helper", "misc"}
COMPILERS = {"numba", "llvmlite"}
# What `import hwio` must not load, unless NumPy has loaded it already.
HEAVY = {
    *{"numba", "llvmlite", "scipy", "matplotlib", "PIL", "skimage", "torch", "onnx", "jax", "dask"},
    *{"argparse", "asyncio", "email", "html", "http", "json", "unittest", "urllib.request"},
}


@dataclass(frozen=True)
class Import:
    """One import statement's target, and where it stands."""

    source: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.source} line {self.line} imports {self.target}"


def module_name(path: Path, root: Path) -> str:
    parts = [DOOR, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_under(root: Path) -> dict[str, Path]:
    return {module_name(path, root): path for path in sorted(root.rglob("*.py"))}


def imports_of(name: str, path: Path, known: dict[str, Path]) -> Iterator[Import]:
    """Yield every import in a file, those inside functions too, with full names."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(up if node.level else []), *([node.module] if node.module else [])])
            for alias in node.names:
                if (base, alias.name) == (DOOR, "__version__"):
                    continue  # a constant anyone may print
                full = f"{base}.{alias.name}"
                yield Import(name, full if full in known else base, node.lineno)


def all_imports(root: Path) -> list[Import]:
    known = modules_under(root)
    return [i for name, path in known.items() for i in imports_of(name, path, known)]


def part_of(module: str) -> str:
    """Return the child of hwio that a module belongs to; the door for hwio itself."""
    return module.split(".")[1] if "." in module else DOOR


def is_ours(module: str) -> bool:
    return module == DOOR or module.startswith(DOOR + ".")


def wrong_way(root: Path) -> list[str]:
    """Return the imports that go up, or sideways to a neighbour."""
    return [
        str(i)
        for i in all_imports(root)
        if is_ours(i.target)
        and part_of(i.source) != part_of(i.target)
        and LEVEL[part_of(i.source)] <= LEVEL[part_of(i.target)]
    ]


def cycles(root: Path) -> list[str]:
    """Return each import cycle as 'a -> b -> a'; imports inside functions count."""
    graph: dict[str, set[str]] = {name: set() for name in modules_under(root)}
    for i in all_imports(root):
        if is_ours(i.target) and i.target != i.source:
            graph[i.source].add(i.target)
    found: list[str] = []
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            found.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for target in sorted(graph.get(name, ())):
                visit(target, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def test_every_part_has_a_floor() -> None:
    parts = {part_of(name) for name in modules_under(ROOT)}
    assert parts <= set(LEVEL), f"give {sorted(parts - set(LEVEL))} a floor in FLOORS"


def test_imports_go_down_only() -> None:
    assert not wrong_way(ROOT)


def test_no_import_cycles() -> None:
    assert not cycles(ROOT)


def test_only_the_engine_imports_a_compiler() -> None:
    assert not [
        str(i)
        for i in all_imports(ROOT)
        if i.target.split(".")[0] in COMPILERS and part_of(i.source) != "engine"
    ]


def test_every_name_says_something() -> None:
    assert not [name for name in modules_under(ROOT) if SAYS_NOTHING & set(name.split("."))]


def test_no_file_hides_a_public_name() -> None:
    # Importing hwio.conv as a module would replace the function hwio.conv by it.
    children = {p.stem for p in ROOT.iterdir() if p.is_dir() or p.suffix == ".py"}
    public = {n for n in hwio.__all__ if not isinstance(getattr(hwio, n), ModuleType)}
    assert not children & public


def test_no_folder_takes_the_place_of_a_public_name() -> None:
    # hwio.show.explain is a folder, hwio.explain the function, whichever is asked for first.
    named = [n for n in modules_under(ROOT) if n.split(".")[-1] in hwio.__all__]
    script = f"""
import hwio, importlib, types
for name in {named}:
    assert isinstance(importlib.import_module(name), types.ModuleType)
    assert callable(getattr(hwio, name.split(".")[-1])), name
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("name", modules_under(ROOT))
def test_files_stay_readable(name: str) -> None:
    lines = len(modules_under(ROOT)[name].read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{name} has {lines} lines; split it where a reader would"


def test_import_is_light() -> None:
    script = (
        "import sys, numpy; before = set(sys.modules); import hwio; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert not HEAVY & set(loaded.split())


# The checks above pass on a sound tree; these show that they fail on an unsound one.


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    "line",
    [
        "from hwio.ops import conv",
        "from ..ops import conv",
        "from .. import ops",
        "import hwio.ops.conv",
        "import hwio",
        "from hwio.engine import jit",
        "def f():\n    from hwio.planner import choose",
    ],
)
def test_an_import_that_goes_up_is_seen(tmp_path: Path, line: str) -> None:
    above = {"ops/conv.py": "", "engine/jit.py": "", "planner/choose.py": ""}
    assert len(wrong_way(plant(tmp_path, {**above, "methods/fft.py": line}))) == 1


@pytest.mark.parametrize(
    "line", ["from ..shapes import layout", "from . import loop", "from hwio import __version__"]
)
def test_an_import_that_goes_down_is_not_blamed(tmp_path: Path, line: str) -> None:
    files = {"shapes/layout.py": "", "methods/loop.py": "", "methods/fft.py": line}
    assert not wrong_way(plant(tmp_path, files))


def test_a_cycle_is_seen(tmp_path: Path) -> None:
    lazily = "def f():\n    from . import layout"
    plant(tmp_path, {"shapes/layout.py": "from .padding import pad", "shapes/padding.py": lazily})
    assert cycles(tmp_path) == ["hwio.shapes.layout -> hwio.shapes.padding -> hwio.shapes.layout"]
