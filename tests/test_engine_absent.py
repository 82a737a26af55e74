"""No compiler, a broken one, no home, a crowd: the answer is the same, with one warning at most."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from hwio.engine import cache, refusal

needs_llvmlite = pytest.mark.skipif(find_spec("llvmlite") is None, reason="llvmlite is absent")
needs_engine = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

# A case that auto gives to a kernel, three times and by name, and what the plan says afterwards.
ASK = """
import sys, warnings
import numpy as np, hwio
{first}
x, w = np.ones((1, 40, 40, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for _ in range(3):
        assert (hwio.conv(x, w) == 144).all()
    assert (hwio.prepare(w)(x) == 144).all()
for each in said:
    print(each.category.__name__, each.message)
print(len(said), "warnings")
print("compiled" if "numba.core" in sys.modules else "not compiled")
print(hwio.plan(x, w, flip=True))
"""


def ask(*, first="", path="", **env):
    """Run ASK in a process of its own; a value of None leaves a variable out."""
    paths = os.pathsep.join(p for p in (str(path), os.environ.get("PYTHONPATH", "")) if p)
    given = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | env
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(first=first)],
        env={name: value for name, value in given.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_llvmlite
@pytest.mark.parametrize(
    ("module", "error"),
    [
        ("numba", "ImportError('Numba needs NumPy 2.9 or less')"),
        ("numba", "RuntimeError('no CPU that I know')"),
        ("llvmlite", "OSError('libllvmlite.so: cannot open shared object file')"),
    ],
)
def test_a_compiler_that_cannot_be_imported_leaves_numpy_and_one_warning(module, error, tmp_path):
    if find_spec("numba") is None and module == "llvmlite":
        pytest.skip("numba is absent, which is found out first")
    (tmp_path / module).mkdir()
    log = tmp_path / "imports"
    source = f"with open({str(log)!r}, 'a') as log:\n    log.write('!')\nraise {error}\n"
    (tmp_path / module / "__init__.py").write_text(source)
    said = ask(path=tmp_path, HWIO_CACHE_DIR=str(tmp_path / "cache"))
    kind, words = error.rstrip(")'").split("('")
    assert f"RuntimeWarning hwio: a kernel failed: {kind}: {words}" in said
    assert "1 warnings" in said
    assert f"no compiled kernel: a kernel failed: {kind}: {words}" in said
    assert log.read_text() == "!", "it was tried again"


@pytest.mark.parametrize("module", ["llvmlite", "numba"])
def test_a_compiler_that_is_not_installed_is_no_warning(module, tmp_path):
    first = f"sys.modules[{module!r}] = None"  # as if it were not installed
    said = ask(first=first, HWIO_CACHE_DIR=str(tmp_path))  # nor had been, when hwio warmup ran
    assert "0 warnings" in said
    reason = "llvmlite" if find_spec("llvmlite") is None else module
    assert f'no compiled kernel: {reason} is not installed: pip install "hwio[fast]"' in said


@needs_engine
@pytest.mark.parametrize("home", ["a file in the way", "read-only"])
def test_a_home_that_cannot_be_written_is_no_cache(home, tmp_path):
    place = tmp_path / "home"
    if home == "read-only":
        if getattr(os, "geteuid", lambda: 1)() == 0:
            pytest.skip("root writes into any folder")
        place.mkdir(mode=0o500)
    else:
        place.write_text("")
    said = ask(HOME=str(place), LOCALAPPDATA=str(place), XDG_CACHE_HOME=None, HWIO_CACHE_DIR=None)
    assert "0 warnings\ncompiled" in said


def test_a_user_without_a_home_has_no_cache(monkeypatch):
    def homeless():
        message = "Could not determine home directory."
        raise RuntimeError(message)

    for name in ("HWIO_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("hwio.engine.cache.Path.home", homeless)
    path = cache.path_of("direct", "a processor")
    assert cache.read(path) is None
    cache.write(path, b"code")
    assert cache.read(path) is None


@needs_engine
def test_processes_that_compile_at_once_into_one_folder(tmp_path):
    code = (
        "import sys, numpy as np, hwio\n"
        "x, w = np.ones((1, 20, 20, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)\n"
        "assert (hwio.conv(x, w, method='direct') == 144).all()\n"
        "print('compiled' if 'numba' in sys.modules else 'loaded')\n"
    )

    def start():
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            env=os.environ | {"HWIO_CACHE_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    both = [start() for _ in range(2)]
    for process in both:
        out, error = process.communicate(timeout=180)
        assert process.returncode == 0, error
        assert out.split() in (["compiled"], ["loaded"])
    assert {file.suffix for file in tmp_path.iterdir()} == {".o"}  # nothing half written is left
    assert all(cache.read(file) for file in tmp_path.iterdir())
    third = start()
    assert third.communicate(timeout=180)[0].split() == ["loaded"]
