"""The decision as data: the chosen way, the reason, and why the others were not taken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwio.methods.accuracy import BOUNDS_MEAN

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


@dataclass(frozen=True, slots=True)
class Plan:
    """What ``conv`` runs for one geometry, and why.

    Attributes
    ----------
    method : str
        Key in ``METHODS``: the readable way, which serves where no kernel does.
    reason : str
        Why this one.
    rejected : dict of str to str
        Every other method and why not.
    geometry : Geometry
    workspace : int
        Bytes that it allocates at most beside x, w and y, padding included.
    kernel : str or None
        The compiled way that runs instead, or None.
    kernel_reason : str
        Why that one, or why none.
    kernels_rejected : dict of str to str
        Every other kernel and why not.
    """

    method: str
    reason: str
    rejected: dict[str, str]
    geometry: Geometry
    workspace: int
    kernel: str | None = None
    kernel_reason: str = ""
    kernels_rejected: dict[str, str] = field(default_factory=dict)

    @property
    def way(self) -> str:
        """What runs: the kernel, or the method where there is none."""
        return self.kernel or self.method

    def __str__(self) -> str:
        """Lay the decision out in lines."""
        if self.kernel:
            lines = [f"{self.kernel} (compiled): {self.kernel_reason}"]
            lines.append(f"  without compiled kernels it would be {self.method}: {self.reason}")
        else:
            lines = [f"{self.method}: {self.reason}"]
            if self.kernel_reason:
                lines.append(f"  no compiled kernel: {self.kernel_reason}")
        lines += [f"  not {name}: {why}" for name, why in self.rejected.items()]
        lines += [f"  not {name} (compiled): {why}" for name, why in self.kernels_rejected.items()]
        if any("bound T" in line for line in lines):
            lines.append(f"  {BOUNDS_MEAN}")
        return "\n".join(lines)
