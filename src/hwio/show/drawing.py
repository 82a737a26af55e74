"""Pieces of SVG: cells, words, frames, and grids that are cropped where they are large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from hwio.show.printing import numbers

WIDE = 720
WHOLE = 1e6  # whole floats below it are written without decimals
SANS = "ui-sans-serif, system-ui, Segoe UI, DejaVu Sans, sans-serif"
MONO = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"
PAPER, DARK_PAPER = "#ffffff", "#161b22"
_INK, _SOFT, _EDGE = "#1f2328", "#59636e", "#b6bec8"
# Light colours are attributes, so that readers without style sheets show them; dark ones override.
_DARK = (
    ("text", "fill: #e6edf3"),
    (".soft", "fill: #9aa6b2"),
    (".paper", f"fill: {DARK_PAPER}"),
    (".cell", f"fill: {DARK_PAPER}; stroke: #4a535e"),
    (".hatch", "stroke: #7d8793"),
    (".dots", "fill: #7d8793"),
)
_THEMES = ('[data-jp-theme-light="false"]', ".vscode-dark", "html.dark")  # Jupyter, VS Code, marimo
# What stands in a cell that is no number of x, by name: 6 × 6, laid side by side.
_PATTERNS = {
    "hatch": (
        ' patternTransform="rotate(45)"',
        '<line class="hatch" stroke="#a3acb6" y2="6" stroke-width="1.6"/>',
    ),
    "dots": ("", '<circle class="dots" fill="#a3acb6" cx="3" cy="3" r="0.9"/>'),
}


@dataclass(frozen=True, slots=True)
class View:
    """The part of an axis that is drawn.

    Attributes
    ----------
    first, after : int
        Cells drawn.
    low, high : int
        Cells there are.
    """

    first: int
    after: int
    low: int
    high: int

    def __len__(self) -> int:
        """Count the cells drawn."""
        return self.after - self.first

    @property
    def cells(self) -> range:
        """The cells drawn."""
        return range(self.first, self.after)


def view(low: int, high: int, wanted: tuple[int, int], most: int) -> View:
    """Choose what to draw of the cells low … high - 1: around those wanted, at most ``most``.

    Examples
    --------
    >>> view(0, 100, (50, 53), 7).cells
    range(48, 55)
    >>> view(0, 5, (1, 4), 7).cells
    range(0, 5)
    """
    if high - low <= most:
        return View(low, high, low, high)
    middle = wanted[0] + min(wanted[1] - wanted[0], most) // 2
    first = min(max(middle - most // 2, low), high - most)
    return View(first, first + most, low, high)


@dataclass(slots=True)
class Drawing:
    """Pieces of SVG, and how far they reach."""

    id: str
    pieces: list[str] = field(default_factory=list)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 12,
        anchor: str = "start",
        kind: str = "",
    ) -> None:
        """Write words, escaped."""
        fill = _SOFT if kind == "soft" else _INK
        font = f' font-family="{MONO}"' if kind == "code" else ""
        self.pieces.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:.3g}" text-anchor="{anchor}" '
            f'fill="{fill}" class="{kind or "ink"}"{font}>{escape(words)}</text>'
        )

    def cell(
        self,
        x: float,
        y: float,
        side: float,
        fill: str = "",
        opacity: float = 0.5,
        pattern: str = "",
    ) -> None:
        """Draw one cell: paper, then a pattern ("hatch", "dots"), then a tint."""
        box = f'x="{x:.1f}" y="{y:.1f}" width="{side:.1f}" height="{side:.1f}"'
        self.pieces.append(f'<rect {box} class="cell" fill="{PAPER}" stroke="{_EDGE}"/>')
        if pattern:
            self.pieces.append(f'<rect {box} fill="url(#{self.id}-{pattern})"/>')
        if fill:
            self.pieces.append(f'<rect {box} fill="{fill}" fill-opacity="{opacity:g}"/>')

    def frame(self, x: float, y: float, wide: float, high: float, color: str) -> None:
        """Draw a strong border."""
        self.pieces.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="none" '
            f'stroke="{color}" stroke-width="2.5" rx="1.5"/>'
        )

    def strike(self, x: float, y: float, side: float) -> None:
        """Strike a cell through, from corner to corner."""
        self.pieces.append(
            f'<path d="M{x:.1f} {y + side:.1f}l{side:.1f} {-side:.1f}" class="hatch" '
            f'stroke="#a3acb6" stroke-width="1.2" fill="none"/>'
        )


def ellipses(
    art: Drawing,
    views: tuple[View, View],
    corner: tuple[float, float],
    side: float,
    back: float = 0,
) -> None:
    """Mark the edges where a grid goes on, outside a stack that reaches that far back."""
    (rows, columns), (x, y) = views, corner
    wide, high = len(columns) * side, len(rows) * side
    if columns.first > columns.low:
        art.text(x - 3, y + high / 2 + 4, "…", 14, "end", "soft")
    if columns.after < columns.high:
        art.text(x + wide + back + 3, y + high / 2 + 4, "…", 14, "start", "soft")
    if rows.first > rows.low:
        art.text(x + back + wide / 2, y - back - 5, "⋮", 14, "middle", "soft")
    if rows.after < rows.high:
        art.text(x + wide / 2, y + high + 13, "⋮", 14, "middle", "soft")


def write_values(
    art: Drawing,
    values: Sequence[object],
    spots: Sequence[tuple[float, float]],
    side: float,
    largest: float = 10.5,
) -> None:
    """Write values into cells, with two decimals or fewer, if they fit."""
    if all(isinstance(v, float) and v.is_integer() and abs(v) < WHOLE for v in values):
        values = [int(v) for v in values if isinstance(v, float)]  # no room for "300.00"
    for places in (2, 1):
        texts = short(values, places)
        longest = max((len(text) for text in texts), default=1)
        size = min(largest, (side - 2) / (0.56 * longest))
        if size >= 7.8:
            for text, (x, y) in zip(texts, spots, strict=True):
                art.text(x + side / 2, y + side / 2 + size * 0.36, text, size, "middle")
            return


def short(values: Sequence[object], places: int) -> list[str]:
    """Write numbers for small cells; padding's 0.0 is "0"."""
    return [
        "0" if v == 0 else text for v, text in zip(values, numbers(values, places), strict=True)
    ]


def dark_style(mark: str, rules: Iterable[tuple[str, str]]) -> str:
    """Write the colours of a dark page: of a dark system, and of notebooks whose theme is dark.

    Parameters
    ----------
    mark : str
        Class of the element; a rule is for what lies in it, or for itself with an empty selector.
    rules : iterable of (str, str)
        Selector and declarations.
    """
    rules = list(rules)
    own = [(f".{mark} {inner}".rstrip(), said) for inner, said in rules]
    system = "\n".join(f"{which} {{ {said} }}" for which, said in own)
    themed = "\n".join(
        f"{', '.join(f'{theme} {which}' for theme in _THEMES)} {{ {said} }}" for which, said in own
    )
    return f"@media (prefers-color-scheme: dark) {{\n{system}\n}}\n{themed}"


def element(
    art: Drawing, high: float, title: str, told: str, *, wide: float = WIDE, style: str = ""
) -> str:
    """Put the pieces into one ``<svg>``, with colours for the dark, and words to be read aloud."""
    mark = art.id
    size = f'viewBox="0 0 {wide:.0f} {high:.0f}" width="{wide:.0f}" height="{high:.0f}"'
    named = f'role="img" aria-labelledby="{mark}-title {mark}-desc"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="{mark}" {size} {named}'
    side = 'width="6" height="6" patternUnits="userSpaceOnUse"'
    drawn = "".join(art.pieces)
    patterns = "".join(
        f'<pattern id="{mark}-{name}" {side}{turn}>{shape}</pattern>'
        for name, (turn, shape) in _PATTERNS.items()
        if f"#{mark}-{name})" in drawn
    )
    lines = [
        f'{head} font-family="{SANS}" style="max-width:100%;height:auto">',
        f'<title id="{mark}-title">{escape(title)}</title>',
        f'<desc id="{mark}-desc">{escape(told)}</desc>',
        f"<style>{dark_style(mark, _DARK)}{style}</style>",
        f"<defs>{patterns}</defs>" if patterns else "",
        f'<rect class="paper" fill="{PAPER}" width="{wide:.0f}" height="{high:.0f}" rx="8"/>',
    ]
    return "\n".join([*(line for line in lines if line), *art.pieces, "</svg>"])
