"""Convolution by its formula, in plain Python: lists, loops and integers, nothing of hwio.

    y[n, d, h, w, o] = Σ_{c, p, q, r}  x[n, d·s + p·dil - low, ..., g·I + c] · w[p, q, r, c, o]

Fewer spatial axes are three of which some have one cell.
"""

from itertools import product


def where(i, n, mode):
    """Return the cell of x that stands at position i of an axis with n cells, or None for zero."""
    if 0 <= i < n:
        return i
    if mode == "zeros":
        return None
    if mode == "edge":
        return 0 if i < 0 else n - 1
    if mode == "wrap":
        return i % n
    if mode == "symmetric":  # ... 1 0 | 0 1 2 | 2 1 ...
        i %= 2 * n
        return i if i < n else 2 * n - 1 - i
    if n == 1:  # reflect: ... 2 1 | 0 1 2 | 1 0 ...
        return 0
    i %= 2 * n - 2
    return i if i < n else 2 * n - 2 - i


def sides(padding, axis, axes, n, k, s, d):
    """Return (low, high) for one axis."""
    span = (k - 1) * d + 1
    if padding == "valid":
        return 0, 0
    if padding == "half":
        return span // 2, span // 2
    if padding == "full":
        return span - 1, span - 1
    if padding == "causal":
        return span - 1, 0
    if isinstance(padding, str):
        outputs = (n + s - 1) // s
        total = max(0, (outputs - 1) * s + span - n)
        return (
            (total - total // 2, total // 2)
            if "lower" in padding
            else (total // 2, total - total // 2)
        )
    if isinstance(padding, int):
        return padding, padding
    if axes == 1 and isinstance(padding[0], int):
        return tuple(padding)
    return tuple(padding[axis])


def look(nested, letters, index):
    """Take one number out of nested lists whose axes bear these letters."""
    for letter in letters:
        nested = nested[index.get(letter, 0)]
    return nested


def convolve(
    x, w, x_shape, w_shape, *, stride=1, padding="valid", dilation=1, groups=1, layout=None,
    flip=False, padding_mode="zeros",
):  # fmt: skip
    """Convolve nested lists; return the shape of y and its numbers by index."""
    if layout is None:
        space = {3: "W", 4: "HW", 5: "DHW"}[len(x_shape)]
        layout = f"N{space}C,{space}IO"
    ins, _, y_letters = layout.partition("->")
    x_letters, w_letters = ins.split(",")
    y_letters = y_letters or x_letters
    sx, sw = dict(zip(x_letters, x_shape, strict=True)), dict(zip(w_letters, w_shape, strict=True))
    space = [axis for axis in "DHW" if axis in sx]
    depthwise = "M" in sw
    filters = sw["C"] * sw["M"] if depthwise else sw["O"]
    per_group = 1 if depthwise else sw["I"]
    groups = sx["C"] if depthwise else groups
    # one entry per axis of D, H, W
    n, k, s, d, low, out = ({"D": 1, "H": 1, "W": 1} for _ in range(6))
    low.update(D=0, H=0, W=0)
    for at, axis in enumerate(space):
        n[axis], k[axis] = sx[axis], sw[axis]
        s[axis] = stride if isinstance(stride, int) else stride[at]
        d[axis] = dilation if isinstance(dilation, int) else dilation[at]
        low[axis], high = sides(padding, at, len(space), n[axis], k[axis], s[axis], d[axis])
        out[axis] = (n[axis] + low[axis] + high - (k[axis] - 1) * d[axis] - 1) // s[axis] + 1
    numbers = {}
    images = range(sx.get("N", 1))
    for image, i, j, l, o in product(images, *(range(out[a]) for a in "DHW"), range(filters)):
        total = 0
        group = o // (filters // groups)
        for p, q, r, c in product(*(range(k[a]) for a in "DHW"), range(per_group)):
            cell = {
                axis: where(at * s[axis] + tap * d[axis] - low[axis], n[axis], padding_mode)
                for axis, at, tap in zip("DHW", (i, j, l), (p, q, r), strict=True)
            }
            if None in cell.values():
                continue
            tap = {"D": p, "H": q, "W": r}
            if flip:
                tap = {axis: k[axis] - 1 - t for axis, t in tap.items()}
            tap |= {"C": o // sw["M"], "M": o % sw["M"]} if depthwise else {"I": c, "O": o}
            a = look(x, x_letters, {"N": image, "C": group * per_group + c, **cell})
            total += a * look(w, w_letters, tap)
        index = {"N": image, "D": i, "H": j, "W": l, "C": o}
        numbers[tuple(index[letter] for letter in y_letters)] = total
    sizes = {**out, "N": len(images), "C": filters}
    return tuple(sizes[letter] for letter in y_letters), numbers
