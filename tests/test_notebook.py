"""What a notebook keeps: a real one is executed and exported, and nothing in it is blank."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import hwio
from hwio.cli.inputs import demo_arrays

FORMS = ("image/svg+xml", "text/html", "text/plain")
CELLS = {
    "explain": ("hwio.explain(x, w, at=(0, 1, 2, 5))", "36 products"),
    "gradient": ("hwio.explain(x, w, gradient=True)", "dx[0, 2, 3, 0]"),
    "transposed": (
        "hwio.explain((1, 3, 3, 1), (3, 3, 1, 1), transposed=True)",
        "Two ways to see it",
    ),
    "explore": ("hwio.explore(x, w, at=(0, 1, 2, 5))", "y[0, 1, 2, 5]"),
    "compare": ('hwio.compare(x, w, methods=["einsum"], runs=2, loops=1, raw=False)', "einsum"),
}
START = "import hwio\nfrom hwio.cli.inputs import demo_arrays\nx, w = demo_arrays()"


@pytest.fixture(scope="module")
def executed():
    """Return a notebook of all cells, executed by a kernel of its own."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = nbformat.v4.new_code_cell
    cells = [code(START), *(code(cell) for cell, _ in CELLS.values())]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return book


@pytest.mark.parametrize("name", CELLS)
def test_a_kernel_sends_text_picture_and_page(executed, name):
    cell = executed.cells[1 + list(CELLS).index(name)]
    (output,) = cell.outputs
    assert output.output_type == "execute_result"
    assert sorted(output.data) == sorted(FORMS)
    for form in ("text/plain", "text/html"):
        assert CELLS[name][1] in output.data[form].replace("&#x27;", "'")
    ET.fromstring(output.data["image/svg+xml"])
    assert "<script" not in output.data["text/html"]  # those of explore stand escaped in its frame


def test_pages_follow_the_notebook_s_own_dark_theme_and_take_none_of_its_stripes():
    page = hwio.explain(*demo_arrays())._repr_html_()
    for theme in ('[data-jp-theme-light="false"]', ".vscode-dark", "html.dark"):
        assert f"{theme} .hwio-explain" in page
    assert (
        ".hwio-explain tr,.hwio-explain thead,.hwio-explain tbody{background:none!important" in page
    )


def exported(book, **options):
    nbconvert = pytest.importorskip("nbconvert")
    return nbconvert.HTMLExporter(template_name="basic", **options).from_notebook_node(book)[0]


def test_an_exported_notebook_shows_pages(executed):
    page = exported(executed)
    page = page.replace("'", '"')
    assert page.count('class="hwio-explain"') == 3
    assert page.count('class="hwio-compare"') == 1
    assert page.count("<iframe") == 1
    assert "srcdoc=" in page
    assert page.count("<svg") == 2  # the number of y, and the transposed one; gradients are tables


def test_a_site_that_strips_styles_still_shows_the_numbers(executed):
    page = exported(executed, sanitize_html=True)  # as sites do that trust no notebook
    text = re.sub(r"<[^>]+>", " ", page)
    for _, words in CELLS.values():
        assert words in text.replace("&#x27;", "'")


def test_a_printed_notebook_shows_pictures(executed):
    nbconvert = pytest.importorskip("nbconvert")
    order = nbconvert.exporters.LatexExporter().default_config["NbConvertBase"][
        "display_data_priority"
    ]
    for form in order:  # the first that there is will be printed
        if form in executed.cells[1].outputs[0].data:
            assert form == "image/svg+xml"
            break


def test_bars_name_every_way_and_mark_what_is_wrong():
    found = hwio.compare(*demo_arrays(), methods=["einsum", "loop"], runs=2, loops=1, raw=False)
    root = ET.fromstring(found.svg())
    texts = " ".join(t.text for t in root.iter("{http://www.w3.org/2000/svg}text"))
    assert texts.count("einsum") == texts.count("loop") == 3
    assert "WRONG" not in texts
    bars = [float(r.get("width")) for r in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert bars == sorted(bars)


def test_nothing_to_draw_is_no_blank_picture():
    forms = hwio.explain((0, 5, 7, 4), (3, 3, 4, 8))._repr_mimebundle_()
    assert sorted(forms) == ["text/html", "text/plain"]
    assert np.all([len(form) > 100 for form in forms.values()])
