"""Ask before running: ``plan``, forwards and backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Never, overload

from hwio.errors import ArgumentTypeError, show, word
from hwio.ops.arrays import as_array, is_shape
from hwio.ops.keywords import OPTIONS, check_keywords, hide_refused
from hwio.ops.lazy import bridge_name
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.planning import problem_of
from hwio.ops.wording import worded_for

if TYPE_CHECKING:
    from hwio.planner.gradient_plan import GradientPlan
    from hwio.planner.plan import Plan

_SIZES = ("stride", "padding", "dilation", "groups", "layout")
_BACK = (*_SIZES, "flip", "padding_mode", "method", "memory_limit")


@overload
def plan(x: Any, w: Any, *, gradient: Literal[False] = ..., **options: Any) -> Plan: ...
@overload
def plan(x: Any, w: Any, *, gradient: Literal[True], **options: Any) -> GradientPlan: ...


def plan(
    x: Any = LEFT_OUT, w: Any = LEFT_OUT, *more: Never, gradient: bool = False, **options: Any
) -> Plan | GradientPlan:
    """Say what ``conv`` would run for these arrays or shapes, and why; or ``conv_grad``.

    Parameters
    ----------
    x, w : array or tuple of int
        Arrays as in ``conv``, or their shapes (then float32 is assumed).
    gradient : bool
        Plan both gradients instead, for a dy of y's dtype.
    **options
        Keywords of ``conv``, or of ``conv_grad``.

    Returns
    -------
    Plan or GradientPlan
        ``.method``, ``.reason``, ``.rejected``, ``.kernel`` (None where NumPy serves) and the
        sizes; prints itself. Of gradients, ``.dx`` and ``.dw`` have the same.

    Examples
    --------
    >>> import hwio
    >>> hwio.plan((1, 56, 56, 64), (3, 3, 1, 64), groups=64).method
    'taps'
    >>> print(hwio.plan((8, 14, 14, 64), (3, 3, 64, 32), gradient=True, method="einsum").dw)
    dw  einsum: asked for by name
    """
    if more:
        refuse_places(plan, locals())
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(plan, locals())
    if not isinstance(gradient, bool):
        rule = f"gradient={show(gradient)} is not True or False"
        raise ArgumentTypeError(word(rule, ["gradient=True plans conv_grad"], "gradient=True"))
    if gradient:
        return _plan_back(x, w, options)
    asked = [name for name in OPTIONS if name != "out"]
    check_keywords("plan", options, (*asked, "gradient"), x, w)
    with worded_for("plan", x, w):
        return problem_of(x, w, **options).plan


hide_refused(plan, "x", "w")


def _plan_back(x: Any, w: Any, options: dict[str, Any]) -> GradientPlan:
    """Plan both gradients: the checks of ``conv_grad``, without a dy."""
    from hwio.ops.backward import check_room_for
    from hwio.ops.grad import check_backward
    from hwio.planner.gradient_plan import plan_gradients

    check_keywords("plan", options, (*_BACK, "gradient"), x, w)
    own = {name: value for name, value in options.items() if name in _SIZES}
    turning = {n: v for n, v in options.items() if n not in (*_SIZES, "method", "memory_limit")}
    method = options.get("method", "auto")
    with worded_for("plan", x, w):
        forward = problem_of(x, w, **own, **turning, memory_limit=1 << 62)
        lay, compute = forward.layout, forward.compute
        problem = check_backward(
            _shape(x), _shape(w), method=method, **(own | {"layout": lay.text})
        )
        itemsize = 8 if compute is None else compute.itemsize
        limit = options.get("memory_limit")
        room = check_room_for(problem, itemsize, limit, dx="dx", dw="dw").compiled
    kind = "" if compute is None else compute.str[1:]
    return plan_gradients(forward.geometry, kind, itemsize, method, room=room)


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, or the shape that stands for one."""
    if is_shape(value):
        return tuple(value)
    return tuple((value if bridge_name(value) else as_array(value, "x", bfloat16=True)).shape)
