"""The shipped catalogue: every line is filled in, every sign has its example, every formula its numbers."""

import csv
import re

import pytest

from scale_impact.core.catalogue.formula import load_formulas, value
from scale_impact.core.catalogue.indicator import DIMENSIONS, better, load_indicators, meaning
from scale_impact.core.catalogue.indicator_example import load_examples
from scale_impact.core.catalogue.indicator_page import PAGE, page_of
from scale_impact.core.project import Project
from tests.panels import ROOT, shared

FOLDER = ROOT / "data/indicators"
INDICATORS = load_indicators(FOLDER / "catalogue.csv")
FORMULAS = load_formulas(FOLDER / "formulas.csv", INDICATORS)
EXAMPLES = load_examples(FOLDER / "examples.csv", INDICATORS)

LETTERS = {
    "technology": "TEC", "organisation": "ORG", "participation": "PAR", "environment": "ENV", "economy": "ECO", "mobility": "MOB",
    "safety": "SAF", "health": "HEA", "education": "EDU", "scale-up": "SCA", "context": "CTX",
}  # fmt: skip

ADDED = {
    "unemployment_claims", "house_price", "naturalisation_rate", "cholera_death_rate", "contact_tracing_completeness",
    "pm25_daily_maximum", "digital_services_index", "participation_rule", "fixed_internet_connections",
    "own_revenue_per_head_clp", "crime_rate", "rent", "distance_driven_miles", "night_traffic_deaths", "weekend_traffic_deaths",
    "share_14_to_24", "cigarette_sales", "fatal_accident_share", "road_accidents", "unemployment_claims_month",
    "food_inspection_score", "expenditure_covered", "expenditure_swing", "own_revenue_share",
}  # fmt: skip
"""Indicators of shipped studies that are in no list of others."""


def given():
    """The list from which the catalogue was made, by code."""
    with shared("indicators.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file)}


def by_code():
    return {i.code: i for i in INDICATORS.values()}


# ---- the lines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", INDICATORS)
def test_each_indicator_is_filled_in(key):
    indicator = INDICATORS[key]
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", key)
    assert indicator.dimension in DIMENSIONS
    assert re.fullmatch(rf"{LETTERS[indicator.dimension]}\d\d", indicator.code)
    for field in ("name", "definition", "unit", "normaliser", "kind", "verified", "source_hint", "quality"):
        assert getattr(indicator, field), field
    assert indicator.quality != "not traceable"
    assert (indicator.direction == "context") == (indicator.dimension == "context")


def test_codes_of_a_dimension_are_numbered_without_gaps():
    for dimension, letters in LETTERS.items():
        codes = [i.code for i in INDICATORS.values() if i.dimension == dimension]
        assert codes == [f"{letters}{k:02d}" for k in range(1, len(codes) + 1)]


def test_the_catalogue_is_the_given_list_and_what_shipped_studies_need():
    rows, known = given(), by_code()
    assert len(rows) == 126
    assert {i.indicator for code, i in known.items() if code not in rows} == ADDED
    for code, row in rows.items():
        indicator = known[code]
        same = {
            f: getattr(indicator, f)
            for f in ("name", "dimension", "definition", "unit", "normaliser", "kind", "sdg", "verified")
        }
        assert same == {f: row[f] for f in same}, code
        assert indicator.u4ssc == row["u4ssc_code"]
        assert indicator.iso37120 == row["iso37120_2014"]
        target = "" if indicator.target is None else f" {indicator.target:g}"
        assert indicator.direction + target == row["direction"]


def test_no_code_of_others_is_claimed_for_an_indicator_that_was_added():
    assert not [k for k in ADDED if INDICATORS[k].u4ssc or INDICATORS[k].iso37120 or INDICATORS[k].sdg]
    assert {INDICATORS[k].verified for k in ADDED} == {"none"}


def test_a_verified_scheme_is_one_that_gives_a_code():
    for indicator in INDICATORS.values():
        schemes = {v.partition(":")[0] for v in indicator.verified.split(";")} - {"none", "eurostat"}
        assert not [s for s in schemes if not getattr(indicator, s)], indicator.indicator


def test_indicators_of_earlier_studies_mean_what_they_meant():
    head = ["indicator", "name", "dimension", "definition", "unit", "direction"]
    claims = "Claims for unemployment insurance filed in the city in a year"
    price = "Price of houses sold in 1978 dollars; a rise gains owners and costs buyers"
    assert meaning(INDICATORS["unemployment_claims"]) == dict(
        zip(head, ["unemployment_claims", "Unemployment claims", "economy", claims, "claims", "-"], strict=True)
    )
    assert meaning(INDICATORS["house_price"]) == dict(
        zip(head, ["house_price", "House price", "economy", price, "1978 USD", "0"], strict=True)
    )


def test_the_first_columns_are_those_of_a_short_line():
    head = (FOLDER / "catalogue.csv").read_text(encoding="utf-8").split("\n", 1)[0]
    assert head.startswith("indicator,name,dimension,definition,unit,direction,")


# ---- goalposts, targets, small counts -------------------------------------------------------------------


def test_goalposts_follow_from_a_definition_or_a_norm():
    posts = {k: (i.worst, i.best) for k, i in INDICATORS.items() if i.goalposts and i.goalposts != "definition"}
    assert posts == {"pm25": (35.0, 5.0), "pm10": (70.0, 15.0), "no2": (40.0, 10.0)}  # WHO (2021)
    ends = {
        "ordinal 0-3": {0, 3},
        "ordinal 0-2": {0, 2},
        "binary": {0, 1},
        "share": {0, 1},
        "0-10": {0, 10},
    }
    for indicator in INDICATORS.values():
        if indicator.goalposts == "definition":
            assert {indicator.worst, indicator.best} == ends.get(indicator.unit, {0, 100}), indicator.indicator


def test_per_cent_goalposts_are_of_parts_of_a_whole():
    for key, indicator in INDICATORS.items():
        if indicator.goalposts == "definition" and indicator.unit in ("%", "share"):
            assert FORMULAS[key].bounds == "part", key


def test_a_judged_share_has_goalposts_unless_the_page_says_why_not():
    part = [k for k, f in FORMULAS.items() if f.bounds == "part" and INDICATORS[k].direction in ("+", "-")]
    without = {k for k in part if INDICATORS[k].worst is None}
    text = page_of(Project(ROOT)).split("**Goalposts**")[1].split("All else has none")[0]
    assert without == set(re.findall(r"`(\w+)`", text))


def test_the_pay_ratio_alone_is_best_at_a_value():
    assert {k: i.target for k, i in INDICATORS.items() if i.direction == "target"} == {"gender_pay_ratio": 1.0}


def test_small_counts_are_rates_of_amounts():
    small = [k for k, i in INDICATORS.items() if i.small_count]
    roads = ["traffic_deaths", "night_traffic_deaths", "weekend_traffic_deaths"]
    assert small == [*roads, "maternal_mortality"]  # disasters and epidemics come together
    assert {FORMULAS[k].bounds for k in small} == {"amount"}


# ---- examples -------------------------------------------------------------------------------------------


def test_each_indicator_has_its_example_and_no_other_has():
    assert list(EXAMPLES) == list(INDICATORS)


@pytest.mark.parametrize("key", INDICATORS)
def test_the_example_says_which_city_is_better_and_why(key):
    indicator, example = INDICATORS[key], EXAMPLES[key]
    assert better(indicator, example.value_a, example.value_b) == example.better
    assert (example.better == "neither") == (indicator.direction in ("0", "context"))
    assert example.value_a != example.value_b
    assert re.fullmatch(r"[A-Z][^\n]{15,160}\.", example.why)


def test_values_of_examples_lie_within_their_scale():
    for key, example in EXAMPLES.items():
        if FORMULAS.get(key) and FORMULAS[key].bounds == "part":
            top = FORMULAS[key].per
            assert min(float(example.value_a), float(example.value_b)) >= 0
            assert max(float(example.value_a), float(example.value_b)) <= top, key


def test_both_cities_win_about_as_often():
    """A reader who guesses `b` each time would otherwise be right too often to notice a sign."""
    wins = [e.better for e in EXAMPLES.values()]
    assert 0.35 < wins.count("a") / (wins.count("a") + wins.count("b")) < 0.65


# ---- formulas -------------------------------------------------------------------------------------------


def test_each_indicator_with_a_normaliser_has_a_formula():
    assert not [k for k, i in INDICATORS.items() if i.normaliser != "none" and k not in FORMULAS]


@pytest.mark.parametrize("key", FORMULAS)
def test_the_formula_gives_the_number_of_its_example(key):
    formula = FORMULAS[key]
    found = value(formula, formula.example_numerator, formula.example_denominator)
    assert found == pytest.approx(formula.example_value, rel=1e-12)


def test_shares_in_per_cent_without_a_whole_are_few_and_named():
    loose = {k for k, f in FORMULAS.items() if INDICATORS[k].unit == "%" and f.bounds != "part"}
    assert loose == {
        "public_sector_r_d_or_innovation_spend", "expenditure_covered", "disaster_losses", "housing_cost", "population_growth",
    }  # fmt: skip


# ---- the page -------------------------------------------------------------------------------------------


def test_the_page_is_that_of_the_catalogue():
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == page_of(Project(ROOT)), (
        "make it again: .venv/bin/python -m scale_impact.core.catalogue.indicator_page"
    )
