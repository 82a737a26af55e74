"""The explorer's page in a browser: what a learner does, and what they see."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwio
from chromium import chromium, complaints

RNG = np.random.RandomState(1)
X, W = RNG.randn(2, 5, 7, 4), RNG.randn(3, 3, 4, 8)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open the page of a call; afterwards the console must have said nothing."""

    def opens(*arrays: Any, link: str = "", **options: Any) -> Any:
        path = hwio.explore(*arrays, **options).save(tmp_path / "page.html")
        browser.get("about:blank")
        browser.get(path.as_uri() + link)
        wait_for(browser, "return document.getElementById('selfcheck').textContent.length > 40")
        return browser

    yield opens
    assert complaints(browser) == []


@pytest.fixture
def demo(opened: Open) -> Any:
    return opened(X, W, at=(0, 1, 2, 5))


def wait_for(driver: Any, script: str) -> None:
    deadline = time.monotonic() + 10
    while not driver.execute_script(script):
        assert time.monotonic() < deadline, script
        time.sleep(0.02)


def text(driver: Any, selector: str) -> str:
    found = driver.execute_script(
        "return document.querySelector(arguments[0])?.textContent", selector
    )
    assert found is not None, selector
    return str(found)


def count(driver: Any, selector: str) -> int:
    return int(
        driver.execute_script("return document.querySelectorAll(arguments[0]).length", selector)
    )


def click(driver: Any, selector: str) -> None:
    driver.execute_script("document.querySelector(arguments[0]).click()", selector)


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def hover(driver: Any, selector: str, nth: int = 0) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    node = driver.find_elements(By.CSS_SELECTOR, selector)[nth]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    ActionChains(driver).move_to_element(node).perform()
    time.sleep(0.08)


def press_on(driver: Any, selector: str) -> None:
    from selenium.webdriver.common.by import By

    driver.find_element(By.CSS_SELECTOR, selector).click()


def state(driver: Any, name: str) -> Any:
    return driver.execute_script(f"return hwio.state.{name}")


Y_CELL = "#y [role=gridcell]"
AXE = """const done = arguments[0];
axe.run({resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
  .then(found => done(found.violations), error => done(String(error)));"""


def test_the_number_of_the_readme(demo: Any) -> None:
    assert "y[0, 1, 2, 5]" in text(demo, ".formula")
    assert text(demo, "#total .resultText") == "−1.6023"
    sums = text(demo, "#total")
    assert sums.startswith("0.3229 − 5.5012 − 0.5347 + 4.1108")
    assert count(demo, ".input .cell.lit") == 36
    assert count(demo, ".weight.lit:not(.away)") == 36
    assert count(demo, "#y .cell.lit") == 1


def test_it_checks_itself_against_python(demo: Any) -> None:
    said = text(demo, "#selfcheck")
    assert "240 numbers recomputed in float64: matches Python to 1e-12" in said


def test_how_long_it_takes_to_open_is_reported(
    demo: Any, record_property: Callable[[str, object], None]
) -> None:
    timing = "performance.timing"
    spent = demo.execute_script(f"return {timing}.domComplete - {timing}.navigationStart")
    record_property("milliseconds to open", spent)  # and not asserted: machines differ
    assert spent > 0


def test_hovering_an_output_cell_lights_its_window(demo: Any) -> None:
    hover(demo, Y_CELL, 14)  # row 2, column 4
    assert "y[0, 2, 4, 5]" in text(demo, ".formula")
    assert "x[0, 2:5, 4:7, :]" in text(demo, ".formula")
    hover(demo, ".top h1")
    assert "y[0, 1, 2, 5]" in text(demo, ".formula")


def test_hovering_an_input_cell_lights_the_outputs_that_read_it(demo: Any) -> None:
    hover(demo, ".plane:nth-child(2) [role=gridcell]", 0)  # x[0, 0, 0, 1]
    assert "x[0, 0, 0, 1]" in text(demo, ".formula")
    assert count(demo, "#y .cell.lit") == 1
    assert count(demo, ".weight.lit:not(.away)") == 1
    hover(demo, ".plane:nth-child(2) [role=gridcell]", 2 * 7 + 3)
    assert count(demo, "#y .cell.lit") == 9
    assert count(demo, ".weight.lit:not(.away)") == 9
    assert count(demo, ".products tr") == 9


def test_hovering_a_weight_lights_every_cell_it_meets(demo: Any) -> None:
    hover(demo, ".weight.mine:not(.away)", 0)
    assert "w[0, 0, 0, 5]" in text(demo, ".formula")
    assert count(demo, ".input .cell.lit") == 15
    assert count(demo, "#y .cell.lit") == 15
    assert "offset 5" in text(demo, ".strip:nth-child(1) .small")
    assert "offset 180" in text(demo, ".strip:nth-child(2) .small")


def test_a_strip_cell_is_a_weight(demo: Any) -> None:
    demo.execute_script(
        """const bar = document.querySelector('.bar');
        const box = bar.getBoundingClientRect();
        bar.dispatchEvent(new PointerEvent('pointermove',
          {clientX: box.left + box.width * 13.5 / 288, clientY: box.top + 5, bubbles: true}));"""
    )
    wait_for(demo, "return document.querySelector('.formula').textContent.startsWith('w[')")
    assert text(demo, ".formula").startswith("w[0, 0, 1, 5]")


def test_strips_take_keys(demo: Any) -> None:
    demo.execute_script("document.querySelector('.bar').focus()")
    press(demo, "\ue014")  # arrow right
    wait_for(demo, "return document.querySelector('.formula').textContent.startsWith('w[')")
    assert (
        demo.execute_script("return document.querySelector('.bar').getAttribute('aria-valuenow')")
        == "1"
    )


def test_where_a_filter_lies(demo: Any) -> None:
    words = [text(demo, f".strip:nth-child({i}) .small") for i in (1, 2, 3)]
    assert "5, 13, 21 … 285, every 8th" in words[0]
    assert "180 … 215, one block" in words[1]
    assert "180 … 215, one block" in words[2]


def test_click_pins_and_escape_frees(demo: Any) -> None:
    click(demo, f"{Y_CELL}")
    hover(demo, Y_CELL, 14)
    assert "y[0, 0, 0, 5]" in text(demo, ".formula")
    press(demo, "\ue00c")  # escape
    hover(demo, Y_CELL, 13)
    assert "y[0, 2, 3, 5]" in text(demo, ".formula")


def test_keys_move_and_play(demo: Any) -> None:
    press(demo, "\ue014", "\ue015")  # right, down
    assert "y[0, 2, 3, 5]" in text(demo, ".formula")
    press(demo, "\ue013", "\ue012")  # up, left
    assert "y[0, 1, 2, 5]" in text(demo, ".formula")
    press(demo, "]")
    assert "y[0, 1, 2, 6]" in text(demo, ".formula")
    press(demo, "[", "[")
    assert "y[0, 1, 2, 4]" in text(demo, ".formula")
    press(demo, " ")
    wait_for(
        demo, "return document.querySelector('.formula').textContent.includes('y[0, 1, 3, 4]')"
    )
    press(demo, " ")
    stopped = text(demo, ".formula")
    time.sleep(0.6)
    assert text(demo, ".formula") == stopped


def test_the_grid_is_walked_with_one_tab_stop(demo: Any) -> None:
    assert count(demo, "#y [tabindex='0']") == 1
    demo.execute_script("document.querySelector(\"#y [tabindex='0']\").focus()")
    press(demo, "\ue014")
    assert "y[0, 1, 3, 5]" in text(demo, ".formula")
    label = demo.execute_script("return document.activeElement.getAttribute('aria-label')")
    assert label == "y[0, 1, 3, 5] = −0.7660"


def test_scrubbing_goes_both_ways(demo: Any) -> None:
    for value, place in ((14, "y[0, 2, 4, 5]"), (3, "y[0, 0, 3, 5]")):
        demo.execute_script(
            """const range = document.getElementById('scrub');
            range.value = arguments[0]; range.dispatchEvent(new Event('input'));""",
            value,
        )
        assert place in text(demo, ".formula")


def test_as_numpy_prints_it(demo: Any) -> None:
    click(demo, "#as-printed")
    assert count(demo, ".weight:not(.away)") == 288
    assert count(demo, ".weight.lit") == 36
    click(demo, "#as-filters")
    assert count(demo, ".weight:not(.away)") == 36


@pytest.mark.parametrize("value", ["0", "-3", "1e9", ""])
def test_no_stride_but_a_legal_one_can_be_reached(demo: Any, value: str) -> None:
    demo.execute_script(
        """const input = document.getElementById('stride-H');
        input.value = arguments[0]; input.dispatchEvent(new Event('change'));""",
        value,
    )
    assert 1 <= state(demo, "settings.stride")[1] <= 5
    assert 1 <= int(demo.execute_script("return document.getElementById('stride-H').value")) <= 5
    if value:
        assert not demo.execute_script("return document.getElementById('note').hidden")


def test_less_of_stride_one_is_refused_with_its_reason(demo: Any) -> None:
    click(demo, "[aria-label='stride H, less']")
    assert state(demo, "settings.stride") == [1, 1, 1]
    assert "1 is the least" in text(demo, "#note")


def choose(driver: Any, selector: str, value: str) -> None:
    driver.execute_script(
        """const select = document.querySelector(arguments[0]);
        select.value = arguments[1]; select.dispatchEvent(new Event('change'));""",
        selector,
        value,
    )


def test_settings_change_y_and_say_that_python_was_not_asked(demo: Any) -> None:
    choose(demo, "#padding", "same")
    click(demo, "[aria-label='stride W, more']")
    assert count(demo, Y_CELL) == 5 * 4
    assert count(demo, ".input .pad") > 0
    assert "Settings changed" in text(demo, "#selfcheck")
    click(demo, "#reset")
    assert count(demo, Y_CELL) == 15
    assert "matches Python" in text(demo, "#selfcheck")


def test_dilation_stops_where_the_kernel_would_not_fit(demo: Any) -> None:
    click(demo, "[aria-label='dilation H, more']")
    assert state(demo, "settings.dilation") == [1, 2, 1]
    click(demo, "[aria-label='dilation H, more']")
    assert state(demo, "settings.dilation") == [1, 2, 1]
    assert "2 is the most" in text(demo, "#note")


def test_groups_use_fewer_channels_of_each_filter(demo: Any) -> None:
    choose(demo, "#groups", "2")
    assert count(demo, ".input .plane:not([hidden])") == 2
    y = demo.execute_script("return hwio.state.conv.yAt(0, [0, 1, 2], 5)")
    assert np.isclose(y, hwio.conv(X, W[:, :, :2], groups=2)[0, 1, 2, 5])
    assert "sees 2 channels" in text(demo, "#note")


def test_flip(demo: Any) -> None:
    click(demo, "#flip")
    y = demo.execute_script("return hwio.state.conv.yAt(0, [0, 1, 2], 5)")
    assert np.isclose(y, hwio.conv(X, W, flip=True)[0, 1, 2, 5])


def test_the_matrix_tab(demo: Any) -> None:
    click(demo, "#tab-matrix")
    assert "row 7" in text(demo, "#matrix-words")
    assert "−1.6023" in text(demo, "#matrix-words")
    assert count(demo, ".patches [role=gridcell]") == 15 * 36
    assert count(demo, ".weights .product, .piece.weights [role=gridcell]") == 36 * 8
    hover(demo, ".patches [role=gridcell]", 7 * 36)
    assert "stands in the patch matrix" in text(demo, "#matrix-words")
    assert "1080 numbers, 3.9 times" in text(demo, "#panel-matrix .small")


def test_the_gradient_tab(demo: Any) -> None:
    click(demo, "#tab-gradient")
    dx, dw, db = hwio.conv_grad(X, W, hwio.conv(X, W))
    scattered = text(demo, "#scatter-total")
    assert scattered == f"dx[0, 2, 3, 0] scattered = {dx[0, 2, 3, 0]:.4f}"
    assert text(demo, "#gather-total").endswith(f"{dx[0, 2, 3, 0]:.4f}")
    assert "same total" in text(demo, "#verdict")
    assert f"{dw[0, 0, 0, 5]:.4f}" in text(demo, "#panel-gradient")
    assert f"db[5] = Σ dy = {db[5]:.4f}" in text(demo, "#panel-gradient")


@pytest.mark.parametrize(
    "options",
    [
        {"stride": 2, "padding": "same"},
        {"dilation": 2, "padding": [(1, 2), (0, 3)], "flip": True},
        {"padding": 2, "padding_mode": "reflect", "stride": (1, 2)},
        {"padding": 1, "padding_mode": "wrap"},
    ],
)
def test_both_views_of_every_gradient_are_pythons(opened: Open, options: dict[str, Any]) -> None:
    x, w = RNG.randint(-5, 6, (1, 5, 6, 2)), RNG.randint(-5, 6, (3, 2, 2, 3))
    driver = opened(x, w, **options)
    scattered, gathered, weights = driver.execute_script(
        """const { backward, conv } = hwio.state;
        const dx = [], gathered = [];
        for (let h = 0; h < 5; h++) for (let w = 0; w < 6; w++) {
          dx.push(backward.dxPlane(0, 1)[h * 6 + w]);
          gathered.push(backward.gathered(0, [0, h, w], 1).total);
        }
        return [dx, gathered, conv.tapsOf().map(t => backward.dw(t, 1, 2))];"""
    )
    floats = x.astype(np.float64), w.astype(np.float64)  # whole numbers, so nothing rounds
    dx, dw, _ = hwio.conv_grad(*floats, hwio.conv(*floats, **options), **options)
    assert scattered == dx[0, :, :, 1].ravel().tolist()
    assert gathered == scattered
    turned = dw[::-1, ::-1] if options.get("flip") else dw  # the page counts taps as they meet x
    assert weights == turned[:, :, 1, 2].ravel().tolist()


def test_gradients_name_their_terms_in_the_users_layout(opened: Open) -> None:
    x, w = hwio.to_layout(X, "NHWC->NCHW"), RNG.randn(8, 2, 3, 3)
    driver = opened(x, w, layout="NCHW,OIHW", groups=2, at=(0, 5, 1, 2))
    click(driver, "#tab-gradient")
    dx = hwio.conv_grad(
        x, w, hwio.conv(x, w, layout="NCHW,OIHW", groups=2), layout="NCHW,OIHW", groups=2
    )[0]
    assert text(
        driver, "#scatter-total"
    ) == f"dx[0, 2, 2, 3] scattered = {dx[0, 2, 2, 3]:.4f}".replace("-", "−")
    assert "dy[0, 4:8, 0, 1]· w[4:8, 0, 2, 2]" in text(driver, "#panel-gradient .list")
    assert "same total" in text(driver, "#verdict")


def test_leftover_rows_are_shown(demo: Any) -> None:
    for _ in range(2):
        click(demo, "[aria-label='stride W, more']")
    click(demo, "#tab-gradient")
    assert "W = 6 is read by no window" in text(demo, "#leftover")
    assert count(demo, "#panel-gradient [role=grid] .pad") == 5


def test_the_transposed_tab(demo: Any) -> None:
    click(demo, "#tab-transposed")
    want = hwio.conv_transpose(hwio.conv(X, W), W)  # HWIO of conv is HWOI seen from here
    hover(demo, "[aria-label=Result] [role=gridcell]", 2 * 7 + 3)
    assert f"{want[0, 2, 3, 0]:.4f}, from 9 stamps" in text(demo, "#stamp-total")


def test_the_code_tab_shows_what_python_wrote(demo: Any) -> None:
    click(demo, "#tab-code")
    names = demo.execute_script(
        "return [...document.getElementById('way').options].map(o => o.text)"
    )
    assert {"NumPy: einsum", "NumPy: im2col", "PyTorch", "TensorFlow", "JAX", "ONNX"} <= set(names)
    choose(demo, "#way", str(names.index("NumPy: einsum")))
    assert text(demo, "#code") == hwio.code(X, W, method="einsum")


def test_the_quiz_knows_its_answers(demo: Any) -> None:
    click(demo, "#tab-quiz")
    assert count(demo, ".question") == 7
    right = ["(2, 3, 5, 8)", "w[:, :, :, 5]", "36", "−1.6023", "every 8th number", None, "30"]
    for j, answer in enumerate(right):
        demo.execute_script(
            """const labels = [...document.querySelectorAll('.question')[arguments[0]].querySelectorAll('label')];
            const wanted = labels.find(l => l.textContent === arguments[1]) || labels[0];
            wanted.querySelector('input').click();""",
            j,
            answer,
        )
        if answer:
            assert text(demo, f".question:nth-child({j + 1}) .feedback").startswith("Right.")
    assert text(demo, "#score")[0] in "67"


def test_a_link_brings_the_state_back(demo: Any) -> None:
    choose(demo, "#padding", "same")
    press(demo, "]", "\ue014")
    click(demo, "#tab-gradient")
    link = demo.execute_script("return hwio.writeLink()")
    demo.get(demo.current_url.split("#")[0] + "?again" + link)
    wait_for(demo, "return window.hwio !== undefined")
    assert state(demo, "settings.word") == "same"
    assert state(demo, "k") == 6
    assert state(demo, "o")[2] == 3
    assert state(demo, "tab") == "gradient"


@pytest.mark.parametrize(
    "link",
    [
        "#stride=0,0&padding=full&dilation=99,99&groups=3&at=9,9,9,99&tab=evil",
        "#at=-1,x&stride=1e99,2&padding=<img>&mode=evil",
        "#" + "a=" * 500,
        "#%00%ff",
    ],
)
def test_a_hostile_link_does_no_harm(opened: Open, link: str) -> None:
    driver = opened(X, W, link=link)
    assert min(state(driver, "settings.stride")) >= 1
    assert "y[" in text(driver, ".formula")


def test_out_of_the_page_as_text_and_pictures(demo: Any) -> None:
    said = demo.execute_script("return hwio.asText()")
    assert "y[0, 1, 2, 5]" in said
    assert "total  -1.6023" in said
    drawn = demo.execute_script("return hwio.figure().text")
    assert drawn.startswith("<svg xmlns=")
    assert "−1.6023" in drawn
    parsed = demo.execute_script(
        "return new DOMParser().parseFromString(arguments[0], 'image/svg+xml').documentElement.nodeName",
        drawn,
    )
    assert parsed == "svg"


def test_pictures_are_saved_and_text_is_copied(demo: Any) -> None:
    demo.execute_script(
        """window.saved = [];
        HTMLAnchorElement.prototype.click = function () {
          fetched = this; window.saved.push([this.download, this.href.slice(0, 5)]); };
        var fetched;"""
    )
    click(demo, "#saveSvg")
    click(demo, "#savePng")
    wait_for(demo, "return window.saved.length === 2")
    assert state_of(demo, "saved") == [["convolution.svg", "blob:"], ["convolution.png", "blob:"]]
    for tool in ("#copyLink", "#copyText"):
        press_on(demo, tool)  # as a hand does: browsers let no script alone write the clipboard
        wait_for(demo, "return document.querySelector('.told').textContent === 'Copied.'")
        demo.execute_script("document.querySelector('.told').textContent = ''")


def state_of(driver: Any, name: str) -> Any:
    return driver.execute_script(f"return window.{name}")


def test_a_part_keeps_the_places_of_the_whole(opened: Open) -> None:
    x, w = RNG.randn(1, 400, 400, 3), RNG.randn(3, 3, 3, 4)
    driver = opened(x, w, padding="same", at=(0, 300, 200, 2))
    assert "y[0, 300, 200, 2]" in text(driver, ".formula")
    assert "x[0, 299:302, 199:202, :]" in text(driver, ".formula")
    value = hwio.conv(x, w, padding="same")[0, 300, 200, 2]
    assert text(driver, "#total .resultText") == f"{value:.4f}".replace("-", "−")
    assert "holds a part" in text(driver, ".banner")
    assert count(driver, ".map") == 1


def test_it_works_in_the_frame_of_a_notebook(browser: Any, tmp_path: Path) -> None:
    frame = hwio.explore(X, W, at=(0, 1, 2, 5))._repr_html_()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><title>n</title>{frame}", encoding="utf-8")
    browser.get(path.as_uri())
    browser.switch_to.frame(0)
    wait_for(browser, "return document.getElementById('selfcheck').textContent.length > 40")
    assert "matches Python" in text(browser, "#selfcheck")
    press_on(browser, "[aria-label='next filter']")
    assert text(browser, "#total .resultText") == f"{hwio.conv(X, W)[0, 1, 2, 6]:.4f}".replace(
        "-", "−"
    )
    time.sleep(0.6)  # until it would have written its link, which a frame has no address for
    browser.switch_to.default_content()
    assert complaints(browser) == []


def laid_out(driver: Any) -> list[tuple[str, float]]:
    """Return name and width of all that stands on the page so far, read without any script."""
    found = driver.execute_cdp_cmd("DOMSnapshot.captureSnapshot", {"computedStyles": []})
    page, names = found["documents"][0], found["strings"]
    nodes, boxes = page["nodes"]["nodeName"], page["layout"]
    return [
        (names[nodes[node]], bounds[2])
        for node, bounds in zip(boxes["nodeIndex"], boxes["bounds"], strict=True)
    ]


def test_the_picture_stands_where_scripts_are_off(browser: Any, tmp_path: Path) -> None:
    path = hwio.explore(X, W, at=(0, 1, 2, 5)).save(tmp_path / "page.html")
    browser.get("about:blank")
    # scripts stay off while it is measured: a page laid out after they are on hides its noscript,
    # and without scripts the driver cannot know when the page has come in whole
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    cells, deadline = 0, time.monotonic() + 20
    try:
        browser.get(path.as_uri())
        while cells <= 50 and time.monotonic() < deadline:
            # a cell of the picture keeps its size: no style of the page reaches into it
            cells = sum(name == "rect" and width > 8 for name, width in laid_out(browser))
            time.sleep(0.02)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert cells > 50
    assert text(browser, "noscript").startswith("Scripts are off")


def test_script_like_names_are_shown_as_text(opened: Open) -> None:
    evil = "</script><script>window.bad = 1</script><img src=x onerror='window.bad = 2'>"
    driver = opened(X, W, title=evil)
    assert text(driver, "h1:not(.quiet)") == evil
    assert driver.execute_script("return window.bad") is None
    assert evil in driver.title


def test_a_learners_y_is_shown_beside_the_right_one(opened: Open) -> None:
    y = hwio.conv(X, W)
    y[0, 1, 2, 5] = 3.25
    driver = opened(X, W, y=y)
    assert "1 of 240 numbers of your y differ" in text(driver, ".banner")
    assert count(driver, "#y .wrong") == 1
    assert "yours: 3.250000 — expected: −1.602273" in text(driver, "#total")


@pytest.mark.parametrize(
    ("x", "w", "options", "cells"),
    [
        (RNG.randn(1, 12, 2), RNG.randn(3, 2, 4), {"padding": "causal"}, 12),
        (RNG.randn(1, 4, 5, 6, 2), RNG.randn(2, 3, 3, 2, 3), {}, 12),
        (RNG.randn(6, 6, 2), RNG.randn(3, 3, 2, 3), {"layout": "HWC,HWIO"}, 16),
        (RNG.randn(1, 6, 6, 2) * 1j, RNG.randn(3, 3, 2, 3), {}, 16),
        (np.full((1, 6, 6, 2), np.nan), RNG.randn(3, 3, 2, 3), {}, 16),
        (np.full((1, 6, 6, 1), 2**61), np.full((3, 3, 1, 1), 2**30), {}, 16),
        (np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), {}, 1),
        (RNG.randn(1, 90, 90, 20), RNG.randn(5, 5, 20, 30), {"padding": "same"}, 24 * 24),
    ],
)
def test_no_page_is_blank(opened: Open, x: Any, w: Any, options: Any, cells: int) -> None:
    driver = opened(x, w, **options)
    assert count(driver, Y_CELL) == cells
    assert "✓" in text(driver, "#selfcheck")
    for tab in ("matrix", "gradient", "transposed", "code", "quiz", "slide"):
        click(driver, f"#tab-{tab}")
        high = driver.execute_script(
            "return document.getElementById('panel-' + arguments[0]).offsetHeight", tab
        )
        assert high > 100


def test_it_finds_no_serious_barrier(demo: Any) -> None:
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    demo.execute_script((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    for tab in ("slide", "matrix", "gradient", "transposed", "code", "quiz"):
        click(demo, f"#tab-{tab}")
        found = demo.execute_async_script(AXE)
        bad = [
            (v["id"], v["impact"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert bad == [], tab


GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"padding": "same"},
    {"padding": "same", "stride": 2},
    {"padding": "same_lower", "stride": 2},
    {"padding": "half", "stride": (2, 3)},
    {"padding": "full"},
    {"padding": 2, "dilation": 2},
    {"padding": [(1, 2), (0, 3)], "dilation": (1, 2)},
    {"padding": "same", "dilation": 3, "stride": 3},
    {"flip": True, "padding": "full", "stride": (1, 2)},
    *({"padding": 2, "padding_mode": mode} for mode in ("edge", "reflect", "symmetric", "wrap")),
    {"padding": "same", "padding_mode": "reflect", "dilation": (2, 1), "flip": True},
    {"activation": "relu"},
    {"activation": (None, 40), "padding": 1},
    {"stride": 9},
]


def test_its_sums_are_pythons(opened: Open) -> None:
    """Each geometry on whole numbers, where nothing rounds: the page's y must be equal."""
    x = RNG.randint(-9, 10, (2, 5, 7, 4))
    cases: list[tuple[Any, Any, Any, dict[str, Any]]] = [
        (x, RNG.randint(-9, 10, (3, 3, 4, 6)), RNG.randint(-9, 10, 6), options)
        for options in GEOMETRIES
    ]
    cases += [
        (x, RNG.randint(-9, 10, (2, 3, 2, 6)), None, {"groups": 2, "padding": "same"}),
        (x, RNG.randint(-9, 10, (3, 1, 1, 8)), None, {"groups": 4, "flip": True}),
        (x, RNG.randint(-9, 10, (3, 3, 4, 2)), None, {"layout": "NHWC,HWCM", "padding": 1}),
        (x.transpose(0, 3, 1, 2), RNG.randint(-9, 10, (6, 4, 2, 2)), None, {"layout": "NCHW,OIHW"}),
        (x, RNG.randint(-9, 10, (6, 2, 3, 4)), None, {"layout": "NHWC,OHWI->NCHW", "stride": 2}),
        (RNG.randint(-9, 10, (2, 9, 3)), RNG.randint(-9, 10, (3, 3, 4)), None, {"padding": "causal", "dilation": 2}),
        (RNG.randint(-9, 10, (1, 3, 4, 5, 2)), RNG.randint(-9, 10, (2, 2, 3, 2, 3)), None, {"padding": "same"}),
    ]  # fmt: skip
    driver = opened(X, W)
    assert len(cases) >= 24
    for x_, w, b, options in cases:
        found = hwio.explore(x_, w, b, **options)
        facts = (
            found.html()
            .split('<script id="facts" type="application/json">')[1]
            .split("</script>")[0]
        )
        mine = driver.execute_script("return hwio.sumAll(arguments[0])", facts)
        layout = found.case.layout
        y = hwio.conv(x_, w, b, **options)
        want = np.moveaxis(y, layout.y.index("C"), -1)
        assert np.array_equal(np.array(mine), want.ravel()), options


@pytest.mark.parametrize(
    ("arrays", "layout", "formula"),
    [
        ((X, W), None, "y[n, i, j, k] = Σ x[n, i + p, j + q, c] · w[p, q, c, k]"),
        (
            (X.transpose(0, 3, 1, 2), W.transpose(3, 2, 0, 1)),
            "NCHW,OIHW",
            "y[n, k, i, j] = Σ x[n, c, i + p, j + q] · w[k, c, p, q]",
        ),
        ((X[0], W), "HWC,HWIO", "y[i, j, k] = Σ x[i + p, j + q, c] · w[p, q, c, k]"),
        (
            (X, W[..., :2]),
            "NHWC,HWCM",
            "y[n, i, j, 2·c + m] = Σ x[n, i + p, j + q, c] · w[p, q, c, m]",
        ),
        ((X, W[..., :1]), "NHWC,HWCM", "y[n, i, j, c] = Σ x[n, i + p, j + q, c] · w[p, q, c, 0]"),
        ((X[0], W[0]), "NWC,WIO", "y[n, j, k] = Σ x[n, j + q, c] · w[q, c, k]"),
    ],
)
def test_the_formula_indexes_as_the_arrays_are_stored(
    opened: Open, arrays: tuple[Any, Any], layout: str | None, formula: str
) -> None:
    assert text(opened(*arrays, layout=layout), "#definition") == formula


def test_places_say_what_they_are_one_of(demo: Any) -> None:
    assert text(demo, ".filter .soft") == "filter 5 (0…7)"
    assert text(demo, ".input .stepper .soft") == "image 0 (0…1)"
    assert text(demo, ".output .soft") == "channel 5 (0…7)"
    assert text(demo, ".player output") == "8 of 15"


WIDEST = """const most = {};
for (const cell of document.querySelectorAll('.input .cell, .filter .cell:not(.away), #y .cell')) {
  if (!cell.textContent) continue;
  const range = document.createRange();
  range.selectNodeContents(cell);
  const room = cell.getBoundingClientRect().width - range.getBoundingClientRect().width;
  const card = cell.closest('.card').className;
  most[card] = Math.min(most[card] ?? 99, room);
}
return most;"""


@pytest.mark.parametrize("wide", [1400, 1024, 400])
def test_numbers_leave_room_and_the_player_stands_beside_tall_planes(
    browser: Any, opened: Open, wide: int
) -> None:
    size = {"width": wide, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        x, w = RNG.randn(2, 3, 10, 12) * 9, RNG.randn(8, 3, 3, 3)
        driver = opened(x, w, layout="NCHW,OIHW")
        room = driver.execute_script(WIDEST)
        assert len(room) == 3
        assert min(room.values()) >= 4
        tops = """return ['.input', '.player', '.arithmetic'].map(s => {
            const box = document.querySelector('#panel-slide ' + s).getBoundingClientRect();
            return [box.top, box.left, box.right, box.bottom];});"""
        x_card, player, products = driver.execute_script(tops)
        if wide == 1400:  # beside x, and on the screen
            assert player[3] < 1000
            assert player[1] >= x_card[2]
            assert products[1] >= x_card[2]
        assert products[0] >= player[3]
        assert driver.execute_script("return document.documentElement.scrollWidth") <= wide
        frame = """const box = s => document.querySelector('.input ' + s).getBoundingClientRect();
            return [box('.frame').left, box('.cell.lit').left, box('.frame').top, box('.cell.lit').top];"""
        left, cell_left, top, cell_top = driver.execute_script(frame)
        assert (left, top) == pytest.approx((cell_left, cell_top), abs=1)
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_window_s_frame_stays_on_its_cells_when_they_change_size(
    browser: Any, opened: Open
) -> None:
    driver = opened(X, W)
    # in one go: cells of another size, then where the frame is, before any time passes
    found = driver.execute_script("""
        document.getElementById('app').style.width = '340px';
        hwio.redraw();
        const box = s => document.querySelector('.input ' + s).getBoundingClientRect();
        return [box('.frame').left - box('.cell.lit').left, box('.frame').top - box('.cell.lit').top];
    """)
    assert found == pytest.approx([0, 0], abs=1)
