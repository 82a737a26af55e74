"""The package as installed: its version, its door and its one dependency."""

import subprocess
import sys
from importlib.metadata import requires, version

import pytest

import hwio

RECORD_SIGNATURE = "{}("  # how a dataclass without a docstring of its own documents itself


def test_version_is_the_installed_one() -> None:
    assert hwio.__version__ == version("hwio"), "src changed since the install: run make clean"


def test_numpy_is_the_only_dependency() -> None:
    needed = [line for line in requires("hwio") or [] if "extra ==" not in line]
    assert [line.startswith("numpy") for line in needed] == [True]


def test_module_and_command_are_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hwio", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: hwio")


@pytest.mark.parametrize("name", hwio.__all__)
def test_public_names_resolve_and_are_documented(name: str) -> None:
    thing = getattr(hwio, name)
    if callable(thing):
        assert thing.__doc__, f"hwio.{name} has no docstring"
        assert not thing.__doc__.startswith(RECORD_SIGNATURE.format(name))


def test_dir_shows_the_lazy_names() -> None:
    assert set(hwio.__all__) <= set(dir(hwio))


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="convolve2"):
        _ = hwio.convolve2
