"""Check the built pages as a reader's browser would meet them, without a network.

Zensical holds the links of the Markdown; this holds what it makes of them and what it never sees: raw
HTML, the theme's own files, and that nothing is fetched from elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("link", "href"),
}
CSS_FETCHES = re.compile(
    r"url\(\s*['\"]?((?:https?:)?//[^)'\"]+)|@import\s+['\"]?(https?:[^'\";]+)"
)


@dataclass
class Found(HTMLParser):
    """The anchors and links of one page."""

    anchors: set[str] = field(default_factory=set)
    links: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start the parser, which dataclasses do not know of."""
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the anchor and the links of one element."""
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.add((tag, name, value))


def broken(site: Path) -> list[str]:
    """Return every link that leads nowhere and everything that would be fetched from elsewhere."""
    pages = {path.resolve(): _read(path) for path in site.rglob("*.html")}
    faults = []
    for path, found in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        if name == "404.html":  # a server's page: its links start at the root of the site
            continue
        for tag, attribute, link in sorted(found.links):
            why = _fault(path, tag, attribute, link, pages)
            faults += [f"{name}: {link} {why}"] if why else []
    for sheet in site.rglob("*.css"):
        for hit in CSS_FETCHES.findall(sheet.read_text("utf-8")):
            faults.append(f"{sheet.name}: fetches {hit[0] or hit[1]}")
    return faults


def _read(path: Path) -> Found:
    found = Found()
    found.feed(path.read_text("utf-8"))
    return found


def _fault(page: Path, tag: str, attribute: str, link: str, pages: dict[Path, Found]) -> str | None:
    """Say what is wrong with one link, if anything."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        elsewhere = (tag, attribute) in FETCHED and parts.scheme != "data"
        return "is fetched from elsewhere" if elsewhere else None
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "leads to no file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "leads to no such place on the page" if not anchor.startswith("__") else None
    return None
