"""The shipped measures: whole cards, in several dimensions, without any size of an effect; and their page."""

import re
from pathlib import Path

import pytest

from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.catalogue.measure import JUDGED, dimensions, load_measures, measure_problems
from scale_impact.core.catalogue.measure_page import PAGE, measure_table, page, page_of, section
from scale_impact.core.project import Project
from tests.panels import ROOT

PROJECT = Project(ROOT)
MEASURES = load_measures(PROJECT)
INDICATORS = load_indicators(PROJECT.indicators)

NAMES_WITH_DIGITS = r"\b(30 km/h|k?m2|NO2|PM2\.5|PM10|CO2|1[89]\d\d|20\d\d)\b"
"""Names of limits, units and substances, and years: no sizes of effects."""

OTHER_SIZES = (
    r"(?i)\bper ?cent|percentage|%|\bhal(f|ve[sd]?) (of )?(the|all|as)\b|\b(two|three)?fold|\bdoubl|\btripl|\btwice\b"
)

NEEDED = (
    "congestion_charge", "automated_contact_tracing", "clean_water_supply",
    "naturalisation_by_council", "civil_society_council", "enterprise_zone", "waste_incinerator", "seat_belt_enforcement",
)  # fmt: skip

each_card = pytest.mark.parametrize("name", MEASURES)


def prose(card):
    """All that a card says in its own words: not the titles of publications and not keys."""
    told = card.model_dump(mode="json", exclude={"references", "designs", "expected", "risks"})
    told["risks"], told["when"] = list(card.risks.values()), [d.when for d in card.designs]
    return list(_texts(told))


def _texts(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
    elif value is not None:
        yield value


def test_at_least_25_kinds_of_measure_are_described_and_those_that_studies_need():
    assert len(MEASURES) >= 25
    assert not set(NEEDED) - set(MEASURES)


def test_measures_are_at_home_in_all_dimensions_but_that_of_spreading():
    assert {card.dimension for card in MEASURES.values()} == set(JUDGED) - {"scale-up"}


def test_gains_and_harms_reach_all_dimensions():
    assert {d for card in MEASURES.values() for d in dimensions(card, INDICATORS)} == set(JUDGED)


@each_card
def test_a_card_names_what_there_is(name):
    assert measure_problems(MEASURES[name], INDICATORS) == []


@each_card
def test_a_card_says_all_that_a_study_needs(name):
    card = MEASURES[name]
    told = card.model_dump(exclude={"references"})
    assert not [key for key, value in told.items() if not value]
    assert all(getattr(card.theory, step) for step in type(card.theory).model_fields)
    assert min(len(card.theory.assumptions), len(card.confounders), len(card.designs)) >= 2
    assert len(card.partners) >= 3


@each_card
def test_a_card_says_which_way_each_indicator_should_go_and_how_each_may_be_harmed(name):
    card = MEASURES[name]
    assert None not in card.expected.values()
    assert None not in card.risks.values()
    assert len(card.risks) + len(card.unmeasured_risks) >= 3


@each_card
def test_a_card_looks_at_three_dimensions_or_more(name):
    assert len(dimensions(MEASURES[name], INDICATORS)) >= 3


@each_card
def test_a_measure_is_judged_in_the_dimension_in_which_it_is_at_home(name):
    assert MEASURES[name].dimension in dimensions(MEASURES[name], INDICATORS)


@each_card
def test_context_is_neither_a_gain_nor_a_harm(name):
    card = MEASURES[name]
    assert not [n for n in (*card.expected, *card.risks) if INDICATORS[n].direction == "context"]


@each_card
def test_no_card_holds_the_size_of_an_effect(name):
    found = [text for text in prose(MEASURES[name]) if re.search(r"\d", re.sub(NAMES_WITH_DIGITS, "", text))]
    found += [text for text in prose(MEASURES[name]) if re.search(OTHER_SIZES, text)]
    assert found == []


@pytest.mark.parametrize("text", ["Crime falls by 12", "a third fewer, 33 %", "twice as many", "Cuts NO2 by 5 ug/m3"])
def test_the_search_for_sizes_finds_them(text):
    assert re.search(r"\d", re.sub(NAMES_WITH_DIGITS, "", text)) or re.search(OTHER_SIZES, text)


def test_no_two_cards_say_the_same():
    for key in ("title", "what", "mechanism", "naive"):
        told = [getattr(card, key) for card in MEASURES.values()]
        assert len(set(told)) == len(told), key


@each_card
def test_publications_have_authors_a_year_and_a_place(name):
    for found in MEASURES[name].references:
        assert found.authors
        assert found.title
        assert found.published
        assert 1850 <= found.year <= 2026


def test_designs_do_not_put_an_estimator_first_that_fails_with_several_dates():
    assert not [name for name, card in MEASURES.items() if card.designs[0].estimator in ("twfe", "event_study")]


# ---- the page -----------------------------------------------------------------------------------------


def test_the_page_is_what_the_cards_say():
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page_of(PROJECT), (
        f"{PAGE} is out of date: run python -m scale_impact.core.catalogue.measure_page"
    )


def test_each_measure_has_its_section_and_its_link():
    text = Path(ROOT / PAGE).read_text(encoding="utf-8")
    for name, card in MEASURES.items():
        assert f"\n## {card.title}\n\n`{name}`. " in text
        anchor = re.search(rf"\[{re.escape(card.title)}\]\(#([^)]+)\)", text).group(1)
        assert anchor == re.sub(r"[^a-z0-9 _-]", "", card.title.lower()).replace(" ", "-")


def test_a_section_says_ways_harms_and_what_the_card_does_not_speak_of():
    told = section("congestion_charge", MEASURES["congestion_charge"], INDICATORS)
    assert "Travel time index (`travel_time_index`, down)" in told
    assert "- Housing cost (`housing_cost`): homes in a quieter and cleaner zone may become dearer to rent." in told
    assert "*Dimensions of which the card says nothing:* technology, organisation, participation, health" in told


def test_a_card_with_title_what_and_mechanism_alone_has_a_section_too():
    card = MEASURES["cctv"].model_validate({"title": "A|B", "what": "A.", "mechanism": "B."})
    assert section("ab", card, INDICATORS).startswith("## A|B\n\n`ab`. A.\n\n**How it should work.** B.\n\n*Dimensions")
    assert "**No dimension:** [A|B](#ab)" in page({"ab": card}, INDICATORS)


def test_the_table_has_a_row_a_measure_by_dimension():
    rows = measure_table(MEASURES, INDICATORS)
    homes = [row["dimension"] for row in rows]
    assert sorted(row["measure"] for row in rows) == sorted(MEASURES)
    assert homes == sorted(homes, key=JUDGED.index)
    (row,) = (r for r in rows if r["measure"] == "waste_incinerator")
    assert row["expected"] == "waste_landfilled (down)"
    assert row["risks"].startswith("house_price, ")
    assert row["missing"].startswith("technology, ")
