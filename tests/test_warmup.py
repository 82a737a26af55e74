"""hwio warmup: what it compiles, where it keeps it, and what it says where it can't."""

import ast
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwio.cli import main
from hwio.engine import cache, refusal

KERNELS = Path(cache.__file__).parent / "kernels"
needs_engine = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
needs_llvmlite = pytest.mark.skipif(find_spec("llvmlite") is None, reason="llvmlite is absent")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HWIO_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def little(folder, monkeypatch):
    """Leave only the pool to compile."""
    from hwio.engine import builds

    monkeypatch.setattr(builds, "BUILDS", {"pool": builds.BUILDS["pool"]})
    return folder


def said(capsys, *arguments, code=0):
    assert main(["warmup", *arguments]) == code
    return capsys.readouterr().out


def run(*arguments, first="", **env):
    """Run hwio in a process of its own; a value of None leaves a variable out."""
    code = f"import sys\n{first}\nfrom hwio.cli import main\nsys.exit(main({list(arguments)!r}))"
    given = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | env
    return subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in given.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def has_build(file):
    tree = ast.parse(file.read_text("utf-8"))
    return any(isinstance(node, ast.FunctionDef) and node.name == "build" for node in tree.body)


@needs_llvmlite
def test_every_kernel_has_its_line():
    from hwio.engine.builds import BUILDS

    assert {file.stem for file in KERNELS.glob("*.py") if has_build(file)} == set(BUILDS)


@needs_engine
@pytest.mark.parametrize("vector_bytes", [64, 32, 16])
def test_every_line_names_what_build_returns(vector_bytes):
    from hwio.engine.builds import BUILDS

    for name, builds in BUILDS.items():
        listed = list(builds(vector_bytes))
        assert len({build.symbol for build in listed}) == len(listed)
        assert listed or name in ("split", "tile_forms")  # where there is AMX
        for build in listed:
            assert build.module == name
            made = import_module(f"hwio.engine.kernels.{name}").build(*build.parameters)
            assert build.symbol in made


@needs_engine
@given(
    kernel=st.sampled_from(("direct", "depthwise")),
    kind=st.sampled_from(("f4", "f8")),
    size=st.integers(1, 40),
    taps=st.integers(1, 12),
    options=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    channels=st.integers(2, 300),
)
def test_it_knows_every_block_that_can_be_chosen(kernel, kind, size, taps, options, channels):
    from hwio.engine.builds import all_builds
    from hwio.engine.launch.spatial import block_of
    from hwio.ops.planning import problem_of

    stride, dilation = options
    deep = kernel == "depthwise"
    x, w = (1, 3, size, channels), (1, taps, 1 if deep else channels, channels)
    spread = {"padding": "full", "groups": channels if deep else 1}
    geo = problem_of(x, w, stride=stride, dilation=dilation, **spread).geometry
    block = block_of(kernel, geo, kind)
    known = {build.symbol: build.parameters for build in all_builds()}
    assert known[block.symbol(kernel)] == block.parameters


@needs_engine
def test_it_compiles_what_is_not_there(little, capsys):
    text = said(capsys)
    assert text.startswith("3 kernels for this processor, ")
    assert "0 were there, 3 compiled in " in text
    assert f"  {little}   " in text
    assert len(list(little.iterdir())) == 3
    assert "3 were there, 0 compiled\n" in said(capsys)
    facts = json.loads(said(capsys, "--json"))
    assert facts["there"] == 3
    assert facts["folder"] == str(little)
    assert facts["bytes"] == sum(file.stat().st_size for file in little.iterdir())


@needs_engine
def test_check_sees_what_is_missing_damaged_and_of_others(little, capsys):
    assert json.loads(said(capsys, "--check", "--json", code=1))["missing"] == [
        "pool_work",
        "pool_run",
        "pool_close",
    ]
    said(capsys)
    text = said(capsys, "--check")
    assert text.count("whole    pool_") == 3
    assert "  3 whole" in text
    work, run_, _ = sorted(little.iterdir(), reverse=True)
    other = little / work.name.replace("work", "play")
    cache.write(other, b"code of another version")
    run_.write_bytes(run_.read_bytes()[:-1])
    facts = json.loads(said(capsys, "--check", "--json", code=1))
    assert facts["damaged"] == ["pool_run"]
    assert facts["other"] == [other.name]
    assert "1 compiled in" in said(capsys)
    assert "  1 of other versions or processors, whole" in said(capsys, "--check")


@needs_engine
def test_clear_removes_our_files_and_no_others(little, capsys):
    said(capsys)
    theirs = [little / "main.o", little / "notes-1.tuned", little / "x.part"]
    for file in theirs:
        file.write_text("not ours")
    (little / "hwio-abc.part").write_text("half written")
    assert said(capsys, "--clear").startswith("removed 3 files, ")
    assert sorted(little.iterdir()) == sorted(theirs)


@needs_engine
def test_a_kernel_that_fails_stops_no_other(little, monkeypatch, capsys):
    from hwio.engine import jit

    def fail_one(module, symbol, *parameters):
        if symbol == "pool_run":
            message = "no such instruction"
            raise OSError(message)
        return whole(module, symbol, *parameters)

    whole = jit.compile_kernel
    monkeypatch.setattr(jit, "compile_kernel", fail_one)
    text = said(capsys, code=1)
    assert "0 were there, 2 compiled" in text
    assert "pool_run failed: OSError: no such instruction" in text


def test_switched_off_there_is_nothing_to_compile(tmp_path):
    done = run("warmup", HWIO_ENGINE="off", HWIO_CACHE_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        "hwio: HwioError: nothing to compile: HWIO_ENGINE is off\n  fix: unset HWIO_ENGINE\n"
    )


@pytest.mark.parametrize("module", ["llvmlite", "numba"])
def test_without_a_compiler_it_says_what_to_install(module, tmp_path):
    absent = f"sys.modules[{module!r}] = None"
    done = run("warmup", first=absent, HWIO_CACHE_DIR=str(tmp_path), HWIO_ENGINE=None)
    name = "llvmlite" if find_spec("llvmlite") is None else module
    rule = f"hwio: HwioError: nothing can be compiled: {name} is not installed\n"
    assert done.returncode == 2
    assert done.stderr == rule + '  fix: pip install "hwio[fast]"\n'
    done = run("warmup", "--check", first=absent, HWIO_CACHE_DIR=str(tmp_path), HWIO_ENGINE=None)
    assert done.returncode == (0 if name == "llvmlite" else 1), done.stderr


@needs_engine
@pytest.mark.parametrize("module", ["numba", "llvmlite"])
def test_a_broken_compiler_is_an_error_in_words(module, tmp_path):
    (tmp_path / module).mkdir()
    (tmp_path / module / "__init__.py").write_text("raise OSError('no such library')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = run("warmup", PYTHONPATH=paths, HWIO_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 2
    rule = f"HwioError: nothing can be compiled: {module} does not load: OSError: no such library"
    assert rule in done.stderr


@needs_engine
def test_a_folder_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run("warmup", HWIO_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 2
    assert f"FileError: compiled kernels can't be kept in {tmp_path / 'file'}: " in done.stderr
    assert "fix: HWIO_CACHE_DIR=/another/folder hwio warmup" in done.stderr
    assert "compiled" in run("warmup", "--check", HWIO_CACHE_DIR=str(tmp_path / "file")).stdout


@needs_engine
def test_a_full_read_only_folder_is_fine(little, capsys):
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("root writes into any folder")
    said(capsys)
    little.chmod(0o500)
    assert "3 were there, 0 compiled\n" in said(capsys)


CALLS = """
import sys
sys.modules["numba"] = None  # as if it were not installed
import warnings; warnings.simplefilter("error")
import numpy as np, hwio
for dtype in (np.float32, np.float64):
    for size in (1, 3, 9, 20):
        for o in (1, 16, 40, 130):
            x, w = np.ones((1, size, size, 16), dtype), np.ones((1, 1, 16, o), dtype)
            assert (hwio.conv(x, w, method="direct") == 16).all()
            assert (hwio.conv(x[..., :1].repeat(o, 3), w[:, :, :1], groups=o) == 1).all()
assert hwio.plan((1, 56, 56, 64), (3, 3, 64, 64)).kernel == "direct"
"""


@needs_engine
@pytest.mark.nightly
def test_once_warm_no_compiler_is_needed(tmp_path):
    env = {"HWIO_CACHE_DIR": str(tmp_path)}
    assert run("warmup", **env).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", CALLS],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    next(iter(tmp_path.iterdir())).unlink()
    done = run("warmup", first="sys.modules['numba'] = None", **env)
    assert "numba is not installed" in done.stderr


@needs_engine
def test_kernels_of_any_numba_serve_where_there_is_none(folder, monkeypatch):
    from hwio.engine import jit

    machine = jit.machine_name()
    cache.write(cache.path_of("direct", machine, "0.61.0"), b"older")
    assert jit.kept("direct") is None  # another version than today's
    monkeypatch.setattr(jit, "compiler", lambda: None)
    assert jit.kept("direct") == b"older"
    cache.write(cache.path_of("direct", machine, "0.68.1"), b"newer")
    assert jit.kept("direct") == b"newer"
    assert jit.kept("directs") is None


@needs_engine
def test_the_compiler_is_known_without_loading_it():
    code = (
        "import sys; from hwio.engine.jit import compiler; known = compiler()\n"
        "assert 'numba' not in sys.modules and 'importlib.metadata' not in sys.modules\n"
        "import numba; assert known == numba.__version__, known\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_that_grows_too_large_loses_what_was_used_longest_ago(folder, monkeypatch):
    monkeypatch.setattr(cache, "MOST_BYTES", 3000)
    (folder.parent / "cache").mkdir()
    (folder / "theirs.o").write_bytes(bytes(9000))
    paths = [cache.path_of(f"kernel{n}", "a processor", "1.0") for n in range(5)]
    for n, path in enumerate(paths[:4]):
        assert cache.write(path, bytes(500)) is None
        os.utime(path, (1e9 + n, 1e9 + n))
    assert cache.read(paths[0]) is not None  # used today
    cache.write(paths[4], bytes(2000))
    assert [path.exists() for path in paths] == [True, False, False, False, True]
    assert (folder / "theirs.o").exists()


def test_what_was_left_half_written_goes(folder):
    folder.mkdir()
    old, new = folder / "hwio-old.part", folder / "hwio-new.part"
    for file in (old, new):
        file.write_text("half")
    os.utime(old, (1e9, 1e9))
    cache.write(cache.path_of("kernel", "a processor"), b"code")
    assert not old.exists()
    assert new.exists()


def test_a_file_under_the_name_of_another_is_not_used(folder):
    first, second = (cache.path_of(name, "a processor") for name in ("one", "two"))
    cache.write(first, b"code of one")
    first.rename(second)
    assert cache.read(second) is None


@needs_engine
def test_code_without_its_symbol_is_an_error_not_a_crash():
    from hwio.engine.jit import compile_ir, load

    code = compile_ir("define void @here() {\n  ret void\n}")
    with pytest.raises(OSError, match="there is not in the code"):
        load(code, "there")


PAYS = """
import numpy as np, hwio
x, w = np.ones((1, 40, 40, 16), np.float32), np.ones((3, 3, 16, 32), np.float32)
say = lambda: " ".join(str(hwio.explain(x, w)).split())
print("some seconds longer, to compile it; hwio warmup does so now" in say())
hwio.conv(x, w)
print("direct (compiled): its first call here took " in say())
"""


@needs_engine
def test_explain_tells_what_the_first_call_pays(tmp_path):
    for expected in (["True", "True"], ["False", "False"]):  # compiled, then loaded
        done = subprocess.run(
            [sys.executable, "-c", PAYS],
            env=os.environ | {"HWIO_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split() == expected, done.stderr
