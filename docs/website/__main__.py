"""Build the site: pages, executed notebooks, the explorer; then check every link of it.

python -m docs.website [--out site] [--no-notebooks]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from docs.website import links, nav, staging

import hwio
from hwio.cli.inputs import demo_arrays

HERE = Path(__file__).resolve().parent
SHIM = """// A page that lies on a disk may not start a worker from a file, so here is its text.
if (location.protocol === "file:") {
  const text = %s;
  const Started = window.Worker;
  window.Worker = class extends Started {
    constructor() {
      super(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
    }
  };
}
"""


def build(out: Path, notebooks: bool) -> list[str]:
    """Build the site into a folder and return what is wrong with it."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        pages = work / "pages"
        staging.stage(pages, explorer())
        faults = list(execute_notebooks(pages)) if notebooks else []
        (pages / "assets").mkdir()
        shutil.copy(HERE / "hwio.css", pages / "assets")
        shutil.copytree(HERE / "overrides", work / "overrides")
        write_settings(work)
        faults += render(work)
        site = work / "site"
        keep_search(site)
        faults += links.broken(site)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(site, out)
    return faults


def explorer() -> str:
    """Return the explorer's page on the arrays of the tutorial."""
    x, w = demo_arrays()
    return hwio.explore(x, w, at=(0, 1, 2, 5), title="A_prev and W of the tutorial").html()


def execute_notebooks(pages: Path) -> Iterator[str]:
    """Execute every tutorial beside its page and yield where page and notebook differ."""
    from docs.website.notebooks import execute

    tutorials = sorted((staging.DOCS / "tutorials").glob("*.md"))
    targets = [pages / "tutorials" / f"{path.stem}.ipynb" for path in tutorials]
    with ProcessPoolExecutor(2) as pool:
        for path, target, faults in zip(
            tutorials, targets, pool.map(execute, tutorials, targets), strict=True
        ):
            staging.offer_notebook(pages / "tutorials" / path.name, target.name)
            yield from faults


def write_settings(work: Path) -> None:
    """Write the settings with the navigation; every page must be in it."""
    text = (HERE / "zensical.toml").read_text("utf-8")
    items = nav.navigation(work / "pages")
    placed = nav.pages_of(items)
    lost = {
        p.relative_to(work / "pages").as_posix() for p in (work / "pages").rglob("*.md")
    } - placed
    if lost:
        names = ", ".join(sorted(lost))
        sys.exit(f"in no section of docs/index.md: {names}")
    table = json.dumps(items, ensure_ascii=False)
    table = table.replace('": ', '" = ')  # JSON's arrays and strings are TOML's; its tables nearly
    text = text.replace("[project]\n", f"[project]\nnav = {table}\n", 1)
    assert tomllib.loads(text)["project"]["nav"] == items
    (work / "zensical.toml").write_text(text, encoding="utf-8")


def render(work: Path) -> list[str]:
    """Let Zensical make HTML of the pages; a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=work, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode or "arning" in said or "No issues found" not in said:
        return [said.strip()]
    return []


def keep_search(site: Path) -> None:
    """Put the search's worker into a script, so that it starts from a folder too."""
    (worker,) = (site / "assets" / "javascripts" / "workers").glob("search.*.js")
    text = json.dumps(worker.read_text("utf-8")).replace("</", "<\\/")
    (site / "assets" / "offline-search.js").write_text(SHIM % text, encoding="utf-8")


def main() -> int:
    """Build, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m docs.website", description=build.__doc__)
    parser.add_argument("--out", type=Path, default=Path("site"), help="the folder (default: site)")
    parser.add_argument(
        "--no-notebooks", action="store_true", help="leave the notebooks out: quick"
    )
    options = parser.parse_args()
    start = time.perf_counter()
    faults = build(options.out, not options.no_notebooks)
    for fault in faults:
        sys.stderr.write(f"{fault}\n\n")
    pages = sum(1 for _ in options.out.rglob("*.html"))
    sys.stdout.write(
        f"{pages} pages in {options.out}, {len(faults)} warnings and broken links,"
        f" {time.perf_counter() - start:.0f} s: open {options.out}/index.html\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
