"""What a run may take, and has taken: onnx keeps every value until the run ends."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """Bytes that weights and values may take together, and take so far; None: the machine's."""

    limit: int | None
    spent: int


# of the run in progress: graphs and functions inside the model count on
BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def room() -> int | None:
    """Return the bytes that are left for one node; None where no limit was set."""
    budget = BUDGET.get()
    if budget is None or budget.limit is None:
        return None
    return max(budget.limit - budget.spent, 0)
