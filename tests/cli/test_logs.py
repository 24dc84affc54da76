"""`scale-impact logs`: what runs did, line by line, also while they go on."""

import subprocess
import sys
import time

from scale_impact.core.project import Project
from scale_impact.workflow.conditions import Event
from scale_impact.workflow.journal import Journal


def test_before_anything_ran_it_says_how_to_start(place, cli):
    assert cli("logs").out == "Nothing has run here yet. Start: scale-impact run\n"


def test_lines_of_all_runs_or_of_one_study(place, cli):
    with Journal(Project(place.root), ["a", "b/x", "ab"]) as journal:
        for run in ("a", "b/x", "ab"):
            journal(Event(run, "done", 2.0))
    assert [line[9:] for line in cli("logs").out.splitlines()] == [f"{r}: done in 2.0 s" for r in ("a", "b/x", "ab")]
    assert [line[9:] for line in cli("logs", "b").out.splitlines()] == ["b/x: done in 2.0 s"]
    assert [line[9:] for line in cli("logs", "a").out.splitlines()] == ["a: done in 2.0 s"]


def test_following_ends_with_the_runs(place):
    code = "import sys; sys.argv = ['scale-impact', 'logs', '-f']; from scale_impact.cli import main; main()"
    with Journal(Project(place.root), ["a"]) as journal:
        journal(Event("a", "started"))
        reader = subprocess.Popen([sys.executable, "-c", code], cwd=place.root, stdout=subprocess.PIPE, text=True)
        first = reader.stdout.readline()
        time.sleep(0.3)
        assert reader.poll() is None
        journal(Event("a", "done", 2.0))
    rest, _ = reader.communicate(timeout=10)
    assert [line[9:] for line in (first + rest).splitlines()] == ["a: started", "a: done in 2.0 s"]
