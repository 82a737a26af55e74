"""A geometry as fields: three spatial axes, D H W, whatever it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


def three(values: tuple[int, ...], fill: int) -> tuple[int, ...]:
    """Put the sizes of one to three axes into D H W."""
    return (fill,) * (3 - len(values)) + values


def axes(name: str, values: tuple[int, ...]) -> dict[str, int]:
    """Name the sizes of D H W as fields."""
    return {f"{name}_{axis}": value for axis, value in zip("dhw", values, strict=True)}


def geometry_fields(geo: Geometry, size: int) -> dict[str, int]:
    """Return the fields of a geometry on contiguous x of numbers of ``size`` bytes."""
    cell = geo.in_channels * size
    in_d, in_h, in_w = three(geo.in_size, 1)
    return {
        **axes("out", three(geo.out_size, 1)),
        **axes("in", (in_d, in_h, in_w)),
        **axes("kernel", three(geo.kernel, 1)),
        **axes("stride", three(geo.stride, 1)),
        **axes("dilation", three(geo.dilation, 1)),
        **axes("low", three(tuple(low for low, _ in geo.padding), 0)),
        "x_n": in_d * in_h * in_w * cell,
        "x_d": in_h * in_w * cell,
        "x_h": in_w * cell,
        "x_w": cell,
    }
