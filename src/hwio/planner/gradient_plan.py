"""The decision of the way back as data: which way computes dx and dw, why, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hwio.engine import SWITCHED_OFF, refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.gradients import GRADIENTS
from hwio.gradients.apply import dw_bytes, dx_bytes
from hwio.planner.gradients import AUTO, choose_gradient, gradient_bytes
from hwio.planner.kernels import KernelChoice

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

_REASON = "one matrix product for each tap, no matrix of windows"
_ASKED = "asked for by name"


@dataclass(frozen=True, slots=True)
class GradientWay:
    """How one gradient is computed, and why.

    Attributes
    ----------
    of : {"dx", "dw"}
    method : str
        Key in ``GRADIENTS``: the readable way, which serves where no kernel does.
    reason : str
    rejected : dict of str to str
        Every other readable way and why not.
    workspace : int
        Bytes that it allocates at most beside its arrays, the gradient included.
    kernel : str or None
        The compiled way that runs instead, or None.
    kernel_reason : str
    kernels_rejected : dict of str to str
    """

    of: str
    method: str
    reason: str
    rejected: dict[str, str]
    workspace: int
    kernel: str | None = None
    kernel_reason: str = ""
    kernels_rejected: dict[str, str] = field(default_factory=dict)

    @property
    def way(self) -> str:
        """What runs: the kernel, or the readable way where there is none."""
        return self.kernel or self.method

    def __str__(self) -> str:
        """Lay the decision out in lines."""
        if self.kernel:
            lines = [f"{self.of}  {self.kernel} (compiled): {self.kernel_reason}"]
            lines.append(f"    without compiled kernels it would be {self.method}: {self.reason}")
        else:
            lines = [f"{self.of}  {self.method}: {self.reason}"]
            if self.kernel_reason:
                lines.append(f"    no compiled kernel: {self.kernel_reason}")
        lines += [f"    not {name}: {why}" for name, why in self.rejected.items()]
        compiled = self.kernels_rejected.items()
        return "\n".join([*lines, *(f"    not {name} (compiled): {why}" for name, why in compiled)])


@dataclass(frozen=True, slots=True)
class GradientPlan:
    """What ``conv_grad`` runs for one geometry, and why; db is a sum, which leaves no choice.

    Attributes
    ----------
    dx, dw : GradientWay
    geometry : Geometry
        Of the convolution to go back through.
    """

    dx: GradientWay
    dw: GradientWay
    geometry: Geometry

    def __str__(self) -> str:
        """Lay both decisions out in lines."""
        return f"{self.dx}\n{self.dw}\ndb  the sum of dy over images and cells"


def plan_gradients(
    geo: Geometry, kind: str, itemsize: int, method: str = "auto", *, room: bool = True
) -> GradientPlan:
    """Decide both gradients.

    Parameters
    ----------
    geo : Geometry
    kind : str
        Of the numbers in the computation, "" where dy decides.
    itemsize : int
        Bytes of one of them.
    method : str
        "auto", a readable way, or a kernel: it settles its own gradient, the other is left to auto.
    room : bool
        Whether there is memory for kernels.
    """
    one, other = (_plan_one(geo, kind, itemsize, method, of, room) for of in ("dx", "dw"))
    return GradientPlan(one, other, geo)


def _plan_one(
    geo: Geometry, kind: str, itemsize: int, method: str, of: str, room: bool
) -> GradientWay:
    """Decide one gradient."""
    readable = method if method in GRADIENTS else AUTO
    reason = _ASKED if method == readable else _REASON
    rejected = {n: _against(n, geo, of) for n in GRADIENTS if n != readable}
    if method == readable:
        rejected = {}
    choice = _choice(geo, kind, method, of, room)
    count = {"dx": dx_bytes, "dw": dw_bytes}[of]
    size = count(GRADIENTS[readable], geo, itemsize)
    if choice.name:
        size = gradient_bytes(choice.name, geo, itemsize)
    told = choice.name, choice.reason, choice.rejected
    return GradientWay(of, readable, reason, rejected, size, *told)


def _choice(geo: Geometry, kind: str, method: str, of: str, room: bool) -> KernelChoice:
    """Decide on a kernel."""
    if method in GRADIENTS:
        return KernelChoice(None, "")
    if method != "auto" and GRADIENT_KERNELS[method].of == of:
        if 0 in (*geo.x_shape, *geo.y_shape, *geo.w_shape):
            return KernelChoice(None, "there is nothing to sum")
        return KernelChoice(method, _ASKED)
    if refusal():
        return KernelChoice(None, "" if refusal() == SWITCHED_OFF else str(refusal()))
    if not room:
        return KernelChoice(None, "kernels need more memory than there is")
    if not kind:
        return KernelChoice(None, "of whole numbers, only where float64 holds every sum")
    return choose_gradient(geo, kind, of)


def _against(name: str, geo: Geometry, of: str) -> str:
    """Say why a readable way is not the one that serves."""
    if name == "loop":
        return "a step of Python for every number of y"
    if name == "einsum":
        return "a matrix of windows, each number of x in as many as see it"
    if of == "dx" and max(geo.stride) > 1:
        return "multiplies the zeros that the stride leaves between the numbers of dy"
    return "a convolution with a matrix of windows of its own"
