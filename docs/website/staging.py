"""Lay the pages out as the site wants them, in a folder that may be thrown away.

docs/ is read on GitHub too, so the few things that only a site can show are put in here: files that
lie outside docs/, notebooks, the explorer where a page says ``<!-- explorer -->``, and empty lines of
outputs, which doctest has spelled ``<BLANKLINE>``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from os.path import relpath
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
OUTSIDE = "source"  # where the site keeps files that lie outside docs/
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FRAME = (
    "Point at a number, click to hold it, or use the arrow keys; also [on a page of its own]({where}).\n\n"
    '<iframe class="hwio-explorer" src="{where}" loading="lazy" title="The explorer: x, w and y of the'
    ' example, to hover, pin and play"></iframe>\n'
)


def stage(pages: Path, explorer: str) -> None:
    """Copy pages and pictures of docs/ into a folder, with what they link outside it."""
    shutil.copytree(DOCS, pages, ignore=shutil.ignore_patterns("*.py", "website", "__pycache__"))
    queue = sorted(pages.rglob("*.md"))
    home = {page: DOCS / page.relative_to(pages) for page in queue}  # where its links start
    (pages / "explorer.html").write_text(explorer, encoding="utf-8")
    while queue:
        page = queue.pop()
        text = page.read_text("utf-8")
        for target in _outside(text, home[page]):
            copy = pages / OUTSIDE / target.relative_to(ROOT)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(target, copy)
                if copy.suffix == ".md":
                    home[copy] = target
                    queue.append(copy)
        page.write_text(_for_site(text, page, home[page], pages), "utf-8")


def _outside(text: str, home: Path) -> Iterable[Path]:
    """Yield the files outside docs/ that a page links."""
    for _, link, _ in LINK.findall(FENCE.sub("", text)):
        target = (home.parent / link).resolve()
        if ":" not in link and target.is_file() and not target.is_relative_to(DOCS):
            yield target


def _for_site(text: str, page: Path, home: Path, pages: Path) -> str:
    """Return a page as the site shows it."""

    def moved(found: re.Match[str]) -> str:
        before, link, after = found.groups()
        target = (home.parent / link).resolve()
        if ":" in link or not target.is_file():
            return found[0]
        inside = target.is_relative_to(DOCS)
        place = pages / (target.relative_to(DOCS) if inside else OUTSIDE / target.relative_to(ROOT))
        return before + Path(relpath(place, page.parent)).as_posix() + after

    where = Path(relpath(pages / "explorer.html", page.parent)).as_posix()
    text = text.replace("<!-- explorer -->", FRAME.format(where=where))
    text = re.sub(r"^<!-- .* -->\n", "", text, flags=re.MULTILINE)  # what tests and makers read
    fences = [re.sub(r"^<BLANKLINE>$", "", f, flags=re.MULTILINE) for f in FENCE.findall(text)]
    prose = [LINK.sub(moved, part) for part in FENCE.split(text)]
    return prose[0] + "".join(f + p for f, p in zip(fences, prose[1:], strict=True))


def offer_notebook(page: Path, name: str) -> None:
    """Say below a page's title that it can be had as a notebook."""
    title, _, rest = page.read_text("utf-8").partition("\n")
    link = f"[This page as a notebook, executed]({name}){{ .md-button download={name} }}"
    page.write_text(f"{title}\n\n{link}\n{rest}", encoding="utf-8")
