"""`scale-impact freeze`: what a user types and reads."""

import json
import re

import pytest


@pytest.fixture
def quick(place):
    """The small project with a template that runs in a second or two."""
    place.study(template="quick")
    return place


def test_a_plan_is_frozen_checked_and_amended(quick, cli):
    done = cli("freeze", "towns")
    assert (done.code, done.err) == (0, "")
    assert re.search(
        r"^towns: analysis plan frozen, 1 run tried out on simulated outcomes\n"
        r"  Analysis plan frozen on \d{4}-\d\d-\d\d \d\d:\d\d UTC \(id [0-9a-f]{12}\)\.\n"
        r"  studies/towns/plan\.json is the record; studies/towns/plan\.md the text for a registry "
        r"\(\d+ places to be written by you\)\n  The date is proved by others: commit and push",
        done.out,
    )
    assert "Note: Analysis plan frozen on " in cli("check", "towns").out

    quick.study(template="quick", level=0.9)
    checked = cli("check", "towns")
    assert checked.code == 0
    assert "This run deviates: level: 0.9, planned 0.95." in checked.out

    amended = cli("freeze", "towns", "--amend", "the editor asked", "--without-dry-run")
    assert amended.code == 0
    assert amended.out.startswith("towns: analysis plan amended, not tried out\n")
    assert "the editor asked" in cli("check", "towns").out
    assert "This run follows it." in cli("check", "towns").out


def test_a_plan_edited_by_hand_is_said_by_check_run_and_freeze(quick, cli):
    assert cli("freeze", "towns", "--without-dry-run").code == 0
    path = quick.root / "studies/towns/plan.json"
    path.write_text(path.read_text().replace('"level": 0.95', '"level": 0.9'))
    for verb in (["check"], ["run"], ["freeze", "--amend", "x"]):
        answer = cli(verb[0], "towns", *verb[1:])
        assert answer.code == 10, (verb, answer)
        assert "edited by hand" in answer.err
        assert "Traceback" not in answer.err
    assert not quick.results.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["freeze"], 2, "Missing argument"),
        (["freeze", "twons"], 10, "no study 'twons'"),
        (["freeze", "towns", "--set", "levle=0.9"], 10, "Did you mean 'level'?"),
        (["freeze", "towns", "--set", "level=2"], 10, "level"),
        (["freeze", "towns", "--amend", "x"], 2, "no frozen plan to amend"),
        (["freeze", "towns", "--jobs", "0"], 2, "jobs"),
    ],
)
def test_what_cannot_be_frozen_is_said_and_writes_nothing(arguments, code, says, quick, cli):
    before = quick.snapshot()
    answer = cli(*arguments)
    assert (answer.code, says in answer.err) == (code, True), answer
    assert "Traceback" not in answer.err
    assert quick.snapshot() == before


def test_data_that_are_not_there_and_results_that_are_have_their_exit_codes(quick, cli):
    (quick.root / "data/files/towns.csv").unlink()
    assert cli("freeze", "towns").code == 11
    quick.results.mkdir()
    (quick.results / "estimates.jsonl").write_text("")
    refused = cli("freeze", "towns")
    assert refused.code == 2
    assert "--after-results" in refused.err
    late = cli("freeze", "towns", "--after-results", "--without-dry-run")
    assert late.code == 0
    assert "Note: Results had been published" in late.out


def test_deviations_are_a_column_of_the_evidence(quick, cli):
    assert cli("freeze", "towns", "--without-dry-run").code == 0
    assert cli("run", "towns", "--set", "level=0.9").code == 0
    found = json.loads(
        cli("evidence", "--sql", "SELECT DISTINCT plan, deviations FROM estimates", "--format", "json").out
    )
    assert re.fullmatch("[0-9a-f]{12}", found[0]["plan"])
    assert found[0]["deviations"].startswith("level: 0.9, planned 0.95")
