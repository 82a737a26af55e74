"""The catalogue of mistakes: every entry is wrong, told from the others, and says where to read."""

import re
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import hwio
from hwio import lab
from hwio.mistakes import ENTRIES, MISTAKES, Mistake
from hwio.mistakes.cases import CASES, FUNCTIONS
from hwio.mistakes.layer import Layer
from hwio.mistakes.reference import forward, pool
from hwio.mistakes.reference_back import gradients, pool_back
from test_docs import DOCS, slugs_of

# In these the numbers are the same whatever the sizes: both are named.
COINCIDE = {frozenset({"conv-size-pad-once", "conv-pad-before-only"})}
# The course's function has no such option, a plain one has.
PLAIN_ONLY = {"conv-dilation-ignored", "conv-pad-other-side"}


def right(function: str, layer: Layer) -> tuple[np.ndarray, ...]:
    """Compute a case by the course's functions, or by hwio.conv."""
    x, w, b = layer.x, layer.w, layer.b
    four = None if b is None else b.reshape(1, 1, 1, -1)
    sizes = {"stride": layer.stride[0], "pad": layer.pad, "f": layer.window[0]}
    if function == "zero_pad":
        return (lab.zero_pad(x, layer.pad),)
    if function == "conv_single_step":
        return (np.asarray(lab.conv_single_step(x, w, four[0])),)
    if function == "conv_forward":
        return (lab.conv_forward(x, w, four, sizes)[0],)
    if function == "conv_backward":
        return lab.conv_backward(layer.dy, (x, w, four, sizes))
    if function == "pool_forward":
        return (lab.pool_forward(x, sizes, layer.mode)[0],)
    if function == "pool_backward":
        return (lab.pool_backward(layer.dy, (x, sizes), layer.mode),)
    how = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    return (hwio.conv(x, w, b, **how),)


def same(one: tuple[np.ndarray, ...] | str, other: tuple[np.ndarray, ...] | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one is other or one == other
    return len(one) == len(other) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )


@cache
def truth_of(function: str) -> list[tuple[np.ndarray, ...]]:
    return [right(function, case.layer) for case in CASES[function]]


def outcomes(entry: Mistake, function: str) -> list[tuple[np.ndarray, ...] | str]:
    return [entry.numbers(case.layer) for case in CASES[function]]


def entries_of(function: str) -> list[Mistake]:
    named = "conv_forward" if function == "conv" else function
    return [entry for entry in ENTRIES if entry.function == named]


@pytest.mark.parametrize("function", CASES)
def test_the_reference_is_right(function: str) -> None:
    unwrong = {
        "conv_forward": lambda c: (forward(c),),
        "conv": lambda c: (forward(c),),
        "conv_backward": gradients,
        "pool_forward": lambda c: (pool(c),),
        "pool_backward": lambda c: (pool_back(c),),
    }
    for case in CASES[function] if function in unwrong else ():
        assert same(unwrong[function](case.layer), right(function, case.layer)), case.title


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_mistake_is_wrong_somewhere(entry: Mistake) -> None:
    functions = ["conv"] if entry.key in PLAIN_ONLY else [entry.function]
    if entry.function == "conv_forward":
        functions.append("conv")
    for function in functions:
        truth = truth_of(function)
        made = outcomes(entry, function)
        assert not all(map(same, truth, made)), f"{entry.key} makes no difference in {function}"
        assert not all(isinstance(numbers, str) for numbers in made), "it never gives numbers"


@pytest.mark.parametrize("function", CASES)
def test_mistakes_are_told_apart(function: str) -> None:
    made = {entry.key: outcomes(entry, function) for entry in entries_of(function)}
    alike = {
        frozenset({one, other})
        for one, other in combinations(made, 2)
        if all(map(same, made[one], made[other]))
    }
    if function == "conv_forward":
        alike -= {frozenset(PLAIN_ONLY)}
    assert alike == {pair for pair in COINCIDE if pair <= set(made)}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_an_entry_is_complete(entry: Mistake) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.key)
    assert entry.function in FUNCTIONS
    assert not entry.name.endswith(".")
    assert entry.hint.endswith((".", "?"))
    path, _, anchor = entry.page.partition("#")
    page = (Path(DOCS) / path).read_text(encoding="utf-8")
    assert not anchor or anchor in slugs_of(page), entry.page


# What would be an answer to copy: calls, loops, slices with both ends, assignments.
SOLUTION = re.compile(
    r"np\.\w+|sliding_window|einsum|tensordot|moveaxis\(|\bfor \w+ in|\w+ = \w+\(|"
    r"\[\w*start:|stride \* |\* stride|\.sum\(|\+ 2 \* pad|// stride"
)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_a_hint_is_no_solution(entry: Mistake) -> None:
    assert not SOLUTION.search(entry.name + entry.hint)
    assert len(entry.hint) <= 240


def test_there_are_as_many_as_promised() -> None:
    assert len(ENTRIES) == len(MISTAKES) >= 30, "two entries with one key"
    names = [(entry.function, entry.name) for entry in ENTRIES]
    assert len(set(names)) == len(names)


def test_cases_grow_and_keep_their_sums_exact() -> None:
    for cases in CASES.values():
        assert cases[0].layer.x.size <= 16, "the first is checked by hand"
        for case in cases[:-1]:
            if "random" not in case.title:
                assert np.array_equal(case.layer.x * 4, np.round(case.layer.x * 4))


def test_two_filters_turned_keep_the_mean_and_are_caught() -> None:
    layer = CASES["conv_forward"][-1].layer
    turned = MISTAKES["conv-filter-turned"].numbers(layer)[0]
    truth = right("conv_forward", layer)[0]
    assert not np.allclose(turned, truth)
