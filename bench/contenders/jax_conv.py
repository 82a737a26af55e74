"""JAX on the CPU: compiled, with both arrays in place."""

from __future__ import annotations

import jax
import numpy as np
from jax import lax

from bench.case import Case, Contender

jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)
LAYOUTS = (("NWC", "WIO", "NWC"), ("NHWC", "HWIO", "NHWC"), ("NDHWC", "DHWIO", "NDHWC"))


def jitted(case: Case) -> Contender:
    """Run one compiled convolution and wait for its end."""
    layer = case.layer

    def conv(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x, w, (layer.stride,) * case.ndim, [(p, p) for p in layer.padding],
            rhs_dilation=(layer.dilation,) * case.ndim,
            dimension_numbers=LAYOUTS[case.ndim - 1],
            feature_group_count=layer.groups, precision="highest",
        )  # fmt: skip

    x, w = jax.device_put(case.x), jax.device_put(case.w)
    compiled = jax.jit(conv).lower(x, w).compile()
    return Contender(lambda: compiled(x, w).block_until_ready(), np.asarray)
