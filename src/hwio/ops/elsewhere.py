"""Arrays of other libraries: read where they lie, refused where they can't be, answered in kind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, DTypeError, kind, word
from hwio.ops.lazy import bridge_name

if TYPE_CHECKING:
    from hwio.types import Array

_GPUS = ("cuda", "gpu", "mps", "xpu", "tpu", "hip", "rocm")
# numbers of DLPack's devices whose memory this process can't read -> their names
_DEVICES = {2: "cuda", 4: "opencl", 7: "vulkan", 8: "metal", 9: "vpi", 10: "rocm", 12: "ext_dev"}
_DEVICES |= {14: "oneapi", 15: "webgpu", 16: "hexagon", 17: "maia"}
_KINDS = (
    "like= takes a NumPy array, a torch tensor, a JAX array or another of the array API, a list"
)


def check_elsewhere(value: Any, name: str) -> None:
    """Refuse arrays of other packages that NumPy can't read without losing something.

    Raises
    ------
    ArgumentTypeError
        If it is on a GPU, computed later, sparse, or records gradients.
    """
    check_device(value, name)
    package = _package(value)
    for held, fix in ((value, ".compute()"), (getattr(value, "data", None), ".data")):
        if bridge_name(held) is not None:
            rule = f"{name} {'is' if held is value else 'holds'} a {_package(held)} array, "
            facts = ["hwio.conv takes it as it is, and computes y chunk by chunk"]
            if held is not value:
                facts = [f"hwio.conv takes {name}{fix} as it is, and computes y chunk by chunk"]
            rule += "which this would load whole"
            raise ArgumentTypeError(word(rule, facts, f"{name} = {name}{fix}"))
    if getattr(value, "requires_grad", False) is True:
        rule = f"{name} records gradients, which hwio would not"
        facts = [f"{name} is {_full_name(value)}"]
        if package == "torch":
            facts.append(
                "hwio.interop.torch.conv is the convolution that PyTorch goes back through"
            )
        raise ArgumentTypeError(word(rule, facts, f"{name} = {name}.detach()"))
    for dense in ("toarray", "todense", "to_dense"):
        if hasattr(value, dense) and (dense != "to_dense" or getattr(value, "is_sparse", False)):
            rule = f"{name} is sparse, but hwio needs every number"
            fix = f"{name} = {name}.{dense}()"
            raise ArgumentTypeError(word(rule, [f"{name} is {_full_name(value)}"], fix))


def check_device(value: Any, name: str) -> None:
    """Refuse what lies in the memory of a GPU."""
    device = getattr(value, "device", None)
    place: str | None = str(getattr(device, "type", device)).partition(":")[0].lower()
    if place not in _GPUS:
        place, device = _dlpack_place(value)
    if place is None and not hasattr(value, "__cuda_array_interface__"):
        return
    rule = f"{name} is on the device {device or 'cuda'}, but hwio computes on the CPU"
    move = next((m for m in ("cpu", "get") if hasattr(value, m)), None)
    fix = f"{name} = {name}.{move}()" if move else f"{name} = np.asarray({name})"
    raise ArgumentTypeError(word(rule, [f"{name} is {_full_name(value)}"], fix))


def _dlpack_place(value: Any) -> tuple[str | None, str | None]:
    """Return the kind and the name of a device that DLPack tells and this process can't read."""
    tell = getattr(type(value), "__dlpack_device__", None)
    if tell is None:
        return None, None
    try:
        number, index = tell(value)
    except Exception:  # noqa: BLE001  another package's own
        return None, None
    place = _DEVICES.get(int(number))
    return place, place and f"{place}:{index}"


def read_elsewhere(value: Any) -> Any:
    """Return another package's array as one that ``np.asarray`` reads where it lies.

    PyTorch's bfloat16 becomes that of ml_dtypes, where that is installed; what a tensor has put off
    (conjugates, signs) is done; and what has nothing but DLPack goes through it.
    """
    if _package(value) == "torch" and hasattr(value, "resolve_conj"):
        value = value.resolve_conj().resolve_neg()
        half = _bfloat16() if str(value.dtype) == "torch.bfloat16" else None
        return value if half is None else value.view(_torch().int16).numpy().view(half)
    if hasattr(value, "__dlpack__") and not _is_numpys(value):
        return np.from_dlpack(value)
    return value


def _is_numpys(value: Any) -> bool:
    """Tell whether NumPy reads an object by itself."""
    ways = ("__array__", "__array_interface__", "__array_struct__")
    return any(hasattr(value, way) for way in ways) or isinstance(value, memoryview)


def _bfloat16() -> np.dtype[Any] | None:
    """Return ml_dtypes' bfloat16, None where that is not installed."""
    try:
        import ml_dtypes
    except ImportError:
        return None
    half: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return half


def _torch() -> Any:
    """Return PyTorch, which is loaded where one of its tensors comes."""
    return sys.modules["torch"]


def answer_as(like: Any, lazy: bool = False) -> Callable[[Any], Any]:
    """Return a function that gives y as an array of like's kind.

    Parameters
    ----------
    like : array or None
        Only its type counts; None stands for NumPy.
    lazy : bool
        Whether y is computed later.

    Returns
    -------
    callable
        The numbers are shared wherever the other library can.

    Raises
    ------
    ArgumentTypeError
        If there is no such kind, or hwio can't make it.

    Examples
    --------
    >>> answer_as([1])(np.eye(2))
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if like is None:
        return lambda y: y
    if lazy or bridge_name(like):
        return _same_laziness(like, lazy)
    if isinstance(like, np.ndarray | np.generic):
        return lambda y: y
    if isinstance(like, type):
        rule = f"like={like.__name__} is a type, not an array of the kind that is wanted"
        raise ArgumentTypeError(word(rule, [_KINDS], "like=None   # a NumPy array"))
    if isinstance(like, list):
        return lambda y: y.tolist()
    check_device(like, "like")
    if _package(like) == "torch" and hasattr(like, "resolve_conj"):
        return _tensor
    if hasattr(like, "__array_namespace__"):
        space = like.__array_namespace__()
        return lambda y: _by_namespace(y, space)
    rule = f"like= is {kind(like)}, of which hwio makes none"
    raise ArgumentTypeError(word(rule, [_KINDS], "like=None   # a NumPy array"))


def _same_laziness(like: Any, lazy: bool) -> Callable[[Any], Any]:
    """Accept a dask array for a dask array, and nothing else."""
    if lazy and bridge_name(like):
        return lambda y: y
    if lazy:
        rule = f"like= is {kind(like)}, but y is computed later"
        raise ArgumentTypeError(word(rule, ["x or w is a dask array"], "x = x.compute()"))
    rule = f"like= is a {_package(like)} array, but x is not"
    facts = ["y is computed later where x is"]
    raise ArgumentTypeError(word(rule, facts, f"x = {_package(like)}.array.from_array(x)"))


def _tensor(y: Array) -> Any:
    """Return a torch tensor that shares y's numbers."""
    torch = _torch()
    if y.dtype.name == "bfloat16":
        return torch.from_numpy(y.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(y)


def _by_namespace(y: Array, space: Any) -> Any:
    """Return y as an array of a library that follows the array API standard."""
    try:
        made = space.from_dlpack(y)
    except Exception:  # noqa: BLE001  a dtype or an order of axes that it can't share
        made = space.asarray(y)
    if str(made.dtype).rpartition(".")[2] != y.dtype.name:
        library = space.__name__.partition(".")[0]
        rule = f"y is {y.dtype}, but {library} makes it {made.dtype}"
        fixes = [f"out_dtype=np.{np.dtype(str(made.dtype)).name}"]
        if library == "jax":
            fixes.insert(0, 'jax.config.update("jax_enable_x64", True)')
        raise DTypeError(word(rule, ["hwio rounds to fewer digits only when told to"], fixes))
    return made


def _package(value: Any) -> str:
    """Return the package that an object's type is from."""
    return type(value).__module__.partition(".")[0]


def _full_name(value: Any) -> str:
    """Name an object's type, with its package unless it is Python's or the caller's."""
    package = _package(value)
    if package in ("builtins", "__main__"):
        return kind(value)
    article = "an" if package[0] in "aeio" else "a"
    return f"{article} {package}.{type(value).__name__}"
