"""The site's parts: its navigation, the pages as it shows them, notebooks, and the check of links.

``make docs`` builds the whole and fails on a warning; these show that its checks see what is wrong.
"""

from pathlib import Path

import pytest
from docs.website import links, nav, staging

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXPLORER = "<p>a page of its own</p>"


def written(folder: Path, pages: dict[str, str]) -> Path:
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_sections_are_headings_and_pages_are_links(tmp_path: Path) -> None:
    index = "# hwio\n[no](no.md)\n## Learn\n* [A `b`](t/a.md): more\n## Do\n* [All](d/index.md)\n* [D](d/d.md)\n[E](e.md)\n"
    lists = "* [C](c.md) [C again](c.md)\n  [A](../t/a.md)\n* [D here](d.md)\n"
    pages = {"index.md": index, "d/index.md": lists}
    found = nav.navigation(written(tmp_path, pages))
    assert found == [
        {"Home": "index.md"},
        {"Learn": [{"A b": "t/a.md"}]},
        {"Do": [{"All": ["d/index.md", {"C": "d/c.md"}]}, {"D": "d/d.md"}]},
    ]
    assert nav.pages_of(found) == {"index.md", "t/a.md", "d/index.md", "d/c.md", "d/d.md"}


def test_every_page_has_its_place() -> None:
    placed = nav.pages_of(nav.navigation(DOCS))
    ours = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert not ours - placed


def test_files_outside_docs_come_along(tmp_path: Path) -> None:
    staging.stage(tmp_path / "pages", explorer=EXPLORER)
    page = tmp_path / "pages" / "tutorials" / "a-network-that-learns.md"
    assert "(../source/examples/learn_digits.py)" in page.read_text("utf-8")
    copy = tmp_path / "pages" / "source" / "examples" / "learn_digits.py"
    assert copy.read_bytes() == (ROOT / "examples" / "learn_digits.py").read_bytes()


def test_the_explorer_stands_where_a_page_asks_for_it(tmp_path: Path) -> None:
    staging.stage(tmp_path / "pages", explorer=EXPLORER)
    assert (tmp_path / "pages" / "explorer.html").read_text("utf-8") == EXPLORER
    for name in ("how-to/explore.md", "tutorials/read-a-weight-tensor.md"):
        page = (tmp_path / "pages" / name).read_text("utf-8")
        assert '<iframe class="hwio-explorer" src="../explorer.html"' in page


def test_notes_to_the_tests_are_not_shown(tmp_path: Path) -> None:
    staging.stage(tmp_path / "pages", explorer=EXPLORER)
    shown = [page.read_text("utf-8") for page in (tmp_path / "pages").rglob("*.md")]
    assert not [text for text in shown if "<!-- needs" in text or "<!-- table" in text]


def test_empty_lines_of_outputs_are_empty(tmp_path: Path) -> None:
    staging.stage(tmp_path / "pages", explorer=EXPLORER)
    shown = [page.read_text("utf-8") for page in (tmp_path / "pages").rglob("*.md")]
    assert not [text for text in shown if "\n<BLANKLINE>\n" in text]
    page = (tmp_path / "pages" / "how-to" / "check-your-lab-answers.md").read_text("utf-8")
    assert "conv_forward(A_prev, W, b, hparameters)\n\n" in page


GOOD = "<h1 id='a'>a</h1><a href='#a'>a</a><a href='b.html#b'>b</a><a href='https://c.d'>c</a>"


def test_sound_links_are_left_alone(tmp_path: Path) -> None:
    site = written(
        tmp_path, {"index.html": GOOD, "b.html": "<p id='b'>", "a.css": "a{b:url(x.png)}"}
    )
    assert links.broken(site) == []


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("<a href='no.html'>", "leads to no file"),
        ("<a href='#no'>", "leads to no such place on the page"),
        ("<a href='b.html#no'>", "leads to no such place on the page"),
        ("<img src='no.png'>", "leads to no file"),
        ("<script src='https://c.d/e.js'></script>", "is fetched from elsewhere"),
        ("<script src='//c.d/e.js'></script>", "is fetched from elsewhere"),
        ("<link rel='stylesheet' href='https://c.d/e.css'>", "is fetched from elsewhere"),
    ],
)
def test_a_fault_of_a_page_is_seen(page: str, why: str, tmp_path: Path) -> None:
    site = written(tmp_path, {"index.html": page, "b.html": GOOD.replace("b.html#b", "#a")})
    (fault,) = links.broken(site)
    assert fault.startswith("index.html: ")
    assert fault.endswith(why)


@pytest.mark.parametrize("rule", ["@import 'https://c.d/e.css';", "a{b:url(//c.d/e.woff2)}"])
def test_a_style_that_fetches_is_seen(rule: str, tmp_path: Path) -> None:
    assert links.broken(written(tmp_path, {"a.css": rule}))


PAGE = """# A page
Say [more](more.md) with two.
<!-- needs: numpy -->
```pycon
>>> x = 2
>>> x + 1
3
>>> x + 2
4
>>> print("a\\n\\nb 5 c")
a
<BLANKLINE>
b ... c
```
<!-- needs: no_such_thing -->
```pycon
>>> import no_such_thing
>>> 1 / 0
Traceback (most recent call last):
  ...
ZeroDivisionError: division by zero
```
```text
as it is
```
"""


def test_each_output_ends_a_cell(tmp_path: Path) -> None:
    notebooks = pytest.importorskip("docs.website.notebooks", reason="needs hwio[docs]")
    page = notebooks.convert(written(tmp_path, {"page.md": PAGE}) / "page.md")
    cells = [(cell.cell_type, cell.source) for cell in page.notebook.cells]
    assert cells == [
        ("markdown", "# A page\nSay *more* with two."),
        ("code", "x = 2\nx + 1"),
        ("code", "x + 2"),
        ("code", 'print("a\\n\\nb 5 c")'),
        ("code", "import no_such_thing\n1 / 0"),
        ("markdown", "```text\nas it is\n```"),
    ]
    tags = page.notebook.cells[4].metadata["tags"]
    assert tags == ["skip-execution", "raises-exception"]


def test_a_notebook_that_says_something_else_is_seen(tmp_path: Path) -> None:
    notebooks = pytest.importorskip("docs.website.notebooks", reason="needs hwio[docs]")
    page = written(tmp_path, {"page.md": PAGE.replace("\n4\n", "\n5\n")}) / "page.md"
    (fault,) = notebooks.execute(page, tmp_path / "page.ipynb")
    assert "x + 2\n4\n\ninstead of\n5\n" in fault
