"""One task run right here, for work of a few microseconds: by a built-in function (see ``builtin``).

It takes (fields, x, y), or (fields, x, dy, dx): writes where the arrays lie into the fields, calls the
kernel whose address they hold, and returns the last one. The interpreter's lock is held all the while, so fields can be used again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from hwio.engine.builtin import DATA, builtin, builtins_serve
from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.jit import compile_ir, load

_ARRAYS = ("x", "y", "dx")


def _entry(count: int) -> str:
    """Write the function of fields and the first ``count`` of these arrays."""
    arrays = [_one(n, name) for n, name in enumerate(_ARRAYS[:count])]
    return f"""
define i64 @run_held_{count}(i64 %self, ptr %arrays, i64 %count) {{
  %fields_object = load ptr, ptr %arrays
  %fields_data = getelementptr i8, ptr %fields_object, i64 {DATA}
  %fields = load ptr, ptr %fields_data
{"".join(arrays)}
  %kernel_field = getelementptr i8, ptr %fields, i64 {AT["kernel"]}
  %kernel = load ptr, ptr %kernel_field
  %given = ptrtoint ptr %fields to i64
  call void %kernel(i64 %given, i64 0, i64 0)
  %last = load ptr, ptr %{_ARRAYS[count - 1]}_at
  %references = load i64, ptr %last
  %one_more = add i64 %references, 1
  store i64 %one_more, ptr %last
  %result = ptrtoint ptr %last to i64
  ret i64 %result
}}
"""


def _one(n: int, name: str) -> str:
    """Write how the address of an array gets into its field."""
    return f"""
  %{name}_at = getelementptr i8, ptr %arrays, i64 {8 * (n + 1)}
  %{name}_object = load ptr, ptr %{name}_at
  %{name}_data = getelementptr i8, ptr %{name}_object, i64 {DATA}
  %{name} = load i64, ptr %{name}_data
  %{name}_field = getelementptr i8, ptr %fields, i64 {AT[name]}
  store i64 %{name}, ptr %{name}_field
"""


@lru_cache(maxsize=2)
def run_held(arrays: int = 2) -> Callable[..., Any] | None:
    """Return the function of fields and two or three arrays, or None where there are no built-ins."""
    if not builtins_serve():
        return None
    symbol = f"run_held_{arrays}"
    return builtin(load(compile_ir(_entry(arrays)), symbol), symbol)
