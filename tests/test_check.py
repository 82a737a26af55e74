"""``hwio.check``: mistakes named, right functions passed, broken ones survived, codes and JSON kept."""

import html
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import hwio
import learners
from hwio import lab
from hwio.cli import main
from hwio.grading import checking, naming
from hwio.grading.checkup import Checkup
from hwio.grading.messages import receive, send
from hwio.grading.naming import alike
from hwio.grading.sandbox import Printed, _call, _load
from hwio.grading.trials import STATUSES
from hwio.grading.worker import DiedError, Worker
from hwio.mistakes import ENTRIES, MISTAKES, Mistake
from hwio.mistakes.cases import CASES, FUNCTIONS
from hwio.mistakes.layer import Layer
from test_mistakes import COINCIDE, PLAIN_ONLY, SOLUTION

LEARNERS = Path(learners.__file__)
Capture = pytest.CaptureFixture[str]
forks = pytest.mark.skipif(sys.platform != "linux", reason="functions are copied by a fork")


# ---------------------------------------------------------------- each mistake is named


class Near:
    """A worker in this very process: the messages are packed and read as ever, nothing is started."""

    def __init__(self, function=None, forward=None):
        self.held = {"function": function, "forward": forward}

    def ask(self, message, seconds):
        del seconds
        message = self._sent(message)
        answer = _load(message, self.held) if message["do"] == "load" else _call(message, self.held)
        return self._sent(answer | {"printed": Printed().take()})

    @staticmethod
    def _sent(message):
        pipe = io.BytesIO()
        send(pipe, message)
        pipe.seek(0)
        return receive(pipe)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture
def near(monkeypatch):
    monkeypatch.setattr(checking, "Worker", Near)
    monkeypatch.setattr(checking, "FORKS", True)
    monkeypatch.setattr("hwio.grading.sandbox.limit_memory", lambda: None)
    monkeypatch.setenv("HWIO_ENGINE", "off")  # small sums, which compiling would not make quicker


def pairs(sizes: dict) -> dict:
    """Return what Layer calls the course's sizes."""
    stride, pad = sizes.get("stride", 1), sizes.get("pad", 0)
    f = sizes.get("f", 1)
    return {"stride": (stride, stride), "padding": ((pad, pad), (pad, pad)), "window": (f, f)}


def learner_of(entry: Mistake):
    """Make the function, with the course's signature, in which a slip was made."""
    slip = entry.slip

    def zero_pad(X, pad):
        return slip(Layer(X, **pairs({"pad": pad})))

    def conv_single_step(a_slice_prev, W, b):
        return slip(Layer(a_slice_prev, W, b.reshape(-1)))

    def conv_forward(A_prev, W, b, hparameters):
        return slip(Layer(A_prev, W, b.reshape(-1), **pairs(hparameters))), None

    def conv_backward(dZ, cache):
        A_prev, W, b, hparameters = cache
        return slip(Layer(A_prev, W, b.reshape(-1), dZ, **pairs(hparameters)))

    def pool_forward(A_prev, hparameters, mode="max"):
        return slip(Layer(A_prev, mode=mode, **pairs(hparameters))), None

    def pool_backward(dA, cache, mode="max"):
        return slip(Layer(cache[0], dy=dA, mode=mode, **pairs(cache[1])))

    return locals()[entry.function]


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.key not in PLAIN_ONLY], ids=lambda entry: entry.key
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_mistake_is_named(near, entry: Mistake) -> None:
    found = hwio.check(learner_of(entry))
    assert not found.ok
    wanted = {entry.key}.union(*(pair for pair in COINCIDE if entry.key in pair))
    assert {named.key for named in found.mistakes} == wanted
    text = str(found)
    assert entry.name in re.sub(r"\s+", " ", text)
    assert f"docs/{entry.page}" in text
    assert max(map(len, text.splitlines())) <= 100
    assert json.loads(found.json())["mistakes"][0]["key"] in wanted
    for answer in (text, found.json(), found._repr_html_()):
        for line in {trial.line for trial in found.cases} - {""}:  # the learner's own code
            answer = answer.replace(line, "").replace(html.escape(line), "")
        assert not SOLUTION.search(answer)


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.function == "conv_forward"], ids=lambda entry: entry.key
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_plain_function_s_mistake_is_named(near, entry: Mistake) -> None:
    def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
        around = ((padding, padding),) * 2
        layer = Layer(x, w, b, None, (stride,) * 2, around, (dilation,) * 2)
        return entry.slip(layer)

    found = hwio.check(conv2d)
    keys = {named.key for named in found.mistakes}
    if entry.key == "conv-pad-other-side":
        assert found.ok, "there is no other side where both have the same"
    else:
        assert entry.key in keys
        assert keys <= {entry.key}.union(*COINCIDE)


def test_odd_zeros_on_the_other_side_are_named(near) -> None:
    def conv(x, w, padding="valid"):
        return hwio.conv(x, w, padding="same_lower" if padding == "same" else padding)

    assert [entry.key for entry in hwio.check(conv).mistakes] == ["conv-pad-other-side"]


# ---------------------------------------------------------------- and nothing else


@pytest.mark.parametrize("name", learners.WRONG)
def test_no_known_mistake(near, name: str) -> None:
    found = hwio.check(learners.WRONG[name])
    assert not found.ok
    assert found.mistakes == ()
    words = "all these numbers: " if found.perhaps else "these numbers."
    assert f"No known mistake gives {words}" in str(found)
    assert found.to_dict()["known_mistake"] is False


def _forward_with(bias):
    """Return a conv_forward that takes a filter's bias by ``bias(b, c)``, on loops."""

    def conv_forward(A_prev, W, b, hparameters):
        Z = lab.conv_forward(A_prev, W, 0 * b, hparameters)[0]
        for n, h, w, c in np.ndindex(Z.shape):
            Z[n, h, w, c] = Z[n, h, w, c] + bias(b, c)
        return Z, (A_prev, W, b, hparameters)

    return conv_forward


def test_a_number_that_newer_numpy_refuses_is_explained(near) -> None:
    def conv_single_step(a_slice_prev, W, b):
        return np.sum(a_slice_prev * W) + float(b)

    text = " ".join(str(hwio.check(conv_single_step)).split())
    if np.lib.NumpyVersion(np.__version__) < "2.4.0":
        assert "All 7 cases pass" in text, "it was only warned of"
        return
    assert "→ b has shape (1, 1, 1), as in the course. Older NumPy made a number" in text
    assert "No known mistake" not in text
    assert "by hand" not in text
    assert not SOLUTION.search(text.replace("np.sum(a_slice_prev * W) + float(b)", ""))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_bias_indexed_by_the_wrong_axis_is_asked_for_its_axes(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):  # the learner's line holds b[c]
        Z = lab.conv_forward(A_prev, W, 0 * b, hparameters)[0]
        for n, h, w, c in np.ndindex(Z.shape):
            Z[n, h, w, c] = Z[n, h, w, c] + b[c]
        return Z, (A_prev, W, b, hparameters)

    text = " ".join(str(hwio.check(conv_forward)).split())
    assert "→ b has shape (1, 1, 1, n_C)" in text
    assert "the one that counts the filters" in text
    assert "by hand" not in text


def test_an_array_in_a_number_s_place_is_told_where_no_b_is_in_the_line(near) -> None:
    text = " ".join(str(hwio.check(_forward_with(lambda b, c: b[..., [c, c]]))).split())
    assert "→ An array stands where one number goes. b has shape (1, 1, 1, n_C)" in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda Z: None, "it returns None, not (Z, cache): is a return missing?"),
        (lambda Z: Z, "it returns an array of shape (1, 2, 2, 1), not (Z, cache)"),
    ],
)
def test_what_is_returned_is_said_once_and_nothing_else(near, value, words: str) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        return value(lab.conv_forward(A_prev, W, b, hparameters)[0])

    text = str(hwio.check(conv_forward))
    assert text.endswith(words)
    assert text.count("it returns") == 2, "beside the first case, and under it"
    assert f"{len(CASES['conv_forward']) - 1} cases more: the same" in text


def test_what_one_case_would_fit_comes_first(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        Z = lab.conv_forward(A_prev, W, 2 * b, hparameters)[0]
        Z[..., 1:] *= 3
        return Z, (A_prev, W, b, hparameters)

    found = hwio.check(conv_forward)
    text = str(found)
    assert found.perhaps
    assert text.index("This case alone") < text.index("No known mistake gives all these numbers")


def test_a_file_that_loads_for_long_is_told_why(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checking, "LOADING", 0.5)
    file = tmp_path / "mine.py"
    file.write_text("while True: pass\n", encoding="utf-8")
    text = str(hwio.check(f"{file}:conv_forward", timeout=0.5))
    assert "it is not loaded after 0.5 s" in text
    assert "the machine may be busy, or a loop at the top of the file may not end" in text


def test_there_are_twenty_others() -> None:
    assert len(learners.WRONG) >= 20


@pytest.mark.parametrize("function", learners.RIGHT, ids=lambda function: function.__name__)
def test_right_in_any_style(near, function) -> None:
    found = hwio.check(function)
    assert found.ok, str(found)
    assert found.exit_code == 0
    assert found.passed == len(CASES["conv_forward"])
    assert f"All {found.passed} cases pass" in str(found)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "conv"])
def test_the_course_s_own_functions_are_right(near, name: str) -> None:
    assert hwio.check(getattr(lab, name)).ok


@pytest.mark.parametrize("function", [learners.conv2d, learners.conv_same, hwio.conv])
def test_plain_functions_are_right(near, function) -> None:
    found = hwio.check(function, like="conv")
    assert found.ok, str(found)


def test_cases_follow_the_parameters(near) -> None:
    titles = {trial.case.title for trial in hwio.check(learners.conv2d).cases}
    assert {"dilation 2", "stride 2", "padding 1", "a bias"} <= titles
    words = {trial.case.title for trial in hwio.check(learners.conv_same).cases}
    assert "padding 'same'" in words
    assert not {"dilation 2", "stride 2", "padding 1", "a bias"} & words


def test_a_turned_filter_keeps_the_mean_and_is_caught(near) -> None:
    """Show what a test of the mean lets pass: on a large image of ones' neighbours it is the same."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 9, 9, 1)), rng.standard_normal((3, 3, 1, 1))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))  # zeros around: every cell meets every tap
    straight, turned = hwio.conv(x, w), hwio.conv(x, w, flip=True)
    assert np.isclose(straight.mean(), turned.mean())
    assert not np.allclose(straight, turned)

    def conv_forward(A_prev, W, b, hparameters):
        return lab.conv_forward(A_prev, W[::-1, ::-1], b, hparameters)

    found = hwio.check(conv_forward)
    assert [entry.key for entry in found.mistakes] == ["conv-filter-turned"]
    assert found.first is found.cases[0]


def test_two_slips_are_told_by_the_first(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        sizes = {"stride": 1, "pad": hparameters["pad"]}
        Z = lab.conv_forward(A_prev, W, 0 * b, sizes)[0]
        return Z, None

    found = hwio.check(conv_forward)
    assert found.mistakes == ()
    assert "conv-bias-missing" in [entry.key for entry in found.perhaps]
    assert "This case alone would fit" in str(found)


def test_what_one_case_alone_would_fit_is_told_only_if_few_do(near, monkeypatch) -> None:
    def conv_forward(A_prev, W, b, sizes):
        rate = 1 if A_prev.shape[0] == 1 else 2
        return lab.conv_forward(A_prev, W, rate * b[..., :1] + 0 * b, sizes)

    found = hwio.check(conv_forward)
    few = len(found.perhaps)
    assert few
    monkeypatch.setattr(naming, "FEW", few - 1)
    found = hwio.check(conv_forward)
    assert found.perhaps == ()
    assert "This case alone would fit" not in str(found)


def test_alike_tells_shapes_and_numbers_apart() -> None:
    ones = np.ones((2, 2))
    assert alike((ones,), (ones + 1e-12,))
    assert not alike((ones,), (ones + 1e-3,))
    assert not alike((ones,), (ones.ravel(),))
    assert not alike(None, (ones,))
    assert not alike("ValueError", (ones,))


# ---------------------------------------------------------------- in a process of its own


@forks
@pytest.mark.parametrize("name", learners.BREAKING)
def test_a_breaking_function_is_survived(name: str, capfd: Capture) -> None:
    status, words = learners.BREAKING[name]
    found = hwio.check(getattr(learners, name), timeout=0.5 if status == "timeout" else 20)
    assert found.cases[0].status == status
    assert words in found.cases[0].says
    assert not found.ok
    assert found.exit_code == 1
    told = json.loads(found.json())
    assert told["ok"] is False
    assert told["cases"][0]["status"] == status
    assert capfd.readouterr() == ("", ""), "nothing that it prints comes through"
    assert not SOLUTION.search(str(found).replace(found.cases[0].line or "-", ""))


@forks
def test_a_flood_of_prints_is_held_back(capfd: Capture) -> None:
    found = hwio.check(learners.flooding)
    assert found.ok
    assert capfd.readouterr() == ("", "")
    assert len(found.cases[0].printed) <= 2000


@forks
def test_a_thread_that_never_ends_is_ended() -> None:
    assert hwio.check(learners.with_a_thread).ok


@forks
def test_the_learner_s_own_line_is_shown() -> None:
    found = hwio.check(learners.raising)
    line = learners.raising.__code__.co_firstlineno + 1
    assert f"line {line} in raising: return A_prev[99], None" in str(found)


@forks
def test_what_was_not_reached_is_told() -> None:
    found = hwio.check(learners.exiting_at_once)
    assert len(found.cases) == 1
    assert len(found.to_dict()["not_reached"]) == len(CASES["conv_forward"]) - 1
    assert f"{len(CASES['conv_forward']) - 1} cases not tried" in str(found)


def test_a_fresh_process_loads_a_file() -> None:
    found = hwio.check(f"{LEARNERS}:conv_forward_einsum")
    assert found.ok, str(found)
    assert found.where.startswith("learners.py, line") or "tests/learners.py, line" in found.where


def test_without_forks_the_source_is_sent(monkeypatch) -> None:
    monkeypatch.setattr(checking, "FORKS", False)
    assert hwio.check(learners.conv_forward_loops).ok


@forks
def test_what_a_function_starts_is_ended_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def conv_forward(A_prev, W, b, sizes):
        if not note.exists():
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            note.write_text(str(child.pid))
        return lab.conv_forward(A_prev, W, b, sizes)

    assert hwio.check(conv_forward).ok
    status = Path(f"/proc/{note.read_text()}/stat")
    if not Path("/proc/self/stat").exists():
        pytest.skip("no /proc to look into")
    deadline = time.monotonic() + 10
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.02)


@forks
def test_odd_values_are_told_as_they_are() -> None:
    class Rude:
        def __repr__(self):
            raise SystemExit

    for value, words in ((10**9999, "int, far too large"), (Rude(), "a Rude")):

        def conv_forward(A_prev, W, b, hparameters, value=value):
            return value, None

        found = hwio.check(conv_forward)
        assert found.cases[0].status == "returns"
        assert words in found.cases[0].says


@forks
def test_torch_may_have_used_its_threads_before() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch, whose threads a fork does not copy")
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def products():
        return torch.ones(600, 600) @ torch.ones(600, 600) + torch.ones(1 << 20).exp().sum()

    def conv_forward(A_prev, W, b, hparameters):
        products()
        return lab.conv_forward(A_prev, W, b, hparameters)

    try:
        products()
        found = hwio.check(conv_forward)
    finally:
        torch.set_num_threads(before)
    assert found.ok, str(found)


def test_nothing_steers_the_terminal(near) -> None:
    steering = "\x1b]0;title\x07 \u202e\x9b31m"

    def conv_forward(A_prev, W, b, hparameters):
        sys.stdout.write("\x1b[2J")
        raise ValueError(steering)

    found = hwio.check(conv_forward)
    for text in (str(found), found._repr_html_()):
        assert r"\x1b]0;title\x07" in text
        assert not set(text) & set("\x1b\x07\u202e\x9b")


def test_a_process_that_ends_is_noticed() -> None:
    with Worker() as worker:
        worker.end()
        with pytest.raises(DiedError):
            worker.ask({"do": "load", "file": "none.py", "function": "f"}, 10)


def framed(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


JUNK = [b"", b"junk" * 100, b"\xff" * 20, framed(b"{}"), framed(b"[" * 100_000),
        framed(b'{"body": [1], "arrays": []}'),
        framed(b'{"body": {"number": "0x1p99999"}, "arrays": []}')]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_no_message(junk: bytes) -> None:
    assert receive(io.BytesIO(junk)) is None


def test_messages_execute_nothing() -> None:
    pipe = io.BytesIO()
    send(pipe, {"returned": (np.array([print]), {1, 2}, b"bytes", 1j)})
    pipe.seek(0)
    kinds = [part.kind for part in receive(pipe)["returned"]]
    assert kinds == ["array of dtype object, which holds no numbers", "set", "bytes", "complex"]


# ---------------------------------------------------------------- backwards with a cache of one's own


def my_forward(A_prev, W, b, hparameters):
    Z, _ = lab.conv_forward(A_prev, W, b, hparameters)
    return Z, {"x": A_prev, "sizes": hparameters, "w": W, "b": b}


def my_backward(dZ, cache):
    course = cache["x"], cache["w"], cache["b"], cache["sizes"]
    return lab.conv_backward(dZ, course)


def test_a_cache_of_one_s_own(near) -> None:
    found = hwio.check(my_backward)
    assert not found.ok
    assert "forward=conv_forward" in str(found)
    assert hwio.check(my_backward, forward=my_forward).ok


def test_a_cache_may_hold_anything(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        Z, _ = lab.conv_forward(A_prev, W, b, hparameters)
        return Z, (A_prev, W, b, {"stride": np.ones(2), "pad": W})

    found = hwio.check(conv_forward)
    assert found.ok, str(found)
    assert "something else than hparameters" in found.cases[0].note


def test_long_doubles_repeat_themselves(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        A_prev = A_prev.astype(np.longdouble)
        Z, cache = learners.conv_forward_strided(A_prev, W, b, hparameters)
        return Z, cache

    assert hwio.check(conv_forward).ok


def test_an_odd_cache_is_a_note(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        return lab.conv_forward(A_prev, W, b, hparameters)[0], (W, A_prev, b, hparameters)

    found = hwio.check(conv_forward)
    assert found.ok
    assert "Note: cache holds something else than A_prev" in str(found)


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize(
    ("written", "function"),
    [
        ("def f(A_prev, W, b, hparameters): ...", "conv_forward"),
        ("def ConvForward(a, b, c, d): ...", "conv_forward"),
        ("def backward(dZ, cache): ...", "conv_backward"),
        ("def backward(dA, cache, mode='max'): ...", "pool_backward"),
        ("def g(A_prev, hparameters, mode='max'): ...", "pool_forward"),
        ("def pad_it(X, pad): ...", "zero_pad"),
        ("def step(a_slice_prev, W, b): ...", "conv_single_step"),
        ("def conv2d(x, w): ...", "conv"),
        ("def conv2d(image, kernel, *, stride=1, padding=0): ...", "conv"),
        ("def conv2d(x, w, b, stride, pad): ...", "conv"),
        ("def conv_forward(x, w, b, stride, pad): ...", "conv"),
    ],
)
def test_signatures_are_read(near, written: str, function: str) -> None:
    names: dict = {}
    exec(written, names)
    made = next(value for name, value in names.items() if name != "__builtins__")
    assert hwio.check(made).function == function


def test_required_parameters_are_given(near) -> None:
    def conv2d(x, w, b, stride, pad):
        return hwio.conv(x, w, b, stride=stride, padding=pad)

    assert hwio.check(conv2d).ok


# ---------------------------------------------------------------- words


def test_the_report_of_a_learner(near) -> None:
    found = hwio.check(learner_of(MISTAKES["conv-stride-forgotten"]))
    text = str(found)
    assert "First wrong: stride 2" in text
    assert (
        "Z[0, 0, 1, 0] is the first number that differs: image 0, row 0, column 1, filter 0" in text
    )
    assert "It is made of rows 0 to 2 and columns 2 to 4 of A_prev:" in text
    trial, layer = found.first, found.first.case.layer
    window = layer.x[0, 0:3, 2:5]
    assert trial.first.expected == (window * layer.w[..., 0]).sum() + layer.b[0]
    assert f"{window[0, 0, 0]:.3f}" in text


def test_padding_is_shown_in_brackets(near) -> None:
    text = str(hwio.check(learner_of(MISTAKES["conv-pad-ones"])))
    assert "(numbers in brackets are padding)" in text
    assert "rows -1 to 1 and columns -1 to 1" in text
    assert "(0)" in text


def test_html_is_escaped(near) -> None:
    def conv_forward(A_prev, W, b, hparameters):
        message = "<script>alert(1)</script>"
        raise ValueError(message)

    page = hwio.check(conv_forward)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_json_has_what_a_grader_needs(near) -> None:
    told = json.loads(hwio.check(learner_of(MISTAKES["conv-bias-missing"])).json())
    assert set(told) >= {"ok", "name", "function", "passed", "total", "cases", "mistakes"}
    assert told["passed"] == 1
    assert told["total"] == len(CASES["conv_forward"])
    wrong = told["cases"][1]
    assert wrong["status"] in STATUSES
    assert wrong["first"]["part"] == "Z"
    assert wrong["first"]["at"] == [0, 0, 0, 0]
    assert wrong["differ"] == {"Z": 4}


def test_nan_stays_out_of_json(near) -> None:
    found = hwio.check(learners.WRONG["not a number in a corner"])
    assert json.loads(found.json())["cases"][0]["first"]["got"] is None


# ---------------------------------------------------------------- the interactive page


def test_the_page_opens_at_the_first_number_that_differs(near) -> None:
    found = hwio.check(learner_of(MISTAKES["conv-stride-forgotten"]))
    page = found.explore()
    assert page.at == found.first.first.at == (0, 0, 1, 0)
    assert page.answer is not None
    assert page.answer.wrong.sum() == found.first.differ["Z"] == 30
    np.testing.assert_array_equal(page.answer.y, found.first.got["Z"])
    assert "conv_forward: stride 2" in page.html()


def test_the_page_of_a_wrong_shape_has_no_y(near) -> None:
    assert hwio.check(learner_of(MISTAKES["conv-stride-ignored"])).explore().answer is None


@pytest.mark.parametrize("key", ["step-bias-missing", "conv-pad-ones"])
def test_other_pages(near, key: str) -> None:
    found = hwio.check(learner_of(MISTAKES[key]))
    assert found.explore().answer.wrong.sum() == sum(found.first.differ.values())


def test_all_right_has_a_page_too(near) -> None:
    assert not hwio.check(learners.conv2d).explore().answer.wrong.any()


def test_pooling_has_no_page(near) -> None:
    with pytest.raises(hwio.OptionError, match="no page for pool_forward"):
        hwio.check(lab.pool_forward).explore()


def test_the_command_writes_the_page(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import hwio\ndef conv(x, w):\n    return hwio.conv(x, -w)\n", encoding="utf-8")
    page = tmp_path / "page.html"
    said(capsys, f"{file}:conv", "--page", str(page), code=1)
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


# ---------------------------------------------------------------- the command


def said(capsys: Capture, *arguments: str, code: int) -> str:
    assert main(["check", *arguments]) == code
    return capsys.readouterr().out


def test_the_command_passes(capsys: Capture) -> None:
    assert "All 15 cases pass" in said(capsys, f"{LEARNERS}:conv_forward_im2col", code=0)


@pytest.mark.parametrize("name", ["endless", "raising", "without_return", "exiting_at_once"])
def test_the_command_keeps_its_code_and_json(capsys: Capture, name: str) -> None:
    out = said(capsys, f"{LEARNERS}:{name}", "--json", "--timeout", "1", code=1)
    told = json.loads(out)
    assert told["ok"] is False
    assert told["cases"][0]["status"] == learners.BREAKING[name][0]


def test_the_command_s_flood() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hwio", "check", f"{LEARNERS}:flooding", "--json"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["ok"] is True


def test_a_whole_file(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def zero_pad(X, pad):\n"
        "    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))\n"
        "def conv_single_step(a, W, b):\n"
        "    return float((a * W).sum())\n"
        "def helper():\n"
        "    pass\n",
        encoding="utf-8",
    )
    told = json.loads(said(capsys, str(file), "--json", code=1))
    assert [(one["name"], one["ok"]) for one in told["functions"]] == [
        ("zero_pad", True),
        ("conv_single_step", False),
    ]
    assert "the bias is missing" in said(capsys, str(file), code=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def conv_forward(:\n", "SyntaxError"),
        ("import no_such_module\ndef conv_forward(a, b, c, d): ...\n", "ModuleNotFoundError"),
        ("raise SystemExit(0)\n", "SystemExit"),
        ("import os\nos._exit(0)\n", "ended the process"),
    ],
)
def test_a_file_that_can_t_be_loaded(
    capsys: Capture, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="utf-8")
    told = json.loads(said(capsys, f"{file}:conv_forward", "--json", code=1))
    assert told["ok"] is False
    assert words in told["broken"]["says"]


def test_a_whole_file_that_can_t_be_loaded(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("x = 1\ndef conv_forward(:\n", encoding="utf-8")
    assert "can't be loaded: SyntaxError" in said(capsys, str(file), code=1)
    file.write_text("def helper(): ...\n", encoding="utf-8")
    assert main(["check", str(file)]) == 2
    assert "has none of the functions" in capsys.readouterr().err


def test_single_precision_is_allowed_in_all(near) -> None:
    def narrow(function):
        def narrowed(*args):
            came = function(*args)
            if isinstance(came, tuple):
                return tuple(a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in came)
            return came.astype(np.float32)

        return narrowed

    for name in ("zero_pad", "pool_forward", "pool_backward", "conv_forward", "conv_backward"):
        found = hwio.check(narrow(getattr(lab, name)), like=name)
        assert found.passed == len(found.titles), str(found)


def test_lists_of_lists_are_not_read() -> None:
    pipe = io.BytesIO()
    send(pipe, {"returned": [[1.5] * 900] * 900, "changed": False})
    pipe.seek(0)
    assert receive(pipe)["returned"].kind == "list, far too large"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such.py:f", "there is no file no_such.py"),
        ("{here}:conv_fward_loops", "did you mean learners.py:conv_forward_loops?"),
        ("{here}:BREAKING", "is a dict, not a function"),
        ("{here}:sizes_of", "has the parameters of no function"),
        ("conv_forward", "names no file of Python"),
    ],
)
def test_a_question_that_can_t_be_answered(capsys: Capture, target: str, words: str) -> None:
    assert main(["check", target.format(here=LEARNERS)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_a_notebook_s_definitions_are_checked(capsys: Capture, tmp_path: Path) -> None:
    cells = [
        "%matplotlib inline\nimport numpy as np\nimport no_such_module\nfrom public_tests import *",
        "def zero_pad(X, pad):\n    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))",
        "raise SystemExit('this cell must not run')",
        "this is not Python",
    ]
    held = {"cells": [{"cell_type": "code", "source": text.splitlines(True)} for text in cells]}
    file = tmp_path / "lab.ipynb"
    file.write_text(json.dumps(held), encoding="utf-8")
    assert "All 7 cases pass" in said(capsys, f"{file}:zero_pad", code=0)


def test_checkup_prints_itself(near) -> None:
    found = hwio.check(lab.zero_pad)
    assert isinstance(found, Checkup)
    assert repr(found) == str(found)


@pytest.mark.parametrize("fn", [3, None, [learners.conv2d]])
def test_what_is_no_function(fn) -> None:
    with pytest.raises(hwio.ArgumentTypeError, match="not a function"):
        hwio.check(fn)


@pytest.mark.parametrize("timeout", [0, -1, "ten", True, float("nan")])
def test_what_is_no_time(timeout) -> None:
    with pytest.raises(hwio.OptionError, match="seconds"):
        hwio.check(lab.zero_pad, timeout=timeout)
