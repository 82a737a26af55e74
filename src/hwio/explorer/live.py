"""The explorer as a widget: what is pinned in the page reads back in Python, and the other way.

Imported by ``explore(...).widget()`` alone: it needs anywidget, which ``hwio[widget]`` brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from hwio.show.explain.explained import Explanation
from hwio.show.explain.place import check_at
from hwio.show.explain.trace import trace

if TYPE_CHECKING:
    from hwio.show.case import Case


class LiveExploration(anywidget.AnyWidget):
    """The explorer in a live notebook.

    Attributes
    ----------
    at : tuple of int
        The number of y that is looked at, in y's axis order: pinned, clicked or reached by keys in
        the page. Set it, and the page goes there; ``observe`` tells of changes. It stays where it was
        while the page shows another stride, padding or dilation than the arrays' own.
    """

    _esm = Path(__file__).with_name("live.js")
    page = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(940).tag(sync=True)
    at = traitlets.Tuple().tag(sync=True)

    def __init__(
        self, case: Case, at: tuple[int, ...], page: str, still: dict[str, str], height: int
    ) -> None:
        """Show a page that speaks; ``still`` is what an exported notebook keeps."""
        self._case, self._still = case, still
        super().__init__(page=page, height=height, at=at)

    @traitlets.validate("at")
    def _check(self, proposal: Any) -> tuple[int, ...]:
        """Refuse a place that y does not have."""
        case = self._case
        return check_at(proposal["value"], case.y_shape, case.layout.y)

    @property
    def value(self) -> Any:
        """The number of y at ``at``; None where the explorer was given shapes."""
        return trace(self._case, self.at).value

    def explain(self) -> Explanation:
        """Explain the number at ``at``: ``.svg()``, ``.trace`` and the rest."""
        return Explanation(self._case, trace(self._case, self.at))

    def __repr__(self) -> str:
        """Say where it stands."""
        return f"live {self._still['text/plain']}\n.at   {self.at}"

    def _repr_mimebundle_(self, **wanted: Any) -> Any:
        """Send the widget, and the page itself for an exported notebook, where no kernel lives."""
        live = super()._repr_mimebundle_(**wanted)
        data, *rest = live if isinstance(live, tuple) else (live,)
        still = self._still | {"text/plain": repr(self)}
        merged = still | {k: v for k, v in (data or {}).items() if k != "text/plain"}
        return (merged, *rest) if rest else merged
