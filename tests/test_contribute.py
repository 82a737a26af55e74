"""What newcomers are told to touch is there; files of other machines can be read; templates ask enough."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from bench import store

ROOT = Path(__file__).parents[1]
TASKS = ROOT / "docs" / "contribute" / "tasks.md"
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
MACHINES = sorted((ROOT / "bench" / "machines").glob("*.json"))
WORDS = ROOT / "src" / "hwio" / "explorer" / "page" / "words.js"
TRANSLATIONS = sorted(WORDS.parent.glob("words.*.js"))
PRIVATE = re.compile(r"/home/|/Users/|[A-Z]:\\\\Users|@[\w-]+\.\w", re.IGNORECASE)


def named_files(text: str) -> set[str]:
    """Return the files and folders that a page names in code."""
    found = re.findall(r"(?:src|docs|tests|bench)/[\w./-]+", text)
    examples = {"docs/images/one-number.svg", "bench/machines/epyc-9654.json"}
    return {name.rstrip(".") for name in found} - examples


def faults_of(path: Path) -> list[str]:
    """Say what is wrong with the figures of a machine."""
    try:
        data = store.read(path)
    except SystemExit as error:
        return [str(error)]
    heads = ("date", "machine", "versions", "rules", "contenders", "cells")
    faults = [f"lacks {name}" for name in heads if name not in data]
    faults += [] if data.get("cells") else ["holds no figures"]
    faults += ["names a folder or an address"] if PRIVATE.search(path.read_text("utf-8")) else []
    faults += (
        []
        if re.fullmatch(r"[a-z0-9-]+\.json", path.name)
        else ["small letters and hyphens, please"]
    )
    return faults


@pytest.mark.parametrize("name", sorted(named_files(TASKS.read_text(encoding="utf-8"))))
def test_what_a_task_touches_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_every_task_says_what_to_touch_and_what_proves_it() -> None:
    _, *tasks = TASKS.read_text(encoding="utf-8").split("\n## ")
    assert len(tasks) >= 5
    for task in tasks:
        title = task.splitlines()[0]
        assert "*Touch*" in task, title
        assert "*Test*" in task, title
        assert re.search(r"tests/test_\w+\.py", task), title


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_figures_of_a_machine_can_be_read(path: Path) -> None:
    assert not faults_of(path)


def test_wrong_figures_are_seen(tmp_path: Path) -> None:
    about = {n: {} for n in ("machine", "versions", "rules", "contenders")} | {"date": "2026-11-23"}
    good = {"format": store.FORMAT, **about, "cells": [{"key": "thread", "process": 0}]}
    sound = tmp_path / "some-cpu.json"
    sound.write_text(json.dumps(good), encoding="utf-8")
    assert not faults_of(sound)
    for wrong in (
        {**good, "cells": []},
        {k: v for k, v in good.items() if k != "machine"},
        {**good, "machine": {"host": "/home/me"}},
        {**good, "format": -1},
    ):
        sound.write_text(json.dumps(wrong), encoding="utf-8")
        assert faults_of(sound)


def words_of(text: str) -> dict[str, set[str]]:
    """Return each key of the page's words, with the values that its sentence has a place for."""
    found = re.findall(r'^  (\w+):\s*"((?:[^"\\]|\\.)*)",?$', text, re.MULTILINE)
    return {key: set(re.findall(r"\{(\w+)\}", sentence)) for key, sentence in found}


def test_the_words_of_the_page_are_read_here() -> None:
    text = WORDS.read_text(encoding="utf-8")
    body = text[text.index("WORDS = {") : text.index("\n};")]
    keys = re.findall(r"^  (\w+):", body, re.MULTILINE)
    assert list(words_of(text)) == keys
    assert words_of(text)["mapWords"] == {"rows", "columns", "high", "wide"}


@pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.stem)
def test_a_translation_is_whole(path: Path) -> None:
    english, other = (words_of(p.read_text(encoding="utf-8")) for p in (WORDS, path))
    assert other == english


def test_a_translation_that_lacks_a_word_or_a_value_is_seen() -> None:
    english = WORDS.read_text(encoding="utf-8")
    lacking = english.replace('  savePng: "save PNG",\n', "")
    other = english.replace("{count} products", "{number} Produkte")
    assert words_of(english) not in (words_of(lacking), words_of(other))
    assert words_of(english.replace("{count} products", "Produkte: {count}")) == words_of(english)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_are_whole(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("name: ")
    assert "\ndescription: " in text
    assert "required: true" in text
    if importlib.util.find_spec("yaml"):
        import yaml

        read = yaml.safe_load(text)
        kinds = {part["type"] for part in read["body"]}
        assert kinds <= {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        names = [part["id"] for part in read["body"] if part["type"] != "markdown"]
        assert len(set(names)) == len(names)


def test_a_disagreement_is_reported_with_its_diagnosis() -> None:
    text = next(p for p in TEMPLATES if p.stem == "my-convolution-disagrees").read_text("utf-8")
    assert "hwio diagnose x.npy w.npy y.npy --bias b.npy --json" in text
