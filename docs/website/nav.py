"""Read the navigation from docs/index.md: its headings are sections, the links in its lists are pages."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from docs.website.staging import OUTSIDE

Item = dict[str, Any]
ENTRY = re.compile(r"^\* .*(?:\n  .*)*", re.MULTILINE)
LINK = re.compile(r"\[([^]]+)\]\(([^)#\s]+\.md)\)")


def navigation(pages: Path) -> list[Item]:
    """Return the theme's ``nav`` for a folder with an index.md.

    A link to another folder's index.md is a section with the pages that it links in turn.
    """
    nav: list[Item] = [{"Home": "index.md"}]
    for section in re.split(r"^## +", (pages / "index.md").read_text("utf-8"), flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        nav.append({title.strip(): _once(_items(pages, "index.md", body))})
    return nav


def _once(items: list[Item]) -> list[Item]:
    """Leave out of a folder's pages those that have an entry of their own."""
    own = {target for item in items for target in item.values() if isinstance(target, str)}
    return [
        {
            title: target
            if isinstance(target, str)
            else [page for page in target if isinstance(page, str) or own.isdisjoint(page.values())]
            for title, target in item.items()
        }
        for item in items
    ]


def _items(pages: Path, page: str, body: str) -> list[Item]:
    """Return an entry for each page that the lists of a text link."""
    items: list[Item] = []
    for words, link in LINK.findall("\n".join(ENTRY.findall(body))):
        target = normpath(join(dirname(page), link))
        title = words.replace("`", "")
        if target.endswith("/index.md") and dirname(target) != dirname(page):
            below = _below(pages, target)
            items.append({title: [target, *below]} if below else {title: target})
        elif {title: target} not in items:
            items.append({title: target})
    return items


def _below(pages: Path, index: str) -> list[Item]:
    """Return the pages of its folder, or from outside docs/, that an index links, each once."""
    found = _items(pages, index, (pages / index).read_text("utf-8"))
    own: dict[str, Item] = {}
    for item in found:
        ((title, target),) = item.items()
        if (
            isinstance(target, str)
            and dirname(target) in (dirname(index), OUTSIDE)
            and target != index
        ):
            own.setdefault(target, {title: target})
    return list(own.values())


def pages_of(nav: list[Item]) -> set[str]:
    """Return every page that a navigation leads to."""
    found: set[str] = set()
    for item in nav:
        for target in item.values():
            if isinstance(target, str):
                found.add(target)
            else:
                found |= {page for page in target if isinstance(page, str)}
                found |= pages_of([entry for entry in target if isinstance(entry, dict)])
    return found
