"""The JSON file: what was measured on, by which rules, and every figure.

It is written anew after each cell, whole or not at all, so that a run that was broken off keeps what
it found and goes on from there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FORMAT = 1
SAME = ("machine", "versions", "rules", "contenders")


class Store:
    """Results in a file.

    Attributes
    ----------
    data : dict
        ``machine``, ``versions``, ``rules``, ``contenders``, ``date``, ``peaks``, and ``cells``: one
        record per cell and process.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self.data: dict[str, Any] = {"format": FORMAT, **about, "peaks": {}, "cells": []}
        self._known: set[tuple[str, int]] = set()

    def resume(self) -> int:
        """Take over what the file holds and return how many records that is.

        Raises
        ------
        SystemExit
            If the file is of another machine, version or rule: figures of two kinds don't mix.
        """
        if not self.path.exists():
            return 0
        old = read(self.path)
        for name in SAME:
            if old.get(name) != self.data[name]:
                changed = _difference(old.get(name), self.data[name])
                message = (
                    f"{self.path} holds a run with other {name}: {changed}\n"
                    "  fix: --fresh to start anew, or --out FILE for a file of its own"
                )
                raise SystemExit(message)
        # the date is that of the first record
        self.data = old
        self._known = {(cell["key"], cell["process"]) for cell in old["cells"]}
        return len(self._known)

    def has(self, key: str, process: int) -> bool:
        """Tell whether a cell has been measured by a process of this number."""
        return (key, process) in self._known

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record, in the file too."""
        self._known.add((record["key"], record["process"]))
        self.data["cells"].append(record)
        self.save()

    def save(self) -> None:
        """Write the file whole: a neighbour first, which then takes its place."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(dumps(self.data), encoding="utf-8")
        fresh.replace(self.path)


def dumps(data: dict[str, Any]) -> str:
    """Write the data with one record a line, so that a difference can be read."""
    head = {name: value for name, value in data.items() if name != "cells"}
    text = json.dumps(head, indent=1, ensure_ascii=False)[:-2]
    rows = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in data["cells"])
    return f'{text},\n "cells": [\n{rows}\n]}}\n'


def read(path: Path) -> dict[str, Any]:
    """Read a file of results.

    Raises
    ------
    SystemExit
        If it is none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path}: {error.strerror}\n  fix: python -m bench --quick --out {path}"
        raise SystemExit(message) from error
    except ValueError as error:
        message = f"{path} is no JSON: {error}\n  fix: --fresh to start anew"
        raise SystemExit(message) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        message = f"{path} holds no results of this bench\n  fix: --fresh to start anew"
        raise SystemExit(message)
    return data


def _difference(old: Any, new: Any) -> str:
    """Name what differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return ", ".join(f"{name} {old.get(name)} -> {new.get(name)}" for name in names)
    return f"{old} -> {new}"
