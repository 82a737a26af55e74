"""Errors in a shell: every fix can be typed there, and none is Python."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hwio.cli import main

Capture = pytest.CaptureFixture[str]


def err_of(capsys: Capture, *typed: str) -> str:
    """Run a command that fails, and return what it says."""
    assert main(typed) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


# command line -> its fixes
FIXES = {
    "explain 2,5,7,4 8,4,3,3": ["--layout NHWC,OIHW   or   3,3,4,8 as W"],
    "code 2,5,7,4 8,4,3,3": ["--layout NHWC,OIHW   or   3,3,4,8 as W"],
    "explain 2,5,7,4 8,4,3,3 --layout OIHW": ["--layout NHWC,OIHW"],
    "explain 2,5,7,4 3,3,4,8 --layout nchw,hwio": ["--layout NCHW,HWIO"],
    "explain 5,7,4 8,4,3,3 --layout HWC,HWIO->CHW": [
        '--layout "HWC,OIHW->CHW"   or   3,3,4,8 as W'
    ],
    "explain 2,5,7,4 3,3,4,8 --layout HWC,HWIO": ["leave out --layout   # 2 images, 8 filters"],
    "explain 2,5,7,4 3,3,4,8 --padding 1,2": [
        "--padding 1:1,2:2   # one number per axis, as in PyTorch",
        "--padding 1:2,1:2   # low and high of every axis",
    ],
    "explain 2,5,7,4 3,3,4,8 --padding=-1": ["2,3,5,4 as X, --padding 0"],
    "explain 2,5,7,4 3,3,4,8 --padding sane": ["did you mean --padding same?"],
    "explain 2,5,7,4 3,3,4,8 --padding reflect": ["--padding 1 --padding-mode reflect"],
    "explain 2,5,7,4 3,3,4,8 --stride=0": ["--stride 1"],
    "explain 2,5,7,4 3,3,4,8 --stride 1,2,2,1": ["--stride 2,2"],
    "explain 2,5,7,4 3,3,4,8 --dilation 9": ["--dilation 2,3", "--padding 7:7,6:6"],
    "explain 2,5,7,4 3,3,4,8 --groups 2": [
        "--groups 1   # each filter sees all 4 channels",
        "3,3,2,8 as W   # for groups=2",
    ],
    "explain 28,28 3,3,1,6": [
        "28,28,1 as X, --layout HWC,HWIO   # one image of one channel, 6 filters"
    ],
    "compare 5,7 3,3": [
        "5,7,1 as X, 3,3,1,1 as W, --layout HWC,HWIO   # one image of one channel, one kernel"
    ],
    "explain 1,64,64,4 3,3,3,8": ["1,64,64,3 as X   # if the 4th channel is alpha", "3,3,4,8 as W"],
    "explain 2,5,7,4 3,3,4,8 --at 0,1,2": ["--at 0,1,2,0"],
    "explain 2,5,7,4 3,3,4,8 --method wingrad": ["did you mean --method winograd?"],
    "compare 2,5,7,4 3,3,4,8 --methods foo": ["leave out --methods   # all of them"],
    "code 2,5,7,4 3,3,4,8 --to tensorfow": ["did you mean --to tensorflow?"],
    "code 2,5,7,4 3,3,4,8 --to matlab": ["--to numpy"],
    "code 2,5,7,4 3,3,4,8 --to torch --method fft": ["--method auto   or   --to numpy"],
    "layout 3,3,4,8 --filter 9": ["--filter 7"],
    "layout 8,4,3,3 OIHW->HWI": ['"OIHW->HWIO"'],
    "layout 8,4,3 OIHW->HWIO": ['"OIW->WIO"   # 1-D weights'],
    "layout 8,4,3,3 OIHW-": ['put the layout in quotes: "OIHW->..."'],
    "explain 2,5,7,4 3,3,4,8 --layout NHWC,HWIO-": [
        'put the layout in quotes: --layout "NHWC,HWIO->..."'
    ],
    "explain 2,5,7,4 3,3,4,8 --strides 2": ["did you mean --stride 2?"],
    "explain 2,5,7,4 3,3,4,8 --data-format NCHW": ["did you mean --layout?"],
    "explain 2,5,7,4 3,3,4,8 --rate=2": ["did you mean --dilation 2?"],
    "explain 2,5,7,4 3,3,4,8 --pad 1": [
        "--padding  (how many cells)   or   --padding-mode  (what stands in them)"
    ],
    "explain --demo --svg o.png": ["--svg o.svg"],
    "explain --demo --html o.svg": ["--html o.html"],
    "compare --demo --plot o.txt": ["--plot o.png"],
    "explain --demo --svg no/o.svg": ["mkdir no"],
    "explain net.npz: 3,3,4,8": ["net.npz:a"],
    "explain wieghts.npy 3,3,4,8": ["did you mean weights.npy?"],
    "explain nope.npy 3,3,4,8": [],
    "explain plane.npy 3,3,1,6": [],  # an axis of a file can't be typed
    "explain weights.npy 3,3,3,8": ["3,3,4,8 as W"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    np.save("weights.npy", np.ones((1, 9, 9, 4)))
    np.save("plane.npy", np.ones((28, 28)))
    np.savez("net.npz", a=np.ones((1, 9, 9, 4)), b=np.ones(3))
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("typed", FIXES)
def test_fixes(capsys: Capture, typed: str) -> None:
    said = err_of(capsys, *shlex.split(typed))
    found = re.findall(r"^  (?:fix| or): (.*)$", said, re.MULTILINE)
    assert found == FIXES[typed]
    assert not re.search(r"hwio\.\w+\(|np\.|\w=\(|\[\.\.\.", " ".join(found))


def test_the_arrow_is_explained(capsys: Capture) -> None:
    assert err_of(capsys, "layout", "8,4,3,3", "OIHW-") == (
        "hwio: LayoutError: OIHW- ends in half an arrow: "
        "the shell took > and what follows as a file name\n"
        "  a file of that name may stand in this folder now, empty\n"
        '  fix: put the layout in quotes: "OIHW->..."\n'
    )


def test_the_help_says_to_quote(capsys: Capture) -> None:
    assert main(["explain", "--help"]) == 0
    assert "quote it: > means something to the shell" in " ".join(capsys.readouterr().out.split())


def test_transparency_is_spoken_of(capsys: Capture, here: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("RGBA", (20, 12)).save(here / "clear.png")
    image.new("RGB", (20, 12)).save(here / "solid.png")
    assert main(["explain", "clear.png", "3,3,3,8"]) == 0
    assert "clear.png has transparency (alpha), which is left out\n" in capsys.readouterr().err
    assert main(["explain", "solid.png", "3,3,3,8"]) == 0
    assert "transparency" not in capsys.readouterr().err


def test_layout_says_how_it_read_weights_that_look_otherwise(capsys: Capture) -> None:
    note = "hwio: 8,4,3,3 is read as HWIO; if it is OIHW, say --layout OIHW\n"
    for typed, said in (
        (["8,4,3,3"], note),
        (["3,3,4,8"], ""),
        (["8,4,3,3", "--layout", "OIHW"], ""),
    ):
        assert main(["layout", *typed]) == 0
        assert capsys.readouterr().err == said


def test_explain_tells_another_order_that_fits(capsys: Capture) -> None:
    also = "w also fits as OIHW (PyTorch, ONNX): 8 filters of 3×3×3; if meant, layout NHWC,OIHW"
    assert main(["explain", "2,32,32,3", "8,3,3,3"]) == 0
    assert also in capsys.readouterr().out
    for typed in (["2,32,32,3", "8,3,3,3", "--layout", "NHWC,HWIO"], ["2,5,7,4", "3,3,4,8"]):
        assert main(["explain", *typed]) == 0
        assert "also fits" not in capsys.readouterr().out
