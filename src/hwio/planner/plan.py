"""The decision as data: the chosen way, the reason, and why the others were not taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``conv`` runs for one geometry, and why.

    Attributes
    ----------
    method : str
        Key in ``METHODS``.
    reason : str
        Why this one.
    rejected : dict of str to str
        Every other method and why not.
    geometry : Geometry
    workspace : int
        Bytes of the largest temporary, padding included.
    """

    method: str
    reason: str
    rejected: dict[str, str]
    geometry: Geometry
    workspace: int

    def __str__(self) -> str:
        """Lay the decision out in lines."""
        lines = [f"{self.method}: {self.reason}"]
        lines += [f"  not {name}: {why}" for name, why in self.rejected.items()]
        return "\n".join(lines)
