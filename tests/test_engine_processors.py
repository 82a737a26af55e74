"""How many threads a call may use: variables, affinity, quotas of containers, work within work."""

import os
import subprocess
import sys

import pytest

from hwio.engine.processors import available, granted

HERE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
ASK = "import hwio; print(hwio.get_num_threads())"


def threads(code=ASK, **env):
    """Return how many threads a process of its own would use; None leaves a variable out."""
    given = os.environ | {"HWIO_NUM_THREADS": None, "OMP_NUM_THREADS": None} | env
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={name: value for name, value in given.items() if value is not None},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stdout.split()[-1]), done.stderr


@pytest.mark.parametrize(
    ("ours", "openmp", "expected"),
    [
        ("3", None, 3),
        ("3", "1", 3),  # our own variable comes first
        (None, "1", 1),
        (None, "1,2", 1),
        (None, "4096", min(HERE, available())),  # never more than there are
        (None, "abc", min(HERE, available())),  # for others to complain about
        (None, "0", 1),
        ("0", None, 1),
        (" 2 ", None, 2),
        ("", "1", 1),
        (None, None, min(HERE, available())),
    ],
)
def test_variables_say_how_many(ours, openmp, expected):
    found, errors = threads(HWIO_NUM_THREADS=ours, OMP_NUM_THREADS=openmp)
    assert found == expected
    assert not errors


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_counts():
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, {{{one}}}); {ASK}"
    assert threads(code) == (1, "")


def groups(tmp_path, line, **quotas):
    """Make the files that Linux shows of a process in a control group; return where they are."""
    proc = tmp_path / "cgroup"
    proc.write_text(line)
    for group, text in quotas.items():
        for name, content in text.items():
            path = tmp_path / "fs" / group.replace("__", "/").replace("top", "") / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return proc, tmp_path / "fs"


def test_a_quota_of_a_container_counts(tmp_path):
    where = groups(tmp_path, "0::/\n", top={"cpu.max": "150000 100000\n"})
    assert list(granted(*where)) == [1.5]
    assert available(*where) == min(HERE, 2)


def test_the_least_of_all_groups_around_counts(tmp_path):
    quotas = {
        "pod": {"cpu.max": "50000 100000\n"},
        "pod__box": {"cpu.max": "max 100000\n"},
        "other": {"cpu.max": "1000 100000\n"},
    }
    where = groups(tmp_path, "0::/pod/box\n", **quotas)
    assert list(granted(*where)) == [0.5]
    assert available(*where) == 1


def test_the_older_control_groups_count_too(tmp_path):
    files = {"cpu.cfs_quota_us": "250000\n", "cpu.cfs_period_us": "100000\n"}
    line = "5:memory:/box\n4:cpu,cpuacct:/box\n0::/\n"
    assert list(granted(*groups(tmp_path, line, cpu__box=files))) == [2.5]
    files["cpu.cfs_quota_us"] = "-1\n"
    assert list(granted(*groups(tmp_path, line, cpu__box=files))) == []


@pytest.mark.parametrize(
    "content", ["", "max\n", "abc def\n", "100 0\n", "-5 100\n", "1 2 3\n", "\udc80"]
)
def test_what_cannot_be_read_is_no_quota(tmp_path, content):
    where = groups(tmp_path, "0::/\nnonsense\n\n:::\n", top={})
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "cpu.max").write_bytes(content.encode(errors="surrogateescape"))
    assert list(granted(*where)) == []
    assert available(*where) == HERE


def test_no_way_leads_out_of_the_tree(tmp_path):
    (tmp_path / "cpu.max").write_text("1000 100000\n")
    where = groups(tmp_path, "0::/../..\n", top={"cpu.max": "max 100000\n"})
    assert list(granted(*where)) == []


NESTED = """
from joblib import Parallel, delayed, parallel_config
import hwio
def ask():
    import hwio
    return hwio.get_num_threads()
with parallel_config("loky", inner_max_num_threads=1):
    print(*set(Parallel(n_jobs=2)(delayed(ask)() for _ in range(4))))
"""


def test_workers_of_joblib_use_the_threads_that_it_allows():
    pytest.importorskip("joblib")
    assert threads(NESTED)[0] == 1
