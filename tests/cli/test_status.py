"""`scale-impact status`: what runs do now, and how the latest ended."""

import json

from scale_impact.core.project import Project
from scale_impact.workflow.conditions import Event
from scale_impact.workflow.journal import Journal


def test_before_anything_ran_it_says_how_to_start(place, cli):
    answer = cli("status")
    assert (answer.code, answer.out) == (0, "Nothing has run here yet. Start: scale-impact run\n")


def test_runs_at_work_are_shown_with_what_they_do(place, cli):
    with Journal(Project(place.root), ["a", "b", "c"]) as journal:
        journal(Event("a", "done", 2.0))
        journal(Event("b", "cell", 1.0, 3, 9, "session.check()"))
        said = cli("status").out.splitlines()
    assert said[0].startswith("at work: process ")
    assert said[1:] == [
        "  a: done in 2.0 s", "  b: cell 3 of 9, 1.0 s: session.check()", "  c: waits for its turn", "  1 of 3 done, 0 failed",
    ]  # fmt: skip


def test_what_was_broken_off_is_said(place, cli):
    with Journal(Project(place.root), ["a", "b", "c"]) as journal:
        journal(Event("a", "failed", 2.0, what="no data"))
        journal(Event("b", "cell", 1.0, 3, 9, "x = 1"))
    said = cli("status").out.splitlines()
    assert said[0].startswith("ended: process ")
    assert said[1:] == [
        "  a: failed after 2.0 s: no data", "  b: was broken off (cell 3 of 9, 1.0 s: x = 1)", "  c: was not begun",
        "  0 of 3 done, 1 failed",
    ]  # fmt: skip


def test_programs_read_it_as_json(place, cli):
    with Journal(Project(place.root), ["a"]) as journal:
        journal(Event("a", "done", 2.0))
    (batch,) = json.loads(cli("status", "--json").out)
    assert batch["latest"]["a"][1]["kind"] == "done"
    assert json.loads(cli("status", "--json").out)[0]["alive"] is False
