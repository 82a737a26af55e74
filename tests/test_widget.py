"""The explorer in a live notebook: Python and the page look at one number of y."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hwio
from hwio.cli.inputs import demo_arrays

X, W = demo_arrays()
HARNESS = """<!DOCTYPE html><meta charset="utf-8"><body><div id="place"></div><script>
%s
const data = %s, heard = {};
window.saved = [];
window.model = {
  get: (name) => data[name],
  set(name, value) {
    const same = String(data[name]) === String(value);
    data[name] = value;
    if (!same) (heard[`change:${name}`] || []).forEach((each) => each());
  },
  save_changes: () => saved.push(data.at),
  on: (name, each) => { (heard[name] ??= []).push(each); },
  off: (name, each) => { heard[name] = heard[name].filter((other) => other !== each); },
};
window.stop = widget.render({ model, el: document.getElementById("place") });
</script>"""


@pytest.fixture
def live():
    pytest.importorskip("anywidget")
    return hwio.explore(X, W, at=(0, 1, 2, 5)).widget(height=700)


def test_what_the_page_says_reads_back_and_changes_are_told(live):
    seen = []
    live.observe(lambda change: seen.append(change["new"]), "at")
    assert live.at == (0, 1, 2, 5)
    assert round(live.value, 4) == -1.6023
    live.set_state({"at": [1, 0, 4, 7]})  # as a message from the page
    assert (live.at, seen) == ((1, 0, 4, 7), [(1, 0, 4, 7)])
    assert live.value == pytest.approx(hwio.conv(X, W)[1, 0, 4, 7])
    assert live.explain().trace.at == live.at
    assert ".at   (1, 0, 4, 7)" in repr(live)


def test_what_is_set_goes_to_the_page_and_must_exist(live):
    live.at = [0, 2, 0, 1]  # any sequence, as in explain
    assert live.get_state("at")["at"] == (0, 2, 0, 1)
    with pytest.raises(hwio.ShapeError, match="W = 9 lies outside y"):
        live.at = (0, 0, 9, 0)
    assert live.at == (0, 2, 0, 1)


def test_only_a_live_page_speaks_to_what_is_around_it(live):
    assert "postMessage" in live.page
    assert "postMessage" not in hwio.explore(X, W).html()


def test_an_exported_notebook_keeps_the_page(live):
    forms = live._repr_mimebundle_()
    forms = forms[0] if isinstance(forms, tuple) else forms
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "image/svg+xml"} < set(forms)
    assert "srcdoc" in forms["text/html"]


def test_without_anywidget_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "hwio.explorer.live", raising=False)
    with pytest.raises(ImportError, match=r'pip install "hwio\[widget\]"'):
        hwio.explore(X, W).widget()


@pytest.fixture(scope="module")
def browser():
    from chromium import chromium

    with chromium() as driver:
        yield driver


def within(driver, script, *values):
    """Wait until a script is true, in the page of the notebook."""
    deadline = time.monotonic() + 10
    while not driver.execute_script(script, *values):
        assert time.monotonic() < deadline, script
        time.sleep(0.02)


ORDERS = {
    "NHWC": ((X, W), {"at": (0, 1, 2, 5)}, (0, 1, 1, 5), (1, 2, 0, 3)),
    "NCHW": (
        (X.transpose(0, 3, 1, 2), W),
        {"layout": "NCHW,HWIO", "at": (0, 5, 1, 2)},
        (0, 5, 1, 1),
        (1, 3, 2, 0),
    ),
    "a part of a long signal": (
        (np.ones((1, 200, 9)), np.ones((3, 9, 2))),
        {"at": (0, 100, 1)},
        (0, 99, 1),
        (0, 101, 0),
    ),
}


@pytest.mark.parametrize("name", ORDERS)
def test_the_page_and_the_model_follow_each_other(name, browser, tmp_path):
    pytest.importorskip("anywidget")
    arrays, options, left, chosen = ORDERS[name]
    shown = hwio.explore(*arrays, **options).widget()
    code = Path(hwio.explorer.__path__[0], "live.js").read_text(encoding="utf-8")
    data = {"page": shown.page, "height": 700, "at": list(shown.at)}
    text = HARNESS % (
        code.replace("export default", "window.widget ="),
        json.dumps(data).replace("</", "<\\/"),
    )
    file = tmp_path / "notebook.html"
    file.write_text(text, encoding="utf-8")
    browser.get(file.as_uri())
    browser.switch_to.frame(0)
    within(browser, "return Boolean(window.hwio)")
    press = "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}))"
    browser.execute_script(press)
    browser.switch_to.default_content()
    within(browser, "return String(saved[0]) === arguments[0]", ",".join(map(str, left)))
    browser.execute_script("model.set('at', arguments[0])", list(chosen))
    browser.switch_to.frame(0)
    wanted = f"y[{', '.join(map(str, chosen))}] ="
    within(browser, "return hwio.asText().includes(arguments[0])", wanted)
    assert browser.execute_script("return hwio.state.pin.kind") == "y"
    browser.switch_to.default_content()
    time.sleep(0.1)
    assert browser.execute_script("return saved.length") == 1  # what Python set is not sent back
    browser.execute_script("stop()")
    browser.execute_script("model.set('at', [0])")  # a closed view hears nothing
