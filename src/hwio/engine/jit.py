"""From a kernel's Python source to machine code that needs no Numba to run again.

Numba turns a kernel into LLVM IR once; llvmlite makes it an object file, which hwio keeps in its
own cache (see ``cache``). A later process loads that file through llvmlite alone, in milliseconds.
Calls go through ctypes, which lets go of the interpreter lock.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from hwio.engine import cache
from hwio.engine.cpu import processor

_LOCK = threading.RLock()


@lru_cache(maxsize=1)
def machine() -> tuple[Any, Any]:
    """Return LLVM's target machine for this processor and the engine that holds loaded code."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.Target.from_triple(llvm.get_process_triple())
    target = triple.create_target_machine(
        cpu=processor().name,
        features=processor().features,
        opt=3,
        jit=True,
        reloc="pic",
        codemodel="small",
    )
    return target, llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)


@lru_cache(maxsize=1)
def machine_name() -> str:
    """Return what compiled code depends on beside its source."""
    import llvmlite

    cpu = processor()
    return f"{llvmlite.__version__} {machine()[0].triple} {cpu.name} {cpu.features}"


def lower(function: Callable[..., Any], arguments: int, symbol: str) -> str:
    """Return the optimised LLVM IR of a function of ``arguments`` 64-bit integers.

    Numba's own wrapper can raise Python exceptions and so needs Numba loaded; it is replaced by one
    that only passes the arguments on (kernels raise nothing).
    """
    from numba import cfunc, types

    signature = types.void(*[types.intp] * arguments)
    compiled = cfunc(signature, error_model="numpy")(function)
    text: str = compiled._library.get_llvm_str()
    head = re.search(rf"(?m)^define [^\n]*@\"?{re.escape(compiled._wrapper_name)}\"?\(", text)
    native = re.search(r"(?m)^define [^\n]*?(@[^\s(]+)\(", text)
    assert head is not None
    assert native is not None
    end = text.index("\n}\n", head.start()) + 3
    text = text[: head.start()] + text[end:]
    text = re.sub(r"(?m)^define (?:noundef )?(?:range\([^)]*\) )?i32", "define internal i32", text)
    names = ", ".join(f"i64 %a{n}" for n in range(arguments))
    return f"""{text}
define void @{symbol}({names}) {{
  %result = alloca ptr
  %exception = alloca ptr
  %status = call i32 {native.group(1)}(ptr %result, ptr %exception, {names})
  ret void
}}
"""


def compile_ir(ir: str) -> bytes:
    """Compile IR text to an object file in memory."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(ir)
    module.verify()
    code: bytes = machine()[0].emit_object(module)
    return code


def load(code: bytes, symbol: str) -> int:
    """Load object code; return the address of its symbol."""
    import llvmlite.binding as llvm

    engine = machine()[1]
    with _LOCK:
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address: int = engine.get_function_address(symbol)
    return address


_ADDRESSES: dict[str, int] = {}


def address_of(module: str, symbol: str, *parameters: Any) -> int:
    """Return the address of a compiled kernel, from memory or by compiling.

    Parameters
    ----------
    module : str
        Name under ``hwio.engine.kernels``; its ``build(*parameters)`` gives functions by symbol.
    symbol : str
    *parameters
        Given to build.
    """
    found = _ADDRESSES.get(symbol)
    if found is not None:
        return found
    with _LOCK:
        if symbol not in _ADDRESSES:
            path = cache.path_of(symbol, machine_name())
            code = cache.read(path)
            if code is None:
                functions = import_module(f"hwio.engine.kernels.{module}").build(*parameters)
                function, arguments = functions[symbol]
                code = compile_ir(lower(function, arguments, symbol))
                cache.write(path, code)
            _ADDRESSES[symbol] = load(code, symbol)
        return _ADDRESSES[symbol]


def caller(address: int, arguments: int) -> Callable[..., None]:
    """Return a Python callable of an address; it lets go of the interpreter lock."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * arguments)(address)
