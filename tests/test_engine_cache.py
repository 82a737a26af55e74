"""Compiled code on disk: never a pickle, and anything that is not exactly right is a miss."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwio
from hwio.engine import cache, refusal

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

ONCE = """
import sys
import numpy as np, hwio
x, w = np.ones((1, 20, 20, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
y = hwio.conv(x, w, method="direct")  # too large to be unrolled
assert (y == 144).all() and y.shape == (1, 18, 18, 32)
print("compiled" if "numba" in sys.modules else "loaded")
"""


def run(folder, **env):
    """Convolve once in a process of its own; return how its kernels came about."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ONCE],
        env=os.environ | {"HWIO_CACHE_DIR": str(folder)} | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_second_process_needs_no_compiler(tmp_path):
    assert run(tmp_path) == "compiled"
    files = list(tmp_path.iterdir())
    assert len(files) >= 3
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in files if os.name == "posix")
    assert run(tmp_path) == "loaded"


def test_any_damage_is_a_miss(tmp_path):
    run(tmp_path)
    for file in tmp_path.iterdir():
        whole = file.read_bytes()
        at = len(whole) // 2
        damaged = [
            b"",
            whole[:-1],
            whole + b"\0",
            whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :],
            b"x" + whole[1:],
            os.urandom(len(whole)),
        ]
        for content in damaged:
            file.write_bytes(content)
            assert cache.read(file) is None
        file.write_bytes(whole)
        assert cache.read(file) is not None


def test_a_damaged_cache_is_compiled_anew(tmp_path):
    run(tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-7])
    assert run(tmp_path) == "compiled"
    assert run(tmp_path) == "loaded"


def test_every_flipped_bit_is_seen(tmp_path):
    file = tmp_path / "kernel.o"
    cache.write(file, bytes(range(64)))
    whole = file.read_bytes()
    for bit in range(len(whole) * 8):
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bytes(spoilt))
        assert cache.read(file) is None
    file.write_bytes(whole)
    assert cache.read(file) == bytes(range(64))


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_file_that_others_can_write_is_not_trusted(tmp_path):
    file = tmp_path / "kernel.o"
    cache.write(file, b"code" * 10)
    assert cache.read(file) == b"code" * 10
    file.chmod(0o622)
    assert cache.read(file) is None


def test_what_is_no_file_is_a_miss(tmp_path):
    (tmp_path / "folder").mkdir()
    assert cache.read(tmp_path / "folder") is None
    assert cache.read(tmp_path / "absent") is None


def test_a_folder_that_cannot_be_made_is_no_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert run(tmp_path / "file" / "below") == "compiled"


def test_names_change_with_the_source_and_the_processor(monkeypatch):
    first = cache.path_of("direct", "one processor")
    assert cache.path_of("direct", "another processor") != first
    assert cache.path_of("depthwise", "one processor") != first
    monkeypatch.setattr(cache, "source_digest", lambda: b"edited")
    assert cache.path_of("direct", "one processor") != first


def test_names_change_with_every_file_that_a_kernel_is_made_from():
    files = cache.sources()
    root = Path(cache.__file__).parent
    for file in [root / "intrinsics.py", *root.glob("kernels/*.py")]:
        made_from = re.findall(r"^from hwio\.(\S+) import", file.read_text("utf-8"), re.MULTILINE)
        for module in made_from:
            assert root.parent.joinpath(*module.split(".")).with_suffix(".py") in files, module


def test_switched_off_numpy_serves(tmp_path):
    code = (
        "import numpy as np, hwio, sys\n"
        "x, w = np.ones((1, 40, 40, 16)), np.ones((3, 3, 16, 32))\n"
        "p = hwio.plan(x, w); assert p.kernel is None and p.way == 'im2col'\n"
        "assert (hwio.conv(x, w) == 144).all() and 'llvmlite' not in sys.modules\n"
        "try: hwio.conv(x, w, method='direct')\n"
        "except hwio.OptionError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HWIO_ENGINE": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the engine does not serve here: HWIO_ENGINE is off" in done.stdout


def test_a_compiler_that_fails_leaves_numpy_and_one_warning(monkeypatch):
    import hwio.engine as engine
    from hwio.engine.launch import spatial

    def fail(*given):
        message = "no room for code"
        raise OSError(message)

    monkeypatch.setattr(engine, "_BROKEN", [])
    monkeypatch.setattr(spatial, "run", fail)
    x, w = np.ones((1, 40, 40, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
    with pytest.warns(RuntimeWarning, match="no room for code"):
        y = hwio.conv(x, w, flip=True)
    assert (y == 144).all()
    assert (hwio.conv(x, w, flip=True) == 144).all()  # a second warning would be an error
    assert "no room for code" in str(hwio.plan(x, w, flip=True))
