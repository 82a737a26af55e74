"""Write docs/how-to/layouts/: a page for each pair of layouts that bear a name somewhere.

    python docs/make_layouts.py

The pairs are those of hwio's own table of layouts. Each page's code runs; its outputs are written by
make_outputs.py, so a page says what the code said.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

from make_outputs import renew  # noqa: E402 - found by the line above

from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS, transpose_axes  # noqa: E402

FOLDER = DOCS / "how-to" / "layouts"
SIZES = {"N": 2, "D": 3, "H": 3, "W": 3, "I": 4, "O": 8}
PIXELS = {"N": 2, "D": 4, "H": 5, "W": 7, "C": 4}
DEPTHWISE = [("HWCM", "OIHW"), ("HWCM", "IHWO"), ("OIHW", "IHWO")]
TRANSPOSED = {"HWOI", "IOHW"}
PLAIN = {  # as words in a title; the table on each page has all
    "HWIO": "TensorFlow's", "OIHW": "PyTorch's", "OHWI": "TFLite's", "HWOI": "Keras's transposed",
    "IOHW": "PyTorch's transposed", "IHWO": "TFLite's depthwise", "HWCM": "TensorFlow's depthwise",
}  # fmt: skip
BESIDE = {
    "O": "filters",
    "I": "in-channels",
    "W": "columns of a filter",
    "M": "filters of a channel",
}


@dataclass(frozen=True)
class Pair:
    """Two orders of one array."""

    a: str
    b: str
    depthwise: bool = False

    @property
    def name(self) -> str:
        """The page's file name."""
        return f"{'depthwise-' * self.depthwise}{self.a}-{self.b}.md".lower()

    @property
    def title(self) -> str:
        """The page's heading."""
        first, then = (PLAIN.get(each, "") for each in (self.a, self.b))
        if self.depthwise:
            first, then = (
                each if "depthwise" in each else f"{each} grouped" for each in (first, then)
            )
        return f"{first} {self.a} to {then} {self.b}, and back".strip().replace("to  ", "to ")


def weight_pairs() -> list[Pair]:
    """Return the pairs of ordinary weights, 2-D first."""
    pairs = []
    for ndim in (2, 1, 3):
        names = [name for name in WEIGHT_LAYOUTS[ndim] if "M" not in name and name != "IHWO"]
        pairs += [Pair(a, b) for a, b in combinations(names, 2)]
    return pairs


def activation_pairs() -> list[Pair]:
    """Return the pairs of activations, 2-D first."""
    return [Pair(*ACTIVATION_LAYOUTS[ndim]) for ndim in (2, 1, 3)]


def depthwise_pairs() -> list[Pair]:
    """Return the pairs of depthwise weights."""
    return [Pair(a, b, depthwise=True) for a, b in DEPTHWISE]


def shape_of(letters: str, sizes: dict[str, int] = SIZES) -> tuple[int, ...]:
    """Return the shape of the example in an order."""
    return tuple(sizes[letter] for letter in letters)


def who(letters: str) -> str:
    """Say who stores arrays so."""
    tables = [*WEIGHT_LAYOUTS.values(), *ACTIVATION_LAYOUTS.values()]
    return next(table[letters] for table in tables if letters in table)


def facts(pair: Pair) -> str:
    """Tabulate both orders of ordinary weights."""
    rows = [("who stores w so", who), ("shape", lambda a: f"`{shape_of(a)}`")]
    rows += [("filter k", lambda a: f"`w[{', '.join('k' if c == 'O' else ':' for c in a)}]`")]
    rows += [("side by side in memory", lambda a: BESIDE[a[-1]])]
    rows += [("from one filter to the next", lambda a: f"{step(a)} further")]
    lines = [f"|  | {pair.a} | {pair.b} |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {head} | {of(pair.a)} | {of(pair.b)} |" for head, of in rows)])


def step(letters: str, axis: str = "O") -> int:
    """Return how far apart two neighbours of an axis lie."""
    after = shape_of(letters)[letters.index(axis) + 1 :]
    total = 1
    for size in after:
        total *= size
    return total


def slip(pair: Pair) -> str | None:
    """Return the section on exchanging H and W, where there are both."""
    if len(pair.a) != 4:
        return None
    swapped = pair.b.replace("H", "?").replace("W", "H").replace("?", "W")
    axes = transpose_axes(pair.a, swapped)
    return f"""## The slip that exchanges H and W

`{axes}` looks as good, and with square filters it gives the same shape. It turns every filter about its
diagonal:

```pycon
>>> slipped = np.transpose(w, {axes})
>>> slipped.shape == there.shape, np.array_equal(slipped, there)
>>> np.array_equal(slipped, there.swapaxes({pair.b.index("H")}, {pair.b.index("W")}))
```
"""


def weights_page(pair: Pair) -> str:
    """Lay out the page of two orders of ordinary weights."""
    a, b, ndim = pair.a, pair.b, len(pair.a) - 2
    go, back = transpose_axes(a, b), transpose_axes(b, a)
    space = a.replace("I", "").replace("O", "")
    x_letters, sizes = f"N{space}C", shape_of(f"N{space}C", PIXELS)
    default = a == f"{space}IO"
    first = "hwio.conv(x, w)" if default else f'hwio.conv(x, w, layout="{x_letters},{a}")'
    parts = [
        f"# {pair.title}\n\nThe same weights, kept in two orders: {8} filters of {'3 × ' * ndim}4.\n",
        facts(pair) + "\n",
        f"""## The transpose

```pycon
>>> import numpy as np, hwio
>>> w = np.arange({8 * 4 * 3**ndim}).reshape{shape_of(a)}  # {a}, every number another
>>> there = np.transpose(w, {go})  # the same: hwio.to_layout(w, "{a}->{b}")
>>> there.shape, np.array_equal(there, hwio.to_layout(w, "{a}->{b}"))
>>> back = np.transpose(there, {back})  # hwio.to_layout(there, "{b}->{a}")
>>> np.array_equal(back, w)
```

`there` is a view of w: nothing was copied. Where a library wants the numbers side by side, say
`np.ascontiguousarray(there)`.
""",
        f"""## Without converting

`conv` reads either, by its letters. With whole numbers the two results are equal, every one of them:

```pycon
>>> x = np.random.default_rng(0).integers(-9, 10, {sizes})
>>> y = {first}
>>> np.array_equal(hwio.conv(x, there, layout="{x_letters},{b}"), y)
```
""",
        torch_check(pair, space),
        f"""## The wrong move

`reshape` gives the shape that is wanted, and no error. It cuts the numbers into other pieces:

```pycon
>>> wrong = w.reshape{shape_of(b)}
>>> wrong.shape == there.shape, wrong.sum() == there.sum()
>>> print((wrong == there).sum(), "of", w.size, "numbers are in their place")
>>> bad = hwio.conv(x, wrong, layout="{x_letters},{b}")
>>> print((bad == y).sum(), "of", y.size, "numbers of y are right")
```

Neither the shape nor the sum tells; only [element by element](../../explanation/why-a-mean-is-not-a-test.md)
does.
""",
        slip(pair),
        forgotten(pair, x_letters),
        transposed_note(pair),
        "All pairs: [layouts, two by two](index.md). All names: [layouts](../../reference/layouts.md).\n",
    ]
    return "\n".join(part for part in parts if part)


def forgotten(pair: Pair, x_letters: str) -> str:
    """Show what hwio says of the second order without letters."""
    return f"""## If the letters are forgotten

Without `layout` w is read as {x_letters[1:-1]}IO. Here that can't be, and hwio says so instead of guessing:

```pycon
>>> hwio.conv(x, there)
```
"""


def torch_check(pair: Pair, space: str) -> str | None:
    """Compare with PyTorch, where one of the two is its order."""
    theirs = f"OI{space}"
    if theirs not in (pair.a, pair.b):
        return None
    w = "w" if theirs == pair.a else "there"
    go = transpose_axes(f"N{space}C", f"NC{space}")
    home = transpose_axes(f"NC{space}", f"N{space}C")
    return f"""PyTorch itself agrees. It wants x as NC{space}:

<!-- needs: torch -->
```python
import torch

x_torch = torch.tensor(np.transpose(x, {go}), dtype=torch.float64)
w_torch = torch.tensor(np.ascontiguousarray({w}), dtype=torch.float64)  # {theirs}
y_torch = torch.nn.functional.conv{len(space)}d(x_torch, w_torch).numpy()
assert np.array_equal(np.transpose(y_torch, {home}), y)
```
"""


def transposed_note(pair: Pair) -> str | None:
    """Say what the letters of a transposed convolution mean."""
    own = [name for name in (pair.a, pair.b) if name in TRANSPOSED]
    if not own:
        return None
    is_own = f"{' and '.join(own)} {'is' if len(own) == 1 else 'are'}"
    return f"""## Whose I and whose O?

{is_own} how weights of a transposed convolution are kept, and the letters are its own: O are the
channels that come out of *it*. The convolution that it transposes has the same array with I and O named the other way
round, so weights pass between those two unchanged:

```pycon
>>> up = np.random.default_rng(1).integers(-9, 10, (1, 4, 5, 8))  # the channels that w gives
>>> theirs = hwio.to_layout(w, "{pair.a}->HWIO")
>>> large = hwio.conv_transpose(up, theirs)  # read as HWOI: O = 4 come out
>>> large.shape
>>> in_torch = np.transpose(theirs, (3, 2, 0, 1))  # HWOI->IOHW, here (8, 4, 3, 3)
>>> np.array_equal(hwio.conv_transpose(up, in_torch, layout="NHWC,IOHW"), large)
```

<!-- needs: torch -->
```python
import torch

up_torch = torch.tensor(np.transpose(up, (0, 3, 1, 2)), dtype=torch.float64)
in_torch = torch.tensor(np.ascontiguousarray(in_torch), dtype=torch.float64)
large_torch = torch.nn.functional.conv_transpose2d(up_torch, in_torch).numpy()
assert np.array_equal(np.transpose(large_torch, (0, 2, 3, 1)), large)
```
"""


def depthwise_page(pair: Pair) -> str:
    """Lay out the page of two orders of depthwise weights."""
    shapes = {"HWCM": (3, 3, 4, 2), "OIHW": (8, 1, 3, 3), "IHWO": (1, 3, 3, 8)}
    a, b = pair.a, pair.b
    lines = [f"|  | {a} | {b} |", "| --- | --- | --- |"]
    names = {"HWCM": "TensorFlow", "OIHW": "PyTorch, ONNX: groups = C", "IHWO": "TFLite"}
    lines += [f"| who stores w so | {names[a]} | {names[b]} |"]
    lines += [f"| shape | `{shapes[a]}` | `{shapes[b]}` |"]
    one = {"HWCM": "`w[:, :, c, m]`", "OIHW": "`w[2*c + m, 0]`", "IHWO": "`w[0, :, :, 2*c + m]`"}
    lines += [f"| filter m of channel c | {one[a]} | {one[b]} |"]
    if a == "HWCM":
        merged = "w.reshape(3, 3, 1, 8)"
        axes, home = transpose_axes("HWIO", b), transpose_axes(b, "HWIO")
        go = f"np.transpose({merged}, {axes})"
        back = f"np.transpose(there, {home}).reshape(3, 3, 4, 2)"
        same = f'hwio.depthwise_weights(there, "{b}->{a}", channels=4)'
        moved = transpose_axes("HWCM", "MCHW" if b == "OIHW" else "HWMC")
        wrong = f"np.transpose(w, {moved}).reshape{shapes[b]}"
        why = (
            "The channel must run slower than its filters. With M before C the shape is right, and the filters"
            "\nmeet other channels:"
        )
        ask = (
            f"The way back needs to be told that there are 4 channels: 8 could be 4 channels with 2 filters or\n"
            f'2 with 4, so `to_layout(there, "{b}->{a}")` refuses, and `depthwise_weights` asks.'
        )
    else:
        go, back = (
            f"np.transpose({v}, {transpose_axes(*o)})"
            for v, o in (("w", (a, b)), ("there", (b, a)))
        )
        same, wrong = f'hwio.to_layout(there, "{b}->{a}")', f"w.reshape{shapes[b]}"
        why = "`reshape` gives the shape that is wanted, and no error; the filters are cut into other pieces:"
        ask = "I is 1 in both: a filter sees one channel. The number of groups is what says how many there are."
    groups = {letters: "" if letters == "HWCM" else ", groups=4" for letters in (a, b)}
    return f"""# {pair.title}

Depthwise: each of 4 channels has 2 filters of 3 × 3 for itself, which makes 8 channels of y.

{chr(10).join(lines)}

## The code

```pycon
>>> import numpy as np, hwio
>>> w = np.arange(72).reshape{shapes[a]}  # {a}, every number another
>>> there = {go}
>>> there.shape, np.array_equal(there, hwio.to_layout(w, "{a}->{b}"))
>>> back = {back}
>>> np.array_equal(back, w), np.array_equal({same}, w)
```

{ask}

## Without converting

```pycon
>>> x = np.random.default_rng(0).integers(-9, 10, (2, 5, 7, 4))
>>> y = hwio.conv(x, w, layout="NHWC,{a}"{groups[a]})
>>> y.shape, np.array_equal(hwio.conv(x, there, layout="NHWC,{b}"{groups[b]}), y)
```
{depthwise_torch(pair)}
## The wrong move

{why}

```pycon
>>> wrong = {wrong}
>>> wrong.shape == there.shape, wrong.sum() == there.sum()
>>> print((wrong == there).sum(), "of", w.size, "numbers are in their place")
>>> bad = hwio.conv(x, wrong, layout="NHWC,{b}"{groups[b]})
>>> print((bad == y).sum(), "of", y.size, "numbers of y are right")
```

All pairs: [layouts, two by two](index.md). All names: [layouts](../../reference/layouts.md).
"""


def depthwise_torch(pair: Pair) -> str:
    """Compare with PyTorch, where one of the two is its order."""
    if "OIHW" not in (pair.a, pair.b):
        return ""
    w = "w" if pair.a == "OIHW" else "there"
    return f"""
PyTorch itself agrees, with `groups=4`:

<!-- needs: torch -->
```python
import torch

x_torch = torch.tensor(np.transpose(x, (0, 3, 1, 2)), dtype=torch.float64)
w_torch = torch.tensor(np.ascontiguousarray({w}), dtype=torch.float64)
y_torch = torch.nn.functional.conv2d(x_torch, w_torch, groups=4).numpy()
assert np.array_equal(np.transpose(y_torch, (0, 2, 3, 1)), y)
```
"""


def activations_page(pair: Pair) -> str:
    """Lay out the page of two orders of activations."""
    a, b = pair.a, pair.b
    go, back = transpose_axes(a, b), transpose_axes(b, a)
    last = a.replace("N", "").replace("C", "")
    w_shape = (*(3,) * len(last), 4, 8)
    size = 1
    for each in shape_of(a, PIXELS):
        size *= each
    pixel = ", ".join("dij"[-len(last) :])
    return f"""# {a} to {b}, and back

Channels last and channels first. The same numbers, the channels at the other end:

|  | {a} | {b} |
| --- | --- | --- |
| who stores x so | {who(a)} | {who(b)} |
| shape | `{shape_of(a, PIXELS)}` | `{shape_of(b, PIXELS)}` |
| one channel | `x[..., c]` | `x[:, c]` |
| one pixel, all channels | `x[n, {pixel}]` | `x[n, :, {pixel}]` |
| side by side in memory | channels of a pixel | neighbours in one channel |

## The transpose

```pycon
>>> import numpy as np, hwio
>>> x = np.arange({size}).reshape{shape_of(a, PIXELS)}  # {a}, every number another
>>> there = np.transpose(x, {go})  # the same: hwio.to_layout(x, "{a}->{b}")
>>> there.shape, np.array_equal(there, hwio.to_layout(x, "{a}->{b}"))
>>> back = np.transpose(there, {back})  # hwio.to_layout(there, "{b}->{a}")
>>> np.array_equal(back, x)
```

`there` is a view of x: nothing was copied. Where a library wants the numbers side by side, say
`np.ascontiguousarray(there)`.

## Without converting

`conv` reads either, by its letters, and gives y in the letters of x unless asked for others:

```pycon
>>> w = np.random.default_rng(0).integers(-9, 10, {w_shape})  # {last}IO
>>> y = hwio.conv(x, w)
>>> y_there = hwio.conv(there, w, layout="{b},{last}IO")
>>> y_there.shape, np.array_equal(hwio.to_layout(y_there, "{b}->{a}"), y)
>>> np.array_equal(hwio.conv(there, w, layout="{b},{last}IO->{a}"), y)
```

## The wrong move

`reshape` gives the shape that is wanted, and no error. The numbers of one pixel become neighbours in
one channel:

```pycon
>>> wrong = x.reshape{shape_of(b, PIXELS)}
>>> wrong.shape == there.shape, wrong.mean() == there.mean()
>>> print((wrong == there).sum(), "of", x.size, "numbers are in their place")
```

Neither the shape nor the mean tells; only [element by element](../../explanation/why-a-mean-is-not-a-test.md)
does.

## If the letters are forgotten

```pycon
>>> hwio.conv(there, w)
```

After a flatten, [the rows of the dense layer](../convert-layouts.md#the-dense-layer-after-a-flatten) have
to follow. All pairs: [layouts, two by two](index.md). All names: [layouts](../../reference/layouts.md).
"""


def index_page() -> str:
    """Lay out the table of all pairs."""
    names = [name for name in WEIGHT_LAYOUTS[2] if "M" not in name and name != "IHWO"]
    pages = {frozenset((p.a, p.b)): p.name for p in weight_pairs()}

    def cell(a: str, b: str) -> str:
        return "" if a == b else f"[`{transpose_axes(a, b)}`]({pages[frozenset((a, b))]})"

    lines = [f"| from \\ to | {' | '.join(names)} |", "| --- |" + " --- |" * len(names)]
    lines += [f"| **{a}** | {' | '.join(cell(a, b) for b in names)} |" for a in names]
    groups = {
        "Ordinary weights": weight_pairs(),
        "Depthwise weights": depthwise_pairs(),
        "Activations": activation_pairs(),
    }
    lists = [
        f"## {head}\n\n"
        + "\n".join(f"* [{short(p)}]({p.name}): {who(p.a)} · {who(p.b)}" for p in pairs)
        for head, pairs in groups.items()
    ]
    table = "\n".join(lines)
    return f"""# Layouts, two by two

One page for each pair of orders that bear a name somewhere: the transpose both ways, the call that
needs none, the move that keeps the shape and scrambles the values, and a check that runs. The axes for
`np.transpose`:

{table}

Not sure what you have? A shape can't tell: (8, 3, 3, 4) fits OHWI and HWOI. Read the letters first,
[here](../../reference/layouts.md).

{chr(10).join(part + chr(10) for part in lists)}"""


def short(pair: Pair) -> str:
    """Return a pair's name in the navigation."""
    return f"{pair.a} and {pair.b}" + ", depthwise" * pair.depthwise


def pages() -> dict[str, str]:
    """Return every page without its outputs, by name."""
    made = {p.name: weights_page(p) for p in weight_pairs()}
    made |= {p.name: depthwise_page(p) for p in depthwise_pairs()}
    made |= {p.name: activations_page(p) for p in activation_pairs()}
    return made | {"index.md": index_page()}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in pages().items():
        with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
            fresh = renew(page.rstrip("\n") + "\n")
        (FOLDER / name).write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
