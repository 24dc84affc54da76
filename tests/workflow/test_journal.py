"""What batches write down, and how it is read while they run, after they ended and after they were killed."""

import json
import os

import pytest

from scale_impact.core.project import Project
from scale_impact.workflow.conditions import Event
from scale_impact.workflow.journal import KEPT, Journal, batches, in_words, latest_journal, lines

pytestmark = pytest.mark.skipif(os.name != "posix", reason="whether a batch lives is told by its lock")

CELL = Event("a", "cell", 1.25, 3, 9, "session.estimate()")


@pytest.fixture
def project(place):
    return Project(place.root)


def test_a_living_batch_tells_the_latest_of_each_run(project):
    with Journal(project, ["a", "b"]) as journal:
        journal(Event("a", "started"))
        journal(CELL)
        (batch,) = batches(project)
        assert (batch.alive, batch.process) == (True, os.getpid())
        assert batch.latest["a"][1] == CELL
        assert batch.latest["b"] is None
    assert not batches(project)[0].alive


def test_events_are_lines_for_people(project):
    assert in_words("2026-01-02T03:04:05.678+00:00", CELL) == "03:04:05 a: cell 3 of 9, 1.2 s: session.estimate()"
    with Journal(project, ["a"]) as journal:
        for event in (CELL, Event("a", "failed", 2.0, what="no data"), Event("a", "waiting", what="process 7")):
            journal(event)
    text = latest_journal(project).read_text().splitlines()
    assert [line[9:] for line in lines(iter(text))] == [
        "a: cell 3 of 9, 1.2 s: session.estimate()", "a: failed after 2.0 s: no data", "a: waiting for process 7",
    ]  # fmt: skip


def test_a_torn_line_is_passed_over_and_a_damaged_journal_is_none(project):
    with Journal(project, ["a"]) as journal:
        journal(CELL)
    path = latest_journal(project)
    with path.open("a") as file:
        file.write('{"time": "2026')
    assert len(list(lines(iter(path.read_text().splitlines())))) == 1
    assert batches(project)[0].latest["a"][1] == CELL
    path.write_text("{")
    assert batches(project) == []


def test_few_journals_are_kept_and_living_ones_always(project):
    with Journal(project, ["first"]):
        for k in range(KEPT + 5):
            with Journal(project, [f"r{k}"]):
                pass
        found = batches(project)
        assert "first" in found[-1].latest
        assert len(found) <= KEPT + 1


def test_where_nothing_can_be_written_runs_go_on(project):
    (project.root / ".scale-impact").write_text("a file")
    with Journal(project, ["a"]) as journal:
        journal(CELL)
    assert batches(project) == []


def test_git_does_not_see_journals(project):
    with Journal(project, ["a"]):
        assert (project.root / ".scale-impact/.gitignore").read_text() == "*\n"
        head = json.loads(latest_journal(project).read_text().splitlines()[0])
    assert head["runs"] == ["a"]
