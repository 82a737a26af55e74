"""The checks of .ci/run one by one, each in its own environment: nox -s tests-3.12."""

from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "wheel"]
nox.options.reuse_existing_virtualenvs = True
PYTHONS = ["3.11", "3.12", "3.13"]


@nox.session
def lint(session: nox.Session) -> None:
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    session.install("-e", ".[lint]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    session.install("-e", ".[test,fast]")
    session.run("pytest", *session.posargs)


@nox.session
def wheel(session: nox.Session) -> None:
    dist = session.create_tmp()
    smoke = Path(".ci/smoke.py").resolve()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", dist, ".")
    session.install(*map(str, Path(dist).glob("hwio-*.whl")))
    session.chdir(dist)  # outside the source tree, so that only the wheel can answer
    session.run("python", str(smoke))


@nox.session
def docs(session: nox.Session) -> None:
    session.install("-e", ".[docs,test,digits]")
    session.run("python", "-m", "docs.website", *session.posargs)
