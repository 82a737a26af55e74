"""hwio's convolution and pooling inside Keras' NumPy backend, which borrows JAX's otherwise.

>>> import hwio
>>> hwio.interop.keras.install()  # before Keras is imported, or after
>>> import keras, numpy as np
>>> layer = keras.layers.Conv2D(8, 3, padding="same")
>>> layer(np.ones((1, 5, 7, 4), np.float32)).shape
(1, 5, 7, 8)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hwio.errors import OptionError, show, word
from hwio.interop.keras.loading import without_jax

if TYPE_CHECKING:
    from types import ModuleType

BACKEND = "keras.src.backend.numpy.nn"
OPERATIONS = (
    *("conv", "depthwise_conv", "separable_conv", "conv_transpose"),
    *("max_pool", "average_pool"),
)
__all__ = ["enabled", "install", "uninstall"]

# what Keras' own functions are, while ours stand in their places
_OWN: dict[str, Any] = {}


def install() -> None:
    """Let Keras' NumPy backend convolve and pool by hwio, in this process, from now on.

    Keras is imported if it is not yet, with ``KERAS_BACKEND=numpy`` where the environment names
    none. JAX need not be installed and is not loaded. A second call changes nothing.

    Raises
    ------
    OptionError
        If Keras runs on another backend, or on a release that this does not know.

    Notes
    -----
    conv, depthwise_conv, separable_conv, conv_transpose, max_pool and average_pool are replaced:
    all that borrows JAX. What Keras' layers and ``keras.ops`` do before and after stays Keras' own.

    Examples
    --------
    >>> import hwio
    >>> hwio.interop.keras.install()
    >>> import keras, numpy as np
    >>> keras.ops.average_pool(np.arange(8.0).reshape(1, 8, 1), 2)[0, :, 0]
    array([0.5, 2.5, 4.5, 6.5])
    """
    nn = _backend()
    ours = import_module("hwio.interop.keras.operations")
    if _OWN:
        return
    for name in OPERATIONS:
        _OWN[name] = getattr(nn, name)
    for name in OPERATIONS:
        setattr(nn, name, getattr(ours, name))


def uninstall() -> None:
    """Give Keras its own functions back; they need JAX.

    Examples
    --------
    >>> import hwio
    >>> hwio.interop.keras.uninstall()
    """
    for name, own in _OWN.items():
        setattr(sys.modules[BACKEND], name, own)
    _OWN.clear()


@contextmanager
def enabled() -> Iterator[None]:
    """Let Keras' NumPy backend convolve and pool by hwio within a ``with`` block.

    Notes
    -----
    While it lasts it holds for all threads of the process. Within ``install()`` it changes nothing.

    Examples
    --------
    >>> import hwio
    >>> with hwio.interop.keras.enabled():
    ...     import keras, numpy as np
    ...
    ...     keras.ops.max_pool(np.arange(8.0).reshape(1, 8, 1), 2)[0, :, 0]
    array([1., 3., 5., 7.])
    """
    before = bool(_OWN)
    install()
    try:
        yield
    finally:
        if not before:
            uninstall()


def _backend() -> ModuleType:
    """Return the module of Keras that holds its operations, loaded if need be."""
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "numpy")
        _check_backend(os.environ["KERAS_BACKEND"])
    with without_jax():
        keras = import_module("keras")
        _check_backend(keras.config.backend())
        nn = import_module(BACKEND)
    lacking = [name for name in OPERATIONS if not hasattr(nn, name)]
    if lacking:
        rule = f"Keras {keras.__version__} has no {lacking[0]!r} in {BACKEND}"
        raise OptionError(word(rule, ["known to work: Keras 3.15"], 'pip install "keras==3.15.*"'))
    return nn


def _check_backend(name: str) -> None:
    """Refuse other backends than NumPy's."""
    if name != "numpy":
        rule = f"Keras runs on the backend {show(name)}; hwio serves 'numpy'"
        facts = ["Keras reads KERAS_BACKEND once, as it is imported"]
        raise OptionError(
            word(rule, facts, 'os.environ["KERAS_BACKEND"] = "numpy"   # before Keras is imported')
        )
