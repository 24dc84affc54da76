"""The live lines of a batch."""

import pytest

from scale_impact.cli import _progress
from scale_impact.cli._progress import Progress
from scale_impact.workflow.conditions import Event


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now[0])
    return now


def drawn(progress):
    from rich.console import Console

    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(progress._table())
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_on_a_terminal_each_run_at_work_has_one_line_and_the_rest_is_counted(clock):
    progress = Progress(5)
    for event in (
        Event("a", "done", 1.0), Event("b", "failed", 1.0, what="x"), Event("c", "cell", 3.0, 4, 9, "session.estimate()"),
        Event("d", "waiting", what="process 7"),
    ):  # fmt: skip
        progress(event)
    clock[0] = 102.0
    assert drawn(progress) == [
        "c  cell 4 of 9  5 s  session.estimate()", "d  waiting      2 s  process 7", "2 of 5 runs ended, 1 failed",
    ]  # fmt: skip


def test_in_a_log_cells_are_said_now_and_then(clock, capsys):
    progress = Progress(2)
    progress(Event("a", "started"))
    for second in range(1, 40):
        clock[0] = 100.0 + second
        progress(Event("a", "cell", float(second), second, 40, "x"))
    progress(Event("a", "done", 40.0))
    said = [line[9:] for line in capsys.readouterr().err.splitlines()]
    assert said == ["a: started", "a: cell 16 of 40, 16.0 s: x", "a: cell 32 of 40, 32.0 s: x", "a: done in 40.0 s"]


def test_of_a_single_quick_run_nothing_is_said(clock, capsys):
    progress = Progress(1)
    for event in (Event("a", "started"), Event("a", "cell", 1.0, 1, 2, "x"), Event("a", "done", 2.0)):
        progress(event)
    assert capsys.readouterr().err == ""
