"""The command hwio as a user meets it: what it prints, where, and its exit codes."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwio
from hwio.cli import main
from hwio.cli.terminal import plain, styled

X, W = "2,5,7,4", "3,3,4,8"
SUMS = ("0.3229", "-5.5012", "-0.5347", "4.1108")
Capture = pytest.CaptureFixture[str]


def hwio_process(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "hwio", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        **options,  # type: ignore[call-overload]
    )


def out_of(capsys: Capture, *arguments: str, code: int = 0) -> str:
    """Run hwio and return what it printed, after a look at the exit code."""
    assert main(arguments) == code
    return capsys.readouterr().out


def save_a_mix_up() -> None:
    """Write x.npy, w.npy, b.npy and y.npy, as another library would have made them."""
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((2, 4, 5, 7)), rng.standard_normal((8, 4, 3, 3)), np.arange(8.0)
    y = hwio.conv(x, w, b, stride=2, padding="half", layout="NCHW,OIHW")
    for name, array in (("x", x), ("w", w), ("b", b), ("y", y)):
        np.save(f"{name}.npy", array)


def test_alone_it_helps(capsys: Capture) -> None:
    text = out_of(capsys)
    commands = (
        "explain",
        "explore",
        "compare",
        "code",
        "layout",
        "check",
        "diagnose",
        "tour",
        "tune",
        "warmup",
    )
    for command in commands:
        assert f"  hwio {command} " in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_examples_of_the_help_run(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shlex

    image = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    image.new("RGB", (20, 12)).save("photo.png")
    Path("lab.py").write_text("from hwio.lab import conv_forward\n", encoding="utf-8")
    save_a_mix_up()
    text = out_of(capsys)
    lines = [line.strip().split("   ")[0] for line in text.splitlines() if line[:7] == "  hwio "]
    assert len(lines) == 16
    for line in lines:
        if line not in ("hwio tour", "hwio compare --demo", "hwio warmup") and line[5:9] != "tune":
            assert main(shlex.split(line)[1:]) == 0, line
            assert capsys.readouterr().out, line


def test_version(capsys: Capture) -> None:
    assert out_of(capsys, "--version") == f"hwio {hwio.__version__}\n"


def test_explain_traces_the_number_of_the_readme(capsys: Capture) -> None:
    text = out_of(capsys, "explain", "--demo", "--at", "0,1,2,5").replace("−", "-")
    for value in (*SUMS, "-1.6023"):
        assert value in text
    assert "W.reshape(8, 3, 3, 4)" in text or "w.reshape(8, 3, 3, 4)" in text


def test_explain_on_shapes(capsys: Capture) -> None:
    text = out_of(capsys, "explain", X, W)
    assert "y  (2, 3, 5, 8)  NHWC" in text
    assert "8 640 multiply-adds" in text


@pytest.mark.parametrize(
    ("arguments", "options", "shape"),
    [
        (["--stride", "2"], {"stride": 2}, (2, 2, 3, 8)),
        (["--stride", "2,1"], {"stride": (2, 1)}, (2, 2, 5, 8)),
        (["--padding", "same"], {"padding": "same"}, (2, 5, 7, 8)),
        (["--padding", "1"], {"padding": 1}, (2, 5, 7, 8)),
        (["--padding", "1,1"], {"padding": (1, 1)}, (2, 5, 7, 8)),
        (["--padding", "1:2,0:1"], {"padding": ((1, 2), (0, 1))}, (2, 6, 6, 8)),
        (["--dilation", "2,1"], {"dilation": (2, 1)}, (2, 1, 5, 8)),
        (["--flip"], {"flip": True}, (2, 3, 5, 8)),
        (["--layout", "NHWC,HWIO->NCHW"], {"layout": "NHWC,HWIO->NCHW"}, (2, 8, 3, 5)),
        (["--padding", "1", "--padding-mode", "edge"], {"padding": 1}, (2, 5, 7, 8)),
        (["--method", "fft", "--precision", "high"], {}, (2, 3, 5, 8)),
    ],
)
def test_options_arrive(
    capsys: Capture, arguments: list[str], options: dict[str, object], shape: tuple[int, ...]
) -> None:
    told = json.loads(out_of(capsys, "explain", X, W, "--json", *arguments))
    assert tuple(told["arrays"]["y"]["shape"]) == shape
    conv = hwio.conv(np.zeros((2, 5, 7, 4)), np.zeros((3, 3, 4, 8)), **options)  # type: ignore[arg-type]
    assert conv.shape == shape


def test_groups_arrive(capsys: Capture) -> None:
    told = json.loads(out_of(capsys, "explain", X, "3,3,1,8", "--groups", "4", "--json"))
    assert told["groups"] == 4


def test_explain_on_files_with_bias(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x, w, b = np.random.default_rng(0).standard_normal((3, 64)), np.ones((8, 8)), np.ones(8)
    np.save("x.npy", x.reshape(1, 8, 3, 8))
    np.savez("net.npz", w=w.reshape(1, 1, 8, 8), b=b)
    told = json.loads(
        out_of(capsys, "explain", "x.npy", "net.npz:w", "net.npz:b", "--at", "0,0,0,0", "--json")
    )
    assert told["trace"]["value"] == pytest.approx(x.ravel()[:8].sum() + 1)


def test_explain_writes_pictures_and_pages(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    at = ("--at", "0,1,2,5")
    assert main(["explain", "--demo", *at, "--svg", "a.svg", "--html", "a.html", "--json"]) == 0
    printed = capsys.readouterr()
    json.loads(printed.out)  # the notes went elsewhere
    assert printed.err == "hwio: wrote a.svg\nhwio: wrote a.html\n"
    assert Path("a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "-1.6023" in Path("a.html").read_text(encoding="utf-8").replace("−", "-")


def test_compare_says_that_shapes_get_random_numbers(capsys: Capture) -> None:
    assert main(["compare", "1,4,4,2", "3,3,2,2", "--methods", "im2col", "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "hwio: shapes alone: the numbers are random, from a fixed seed\n"
    assert json.loads(printed.out)["agree"] is True


def test_compare_takes_methods_and_layouts(capsys: Capture) -> None:
    told = json.loads(
        out_of(
            capsys, "compare", "1,4,4,2", "3,3,2,2", "--methods", "im2col,einsum", "--json",
            "--w-layouts", "HWIO,OHWI", "--x-layouts", "NHWC,NCHW",
        )
    )  # fmt: skip
    own = {(r["method"], r["w_layout"], r["x_layout"]) for r in told["rows"]}
    assert ("einsum", "OHWI", "NCHW") in own
    assert ("im2col", "HWIO", "NHWC") in own


def test_compare_out_of_bound_is_exit_code_1(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from hwio.methods import METHODS

    good = METHODS["einsum"]
    wrong = replace(good, function=lambda x, w, geo: good.function(x, w, geo) + x.dtype.type(0.5))
    monkeypatch.setitem(METHODS, "einsum", wrong)
    text = out_of(capsys, "compare", "1,4,4,2", "3,3,2,2", "--methods", "einsum,im2col", code=1)
    assert "einsum" in text


def test_code_runs(capsys: Capture) -> None:
    for arrays in ((X, W), ("--demo",)):  # numbers made up for shapes, or the README's
        names: dict[str, Any] = {}
        exec(out_of(capsys, "code", *arrays, "--method", "einsum"), names)
        expected = hwio.conv(names["x"], names["w"])
        np.testing.assert_allclose(names["y"], expected, rtol=1e-4, atol=1e-5)
    told = json.loads(out_of(capsys, "code", X, W, "--method", "einsum", "--json"))
    assert "einsum" in told["code"]


def test_code_loads_the_files_it_was_given(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x, w = np.random.default_rng(0).standard_normal((2, 5, 7, 4)), np.ones((3, 3, 4, 8))
    np.save("x.npy", x)
    np.savez("net.npz", conv1=w)
    names: dict[str, Any] = {}
    exec(out_of(capsys, "code", "x.npy", "net.npz:conv1"), names)
    np.testing.assert_allclose(names["y"], hwio.conv(x, w))


def test_layout_finds_a_filter(capsys: Capture) -> None:
    text = out_of(capsys, "layout", W, "--filter", "5")
    assert "5, 13, 21 … 285" in text
    assert json.loads(out_of(capsys, "layout", W, "--filter", "5", "--json"))["filter"] == 5
    assert out_of(capsys, "layout", "8,4,3,3", "--layout", "OIHW", "--filter", "0")


def test_layout_tells_the_transpose(capsys: Capture) -> None:
    assert out_of(capsys, "layout", "8,4,3,3", "OIHW -> HWIO") == (
        "(8, 4, 3, 3)  OIHW\n(3, 3, 4, 8)  HWIO    np.transpose(w, (2, 3, 1, 0))\n"
    )
    told = json.loads(out_of(capsys, "layout", "3,3,16,2", "HWCM->OIHW", "--json"))
    assert (told["before"], told["after"]) == ([3, 3, 16, 2], [32, 1, 3, 3])


def test_layout_of_depthwise_weights_tells_the_sizes(capsys: Capture) -> None:
    lines = out_of(capsys, "layout", "3,5,16,2", "HWCM->HWIO").splitlines()
    assert lines[1].endswith("HWIO    w.reshape(kh, kw, 1, c * m)")
    assert lines[2].strip() == "with kh = 3, kw = 5, c = 16, m = 2"


def test_layout_on_a_shape_as_big_as_the_moon(capsys: Capture) -> None:
    # nothing of that size is made
    assert "(4000000000, 3, 3, 8)" in out_of(capsys, "layout", "3,3,8,4000000000", "HWIO->OHWI")
    assert main(["layout", "99999999999999,99999999999999,3,3", "OIHW->HWIO"]) == 2
    assert "hwio: LimitError: shape " in capsys.readouterr().err


def test_a_shell_that_took_the_arrow(capsys: Capture) -> None:
    assert main(["layout", "8,4,3,3", "OIHW"]) == 2
    assert capsys.readouterr().err == (
        "hwio: LayoutError: 'OIHW' does not say to which layout\n"
        "  > means something to the shell: use quotes\n"
        '  fix: "OIHW->HWIO"\n'
    )


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain"], "OptionError: x and w are missing\n  fix: hwio explain 2,5,7,4 3,3,4,8"),
        (["code", X], "OptionError: w is missing\n  fix: hwio code 2,5,7,4 3,3,4,8"),
        (
            ["explain", W],
            "OptionError: x and w are needed, and 3,3,4,8 alone looks like w\n  fix: hwio layout",
        ),
        (["explain", X, W, "--demo"], "OptionError: --demo brings its own x and w"),
        (["explain", X, "3,3,3,8"], "ShapeError: w expects 3 input channels but x has 4\n  x  (2"),
        (["explain", "x.npy", W], "FileError: there is no file x.npy"),
        (["explain", X, W, "--padding", "sane"], "OptionError: padding='sane' is not a padding"),
        (["compare", X, W, "--methods", "wingrad"], "OptionError: methods: 'wingrad' "),
        (["layout", W, "HWIO->OIHW", "--filter", "5"], "OptionError: --filter and 'HWIO->OIHW'"),
        (["explain", X, W, "--stride", "a"], "argument --stride: 'a' is not a whole number"),
        (
            ["explain", X, W, "--stride", "1.5"],
            "argument --stride: '1.5' is not a whole number, or",
        ),
        (["explain", X, W, "--padding", "1:2:3"], "argument --padding: '1:2:3' is not a padding"),
        (["explain", X, W, "--at", "0,a"], "argument --at: '0,a' is not an index such as"),
        (["explian"], "argument COMMAND: invalid choice: 'explian'"),
        (["explain", X, W, "--wide"], "unrecognized arguments: --wide"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_questions_that_cant_be_answered(
    capsys: Capture, arguments: list[str], said: str, as_json: bool
) -> None:
    assert main([*arguments, *(["--json"] if as_json else [])]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"hwio: {said}")
    assert "fix: " in printed.err or "FileError" in printed.err
    assert "Traceback" not in printed.err


def test_the_full_error_text_is_printed(capsys: Capture) -> None:
    with pytest.raises(hwio.ShapeError) as caught:
        hwio.conv(np.zeros((2, 5, 7, 4)), np.zeros((3, 3, 3, 8)))
    main(["explain", X, "3,3,3,8"])
    rule, _, _ = str(caught.value).partition("  fix: ")
    # where Python says x = x[..., :3] and w of shape (3, 3, 4, 8)
    fixes = "  fix: 2,5,7,3 as X   # if the 4th channel is alpha\n   or: 3,3,4,8 as W\n"
    assert capsys.readouterr().err == f"hwio: ShapeError: {rule}{fixes}"


def test_a_folder_that_is_not_there(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "none" / "a.svg"
    assert main(["explain", "--demo", "--svg", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"hwio: FileError: --svg {path}: there is no folder {path.parent}\n"
        f"  fix: mkdir {path.parent}\n"
    )


def test_compare_makes_up_no_array_larger_than_memory(capsys: Capture) -> None:
    assert main(["compare", "9999,9999,9999,64", "3,3,64,1", "--stride", "5000"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("hwio: LimitError: this needs 232.8 TiB, more than this machine's memory")
    assert "x  (9999, 9999, 9999, 64) float32, made up  ->  232.8 TiB" in err


def test_memory_that_is_not_free(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from hwio.cli import COMMANDS

    def run_out(options: object) -> int:
        raise MemoryError

    monkeypatch.setitem(COMMANDS, "explain", run_out)
    assert main(["explain"]) == 2
    assert capsys.readouterr().err == "hwio: MemoryError: not enough memory is free\n"


def test_nothing_to_draw(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert main(["explain", "0,5,7,4", W, "--svg", str(path)]) == 2
    assert "there is nothing to draw, y has no numbers" in capsys.readouterr().err
    assert not path.exists()


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    from hwio.cli import COMMANDS

    def interrupt(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, "explain", interrupt)
    assert main(["explain"]) == 130


# The terminal


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell with pipes")
@pytest.mark.parametrize("arguments", ["--help", "explain --demo --at 0,1,2,5", "layout 3,3,4,8"])
def test_a_reader_that_leaves_early(arguments: str) -> None:
    command = f"{sys.executable} -m hwio {arguments} | head -c 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.endswith("0\n")


def test_a_pipe_closed_before_anything_is_printed() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "hwio", "explain", "--demo"],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_letters() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = hwio_process("explain", "--demo", "--at", "0,1,2,5", env=env)
    assert done.returncode == 0, done.stderr
    assert "1.6023" in done.stdout


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "env", "coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colour_only_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, env: dict[str, str], coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b" in styled("text", "bold", stream)) == coloured


def test_errors_in_colour_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stderr)
    assert main(["explain", X, "3,3,3,8"]) == 2
    assert stderr.getvalue().startswith("hwio: \x1b[31mShapeError\x1b[0m: w expects 3")


def test_json_has_only_what_json_knows() -> None:
    value = {"a": np.float64("nan"), "b": (np.bool_(True), None), "c": np.arange(2), "d": Path("p")}
    told = plain(value)
    assert told == {"a": "nan", "b": [True, None], "c": [0, 1], "d": "p"}
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_json_is_laid_out_for_eyes_too(capsys: Capture) -> None:
    from hwio.cli.terminal import print_json

    value = {"shape": (2, 3), "rows": [{"a": 1}, {}], "grid": [[1, 2], [3, 4]], "none": []}
    print_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == plain(value)
    assert '"shape": [2, 3]' in text


def test_the_command_starts_fast_enough_to_be_used() -> None:
    # what a plain question loads: nothing that draws or reads images
    script = (
        "import sys; from hwio.cli import main; main(['explain', '--demo']); "
        "print(*({'matplotlib', 'PIL', 'skimage', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""


CALL = 'hwio.conv(x, w, b, stride=2, padding="same", layout="NCHW,OIHW")'


def test_diagnose_reads_files(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_a_mix_up()
    files = ("diagnose", "x.npy", "w.npy", "y.npy")
    assert CALL in out_of(capsys, *files, "--bias", "b.npy")
    assert "a bias was added that diagnose was not given" in out_of(capsys, *files)
    said = json.loads(out_of(capsys, *files, "--bias", "b.npy", "--json"))
    assert (said["answer"], said["readings"][0]["call"]) == ("reading", CALL)
    assert "y.npy" not in out_of(capsys, *files, "--bias", "b.npy", "--html", "page.html")
    assert "hwio.conv(x, w, b" in Path("page.html").read_text(encoding="utf-8")
    assert main([*files, "--bias", "b.npy", "--explore", "explore.html"]) == 0
    assert "hwio explorer" in Path("explore.html").read_text(encoding="utf-8")
    capsys.readouterr()
    np.save("y.npy", np.load("y.npy")[::-1] + np.load("y.npy"))
    assert "Nothing matches" in out_of(capsys, *files, "--bias", "b.npy", code=1)
    assert json.loads(out_of(capsys, *files, "--json", code=1))["answer"] == "nothing"


def test_diagnose_speaks_of_flags_and_of_files(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_a_mix_up()
    said = out_of(capsys, "diagnose", "x.npy", "w.npy", "y.npy")
    assert "instead: --bias b.npy" in said
    assert "hwio.diagnose(" not in said
    said = out_of(capsys, "diagnose", "x.npy", "y.npy", "w.npy", code=1)
    assert "with w and y exchanged they would fit" in said.replace("\n", " ")
    typed = ["explore", "x.npy", "w.npy", "--layout", "NCHW,OIHW", "--y", "y.npy"]
    assert main([*typed, "--out", "page.html"]) == 2
    assert " or: hwio diagnose x.npy w.npy y.npy   # which" in capsys.readouterr().err


def test_diagnose_narrows_and_converts(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_a_mix_up()
    files = ("diagnose", "x.npy", "w.npy", "y.npy", "--bias", "b.npy")
    known = ("--stride", "2", "--padding", "same", "--layout", "NCHW,OIHW")
    assert CALL in out_of(capsys, *files, *known)
    assert "Nothing" in out_of(capsys, *files, "--stride", "1", code=1)
    said = out_of(capsys, *files, "--to", "NHWC,OHWI")
    assert 'w = hwio.to_layout(w, "OIHW->OHWI")' in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2,5,7,4", "w.npy", "y.npy"), "x is the shape 2,5,7,4, and only numbers can be compared"),
        (("x.npy", "w.npy", "none.npy"), "there is no file none.npy"),
        (("x.npy", "w.npy", "b.npy"), "x, w and y have 4, 4 and 1 axes, and no convolution has"),
        (("x.npy", "w.npy", "y.npy", "--to", "NHWC"), "to='NHWC' does not have the form"),
        (("x.npy", "w.npy"), "the following arguments are required: Y"),
    ],
)
def test_diagnose_refuses_in_words(
    capsys: Capture,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_a_mix_up()
    assert main(["diagnose", *arguments]) == 2
    came = capsys.readouterr()
    assert says in came.err
    assert not came.out
