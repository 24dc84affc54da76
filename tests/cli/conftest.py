"""The command line, run in this process: quick, and as `main` runs it."""

import sys

import pytest

from scale_impact.cli import main
from tests.projects import Answer, project


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A small project; the working folder is its root."""
    made = project(tmp_path / "project")
    monkeypatch.chdir(made.root)
    monkeypatch.delenv("SCALE_IMPACT_ROOT", raising=False)
    return made


@pytest.fixture
def cli(monkeypatch, capfd):
    """`cli("check", "towns")`: exit code, output and error stream."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["scale-impact", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as leave:
            code = leave.code or 0
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return run
