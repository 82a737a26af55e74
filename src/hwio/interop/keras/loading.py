"""Import Keras' NumPy backend without JAX: its imports of JAX wait until they are needed.

Two files of that backend import JAX as they load. While Keras is imported, those files are compiled
with each such import replaced by a name that imports on first use. So nothing stands in for JAX: no
module of that name is made, and other packages see it absent, or present, as it is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from hwio.errors import word

FILES = ("keras.src.backend.numpy.nn", "keras.src.backend.numpy.math")
BORROWED = ("jax", "keras.src.backend.jax")


@contextmanager
def without_jax() -> Iterator[None]:
    """Load the files that import JAX without it, as long as the block lasts."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder(PathFinder):
    """Find the files, and give them a loader of their own."""

    def find_spec(  # type: ignore[override]
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a file is; None for any other."""
        if fullname not in FILES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Compile a file with its imports of JAX put off; nothing is written to disk."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the code, with names that wait in place of imports."""
        tree = ast.parse(self.get_data(self.path))
        tree.body = [node for node in tree.body if not _borrows(node)]
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """Define the names first, then run the file."""
        for node in ast.parse(self.get_data(self.path)).body:
            if _borrows(node):
                vars(module).update(_waiting(node))
        super().exec_module(module)


def _borrows(node: ast.stmt) -> bool:
    """Tell an import of JAX."""
    if isinstance(node, ast.ImportFrom):
        return _is_borrowed(node.module or "")
    return isinstance(node, ast.Import) and any(_is_borrowed(a.name) for a in node.names)


def _is_borrowed(module: str) -> bool:
    """Tell a module that is JAX, or part of it, or made with it."""
    return any(module == name or module.startswith(f"{name}.") for name in BORROWED)


def _waiting(node: Any) -> dict[str, Any]:
    """Return what an import would have named, not yet imported."""
    if isinstance(node, ast.Import):
        return {a.asname or a.name.partition(".")[0]: Later(a.name) for a in node.names}
    return {
        a.asname or a.name: INSTEAD.get(a.name) or Later(node.module, a.name) for a in node.names
    }


def _in_parts(transform: Any) -> Any:
    """Let a transform take and return (real, imaginary)."""

    def parts(x: Any) -> tuple[Any, Any]:
        real, imaginary = (np.asarray(part) for part in x)
        y = transform(real + 1j * imaginary)
        return y.real.astype(real.dtype), y.imag.astype(real.dtype)

    return parts


# Two that NumPy has too. They take and return (real, imaginary), as Keras' do.
INSTEAD = {"fft": _in_parts(np.fft.fft), "fft2": _in_parts(np.fft.fft2)}


class Later:
    """A module, or a name in it, that is imported when it is first used."""

    def __init__(self, module: str, name: str | None = None) -> None:
        self._module, self._name = module, name

    def _load(self) -> Any:
        """Import it now."""
        try:
            module = import_module(self._module)
        except ModuleNotFoundError as error:
            rule = f"Keras' NumPy backend borrows this from {error.name}, which is not installed"
            message = word(rule, [], "hwio.interop.keras.install()")
            raise ModuleNotFoundError(message, name=error.name) from None
        return module if self._name is None else getattr(module, self._name)

    def __getattr__(self, name: str) -> Any:
        """Look it up in what is imported for that."""
        return getattr(self._load(), name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Call what is imported for that."""
        return self._load()(*args, **named)
