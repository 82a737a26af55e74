"""From a kernel's Python source to machine code that needs no Numba to run again.

Numba turns a kernel into LLVM IR once; llvmlite makes it an object file, which hwio keeps in its
own cache (see ``cache``). A later process loads that file through llvmlite alone, in milliseconds.
Calls go through ctypes, which lets go of the interpreter lock.
"""

from __future__ import annotations

import ctypes
import os
import re
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwio.engine import cache
from hwio.engine.cpu import processor

_LIBRARY = re.compile(rb"\0_?(fmaf?|mem(cpy|set|move))\0")  # names that a kernel may call
_LOCK = threading.RLock()
if hasattr(
    os, "register_at_fork"
):  # a child never meets a compiler that another thread left half-way
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )


@lru_cache(maxsize=2)
def machine(*, reaching: bool = False) -> Any:
    """Return LLVM's target machine for this processor.

    Code of a reaching one has its constants, and the functions of the C library, at any distance.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.Target.from_triple(llvm.get_process_triple())
    return triple.create_target_machine(
        cpu=processor().name,
        features=processor().features,
        opt=3,
        jit=True,
        reloc="static" if reaching else "pic",
        codemodel="large" if reaching else "small",
    )


@lru_cache(maxsize=1)
def _engine() -> Any:
    """Return what holds loaded code: an engine that puts all of an object into one mapping.

    Code and constants reach each other over 2 GiB at most. The usual engine maps them apart, which
    LLVM ends the process for where large arrays lie between them. It owns a machine of its own.
    """
    import llvmlite.binding as llvm

    target = machine.__wrapped__()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), target, use_lmm=True)


@lru_cache(maxsize=1)
def compiler() -> str | None:
    """Return Numba's version without importing it, or None where it is absent.

    The folder beside the package tells it in a hundredth of the time that ``importlib.metadata``
    takes to load.
    """
    found = find_spec("numba")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parents[1]
    named = [p.name.split("-")[1] for p in folder.glob("numba-*.dist-info")]
    if len(named) == 1:
        return named[0].removesuffix(".dist")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("numba")
    except PackageNotFoundError:  # a folder on the path
        return "unknown"


@lru_cache(maxsize=1)
def machine_name() -> str:
    """Return what object code depends on beside its source and Numba."""
    import llvmlite

    cpu = processor()
    return f"{llvmlite.__version__} {machine().triple} {cpu.name} {cpu.features}"


def lower(function: Callable[..., Any], arguments: int, symbol: str) -> str:
    """Return the optimised LLVM IR of a function of ``arguments`` 64-bit integers.

    Numba's own wrapper can raise Python exceptions and so needs Numba loaded; it is replaced by one
    that only passes the arguments on (kernels raise nothing).
    """
    text, wrapper = _typed(function, arguments)
    head = re.search(rf"(?m)^define [^\n]*@\"?{re.escape(wrapper)}\"?\(", text)
    native = re.search(r"(?m)^define [^\n]*?(@[^\s(]+)\(", text)
    assert head is not None
    assert native is not None
    end = text.index("\n}\n", head.start()) + 3
    text = text[: head.start()] + text[end:]
    # what a kernel calls is its own: two kernels' helpers may bear one name, and loaded code is one space
    inner = r"(?m)^define (?:linkonce_odr )?(?:noundef )?(?:range\([^)]*\) )?i32"
    text = re.sub(inner, "define internal i32", text)
    names = ", ".join(f"i64 %a{n}" for n in range(arguments))
    return optimised(f"""{text}
define void @{symbol}({names}) {{
  %result = alloca ptr
  %exception = alloca ptr
  %status = call i32 {native.group(1)}(ptr %result, ptr %exception, {names})
  ret void
}}
""")


def _typed(function: Callable[..., Any], arguments: int) -> tuple[str, str]:
    """Return Numba's IR of a function, not optimised, and the name of the wrapper in it.

    ``numba.cfunc`` would optimise twice and then make machine code that nobody calls: half of the
    time. So its compiler is asked for the IR alone, at level 0, and LLVM optimises it once,
    in ``optimised``. Numba's lock is held meanwhile: what the user compiles keeps its own level.
    """
    from numba import types
    from numba.core import config
    from numba.core.ccallback import CFunc
    from numba.core.compiler_lock import global_compiler_lock

    signature = (types.intp,) * arguments, types.void
    with global_compiler_lock:
        level, config.OPT = config.OPT, type(config.OPT)(0)
        try:
            # private, as is what cfunc itself calls next
            numba: Any = CFunc(function, signature, {}, {"error_model": "numpy"})
            made = numba._compile_uncached()
            made.library.finalize()
            return made.library.get_llvm_str(), made.fndesc.llvm_cfunc_wrapper_name
        finally:
            config.OPT = level


def optimised(ir: str) -> str:
    """Run LLVM's passes on IR text, as ``-O3`` does."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(ir)
    options = llvm.create_pipeline_tuning_options(3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine(), options)
    builder.getModulePassManager().run(module, builder)
    return str(module)


def compile_ir(ir: str) -> bytes:
    """Compile IR text to an object file in memory."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(ir)
    module.verify()
    code: bytes = machine().emit_object(module)
    if _LIBRARY.search(code):  # the C library may be over 2 GiB away
        code = machine(reaching=True).emit_object(llvm.parse_assembly(ir))
    return code


def load(code: bytes, symbol: str) -> int:
    """Load object code; return the address of its symbol."""
    import llvmlite.binding as llvm

    with _LOCK:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address: int = engine.get_function_address(symbol)
    if address == 0:
        message = f"{symbol} is not in the code that should hold it"
        raise OSError(message)
    return address


_ADDRESSES: dict[str, int] = {}
SECONDS: dict[str, float] = {}  # what compiling took in this process


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
            code = kept(symbol)
            if code is None:
                start = time.monotonic()
                code = compile_kernel(module, symbol, *parameters)
                SECONDS[symbol] = time.monotonic() - start
                cache.write(cache.path_of(symbol, machine_name(), compiler()), code)
            _ADDRESSES[symbol] = load(code, symbol)
        return _ADDRESSES[symbol]


def is_ready(symbol: str) -> bool:
    """Tell whether a kernel is loaded, or could be without compiling."""
    return symbol in _ADDRESSES or kept(symbol) is not None


def kept(symbol: str) -> bytes | None:
    """Return a kernel's object code if the cache has it for this machine."""
    for path in cache.paths_of(symbol, machine_name(), compiler()):
        code = cache.read(path)
        if code is not None:
            return code
    return None


def compile_kernel(module: str, symbol: str, *parameters: Any) -> bytes:
    """Compile a kernel to object code; the cache is not asked."""
    functions = import_module(f"hwio.engine.kernels.{module}").build(*parameters)
    function, arguments = functions[symbol]
    if isinstance(function, str):  # LLVM IR already
        return compile_ir(function)
    return compile_ir(lower(function, arguments, symbol))


def caller(address: int, arguments: int) -> Callable[..., None]:
    """Return a Python callable of an address; it lets go of the interpreter lock."""
    return ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * arguments)(address)
