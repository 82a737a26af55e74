"""The reader of mtcnn's weight files: right on intact files, and never more than a reader."""

import importlib.util
import io
import os
import pickle
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.append(str(EXAMPLES))
read_mtcnn = importlib.import_module("read_mtcnn")
read_arrays = read_mtcnn.read_arrays


# A joblib stream written by hand, opcode by opcode (names as in pickletools), to be spoilt at will.


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode() + b"\x94"  # SHORT_BINUNICODE, MEMOIZE


def number(value):
    return b"J" + value.to_bytes(4, "little", signed=True)  # BININT


def name(module, attribute):
    return text(module) + text(attribute) + b"\x93\x94"  # ..., STACK_GLOBAL, MEMOIZE


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t\x94"  # MARK, ..., TUPLE, MEMOIZE


def dtype(code="f4", byte_order="<"):
    state = [number(3), text(byte_order), b"N", b"N", b"N", number(-1), number(-1), number(0)]
    call = (
        name("numpy", "dtype") + text(code) + b"\x89\x88\x87\x94R\x94"
    )  # f, t, TUPLE3, ..., REDUCE
    return call + tuple_of(*state) + b"b"  # BUILD


def write(*arrays, pad=b"\xff", wrapper=("joblib.numpy_pickle", "NumpyArrayWrapper"), **spoilt):
    out = b"\x80\x04]\x94("  # PROTO 4, EMPTY_LIST, MEMOIZE, MARK
    for array in arrays:
        fields = {
            "subclass": name("numpy", "ndarray"),
            "shape": tuple_of(*map(number, array.shape)),
            "order": text("C"),
            "dtype": dtype(),
            "allow_mmap": b"\x88",  # NEWTRUE
            "numpy_array_alignment_bytes": number(16),
        } | spoilt
        items = b"".join(text(key) + value for key, value in fields.items() if value is not None)
        out += name(*wrapper) + b")\x81\x94}\x94(" + items + b"ub"  # ..., SETITEMS, BUILD
        gap = 16 - (len(out) + 1) % 16
        out += bytes([gap]) + gap * pad + array.tobytes()
    return out + b"e."  # APPENDS, STOP


ARRAYS = [
    np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5),
    np.array([1.5, -0.0, 1e-40], np.float32),
    np.full((1, 1, 7), np.float32(1) / 3),
    np.ones((300, 2), np.float32),
]
ONE = ARRAYS[1]


def assert_equal(got, want):
    assert len(got) == len(want)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == np.float32
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
        assert a.flags.writeable


def test_arrays_come_back_bit_for_bit():
    assert_equal(read_arrays(write(*ARRAYS)), ARRAYS)


def test_what_joblib_writes_is_read():
    joblib = pytest.importorskip("joblib", reason="joblib, to write a file")
    file = io.BytesIO()
    joblib.dump(ARRAYS, file)
    assert_equal(read_arrays(file.getvalue()), ARRAYS)


@pytest.mark.parametrize(("net", "count"), [("pnet", 13), ("rnet", 16), ("onet", 21)])
def test_mtcnn_s_own_files_are_read(net, count):
    pytest.importorskip("lz4.frame", reason="lz4, to decompress")
    if importlib.util.find_spec("mtcnn") is None:
        pytest.skip("mtcnn is not installed: no weights to read")
    arrays = read_mtcnn.read_mtcnn(read_mtcnn.weights_path(net))
    assert len(arrays) == count
    assert arrays[0].shape[:3] == (3, 3, 3)
    assert [a.shape[-1] for a in arrays[0:3]] == [arrays[0].shape[-1]] * 3
    assert 0.1 < np.abs(arrays[0]).max() < 10


def test_without_mtcnn_the_path_says_what_to_install(monkeypatch):
    monkeypatch.setattr(read_mtcnn, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install mtcnn"):
        read_mtcnn.weights_path()


# Spoilt files.


def test_a_stream_cut_off_anywhere_is_refused():
    whole = write(ONE, ONE)
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"byte \d+|not an intact pickle stream"):
            read_arrays(whole[:end])


def test_a_stream_with_more_bytes_after_it_is_refused():
    with pytest.raises(ValueError, match="after the end of the pickle"):
        read_arrays(write(ONE) + b"\0")


SPOILT = {
    "float64": ({"dtype": dtype("f8")}, "only dtype allowed"),
    "objects": ({"dtype": dtype("O8")}, "only dtype allowed"),
    "big-endian": ({"dtype": dtype(byte_order=">")}, "little-endian"),
    "a dtype without a byte order": ({"dtype": dtype().partition(b"R\x94")[0] + b"R"}, "dtype"),
    "a dtype that is a string": ({"dtype": text("f4")}, "dtype"),
    "Fortran order": ({"order": text("F")}, "order"),
    "a subclass": ({"subclass": name("numpy", "matrix")}, "numpy.matrix is not allowed"),
    "a subclass that is a dtype": ({"subclass": name("numpy", "dtype")}, "subclass"),
    "an axis of length 0": ({"shape": tuple_of(number(0))}, "axis"),
    "a negative axis": ({"shape": tuple_of(number(-3))}, "axis"),
    "True for an axis": ({"shape": tuple_of(b"\x88", number(3))}, "axis"),
    "no axis": ({"shape": b")"}, "axes"),
    "five axes": ({"shape": tuple_of(*[number(1)] * 5)}, "axes"),
    "a number for a shape": ({"shape": number(3)}, "axes"),
    "a tuple in a shape": ({"shape": tuple_of(tuple_of(number(3)))}, "plain values"),
    "more than there is": ({"shape": tuple_of(*[number(4096)] * 4)}, "needs 1125899906842624 byte"),
    "one more than there is": ({"shape": tuple_of(number(4))}, "needs 16 bytes, the stream has 14"),
    "one less than there is": ({"shape": tuple_of(number(2))}, "intact pickle|not an opcode|takes"),
    "another alignment": ({"numpy_array_alignment_bytes": number(8)}, "alignment"),
    "True for an alignment": ({"numpy_array_alignment_bytes": b"\x88"}, "alignment"),
    "a field missing": ({"allow_mmap": None}, "fields are not known"),
    "a field too many": ({"more": b"N"}, "fields are not known"),
    "a field of another type": ({"allow_mmap": number(1)}, "truth value"),
    "a field twice": ({"allow_mmap": b"\x88" + text("order") + text("C")}, "repeated"),
    "a field without a value": ({"more": b""}, "unpaired"),
    "a number for a field's name": ({"allow_mmap": b"\x88" + number(1) + b"N"}, "not a string"),
    "other padding": ({"pad": b"\0"}, "padding"),
    "another wrapper": ({"wrapper": ("joblib.numpy_pickle", "NDArrayWrapper")}, "not allowed"),
    "a wrapper that is an array": ({"wrapper": ("numpy", "ndarray")}, "may be created"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_any_other_form_is_refused(case):
    spoilt, complaint = SPOILT[case]
    with pytest.raises(ValueError, match=complaint):
        read_arrays(write(ONE, **spoilt))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="not finite"):
        read_arrays(write(np.array([1, value], np.float32)))


def test_a_list_must_hold_arrays_and_be_the_only_one():
    whole = write(ONE)
    for stream, complaint in [
        (b"\x80\x04]\x94(K\x01e.", "an item is not an array"),
        (b"\x80\x04]\x94.", "does not end in one list"),
        (b"\x80\x04].", "does not end in one list"),
        (b"\x80\x04K\x01.", "does not end in one list"),
        (b"\x80\x04]\x94(](ee.", "a list inside"),
        (whole[:-1] + b"(e.", "second batch"),
        (whole[:-1] + b"K\x01.", "does not end in one list"),
        (whole[2:], "PROTO comes first"),
        (b"\x80\x04" + whole, "PROTO comes first"),
        (b"\x80\x02" + whole[2:], "protocol 4"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            read_arrays(stream)


# Hostile files.


class Hostile:
    """Unpickled, it runs a command."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_a_command_is_refused_and_not_run(protocol, tmp_path):
    mark = tmp_path / "was-run"
    hostile = pickle.dumps([ONE, Hostile(f"echo > {mark}")], protocol)
    with pytest.raises(ValueError, match="byte"):
        read_arrays(hostile)
    assert not mark.exists()


@pytest.mark.parametrize("field", ["subclass", "shape", "order", "dtype", "allow_mmap"])
def test_a_command_in_a_field_is_refused_and_not_run(field, tmp_path):
    mark = tmp_path / "was-run"
    call = (
        name(os.system.__module__, "system") + text(f"echo > {mark}") + b"\x85R"
    )  # TUPLE1, REDUCE
    with pytest.raises(ValueError, match="system is not allowed"):
        read_arrays(write(ONE, **{field: call}))
    assert not mark.exists()


def test_the_hostile_streams_do_run_when_unpickled(tmp_path):
    """So that the two tests above could fail: made here, in memory, and harmless."""
    mark = tmp_path / "was-run"
    pickle.loads(pickle.dumps(Hostile(f"echo > {mark}"), 4))
    assert mark.exists()


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\x80",
        b"\x80\x04)" + b"\x85" * 1_000_000 + b".",  # a tuple in a tuple in a tuple ...
        b"\x80\x04" + b"(" * 1_000_000,
        b"\x80\x04" + b"N" * 1_000_000 + b".",
        b"\x80\x04]\x94" + b"h\0" * 1_000_000 + b".",  # the same list, again and again
        b"\x80\x04\x8d" + (2**62).to_bytes(8, "little"),  # texts longer than any memory
        b"\x80\x04X" + (2**32 - 1).to_bytes(4, "little"),
        b"\x80\x04\x95" + b"\xff" * 8 + b".",  # a frame that is
        b"\x80\x04\x8b" + b"\xff\xff\xff\x7f" + b"\xff" * 1000 + b".",  # a number
        b"\x80\x04I" + b"9" * 100_000 + b"\n.",  # a number in decimal
        b"\x80\x04\x8c\x01\xff\x94.",  # not UTF-8
        b"\x80\x04(b.",
        b"\x80\x04h\x07.",
        b"\x80\x04R.",
        b"\x80\x04((u.",
        b"\x80\x04\x93.",
        b"\x80\x04}\x94}b.",
        b"\x80\x04Q.",  # a persistent id
        b"\x80\x04\x82\x01.",  # an extension
    ],
    ids=lambda stream: f"{len(stream)} bytes: {stream[2:6].hex(' ')}",
)
def test_a_malformed_stream_is_refused(stream):
    with pytest.raises(ValueError, match=r"byte \d+|not an intact pickle stream|does not end in"):
        read_arrays(stream)


@given(st.data())
def test_whatever_the_bytes_there_are_arrays_or_a_value_error(data):
    stream = bytearray(write(ONE, ONE))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    arrays_or_value_error(bytes(stream))


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_opcodes_there_are_arrays_or_a_value_error(seed):
    """Streams of the reader's own opcodes in any order get further than random bytes."""
    rng = random.Random(seed)
    words = [b"(", b")", b"t", b"\x85", b"\x94", b"h\0", b"h\1", b"N", b"\x88", b"u", b"b", b"e"]
    words += [b"R", b"\x81", b"\x93", b"]", b"}", number(3), text("f4"), text("shape"), dtype()]
    words += [name("numpy", "ndarray"), name("joblib.numpy_pickle", "NumpyArrayWrapper")]
    for _ in range(200):
        start = rng.choice([b"\x80\x04", b"\x80\x04]\x94(", write(ONE)[:-2]])
        arrays_or_value_error(start + b"".join(rng.choices(words, k=12)) + b".")


def arrays_or_value_error(stream):
    try:
        arrays = read_arrays(stream)
    except ValueError:
        return
    assert all(type(a) is np.ndarray and a.dtype == np.float32 for a in arrays)


# The compression around it.


@pytest.fixture
def lz4():
    return pytest.importorskip("lz4.frame", reason="lz4, to compress and decompress")


def test_a_file_is_read(lz4, tmp_path):
    path = tmp_path / "weights.lz4"
    path.write_bytes(lz4.compress(write(*ARRAYS)))
    assert_equal(read_mtcnn.read_mtcnn(path), ARRAYS)


def test_a_spoilt_frame_is_refused(lz4):
    packed = lz4.compress(write(ONE), content_checksum=True)
    assert read_mtcnn.unpack(packed) == write(ONE)
    for end in range(len(packed)):
        with pytest.raises(ValueError, match="LZ4 frame"):
            read_mtcnn.unpack(packed[:end])
    with pytest.raises(ValueError, match="after the end of the LZ4 frame"):
        read_mtcnn.unpack(packed + b"\0")
    with pytest.raises(ValueError, match="LZ4 frame"):
        read_mtcnn.unpack(packed[:20] + bytes([packed[20] ^ 1]) + packed[21:])
    with pytest.raises(ValueError, match="LZ4 frame"):
        read_mtcnn.unpack(b"\x78\x9c" + packed)


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(lz4):
    bomb = lz4.compress(bytes(4 * read_mtcnn.MAX_STREAM))
    assert len(bomb) < 1_000_000
    with pytest.raises(ValueError, match="holds more than"):
        read_mtcnn.unpack(bomb)


def test_a_huge_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(read_mtcnn, "MAX_FILE", 100)
    path = tmp_path / "weights.lz4"
    path.write_bytes(bytes(101))
    with pytest.raises(ValueError, match="larger than 100 bytes"):
        read_mtcnn.read_mtcnn(path)
