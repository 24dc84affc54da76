"""Measure cards: what they may say, what is refused, and what follows from them with the catalogue."""

import pytest

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.measure import (
    dimensions,
    load_measure,
    load_measures,
    measure_problems,
    missing_dimensions,
    move,
    said,
)  # fmt: skip
from scale_impact.core.project import Project
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from tests.panels import ROOT
from tests.projects import project as made_project

LEAST = "title: Zone\nwhat: A zone.\nmechanism: Cars stay out.\n"

WHOLE = (
    LEAST
    + """\
dimension: mobility
theory:
  inputs: [law]
  activities: [control]
  outputs: [cars turned back]
  outcomes: [fewer cars]
  impact: [cleaner air]
  assumptions:
    - {claim: The rule is enforced, test: Count cars}
expected: {no2: down, buses: up}
risks:
  rent: Homes become dearer
unmeasured_risks: [Plates are recorded]
unit: District
dose: {what: Share of cars kept out, unit: share, how: Counts}
confounders: [Fuel prices]
spillovers:
  - {who: Streets around, reach: the next streets, remedy: Leave them out}
timing: {short: The first months, long: Years}
partners:
  - {name: City, costs: control, benefits: air}
naive: Cars become cleaner everywhere.
designs:
  - {estimator: callaway_santanna, when: Several dates, checks: [pre_trends, spillover]}
references:
  - {authors: Author, year: 2020, title: Zones, published: A journal}
"""
)


def indicator(key, direction, dimension, code=""):
    return Indicator(key, key, dimension, "x", "%", direction, code=code)


KNOWN = {
    i.indicator: i
    for i in (
        indicator("no2", "-", "environment", code="ENV03"),
        indicator("buses", "+", "mobility"),
        indicator("rent", "-", "economy"),
        indicator("tourism", "0", "economy"),
        indicator("people", "context", "context"),
        indicator("noise at sea", "-", "harbour"),
    )
}


@pytest.fixture
def card(tmp_path):
    """Write a card and read it."""

    def read(text):
        path = tmp_path / "zone.yaml"
        path.write_text(text, encoding="utf-8")
        return load_measure(path)

    return read


def problems(card, text):
    return measure_problems(card(text), KNOWN)


# ---- reading ------------------------------------------------------------------------------------------


def test_title_what_and_mechanism_are_enough(card):
    found = card(LEAST)
    assert (found.title, found.expected, found.risks, found.theory) == ("Zone", {}, {}, None)


def test_a_whole_card_is_read_as_it_is_written(card):
    found = card(WHOLE)
    assert (found.expected, found.risks) == ({"no2": "down", "buses": "up"}, {"rent": "Homes become dearer"})
    assert found.theory.assumptions[0].test == "Count cars"
    assert (found.dose.unit, found.timing.long, found.partners[0].benefits) == ("share", "Years", "air")
    assert (found.designs[0].checks, found.references[0].year) == (("pre_trends", "spillover"), 2020)
    assert measure_problems(found, KNOWN) == []


def test_plain_lists_of_indicators_say_no_way_and_no_reason(card):
    found = card(LEAST + "expected: [no2, buses]\nrisks: [rent]\n")
    assert (found.expected, found.risks) == ({"no2": None, "buses": None}, {"rent": None})


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("expected: [no2, no2, buses]", "expected: no2 stands here twice. Leave one out."),
        ("expected: {no2: lower}", "expected.no2: should be 'up' or 'down' (it is 'lower')."),
        ("expected: no2", "expected: should be a list of indicators, [no2, pm25], or say of each which way"),
        ("risks: [{no2: traffic moves}]", "risks: should be a list of indicators, [no2, pm25], or say of each how"),
        ("theory: {inputs: [law]}", "theory.activities: this key is missing."),
        ("dose: {what: x, unit: y, hwo: z}", "dose.hwo: there is no such key. Did you mean 'how'?"),
        ("partner: []", "partner: there is no such key. Did you mean 'partners'?"),
        ("references: [{authors: A, year: soon, title: T}]", "references.0.year: should be a valid integer"),
        ("naive: [a]", "naive: should be a text"),
    ],
)
def test_a_key_that_is_not_as_it_should_be_is_said_with_its_place(card, line, problem):
    with pytest.raises(StudyError) as caught:
        card(LEAST + line + "\n")
    assert any(found.startswith(problem) for found in caught.value.problems), caught.value.problems


def test_all_problems_of_all_cards_are_said_at_once(tmp_path):
    folder = tmp_path / "data" / "measures"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text("title: A\n")
    (folder / "b.yaml").write_text(LEAST)
    (folder / "c.yaml").write_text(LEAST + "dosis: x\n")
    with pytest.raises(StudyError) as caught:
        load_measures(Project(tmp_path))
    assert list(caught.value.problems) == [
        "data/measures/a.yaml: what: this key is missing.",
        "data/measures/a.yaml: mechanism: this key is missing.",
        "data/measures/c.yaml: dosis: there is no such key. Did you mean 'dose'?",
    ]


# ---- with the catalogue -------------------------------------------------------------------------------


def test_unknown_indicators_are_named_with_the_nearest(card):
    found = problems(card, LEAST + "expected: [no22]\nrisks: {rents: x, ENV03: y}\n")
    assert found == [
        "expected: there is no indicator 'no22'. Did you mean 'no2'? Or add its line to data/indicators/catalogue.csv.",
        "risks: there is no indicator 'rents'. Did you mean 'rent'? Or add its line to data/indicators/catalogue.csv.",
        "risks: there is no indicator 'ENV03'. Did you mean 'no2'? Or add its line to data/indicators/catalogue.csv.",
    ]


def test_a_move_for_the_worse_is_no_expectation(card):
    (first, second) = problems(card, LEAST + "expected: {no2: up, buses: down}\n")
    assert first.startswith("expected.no2: the card expects it to go up, and less is better")
    assert second.startswith("expected.buses: the card expects it to go down, and more is better")
    assert "Name it under risks" in first


def test_where_neither_way_is_better_any_way_may_be_expected(card):
    assert problems(card, LEAST + "expected: {tourism: up}\n") == []


def test_what_should_gain_and_may_be_harmed_needs_a_reason(card):
    (found,) = problems(card, LEAST + "expected: [no2]\nrisks: [no2]\n")
    assert found.startswith("risks.no2: the measure should move it for the better, too. Say how it may come to harm")
    assert problems(card, LEAST + "expected: [no2]\nrisks: {no2: Traffic moves to other streets}\n") == []


def test_unknown_dimensions_estimators_and_checks_are_named_with_the_nearest(card):
    designs = "designs:\n  - {estimator: callaway_santana, when: x, checks: [pre_trends, pretrends]}\n"
    assert problems(card, LEAST + "dimension: enviroment\n" + designs) == [
        "dimension: there is no dimension 'enviroment'. Did you mean 'environment'?",
        "designs.0.estimator: there is no estimator 'callaway_santana'. Did you mean 'callaway_santanna'?",
        "designs.0.checks.1: there is no check 'pretrends'. Did you mean 'pre_trends'?",
    ]


def test_a_dimension_of_the_catalogues_author_is_known_and_context_is_none(card):
    assert problems(card, LEAST + "dimension: harbour\n") == []
    assert "there is no dimension 'context'" in problems(card, LEAST + "dimension: context\n")[0]


def test_the_way_is_the_cards_or_else_the_better_one(card):
    found = card(LEAST + "expected: {no2: down, buses: , tourism: up}\n")
    assert [move(found, KNOWN[k]) for k in ("no2", "buses", "tourism", "people")] == ["down", "up", "up", None]
    assert move(card(LEAST + "expected: [tourism]\n"), KNOWN["tourism"]) is None


def test_gains_and_harms_together_say_which_dimensions_are_touched(card):
    found = card(LEAST + "expected: [buses, people]\nrisks: [rent, no2, 'noise at sea']\n")
    assert dimensions(found, KNOWN) == ("environment", "economy", "mobility", "harbour")
    assert missing_dimensions(found, KNOWN) == (
        "technology", "organisation", "participation", "safety", "health", "education", "scale-up",
    )  # fmt: skip


def test_a_card_that_names_nothing_misses_all_ten_dimensions(card):
    assert dimensions(card(LEAST), KNOWN) == ()
    assert len(missing_dimensions(card(LEAST), KNOWN)) == 10


# ---- what runs and plans keep of a card ---------------------------------------------------------------


def test_results_depend_on_what_is_said_of_a_measure_and_not_on_the_rest(card):
    kept = said(card(WHOLE))
    assert kept == {
        "title": "Zone", "what": "A zone.", "mechanism": "Cars stay out.",
        "expected": {"no2": "down", "buses": "up"}, "risks": {"rent": "Homes become dearer"},
    }  # fmt: skip
    assert said(card(WHOLE.replace("year: 2020", "year: 2021").replace("Counts", "Cameras"))) == kept


def test_a_plain_list_is_kept_as_a_list_as_plans_frozen_earlier_have_it(card):
    kept = said(card(LEAST + "expected: [no2, buses]\nrisks: []\n"))
    assert (kept["expected"], kept["risks"]) == (["no2", "buses"], [])


# ---- what `check` says --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A project whose study's measure names indicators that there are not."""
    place = made_project(tmp_path_factory.mktemp("measures"))
    card = place.root / "data/measures/enterprise_zone.yaml"
    card.write_text(LEAST + "expected: {jobss: up, inhabitants: up}\nrisks: [unemploymnt]\n", encoding="utf-8")
    return place


def test_a_study_is_refused_with_all_that_its_measures_card_does_not_find(place):
    with pytest.raises(StudyError) as caught:
        Study.load(place.root / "studies" / "towns")
    text = "\n".join(caught.value.problems)
    assert "data/measures/enterprise_zone.yaml" in text
    assert "expected: there is no indicator 'jobss'. Did you mean 'jobs'?" in text
    assert "risks: there is no indicator 'unemploymnt'. Did you mean 'unemployment'?" in text


def test_the_shipped_cards_load_together():
    assert len(load_measures(Project(ROOT))) >= 25
