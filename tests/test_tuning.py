"""hwio tune: a finding needs every round, changes no bit, is told by the plan, and may be damaged."""

import json

import numpy as np
import pytest

import hwio
from hwio.cli import main
from hwio.engine import cache, findings, refusal
from hwio.ops.planning import problem_of

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

X, W = (1, 40, 40, 24), (3, 3, 24, 72)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keep findings in a folder of their own; kernels that are compiled already are in memory."""
    monkeypatch.setenv("HWIO_CACHE_DIR", str(tmp_path / "cache"))
    findings.forget()
    yield tmp_path / "cache"
    findings.forget()


@pytest.fixture
def clock(monkeypatch):
    """Let the second block be faster by a factor, and the rule's own differ from itself by another."""
    from hwio.show.compare import tuning
    from hwio.show.compare.timing import summarise

    def let(gain, control=1.0):
        def measure(calls, **options):
            del options
            for call in calls:
                call()
            times = [1.0, 1.0 / gain, *[2.0] * (len(calls) - 3), 1.0 / control]
            return [summarise([time], 1) for time in times]

        monkeypatch.setattr(tuning, "measure", measure)

    return let


def tuned(**options):
    from hwio.show.compare.tuning import tune

    return tune(X, W, **options)


def block(n=1, kind="f4"):
    from hwio.engine.launch.spatial import block_of

    found = block_of("direct", problem_of((n, *X[1:]), W).geometry, kind)
    return f"{found.mr}x{found.nrv}"


def static(kind="f4"):
    from hwio.engine.launch.spatial import static_block

    found = static_block("direct", problem_of(X, W).geometry, kind)
    return f"{found.mr}x{found.nrv}"


def test_a_faster_block_is_kept_and_told(clock, folder):
    plain = str(hwio.plan(X, W))
    assert "tuned" not in plain
    clock(1.5)
    found = tuned()
    assert found.static == static() != found.chosen
    assert found.verdict == "it runs from now on"
    assert f"→ {found.chosen}" in str(found)
    for n in (1, 3, 50):  # in any batch
        assert block(n) == found.chosen
        told = f"tuned: block {found.chosen} measured 1.50 times as fast as the rule's"
        assert told in str(hwio.plan((n, *X[1:]), W))
        assert told in " ".join(str(hwio.explain((n, *X[1:]), W)).split())
    assert block(kind="f8") == static("f8")
    assert "tuned" not in str(hwio.plan((1, 40, 41, 24), W))
    (file,) = folder.glob("*.tuned")
    assert b"pickle" not in file.read_bytes()
    assert json.loads(cache.read(file))["gain"] == 1.5


def test_it_changes_no_bit(clock):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, *X[1:])).astype(np.float32)
    w = rng.standard_normal(W).astype(np.float32)
    before, layer = hwio.conv(x, w), hwio.prepare(w)
    layer(x)
    clock(1.5)
    tuned()
    after = hwio.conv(x, w)
    assert block(3) != static()
    np.testing.assert_array_equal(after.view(np.uint32), before.view(np.uint32))
    np.testing.assert_array_equal(layer(x).view(np.uint32), before.view(np.uint32))


def test_a_small_gain_is_none(clock, folder):
    clock(1.05)
    assert tuned().chosen == static()
    assert not list(folder.glob("*.tuned"))


def test_a_later_measurement_takes_a_finding_back(clock, folder):
    clock(1.5)
    tuned()
    clock(3.0, control=1.3)
    assert "nothing is changed" in tuned().verdict  # a restless machine decides nothing
    assert len(list(folder.glob("*.tuned"))) == 1
    clock(0.9)
    tuned()
    assert not list(folder.glob("*.tuned"))
    assert block() == static()


def test_one_slow_round_is_enough_to_keep_the_rule():
    from hwio.show.compare.tuning import MARGIN, judge

    assert judge({"a": [1.0] * 5, "b": [2.0] * 5}, "a")[0] == "b"
    assert judge({"a": [1.0] * 5, "b": [2.0] * 4 + [MARGIN - 0.01]}, "a")[0] == "a"
    assert judge({"a": [1.0] * 4 + [1.2], "b": [2.0] * 5}, "a")[0] == "a"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"mr": 14}', b'{"mr": 13, "nrv": 99, "gain": 2}', b"\xff\xfe", b"null"],
)
def test_what_is_no_finding_is_a_miss(content, clock, folder):
    clock(1.5)
    tuned()
    (file,) = folder.glob("*.tuned")
    cache.write(file, content)  # whole, but nonsense
    findings.forget()
    assert block() == static()
    assert "tuned" not in str(hwio.plan(X, W))


def test_a_damaged_file_is_a_miss(clock, folder):
    clock(1.5)
    tuned()
    (file,) = folder.glob("*.tuned")
    whole = file.read_bytes()
    for at in range(0, len(whole), 7):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        findings.forget()
        assert block() == static()
    file.write_bytes(whole)
    findings.forget()
    assert block() != static()


def test_clear_takes_findings_too(clock, folder, capsys):
    clock(1.5)
    tuned()
    assert main(["warmup", "--clear"]) == 0
    assert "removed " in capsys.readouterr().out
    assert not list(folder.glob("*.tuned"))
    findings.forget()
    assert block() == static()


def test_a_folder_that_cannot_be_written_keeps_nothing(clock, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HWIO_CACHE_DIR", str(tmp_path / "file"))
    clock(1.5)
    assert "but it can't be kept: " in tuned().verdict


@pytest.mark.parametrize(
    ("x", "w", "options", "why"),
    [
        ((2, 5, 7, 4), (3, 3, 4, 8), {}, "every product is written out"),
        (X, W, {"method": "im2col"}, "NumPy computes this, by im2col"),
        (X, W, {"padding": 1, "padding_mode": "edge"}, "padding_mode='edge' is copied in"),
    ],
)
def test_what_has_no_blocks_is_refused_in_words(x, w, options, why):
    from hwio.show.compare.tuning import tune

    with pytest.raises(hwio.OptionError, match=why):
        tune(x, w, **options)


def test_the_command_measures(capsys):
    assert main(["tune", "1,40,40,24", "3,3,24,72", "--json"]) == 0  # really, on this machine
    facts = json.loads(capsys.readouterr().out)
    assert facts["kernel"] == "direct"
    assert all(len(gains) == 5 and min(gains) > 0 for gains in facts["gains"].values())
    assert main(["tune", "2,5,7,4", "3,3,4,8"]) == 2
    assert "nothing to tune" in capsys.readouterr().err
