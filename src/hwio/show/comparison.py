"""What ``compare`` returns: the findings, and the forms that they take."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.show.findings import Findings
from hwio.show.page import page
from hwio.show.table import table

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Findings):
    """What ``compare`` returns: prints itself as a table, draws itself as bars.

    ``.rows`` holds one record per way and order of storage, fastest first; ``.skipped`` the ways
    that were not timed, with the reason; ``.agree`` tells whether all results lie within their
    bounds, ``.outside`` lists those that do not.
    """

    def __repr__(self) -> str:
        """Lay everything out as a table for a terminal, as wide as that, at most 100 columns."""
        return table(self)

    def __str__(self) -> str:
        """Lay everything out as a table for a terminal, as wide as that, at most 100 columns."""
        return table(self)

    def _repr_html_(self) -> str:
        """Lay everything out as a table for a notebook; it takes the page's own colours."""
        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python types.

        Times are seconds, memory is bytes. A result that is infinitely far from right has the
        error None.
        """
        found = asdict(self)
        for row, record in zip(self.rows, found["rows"], strict=True):
            record["agrees"] = row.agrees
            record["error"] = row.error if isfinite(row.error) else None
        found["agree"] = self.agree
        plain: dict[str, Any] = _plain(found)
        return plain

    def to_json(self, indent: int | None = 2) -> str:
        """Return ``to_dict`` as JSON."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the medians as bars; needs matplotlib (``pip install "hwio[plot]"``).

        Parameters
        ----------
        path : str or Path, optional
            Where to save the figure; the ending chooses the format: .png, .svg or .pdf.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from hwio.show.plot import plot

        return plot(self, path)


def _plain(value: Any) -> Any:
    """Turn tuples into lists and NumPy's numbers into Python's, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
