"""Read the weight files of the PyPI package ``mtcnn`` without unpickling them.

``mtcnn/assets/weights/*.lz4`` are joblib dumps: one LZ4 frame, and in it a pickle of a list of
arrays. joblib does not put an array's bytes into the pickle. It writes a small
``NumpyArrayWrapper`` (shape, order, dtype, ...) and, right after the opcode that completes the
wrapper, leaves the pickle stream for

    1 byte      p, the length of the padding
    p bytes     0xff, so that what follows starts on a multiple of 16 in the stream
    n bytes     the array, C order, little-endian float32

and then goes on with the pickle. The usual reader, ``joblib.load``, runs the pickle, and running a
pickle from disk may run anything at all. Here nothing is run: ``pickletools.genops`` takes the
stream apart into opcodes, and `read_arrays` keeps a stack of plain values. A name such as
``numpy.dtype`` stays a pair of strings that is compared, never looked up. Every opcode, name and
field outside the narrow form above is refused with a ValueError, and so are cut-off files, bytes
left over and sizes beyond the limits below.
"""

from __future__ import annotations

import io
import math
import pickletools
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MAX_FILE = 8 << 20  # bytes, compressed; the largest of the three files has 1.6 MB
MAX_STREAM = 16 << 20  # bytes, decompressed
MAX_OPCODES = 20_000  # the largest has about 700
ALIGN = 16

# The three names such a file may hold, and the fields of a wrapper with the values they must have.
WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")
NDARRAY = ("numpy", "ndarray")
DTYPE = ("numpy", "dtype")
FIELDS = {"subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"}
# What numpy stores for a dtype: dtype("f4", False, True), then this state. "<" is the byte order.
FLOAT32_ARGS = ("f4", False, True)
FLOAT32_STATE = (3, "<", None, None, None, -1, -1, 0)

# Opcodes that push the value written next to them, and those that push a constant.
VALUES = {"BININT", "BININT1", "BININT2", "SHORT_BINUNICODE"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Name:
    """A name from the stream: two strings, never imported."""

    def __init__(self, pair):
        self.pair = pair


class _Dtype:
    """The dtype float32 under construction; complete once its byte order is known."""

    complete = False


class _Wrapper:
    """Stands where a NumpyArrayWrapper would be created."""


_MARK = object()
_PLAIN = (int, str, bool, type(None))


def weights_path(net: str = "pnet") -> Path:
    """Return where the installed mtcnn keeps a network's weights, without importing mtcnn."""
    spec = find_spec("mtcnn")
    if spec is None or not spec.submodule_search_locations:
        msg = "the package mtcnn is not installed (pip install mtcnn==1.0.0)"
        raise FileNotFoundError(msg)
    return Path(spec.submodule_search_locations[0], "assets", "weights", f"{net}.lz4")


def read_mtcnn(path) -> list[np.ndarray]:
    """Return the arrays of one weight file, in the file's order."""
    with Path(path).open("rb") as file:
        packed = file.read(MAX_FILE + 1)
    _need(len(packed) <= MAX_FILE, f"the file is larger than {MAX_FILE} bytes")
    return read_arrays(unpack(packed))


def unpack(packed: bytes) -> bytes:
    """Return the content of one LZ4 frame, of at most MAX_STREAM bytes."""
    import lz4.frame

    decoder = lz4.frame.LZ4FrameDecompressor()
    try:
        stream = decoder.decompress(packed, max_length=MAX_STREAM)
    except (RuntimeError, EOFError) as error:
        msg = f"not an intact LZ4 frame: {error}"
        raise ValueError(msg) from None
    _need(decoder.eof, f"the LZ4 frame is cut off, or holds more than {MAX_STREAM} bytes")
    _need(not decoder.unused_data, "more bytes after the end of the LZ4 frame")
    return stream


def read_arrays(stream: bytes) -> list[np.ndarray]:
    """Return the float32 arrays that a joblib stream (already decompressed) holds."""
    file = io.BytesIO(stream)
    stack: list = []
    memo: list = []  # MEMOIZE numbers the values it sees 0, 1, 2, ...; BINGET n brings one back
    made = None  # the list of arrays, once APPENDS has filled it

    # genops reads one opcode per step from `file`, so an array's bytes can be read in between.
    for count, (opcode, arg, pos) in enumerate(_opcodes(file)):
        name = opcode.name
        try:
            _need(count < MAX_OPCODES, f"more than {MAX_OPCODES} opcodes")
            _need((count == 0) == (name == "PROTO"), "PROTO comes first, and only there")
            if name == "STOP":
                break
            if name == "PROTO":
                _need(arg == 4, "not a pickle of protocol 4")
            elif name == "FRAME":
                pass  # a hint for buffering; genops reads past it
            elif name in VALUES:
                stack.append(arg)
            elif name in CONSTANTS:
                stack.append(CONSTANTS[name])
            elif name == "MARK":
                stack.append(_MARK)
            elif name in TUPLES:
                items = [stack.pop() for _ in range(TUPLES[name])][::-1]
                stack.append(_flat(items))
            elif name == "TUPLE":
                stack.append(_flat(_since_mark(stack)))
            elif name == "EMPTY_DICT":
                stack.append({})
            elif name == "EMPTY_LIST":
                _need(not stack and not memo, "a list inside the list")
                stack.append([])
            elif name == "MEMOIZE":
                _need(stack[-1] is not _MARK, "a mark is not a value")
                memo.append(stack[-1])
            elif name == "BINGET":
                stack.append(memo[arg])
            elif name == "STACK_GLOBAL":
                pair = tuple(stack[-2:])
                del stack[-2:]
                _need(pair in (WRAPPER, NDARRAY, DTYPE), f"the name {_show(pair)} is not allowed")
                stack.append(_Name(pair))
            elif name == "NEWOBJ":
                args, cls = stack.pop(), stack.pop()
                _need(
                    _is(cls, WRAPPER) and _same(args, ()), "only NumpyArrayWrapper() may be created"
                )
                stack.append(_Wrapper())
            elif name == "REDUCE":
                args, function = stack.pop(), stack.pop()
                _need(_is(function, DTYPE), "the only call allowed is numpy.dtype")
                _need(_same(args, FLOAT32_ARGS), "the only dtype allowed is float32")
                stack.append(_Dtype())
            elif name == "SETITEMS":
                items = _since_mark(stack)
                keys, values = items[::2], items[1::2]
                _need(all(type(k) is str for k in keys), "a field's name is not a string")
                _need(len(set(keys)) == len(keys) == len(values), "fields repeated or unpaired")
                _need(type(stack[-1]) is dict and not stack[-1], "fields for something else")
                stack[-1].update(zip(keys, values, strict=True))
            elif name == "BUILD":
                state, target = stack.pop(), stack[-1]
                if type(target) is _Dtype:
                    _need(_same(state, FLOAT32_STATE), "not a plain little-endian float32")
                    target.complete = True
                else:
                    _need(type(target) is _Wrapper, "state for something else")
                    stack[-1] = _read_array(file, state)  # from here on: the array itself
            elif name == "APPENDS":
                items = _since_mark(stack)
                _need(len(stack) == 1 and type(stack[0]) is list, "items for something else")
                _need(made is None, "a second batch of items")
                _need(all(type(a) is np.ndarray for a in items), "an item is not an array")
                made = items
            else:
                _need(False, "not an opcode that such a file uses")
        except (IndexError, ValueError) as error:
            short = isinstance(error, IndexError)  # the stack or the memo had too little
            msg = f"byte {pos}, {name}: {'takes a value that is not there' if short else error}"
            raise ValueError(msg) from None

    _need(made is not None and len(stack) == 1, "the stream does not end in one list of arrays")
    _need(file.tell() == len(stream), "more bytes after the end of the pickle")
    return made


def _opcodes(file):
    """Yield what pickletools.genops yields, its complaints reworded; it executes nothing."""
    try:
        yield from pickletools.genops(file)
    except ValueError as error:
        msg = f"not an intact pickle stream: {error}"
        raise ValueError(msg) from None


def _read_array(file: io.BytesIO, fields) -> np.ndarray:
    """Read the array that starts at the file's position, once its wrapper's fields are checked."""
    _need(type(fields) is dict and fields.keys() == FIELDS, "the wrapper's fields are not known")
    dtype, shape = fields["dtype"], fields["shape"]
    _need(_is(fields["subclass"], NDARRAY), "the subclass is not numpy.ndarray")
    _need(type(dtype) is _Dtype and dtype.complete, "the dtype is not a complete float32")
    _need(type(fields["order"]) is str and fields["order"] == "C", "the order is not C")
    _need(type(fields["allow_mmap"]) is bool, "allow_mmap is not a truth value")
    align = fields["numpy_array_alignment_bytes"]
    _need(type(align) is int and align == ALIGN, f"the alignment is not {ALIGN}")
    _need(type(shape) is tuple and 1 <= len(shape) <= 4, "the shape has not 1 to 4 axes")
    _need(all(type(d) is int and 1 <= d <= 4096 for d in shape), "an axis is not 1 to 4096 long")

    start = file.tell() + 1
    pad = ALIGN - start % ALIGN  # 1 to 16: joblib pads a whole 16 where none would be needed
    _need(file.read(1 + pad) == bytes([pad]) + b"\xff" * pad, "the padding is not as written")
    size = 4 * math.prod(shape)  # Python integers: no overflow
    raw = file.read(size)  # a BytesIO hands out what it holds, however much is asked for
    _need(len(raw) == size, f"the array needs {size} bytes, the stream has {len(raw)}")
    array = np.frombuffer(raw, dtype="<f4").reshape(shape).astype(np.float32)  # native, writable
    _need(bool(np.isfinite(array).all()), "the array holds values that are not finite")
    return array


def _since_mark(stack: list) -> list:
    """Take off the stack what lies above the topmost mark, and the mark."""
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _flat(items: list) -> tuple:
    """Make a tuple of plain values; no tuples in tuples, which could nest without end."""
    _need(all(type(item) in _PLAIN for item in items), "a tuple holds more than plain values")
    return tuple(items)


def _same(got, want: tuple) -> bool:
    """Say whether two tuples are equal in value and type: 1 == True does not count."""
    return type(got) is tuple and got == want and [*map(type, got)] == [*map(type, want)]


def _is(value, pair: tuple) -> bool:
    return type(value) is _Name and value.pair == pair


def _show(pair: tuple) -> str:
    return ".".join(str(part)[:40] if type(part) is str else "?" for part in pair)


def _need(condition: bool, complaint: str) -> None:
    if not condition:
        raise ValueError(complaint)


if __name__ == "__main__":
    for net in ("pnet", "rnet", "onet"):
        arrays = read_mtcnn(weights_path(net))
        print(net, *(a.shape for a in arrays))
