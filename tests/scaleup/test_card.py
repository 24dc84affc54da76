"""The decision card: all of it from rows, in words that anybody reads; what is missing is said to be missing."""

import math
import re
from dataclasses import replace

import pytest

from scale_impact.core.keys import names
from scale_impact.scaleup.card import make_card
from scale_impact.scaleup.carding import amounts, tests_in_words
from scale_impact.scaleup.carding.decided import DECISIONS, INPUTS, RULES, input_in_words
from scale_impact.scaleup.carding.facts import begins, clipped
from scale_impact.scaleup.carding.outlook import MOST_PARTNERS
from scale_impact.scaleup.words import NAMES
from tests.cards import INDICATOR, LOREM, ZONE, a_card, crowded_card, read
from tests.hostile import ALL
from tests.reports import JOBS, TRANSFER, check, estimate, scaleup_rows, transfer_rows
from tests.scaleups import effect, outlook

JARGON = (
    "p-value", "p value", "significan", "statistic", "confidence", "standard error", "standard deviation", "estimat", "estimand", "att", "ate", "itt",
    "late", "npv", "net present", "bcr", "evpi", "evppi", "tornado", "monte carlo", "regress", "coefficient", "hypothes", "quantile", "percentile",
    "covariate", "counterfactual", "prediction interval", "credible interval", "interval", "tau", "reml", "pooled", "pooling", "heterogen",
    "random effect", "parallel trends", "pre-trend", "placebo", "donor", "robust", "probability", "variance", "log(", "stochastic", "bias", "propensity",
    "null", "nan", "none", "parameter", "synthetic", "confound", "instrument", "bandwidth", "cluster",
)  # fmt: skip
"""Words of the trade: a page for officials and citizens has none of them."""


def texts(card):
    """All sentences of a card that are its own words or made of numbers."""
    return [card.headline, *(s for part in card.parts for s in part.sentences)]


def words_of(card):
    return " ".join(texts(card)).lower()


def rows_without(*estimands, **changed):
    """Rows of a scale-up without some estimands, and its checks."""
    rows, checks = scaleup_rows(**changed)
    return [r for r in rows if r["estimand"] not in estimands], checks


def of(rows, checks, **options):
    others, other_checks = read()
    return make_card(
        rows,
        checks,
        **{"measure": ZONE, "indicator": INDICATOR, "others": others, "other_checks": other_checks, **options},
    )


def scaled(value, error, **changed):
    """Rows and checks of a scale-up that counts on this effect."""
    rows, checks = scaleup_rows()
    known = {"estimate": value, "std_error": error, **changed}
    return [{**r, **known} if r["estimand"] == "PILOT_EFFECT" else r for r in rows], checks


def forecast(*, city="Kassel", here="Kassel", changed=None, **options):
    """A card of a scale-up of what a transfer predicts for a city, and nothing else read."""
    rows, checks = scaled(0.8, 0.9, ci_low=-1.51, ci_high=3.11)
    others, other_checks = transfer_rows(TRANSFER, city=city)
    others = [{**r, **(changed or {}).get((r["estimand"], r["kind"]), {})} for r in others]
    return of(rows, checks, **{"others": others, "other_checks": other_checks, "city": here, **options})


def ruled(*held, decision="adapt", measurements=None):
    """A card of a decision whose rules hold, the first of them deciding."""
    answers = dict.fromkeys(RULES, "adapt") | dict.fromkeys(("harm", "loss", "hopeless"), "stop") | {"scale": "scale"}
    rules = [{"rule": r, "decision": answers[r], "holds": r in held, "reason": "numbers"} for r in RULES]
    details = {"decision": decision, "rule": held[0], "rules": rules}
    details |= {} if measurements is None else {"measurements": measurements}
    made = check(JOBS | {"study": "x"}, "decision", "inconclusive", "r", details)
    return of(scaleup_rows()[0], [made])


SURVEY = {
    "name": "survey",
    "of": "effect",
    "evsi": 90_000.0,
    "after_delay": 64_000.0,
    "cost": 300_000.0,
    "net": -236_000.0,
}
PANEL = {**SURVEY, "name": "panel", "after_delay": 1_320_000.0, "cost": 200_000.0, "net": 1_120_000.0}

CARDS = {
    "stop": a_card,
    "scale": lambda: a_card(decision="scale", npv=4e6),
    "pilot alone": lambda: a_card(transfer=False),
    "transfer alone": forecast,
    "for another city": lambda: forecast(here="Bonn"),
    "from elsewhere": lambda: of(*scaleup_rows(), others=[], other_checks=[]),
    "several rules": lambda: ruled("measure", "payer", measurements=[PANEL]),
    "nothing known": lambda: make_card([], []),
}


# ---- plain language ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", JARGON)
def test_no_word_of_the_trade_stands_on_the_card(word):
    for card in (*(made() for made in CARDS.values()), *(ruled(rule) for rule in RULES)):
        assert not re.search(rf"\b{re.escape(word)}", words_of(card)), word


@pytest.mark.parametrize("word", [w for w in JARGON if w != "null"])
def test_no_word_of_the_trade_stands_in_what_failed_tests_mean(word):
    for sentence in (*tests_in_words.FAILED.values(), *tests_in_words.UNCLEAR.values()):
        assert not re.search(rf"\b{re.escape(word)}", sentence.lower()), sentence


def syllables(word):
    """Vowel groups, but for a silent e at the end: within a tenth of the true count on running text."""
    found = len(re.findall(r"[aeiouy]+", word)) - (
        word.endswith("e") and not word.endswith(("le", "ee")) and len(word) > 2
    )
    return max(found, 1)


def ease(sentences):
    """Reading ease of Flesch (1948): 60 to 70 is plain English, read by those of 13 to 15 years."""
    words = re.findall(r"[a-z]+", " ".join(sentences).lower())
    n = sum(len([s for s in re.split(r"[.!?:]+(?:\s|$)", text) if s.strip()]) for text in sentences)
    return 206.835 - 1.015 * len(words) / n - 84.6 * sum(map(syllables, words)) / len(words)


@pytest.mark.parametrize("made", CARDS.values(), ids=CARDS)
def test_a_pupil_of_fourteen_can_read_it(made):
    sentences = texts(made())
    assert ease(sentences) >= 65
    longest = max(len(re.findall(r"\w+", s)) for text in sentences for s in re.split(r"(?<=[.!?])\s", text))
    assert longest <= 26


def test_what_failed_tests_mean_is_as_easy_to_read():
    assert ease(list(tests_in_words.FAILED.values())) >= 60
    assert max(map(len, tests_in_words.FAILED.values())) <= 85


def test_each_check_of_the_package_has_its_sentence():
    assert set(names("checks")) <= set(tests_in_words.FAILED)
    assert {"held_out", "support", "selection", "voltage"} <= set(tests_in_words.FAILED)


def test_a_check_that_nobody_knows_is_named_and_not_left_out():
    rows, checks = scaleup_rows()
    card = of(rows, [*checks, check(JOBS | {"study": "x"}, "moon_phase", "fail", "because")])
    assert "A test was failed: moon phase." in card.part("unknown").sentences


# ---- the numbers are those of the rows ---------------------------------------------------------------------


def test_the_card_says_what_the_rows_say():
    card = a_card()
    said = {part.key: " ".join(part.sentences) for part in card.parts}
    assert "Jobs: up by 1.20 jobs." in said["changed"]
    assert "for the better" in said["changed"]
    assert "Changes from 0.42 to 1.98 jobs fit the data." in said["sure"]
    assert "3 tests: 1 passed, 1 failed, 1 gave no clear answer" in said["sure"]
    assert "About 23,400 EUR for a change of 1 (jobs), for each unit reached (firms)." in said["cost"]
    assert "14,100 to 71,800 EUR" in said["cost"]
    assert "Newtown: up by about 0.80 jobs, very likely between −1.51 and 3.11 jobs." in said["expect"]
    assert "does harm is 21 in 100" in said["expect"]
    assert "reaches the target is 43 in 100" in said["expect"]
    assert "unlike those that tried it" in said["expect"]
    assert "All together lose about 2.14 million EUR." in said["partners"]
    assert "pays off for all together is 4 in 100" in said["partners"]
    assert "enough staff" in said["next"]
    assert "23 of 25" in said["next"]
    assert "effect at scale" in said["next"]
    assert "9,800 EUR" in said["next"]
    assert card.money == "EUR, in prices of 2024"


def test_every_number_on_the_card_can_be_found_in_the_rows():
    rows, checks = scaleup_rows()
    others, other_checks = read()
    known = {len(others), 12, 6, 95, 100, 25, 23, 2024, 3, 1}
    for row in (*rows, *others):
        for value in (row["estimate"], row["ci_low"], row["ci_high"]):
            if value is not None:
                known |= {abs(value) * f for f in (1, 100, 1e-6)}
    told = " ".join(
        s
        for part in make_card(rows, checks, indicator=INDICATOR, others=others, other_checks=other_checks).parts
        for s in part.sentences
    )
    for text in re.findall(r"\d[\d,]*\.?\d*", told):
        value = float(text.rstrip(".,").replace(",", ""))
        assert any(math.isclose(value, k, rel_tol=6e-3, abs_tol=1e-9) for k in known), text


def test_partners_are_those_of_the_rows_with_their_sign_and_chance():
    lines = {p.name: p for p in a_card().partners}
    assert list(lines) == ["City", "Operator", "Citizens with low income", "Other citizens"]
    assert lines["City"].words == "loses 1.93 million EUR"
    assert lines["Operator"].words == "gains 428,000 EUR"
    assert lines["City"].chance_words == "10 in 100"
    assert lines["City"].range_words == "−3.21 to −0.64 million EUR"


def test_a_change_for_the_worse_is_called_so_by_the_direction_of_the_indicator():
    rows, checks = scaleup_rows()
    worse = of(rows, checks, indicator=replace(INDICATOR, direction="-"))
    assert "That is for the worse: less is better." in worse.part("changed").sentences
    neither = of(rows, checks, indicator=replace(INDICATOR, direction="0"))
    assert not [s for s in neither.part("changed").sentences if "better" in s]


def test_zero_within_the_range_may_be_chance_and_without_it_hardly():
    rows, checks = scaleup_rows()
    others, _ = read()
    pilot = next(r for r in others if r["kind"] == "overall")
    within = make_card(rows, checks, indicator=INDICATOR, others=[{**pilot, "ci_low": -0.3}])
    assert "No change at all fits too, so it may be chance." in within.part("sure").sentences
    assert "Chance alone hardly explains it." in make_card(rows, checks, others=[pilot]).part("sure").sentences


def test_a_plan_that_was_fixed_in_advance_is_told_and_a_departure_too():
    rows, checks = scaleup_rows()
    pilot = next(r for r in read()[0] if r["kind"] == "overall")
    kept = make_card(rows, checks, others=[{**pilot, "plan": "abc"}]).part("sure").sentences[-1]
    left = make_card(rows, checks, others=[{**pilot, "plan": "abc", "deviations": "x"}]).part("sure").sentences[-1]
    assert (kept, left) == (
        "The plan was fixed in advance and kept.",
        "The plan was fixed in advance, and the study departed from it.",
    )


@pytest.mark.parametrize(("verdict", "decision"), [("pass", "scale"), ("inconclusive", "adapt"), ("fail", "stop")])
def test_the_decision_is_that_of_the_check_with_its_rule(verdict, decision):
    card = of(scaleup_rows()[0], [check(JOBS | {"study": "x"}, "decision", verdict, "Because of the rule.")])
    assert (card.decision, card.headline, card.reason) == (decision, DECISIONS[decision], "Because of the rule.")
    assert card.part("next").sentences[0] == f"{DECISIONS[decision]}."


def test_the_decision_named_in_the_details_counts_before_the_verdict():
    made = check(JOBS | {"study": "x"}, "decision", "inconclusive", "r", {"decision": "stop"})
    assert of(scaleup_rows()[0], [made]).decision == "stop"


def test_groups_of_the_pilot_are_told_apart():
    others, other_checks = read()
    pilot = next(r for r in others if r["kind"] == "overall")
    groups = [{**pilot, "kind": "subgroup", "label": "women", "estimate": 2.0, "ci_low": 1.0, "ci_high": 3.0},
              {**pilot, "kind": "subgroup", "label": "men", "estimate": -0.4, "ci_low": -1.4, "ci_high": 0.6}]  # fmt: skip
    told = of(*scaleup_rows(), others=[*others, *groups], other_checks=other_checks).part("whom").sentences
    assert "women: up by 2.00 jobs." in told
    assert "men: down by 0.40 jobs (it may be chance)." in told


def test_rows_of_other_measures_and_outcomes_are_not_taken_for_the_pilots():
    others, _ = read(transfer=False)
    strange = [{**r, "measure": "smart_lighting"} for r in others] + [
        {**r, "outcome": "rents", "indicator": "rents"} for r in others
    ]
    card = make_card(*scaleup_rows(), others=strange)
    assert card.part("changed").sentences[0] == "the outcome: up by 1.20 jobs." or card.part("changed").sentences[
        0
    ].startswith("jobs: up by 1.20")
    assert card.part("sure").sentences[-1] == "No study of it was read. So nobody can say how it was tested."


def from_outlook(found, **options):
    """The card of an outlook, by the rows that would be published of it."""
    head = {
        "study": "s",
        "variant": None,
        "run_id": "r",
        "measure": "enterprise_zone",
        "outcome": "scores",
        "indicator": None,
        "direction": "+",
    }
    rows = [
        {**head, "role": "secondary", "estimand": n.estimand, "kind": n.kind, "label": n.label, "estimate": n.estimate, "std_error": n.std_error,
         "ci_low": n.low, "ci_high": n.high, "level": 0.95, "outcome_unit": n.unit, "inference": n.why_not or n.how}
        for n in found.numbers()
    ]  # fmt: skip
    return make_card(rows, [{**head, **c.row()} for c in found.checks()], measure=ZONE, **options)


OUTLOOKS = {
    "unsure": lambda: outlook(effect(2.0, 0.9)),
    "harmful": lambda: outlook(effect(-2.0, 0.4)),
    "sure": lambda: outlook(effect(20.0, 0.4), partners=[{"name": "city", "kind": "city"}, {"name": "pupils", "kind": "citizens"}]),
    "weighted": lambda: outlook(partners=[{"name": "city", "kind": "city"},
                                          {"name": "pupils", "kind": "citizens", "weight": 2.0, "weight_reason": "they have little"}]),
    "measured": lambda: outlook(effect(2.0, 0.9), measurements=[{"name": "second pilot", "of": "effect", "std_error": 0.2, "cost": 1, "currency": "EUR",
                                                                  "year": 2024, "source": "a test"}]),
}  # fmt: skip


@pytest.mark.parametrize("kind", OUTLOOKS)
def test_the_card_of_a_real_outlook_says_its_numbers_in_plain_words(kind):
    found = OUTLOOKS[kind]()
    card = from_outlook(found)
    whole = found.partners.iloc[0]
    assert card.decision == found.decision.decision
    assert [p.name for p in card.partners] == [
        "city",
        "pupils",
    ]  # neither all together nor the weighted sum is somebody
    assert amounts.amount(abs(whole["npv"]), "EUR of 2024") in " ".join(card.part("partners").sentences)
    assert amounts.chance(whole["p_positive"]) in " ".join(card.part("partners").sentences)
    assert [w for w in JARGON if re.search(rf"\b{re.escape(w)}", f"{card.reason} {words_of(card)}".lower())] == []


def test_each_rule_and_each_input_of_a_scale_up_has_plain_words():
    assert {r.rule for r in outlook().decision.rules} == set(RULES)
    assert set(NAMES) == set(INPUTS)
    assert ease([rule.why for rule in RULES.values()]) >= 60
    assert ease([text for rule in RULES.values() for text in (rule.headline, rule.step)]) >= 65


@pytest.mark.parametrize(
    ("unit", "value", "told"),
    [
        (
            "EUR of 2024 per share and cases",
            23_400.0,
            "About 234 EUR for each percentage point, for each unit reached (cases).",
        ),
        (
            "EUR of 2024 per % and pupils",
            12.0,
            "About 12.0 EUR for each percentage point, for each unit reached (pupils).",
        ),
        (
            "EUR of 2024 per claims a year and towns",
            5.0,
            "About 5.00 EUR for a change of 1 (claims a year), for each unit reached (towns).",
        ),
    ],
)
def test_what_a_unit_of_the_effect_costs_is_read_per_percentage_point_and_per_unit(unit, value, told):
    rows, checks = scaleup_rows()
    rows = [
        {**r, "outcome_unit": unit, "estimate": value, "ci_low": None} if r["estimand"] == "COST_PER_EFFECT" else r
        for r in rows
    ]
    assert of(rows, checks).part("cost").sentences[:2] == (told, "How much more or less it may be, is not known.")


# ---- an effect that was put together from several cities ----------------------------------------------------


def test_what_changed_is_the_mean_of_the_cities_that_tried_it_and_not_what_is_predicted_for_one():
    card = forecast()
    assert "6 cities tried it." in card.part("tried").sentences
    assert card.part("changed").sentences[:2] == (
        "Jobs: up by 0.80 jobs.",
        "That is the mean of 6 cities that tried it.",
    )
    told = card.part("sure").sentences
    assert told[:3] == (
        "Changes from 0.03 to 1.57 jobs fit the data.",
        "Chance alone hardly explains it.",
        "Of 100 ranges made like this one, 95 hold the true mean.",
    )
    assert told[3] == "The study was put to 3 tests: 1 passed, 1 failed, 1 gave no clear answer."
    assert len(told) == 4  # a transfer has no plan that could be kept
    assert "No study of a pilot was read" not in " ".join(s for p in card.parts for s in p.sentences)
    assert "very likely between −1.51 and 3.11 jobs" in " ".join(card.part("expect").sentences)


def test_a_mean_that_cannot_be_given_is_said_to_be_missing():
    nothing = {"estimate": None, "ci_low": None, "ci_high": None}
    card = forecast(changed={("POOLED", "overall"): nothing})
    assert card.part("changed").sentences == ("The results of the cities that tried it give no number for Jobs.",)
    assert card.part("sure").sentences[0] == "No range was published. So nobody can say how sure it is."


def test_the_forecast_for_another_city_keeps_its_name():
    there = forecast(here="Bonn").part("expect").sentences
    assert there[0].startswith("Kassel: up by about 0.80 jobs")
    assert there[1] == "That is the forecast for Kassel. It stands in for Bonn, for which nobody made one."
    assert "The chance that it does harm in Kassel is 21 in 100." in there
    assert "But Kassel is unlike those that tried it. The forecast may not hold there." in there
    assert not [s for s in there if s.startswith("Bonn")]


@pytest.mark.parametrize(("city", "here"), [("Kassel", "kassel "), ("Cádiz", "Ca\u0301diz"), ("Kassel", None)])
def test_the_same_city_in_other_letters_is_no_other_city(city, here):
    told = forecast(city=city, here=here).part("expect").sentences
    assert told[0].startswith(f"{city}: up")
    assert not [s for s in told if "stands in" in s]


def test_a_forecast_that_counts_cities_like_this_one_more_is_shown_where_it_is_scaled_and_without_the_odds_of_another():
    rows, checks = scaled(0.95, 0.85)
    others, other_checks = transfer_rows(TRANSFER, city="Kassel")
    told = of(rows, checks, others=others, other_checks=other_checks, city="Kassel").part("expect").sentences
    assert told[0].startswith("Kassel: up by about 0.95 jobs")
    assert not [s for s in told if "The chance" in s]


def test_a_pilot_of_another_column_with_the_same_indicator_is_the_pilot_that_was_scaled():
    others, other_checks = read(transfer=False)
    renamed = [{**r, "outcome": "employment"} for r in others]
    tests = [{**c, "outcome": "employment"} for c in other_checks]
    card = of(*scaleup_rows(), others=renamed, other_checks=tests)
    assert "The study was put to 3 tests: 1 passed, 1 failed, 1 gave no clear answer." in card.part("sure").sentences


def test_an_effect_from_elsewhere_makes_no_promise_and_no_claim_of_tests():
    card = of(*scaleup_rows(), others=[], other_checks=[])
    told = card.part("sure").sentences
    assert told[0] == "Changes from 0.40 to 2.00 jobs are counted with."
    assert not [s for s in told if "Of 100" in s]
    assert told[-1] == "No study of it was read. So nobody can say how it was tested."
    alone = of(scaleup_rows()[0], [], others=[], other_checks=[])
    assert alone.part("unknown").sentences[0].startswith("No tests of the effect were published.")


def test_a_range_of_draws_is_not_said_to_hold_the_truth_so_often():
    pilot = next(r for r in read()[0] if r["kind"] == "overall")
    drawn = {**pilot, "inference": "4,000 draws from the posterior of the state-space model"}
    assert not [s for s in make_card(*scaleup_rows(), others=[drawn]).part("sure").sentences if "Of 100" in s]


# ---- tests of the effect, and what is told elsewhere --------------------------------------------------------


def passed(*, losers):
    """A card on which all tests of the effect were passed."""
    rows, checks = scaleup_rows()
    own = [{**c, "verdict": "pass" if c["check"] != "losers" else losers} for c in checks]
    others, other_checks = transfer_rows(TRANSFER)
    return of(rows, own, others=others, other_checks=[{**c, "verdict": "pass"} for c in other_checks])


def test_all_tests_passed_is_said_of_the_effect_and_not_beside_one_that_failed():
    everything = "All tests of the effect that were made were passed."
    assert passed(losers="pass").part("unknown").sentences == (everything, "What nobody tested is not known.")
    assert passed(losers="fail").part("unknown").sentences == ("What nobody tested is not known.",)


def test_a_study_that_is_read_twice_has_its_tests_once():
    rows, checks = scaled(0.8, 0.9)
    others, other_checks = transfer_rows(TRANSFER)
    card = of(rows, checks, others=others * 2, other_checks=other_checks * 2)
    assert "The study was put to 3 tests: 1 passed, 1 failed, 1 gave no clear answer." in card.part("sure").sentences


def test_tests_of_other_outcomes_are_no_open_points():
    others, other_checks = read()
    strange = check({**JOBS, "study": "x", "outcome": "rents"}, "bacon", "fail", "r")
    told = of(*scaleup_rows(), others=others, other_checks=[*other_checks, strange]).part("unknown").sentences
    assert tests_in_words.FAILED["bacon"] not in told


# ---- what each rule asks for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "decision", "headline", "step"),
    [
        ("harm", "stop", "Stop: do not scale this up", "Stop: do not scale this up."),
        ("measure", "adapt", "Adapt: measure first", "Measure first, then decide."),
        ("payer", "adapt", "Adapt: change who pays what", "Change who pays what, until nobody who has to agree is likely to lose."),
        ("unsure", "adapt", "Adapt: make it cheaper or better", "Change it so that it costs less or does more. Then do the sums again."),
        ("readiness", "adapt", "Adapt: prepare for it first", "Get what is missing first."),
        ("scale", "scale", "Scale it up", "Scale it up."),
    ],
)  # fmt: skip
def test_each_rule_has_its_own_headline_and_next_step(rule, decision, headline, step):
    card = ruled(rule, decision=decision)
    assert (card.decision, card.headline, card.reason) == (decision, headline, RULES[rule].why)
    assert card.part("next").sentences[0] == step


def test_what_else_asks_for_a_change_is_said_beside_the_rule_that_decides():
    card = ruled("measure", "payer", "unsure", measurements=[PANEL])
    assert card.headline == "Adapt: measure first"
    assert card.reason == f"{RULES['measure'].why} {RULES['payer'].why}"
    assert card.part("next").sentences[:3] == (
        RULES["measure"].step,
        "Worth its cost: panel. It brings about 1.32 million EUR and costs 200,000 EUR.",
        RULES["payer"].step,
    )


def test_to_stop_asks_for_no_other_change():
    assert ruled("harm", "payer", decision="stop").part("next").sentences[0] == "Stop: do not scale this up."
    assert RULES["payer"].step not in ruled("harm", "payer", decision="stop").part("next").sentences


@pytest.mark.parametrize(
    ("measurements", "told"),
    [
        ([SURVEY], "No measurement that the study names is worth its cost."),
        ([], "The study names no measurement."),
        ([{**PANEL, "worth_it": False}], "No measurement that the study names is worth its cost."),
    ],
)
def test_a_measurement_that_is_not_worth_its_cost_is_not_recommended(measurements, told):
    sentences = ruled("payer", measurements=measurements).part("next").sentences
    assert told in sentences
    assert not [s for s in sentences if "survey" in s or "panel" in s]


def test_an_input_is_told_by_its_key_and_by_its_name():
    assert input_in_words("effect") == input_in_words(NAMES["effect"]) == "the effect itself"
    assert input_in_words("price of land") == "price of land"


def test_units_reached_with_an_and_of_their_own_stay_whole():
    rows, checks = scaleup_rows()
    unit = {"COST_PER_EFFECT": "EUR of 2024 per jobs and men and women", "REACH": "men and women"}
    rows = [{**r, "outcome_unit": unit.get(r["estimand"], r["outcome_unit"])} for r in rows]
    assert (
        "for a change of 1 (jobs), for each unit reached (men and women)." in of(rows, checks).part("cost").sentences[0]
    )


# ---- what is missing ----------------------------------------------------------------------------------------


def test_without_anything_each_part_says_what_is_missing_and_no_number_stands_anywhere():
    card = make_card([], [])
    assert card.decision is None
    assert set(card.gaps) == {"tried", "changed", "sure", "whom", "cost", "expect", "partners", "unknown"}
    assert not re.search(r"\d", " ".join(texts(card)))
    assert card.partners == card.sources == ()


@pytest.mark.parametrize(
    ("estimand", "key", "told"),
    [
        ("COST_PER_EFFECT", "cost", "What one unit of the effect costs was not worked out."),
        ("NPV", "partners", "Nobody has worked out who pays and who gains."),
        ("EVPPI", "next", "Nobody has worked out what would be most worth knowing."),
    ],
)
def test_a_row_that_is_not_there_is_said_to_be_missing(estimand, key, told):
    assert told in of(*rows_without(estimand)).part(key).sentences


def test_a_number_that_could_not_be_made_has_its_reason_on_the_card():
    rows, checks = scaleup_rows()
    nothing = {"estimate": None, "ci_low": None, "ci_high": None, "inference": "the effect may be zero."}
    rows = [{**r, **nothing} if r["estimand"] in ("COST_PER_EFFECT", "NPV") else r for r in rows]
    card = of(rows, checks)
    assert card.part("cost").sentences[0] == "No cost per unit can be given: the effect may be zero."
    assert card.part("partners").sentences == ("The sums give no result: the effect may be zero.",)
    assert [p.words for p in card.partners] == ["not known"] * 4


def test_without_a_forecast_the_card_says_so_and_invents_none():
    card = a_card(transfer=False)
    assert card.part("expect").sentences[0] == "No study asked what this city may expect."
    assert "support" not in words_of(card)


def test_what_nobody_answered_is_never_a_yes():
    rows, checks = scaleup_rows()
    card = of(rows, [c for c in checks if c["check"] != "readiness"])
    assert "Nobody has checked whether the city is ready for it." in card.part("next").sentences


def test_more_measuring_that_changes_nothing_is_said():
    rows, checks = scaleup_rows()
    rows = [{**r, "estimate": 0.0} if r["estimand"] == "EVPPI" else r for r in rows]
    assert "More measuring would not change the decision." in of(rows, checks).part("next").sentences


# ---- texts of others ----------------------------------------------------------------------------------------


def test_long_texts_are_cut_and_many_partners_are_those_with_most_at_stake():
    card = crowded_card()
    assert len(card.title) <= 120
    assert len(card.partners) == MOST_PARTNERS
    assert "6 more partners stand in the study." in card.part("partners").sentences
    assert all(len(s) <= 330 for s in texts(card))
    assert any("more open points stand in the studies" in s for s in card.part("unknown").sentences)


def test_warnings_stand_on_the_card():
    rows, checks = scaleup_rows()
    card = make_card(rows, checks, warnings=["The data are simulated."])
    assert card.warnings == ("The data are simulated.",)
    assert "simulated" in card.markdown()


def test_hidden_letters_that_turn_words_around_are_taken_out():
    assert clipped("a\u202eb\u200bc\x00d\ne", 50) == "abc d e"
    assert clipped("word " * 50, 20) == "word word word…"
    assert clipped("n" * 50, 20) == "n" * 19 + "…"
    assert begins("One. Two three. Four.", 15) == "One. Two three."
    assert begins("Much longer than that is this.", 12) == "Much longer…"


def test_markdown_has_every_part_and_takes_no_text_for_markup():
    text = a_card(title=ALL).markdown()
    assert all(f"## {part.title}" in text for part in a_card().parts)
    head = text.splitlines()[0].removeprefix("# ")
    assert not re.search(r"(?<!\\)[<>\[\]`|*]", head)


def test_the_card_is_the_same_for_the_same_rows():
    assert a_card() == a_card()


# ---- amounts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (0.03599, "share", "3.60 percentage points"),
        (0.5, "%", "0.500 percentage points"),
        (2_140_000, "EUR of 2024", "2.14 million EUR"),
        (999_700, "EUR of 2024", "1.00 million EUR"),
        (23_412, "EUR of 2024", "23,400 EUR"),
        (1.5e9, "USD of 2020", "1.50 billion USD"),
        (math.log(1.1), "log(jobs)", "10.0 per cent"),
        (1234.5, "jobs", "1,230 jobs"),
        (0.000123, "jobs", "0.000123 jobs"),
        (11.0, "1978 USD", "11.0 of 1978 USD"),
        (3.0, "index 0-10.25", "3.00 points"),
        (0.0, "jobs", "0.00 jobs"),
        (800.0, "log(jobs)", "without limit per cent"),
    ],
)
def test_amounts_have_three_digits_and_units_that_people_read(value, unit, told):
    assert amounts.amount(value, unit) == told


@pytest.mark.parametrize(
    ("p", "told"),
    [(0.0, "less than 1 in 100"), (0.0099, "less than 1 in 100"), (0.01, "1 in 100"), (0.21, "21 in 100"), (0.99, "99 in 100"),
     (0.991, "more than 99 in 100"), (1.0, "more than 99 in 100")],
)  # fmt: skip
def test_chances_are_counted_out_of_a_hundred_and_never_rounded_to_certainty(p, told):
    assert amounts.chance(p) == told


def test_numbers_that_are_read_together_have_the_same_digits():
    assert amounts.figures([2_140_000.0, -40_000.0, 0.0]) == ["2.14 million", "−0.04 million", "0.00 million"]
    assert amounts.between(-4.708, 0.428, "jobs", beside=0.8) == "−4.71 to 0.43 jobs"
    assert amounts.figures([-0.0001, 5.0])[0] == "0.00"


def test_an_effect_row_without_a_range_has_no_range():
    bare = estimate(
        {**JOBS, "study": "x", "measure": "enterprise_zone", "estimand": "ATT", "estimator": "e"},
        "overall",
        "overall",
        1.0,
        role="primary",
    )
    card = make_card(*scaleup_rows(), others=[bare])
    assert card.part("sure").sentences[0] == "No range was published. So nobody can say how sure it is."
    assert LOREM not in words_of(card)
