"""The command line, run in this process: quick, and as `main` runs it."""

import sys

import pytest

from scale_impact.cli import main
from tests.projects import Answer


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
