"""AMX instructions carried out by a signal handler, on a processor that has none.

Such a processor stops at an AMX instruction with SIGILL. The handler reads the instruction, does to
arrays what it is documented to do to tiles, and lets the thread go on behind it. So the very machine
code that hwio emits for AMX can be run and compared, slowly, on any x86-64 Linux. The arithmetic is
written here a second time, by NumPy, from Intel's description of TDPBF16PS.
"""

import ctypes
import platform
import signal
import sys
import threading
from contextlib import contextmanager

import numpy as np

CAN_TRAP = sys.platform == "linux" and platform.machine() == "x86_64"
HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
WITH_CONTEXT = 4  # SA_SIGINFO
REGISTERS = 40  # where a context keeps its general registers
PLACES = (
    13,
    14,
    12,
    11,
    15,
    10,
    9,
    8,
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
)  # rax rcx rdx rbx rsp rbp rsi rdi r8…
RIP = 16


class Action(ctypes.Structure):
    """What glibc calls struct sigaction."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_uint64 * 16),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class Tiles:
    """The eight tiles of every thread, and a count of instructions by name."""

    def __init__(self):
        self.threads, self.counts = {}, {}

    def handle(self, number, info, context):
        """Carry out the instruction that a thread stopped at."""
        registers = (ctypes.c_uint64 * 17).from_address(context + REGISTERS)
        code = ctypes.string_at(registers[RIP], 16)
        if code[0] != 0xC4 or code[1] & 0x1F != 2:  # another instruction: stop here for good
            signal.signal(signal.SIGILL, signal.SIG_DFL)
            return
        name, where, length = decode(code, registers)
        self.counts[name] = self.counts.get(name, 0) + 1
        with np.errstate(all="ignore"):  # rows behind the last pixel hold anything
            getattr(self, name)(threading.get_ident(), *where)
        registers[RIP] += length

    def ldtilecfg(self, thread, address, _):
        config = np.frombuffer(ctypes.string_at(address, 64), np.uint8)
        assert config[0] == 1
        assert (config[48:56] == 16).all()
        assert (config[16:32].view(np.uint16) == 64).all()
        self.threads[thread] = np.zeros((8, 16, 64), np.uint8)

    def tilerelease(self, thread):
        del self.threads[thread]

    def tilezero(self, thread, n):
        self.threads[thread][n] = 0

    def tileloadd(self, thread, n, address, step):
        for row in range(16):
            text = ctypes.string_at(address + row * step, 64)
            self.threads[thread][n, row] = np.frombuffer(text, np.uint8)

    def tilestored(self, thread, n, address, step):
        for row in range(16):
            ctypes.memmove(address + row * step, self.threads[thread][n, row].tobytes(), 64)

    def tdpbf16ps(self, thread, sums, x, w):
        tiles = self.threads[thread]
        a, b = (widened(tiles[n]) for n in (x, w))  # (16, 32): rows of pairs
        even, odd = (np.zeros((16, 16), np.float32) for _ in range(2))
        for k in range(16):  # a product of two bfloat16 numbers and its sum are exact in float64
            even = flushed(even + np.outer(a[:, 2 * k], b[k, 0::2]))
            odd = flushed(odd + np.outer(a[:, 2 * k + 1], b[k, 1::2]))
        total = flushed(tiles[sums].view(np.float32))
        tiles[sums] = flushed(total + flushed(even + odd)).view(np.uint8)


def widened(tile):
    """Return bfloat16 numbers as float64, subnormals as zeros."""
    bits = tile.view(np.uint16).astype(np.uint32) << 16
    return flushed(bits.view(np.float32)).astype(np.float64)


def flushed(values):
    """Round to float32; subnormals become zeros."""
    values = values.astype(np.float32)
    return np.where(
        np.abs(values) < np.float32(2.0**-126), np.copysign(np.float32(0), values), values
    )


def decode(code, registers):
    """Return an instruction's name, its operands and its length."""
    kind, opcode, modrm = code[2] & 3, code[3], code[4]
    mode, reg, rm = modrm >> 6, modrm >> 3 & 7, modrm & 7
    if opcode == 0x5C:
        assert kind == 2
        return "tdpbf16ps", (reg, rm, ~(code[2] >> 3) & 7), 5
    if opcode == 0x49 and mode == 3:
        return ("tilezero", (reg,), 5) if kind == 3 else ("tilerelease", (), 5)
    more = 0 if code[1] & 0x20 else 8  # the inverted bits B and X
    length, base, step = 5, rm, 0
    if rm == 4:
        sib = code[5]
        index = (sib >> 3 & 7) + (0 if code[1] & 0x40 else 8)
        length, base = 6, sib & 7
        step = ctypes.c_int64(registers[PLACES[index]]).value << (sib >> 6) if index != 4 else 0
    wide = {0: 0, 1: 1, 2: 4}[mode]
    address = registers[PLACES[base + more]]
    if mode == 0 and base == 5:
        assert rm == 4  # a place relative to the instruction is not among what is emitted
        wide, address = 4, 0
    address += int.from_bytes(code[length : length + wide], "little", signed=True)
    names = {(0x49, 0): "ldtilecfg", (0x4B, 3): "tileloadd", (0x4B, 2): "tilestored"}
    name = names[opcode, kind]
    operands = (address, step) if name == "ldtilecfg" else (reg, address, step)
    return name, operands, length + wide


@contextmanager
def trapped():
    """Carry AMX instructions out while this is entered; yield the tiles."""
    libc, tiles = ctypes.CDLL(None), Tiles()
    handler = HANDLER(tiles.handle)
    action, before = Action(flags=WITH_CONTEXT), Action()
    action.handler = ctypes.cast(handler, ctypes.c_void_p).value
    assert libc.sigaction(signal.SIGILL, ctypes.byref(action), ctypes.byref(before)) == 0
    try:
        yield tiles
    finally:
        libc.sigaction(signal.SIGILL, ctypes.byref(before), None)
