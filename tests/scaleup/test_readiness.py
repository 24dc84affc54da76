"""The readiness checklist: what is not answered counts as no yes, and what stops a roll-out is named."""

import json

import pytest

from scale_impact.core.readiness_items import GROUPS, ITEMS, ReadinessAnswer, blockers, readiness_problems
from scale_impact.errors import UsageError
from scale_impact.scaleup.readiness import readiness

ALL_YES = {key: {"answer": "yes", "note": "decided"} for key in ITEMS}


def without(*keys, **changed):
    """All questions answered with yes, but for some left out and some changed."""
    return {k: v for k, v in {**ALL_YES, **changed}.items() if k not in keys}


def test_all_answered_with_yes_passes():
    check = readiness(ALL_YES).check()
    assert (check.verdict, check.statistic) == ("pass", 1.0)
    assert check.reason == "All 25 questions are answered with yes."


def test_no_answer_at_all_is_no_pass_and_lists_what_is_needed():
    check = readiness({}).check()
    assert (check.verdict, check.statistic) == ("inconclusive", 0.0)
    assert "25 of 25 questions are not answered" in check.reason
    assert "a mandate" in check.reason
    assert {row["answer"] for row in check.details["items"]} == {None}


def test_what_is_not_answered_is_shown_as_not_answered_and_never_as_yes():
    frame = readiness(without("citizens_asked")).to_frame().set_index("item")
    assert frame.answer["citizens_asked"] == "not answered"
    assert (frame.answer.drop("citizens_asked") == "yes").all()


def test_one_open_question_that_stops_nothing_still_hinders_a_pass():
    found = readiness(without("suppliers"))
    assert found.verdict == "inconclusive"
    assert found.sentences() == ["1 of 25 questions is not answered."]


@pytest.mark.parametrize("key", blockers())
def test_a_no_to_what_is_needed_fails_and_is_named(key):
    found = readiness(without(**{key: {"answer": "no"}}))
    assert found.verdict == "fail"
    assert [i.key for i in found.stops] == [key]
    assert ITEMS[key].topic.lower() in found.check().reason.lower()
    assert "stops a roll-out" in found.check().reason


@pytest.mark.parametrize("key", [k for k, i in ITEMS.items() if not i.blocks])
def test_a_no_to_what_can_be_worked_on_does_not_fail_and_is_named(key):
    found = readiness(without(**{key: {"answer": "no"}}))
    assert found.verdict == "pass"
    assert f"{ITEMS[key].topic.lower()} is missing" in found.check().reason.lower()


def test_partly_is_no_yes_where_it_is_needed():
    found = readiness(without(mandate={"answer": "partly"}, easy={"answer": "partly"}))
    assert found.verdict == "inconclusive"
    assert found.sentences() == ["A mandate is needed and only partly there.", "Easy to run is partly there."]


def test_several_that_stop_stand_in_one_sentence():
    found = readiness(without(mandate={"answer": "no"}, staff={"answer": "no"}, finance={"answer": "no"}))
    assert found.sentences() == [
        "A mandate, enough staff and money after the pilot stop a roll-out (the answer is no)."
    ]


def test_answers_of_a_study_and_plain_mappings_say_the_same():
    as_records = {k: ReadinessAnswer(**v) for k, v in ALL_YES.items()}
    assert readiness(as_records) == readiness(ALL_YES)


def test_the_order_of_the_answers_does_not_matter():
    backwards = dict(reversed(without("staff", mandate={"answer": "no"}).items()))
    assert readiness(backwards).check() == readiness(without("staff", mandate={"answer": "no"})).check()


def test_unknown_items_and_wrong_answers_are_refused_all_at_once_with_the_nearest():
    with pytest.raises(UsageError) as caught:
        readiness({"mandat": {"answer": "yes"}, "staff": {"answer": "maybe"}, "data": "yes", "easy": {"anser": "no"}})
    text = str(caught.value)
    assert "readiness.mandat: there is no such item. Did you mean 'mandate'?" in text
    assert "readiness.staff.answer: should be 'yes', 'partly' or 'no' (it is 'maybe')." in text
    assert "readiness.data: it is 'yes'. Write data: {answer: yes" in text
    assert "readiness.easy.anser: there is no such key. Did you mean 'answer'?" in text
    assert "readiness.easy.answer: this key is missing." in text


def test_the_details_of_the_check_are_json_and_hold_each_question_once():
    details = readiness({"mandate": {"answer": "yes", "note": "May 2024"}}).check().details
    rows = json.loads(json.dumps(details))["items"]
    assert [r["item"] for r in rows] == list(ITEMS)
    assert next(r for r in rows if r["item"] == "mandate")["note"] == "May 2024"


def test_each_item_says_why_it_is_asked_and_where_it_comes_from():
    for key, item in ITEMS.items():
        assert key == item.key
        assert item.group in GROUPS
        assert item.question.endswith("?")
        assert item.why.endswith(".")
        assert item.source


def test_expandnets_nine_steps_and_seven_attributes_are_all_asked():
    sources = [i.source for i in ITEMS.values()]
    correct = {"credible", "observable", "relevant", "relative_advantage", "easy", "compatible", "testable"}
    assert {k for k, i in ITEMS.items() if "CORRECT" in i.source} == correct
    steps = {s.rsplit("step ", 1)[1] for s in sources if "step " in s}
    assert steps == set("123456789")


def test_names_of_items_that_are_known_are_no_problem():
    assert readiness_problems(ITEMS) == []
