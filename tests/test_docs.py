"""Every page runs: its Python, each output it shows, its commands and its links.

A page is read from top to bottom with one namespace and one empty folder. What a fence says:

    ```python    code that must run
    ```pycon     >>> lines whose output is compared, as in a docstring
    ```console   $ hwio ... commands whose output is compared
    ```sh, text  not run

``...`` in an output stands for anything (timings), and white space counts as one blank. The comment
``<!-- needs: torch -->`` above a block leaves it out where torch is not installed.
"""

import contextlib
import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pytest

import hwio
from hwio.engine import missing
from hwio.ops.conv import _KNOWN  # what conv chose before, with the engine, is no choice here

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = Path(hwio.__file__).parents[1].resolve()
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
KINDS = {"python", "pycon", "console", "sh", "text"}
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")


@dataclass(frozen=True)
class Block:
    """One fenced block: its kind, its text, and the line of the page where the text starts."""

    kind: str
    text: str
    line: int
    needs: tuple[str, ...] = ()


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    kind, start, held, needs = None, 0, [], ()
    for number, line in enumerate(page.splitlines(), 1):
        bare = line.strip()
        if kind is not None:
            if bare == "```":
                yield Block(kind, "\n".join(held) + "\n", start, needs)
                kind, needs = None, ()
            else:
                held.append(line)
        elif bare.startswith("```"):
            kind, start, held = bare[3:].strip(), number + 1, []
        elif found := re.fullmatch(r"<!-- needs: (.+) -->", bare):
            needs = tuple(found[1].split())
    assert kind is None, f"the block that opens above line {start} never ends"


def run_python(block: Block, name: str, names: dict[str, object]) -> None:
    """Execute code so that a traceback points into the page."""
    exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), names)


def run_pycon(block: Block, name: str, names: dict[str, object]) -> None:
    """Run the >>> lines and compare what they print."""
    test = doctest.DocTestParser().get_doctest(block.text, names, name, name, block.line - 1)
    assert test.examples, f"{name} line {block.line}: pycon without >>>"
    test.globs = names  # not a copy: a function of an earlier block sees what this one sets
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    runner.run(test, out=said.append, clear_globs=False)
    assert not said, "".join(said)


def commands_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block, and the output shown below it."""
    for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = chunk.partition("\n")
        yield command, shown


def run_command(command: str) -> str:
    """Run one hwio command and return what it prints, errors too."""
    program, *arguments = shlex.split(command)
    assert program == "hwio", f"$ {command}: console blocks run hwio only"
    # this very hwio, though the page runs in another folder
    paths = os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "hwio", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"},
        encoding="utf-8",
        check=False,
    )
    return done.stdout


def run_console(block: Block, name: str) -> None:
    """Run each command and compare what it prints."""
    for command, shown in commands_of(block.text):
        came = run_command(command)
        same = doctest.OutputChecker().check_output(shown, came, FLAGS)
        assert same, f"{name} line {block.line}: $ {command}\n{came}\ninstead of\n{shown}"


@contextlib.contextmanager
def numpy_alone() -> Iterator[None]:
    """Keep the engine out, so that a page says the same on every machine."""
    with patch.dict(os.environ, HWIO_ENGINE="off"), patch.dict(_KNOWN, clear=True):
        missing.cache_clear()
        try:
            yield
        finally:
            missing.cache_clear()


def is_left_out(block: Block) -> bool:
    """Tell whether a module is absent that a block needs."""
    return any(importlib.util.find_spec(module) is None for module in block.needs)


def run_page(page: str, name: str) -> None:
    """Run all blocks of a page in order, with NumPy alone."""
    with numpy_alone():
        run_blocks(page, name)


def run_blocks(page: str, name: str) -> None:
    """Run all blocks of a page in order."""
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks_of(page):
        assert block.kind in KINDS, f"{name} line {block.line}: say what the block is, {KINDS}"
        if is_left_out(block):
            continue
        if block.kind == "python":
            run_python(block, name, names)
        elif block.kind == "pycon":
            run_pycon(block, name, names)
        elif block.kind == "console":
            run_console(block, name)


def slugs_of(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    heads = re.findall(r"^#+ +(.+?)\s*$", re.sub(r"```.*?```", "", page, flags=re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken_links(path: Path) -> list[str]:
    """Return the relative links and images of a page that lead nowhere."""
    page = path.read_text(encoding="utf-8")
    broken = []
    for block in blocks_of(page):
        page = page.replace(block.text, "")
    for link in (a or b for a, b in LINK.findall(page)):
        if re.match(r"[a-z]+:", link):
            continue
        where, _, anchor = link.partition("#")
        target = (path.parent / where).resolve() if where else path
        if not target.exists() or (
            anchor and anchor not in slugs_of(target.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    return broken


def title(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def generator(name: str = "make_reference") -> ModuleType:
    """Load a file of docs/, which is a script and no package's module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks itself up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_page_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(path.read_text(encoding="utf-8"), title(path))


@pytest.mark.parametrize("path", LINKED, ids=title)
def test_links_lead_somewhere(path: Path) -> None:
    assert not broken_links(path)


def linked_from(page: Path, seen: set[Path]) -> set[Path]:
    """Return a folder's index, the pages it links, and those of other folders' indexes among them."""
    seen.add(page)
    for a, b in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / (a or b).partition("#")[0]).resolve()
        if target.suffix == ".md" and target not in seen:
            seen.add(target)
            if target.name == "index.md":
                linked_from(target, seen)
    return seen


def test_every_page_is_reached_from_the_index() -> None:
    reached = linked_from(DOCS / "index.md", set())
    assert not [title(page) for page in PAGES[1:] if page not in reached]


@pytest.mark.parametrize("path", sorted((DOCS / "reference").glob("*.md")), ids=title)
def test_generated_tables_are_up_to_date(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    with numpy_alone():
        assert generator().render(page) == page, "run: make pages"


def test_pages_of_layouts_are_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    maker = generator("make_layouts")
    written = {page.name: page.read_text(encoding="utf-8") for page in maker.FOLDER.glob("*.md")}
    fresh = {name: maker.renew(page.rstrip("\n") + "\n") for name, page in maker.pages().items()}
    assert fresh == written, "run: make pages"


def test_outputs_of_absent_modules_stay_as_they_are() -> None:
    page = "<!-- needs: no_such_thing -->\n```pycon\n>>> import no_such_thing\n>>> 1 + 1\n3\n```\n"
    assert generator("make_outputs").renew(page) == page


def test_an_ellipsis_that_fits_is_kept() -> None:
    renew = generator("make_outputs").renew
    page = '```pycon\n>>> print("a\\n\\nb 1 c")\na\n<BLANKLINE>\n{}\n```\n'
    assert renew(page.format("b ... c")) == page.format("b ... c")
    assert renew(page.format("b ... d")) == page.format("b 1 c")


def test_outputs_renewed_twice_stay_as_they_are() -> None:
    end = ">>> print('a\\n')\na\n"
    code = ">>> def f():\n...     a = 1\n...\n...     return a\n>>> f()\n1\n"
    raised = (
        ">>> 1 / 0\nTraceback (most recent call last):\n...\nZeroDivisionError: division by zero\n"
    )
    renew = generator("make_outputs").renew
    for text in (end, f"{end}<BLANKLINE>\n", code, raised, ">>> print()\n<BLANKLINE>\n"):
        page = f"```pycon\n{text}```\n"
        assert renew(page) == page
    wrong = (
        "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n...\nZeroDivisionError: no\n```\n"
    )
    assert "ZeroDivisionError: division by zero\n" in renew(wrong)


def test_outputs_are_those_of_numpy_alone() -> None:
    ask = ">>> import hwio\n>>> hwio.plan((1, 56, 56, 64), (3, 3, 64, 64)).kernel is None\n"
    fresh = generator("make_outputs").renew(f"```pycon\n{ask}```\n")
    assert fresh == f"```pycon\n{ask}True\n```\n"


FIGURES = generator("make_figures").FIGURES | generator("make_story").FIGURES


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_up_to_date(name: str) -> None:
    figure = FIGURES[name]()
    assert (DOCS / "images" / name).read_text(encoding="utf-8") == figure, "run: make pages"


def test_each_picture_has_its_command_and_its_page() -> None:
    pictures = generator("make_pictures")
    commands = pictures.MADE_BY | pictures.MEASURED_BY
    made = set(FIGURES) | {name for names in commands.values() for name in names}
    kept = {p.relative_to(DOCS / "images").as_posix() for p in (DOCS / "images").rglob("*.*")}
    assert kept == made
    links = " ".join(a or b for page in PAGES for a, b in LINK.findall(page.read_text("utf-8")))
    assert not [name for name in kept if f"images/{name}" not in links]


def test_programs_that_draw_leave_what_they_should() -> None:
    pictures = generator("make_pictures")
    for command, names in pictures.MADE_BY.items():
        program = command.split()[0]
        texts = [path.read_text("utf-8") for path in (ROOT / "src/hwio/cli").glob("*.py")]
        text = Path(program).read_text("utf-8") if program != "-m" else " ".join(texts)
        assert not [name for name in names if name not in text]


def test_make_targets_that_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    shown = [b for p in PAGES for b in blocks_of(p.read_text(encoding="utf-8")) if b.kind == "sh"]
    named = {t for b in shown for t in re.findall(r"^make ([a-z]+)", b.text, re.MULTILINE)}
    assert {"tour", "test"} <= named
    assert not [t for t in named if not re.search(rf"^{t}:", makefile, re.MULTILINE)]


# The checks above pass on sound pages; these show that they fail on unsound ones.


@pytest.mark.parametrize(
    "page",
    [
        "```python\nx = 1\n```\n```pycon\n>>> x + 1\n3\n```",
        "```python\n1 / 0\n```",
        "```console\n$ hwio --version\nhwio 9\n```",
        "```\nno kind\n```",
        "```python\nnever ends",
    ],
)
def test_a_wrong_page_is_seen(page: str) -> None:
    with pytest.raises((AssertionError, ZeroDivisionError)):
        run_page(page, "page")


def test_blocks_share_their_names() -> None:
    first = "```pycon\n>>> def double():\n...     return 2 * x\n>>> x = 1\n```\n"
    then = "```python\nx = 2\n```\n```pycon\n>>> double()\n4\n```"
    run_page(first + then, "page")


def test_a_block_whose_need_is_absent_is_left_out() -> None:
    run_page("<!-- needs: no_such_thing -->\n```python\n1 / 0\n```", "page")


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A head\n[a](#a-head) [b](#b) [c](no.md) ![d](no.png) [e](https://a.b)")
    assert broken_links(page) == ["#b", "no.md", "no.png"]
