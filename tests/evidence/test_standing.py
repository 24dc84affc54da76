"""What is known of each run before its numbers are used."""

import pandas as pd
import pytest

from scale_impact.errors import SourceError
from scale_impact.evidence.cards import Cards
from scale_impact.evidence.query import query
from scale_impact.evidence.standing import STUDY_FIELDS


def studies(place):
    found = query(place.project.studies, table="studies")
    assert tuple(found.columns) == STUDY_FIELDS
    return found.set_index(found["study"] + found["variant"].map(lambda v: f"/{v}" if isinstance(v, str) else ""))


def test_a_sound_study_has_no_mark(place):
    place.study("sound")
    row = studies(place).loc["sound"]
    assert pd.isna(row["marks"])
    assert (row["frozen"], row["failed"], row["simulated"], row["kind"], row["rows"]) == (
        True,
        False,
        False,
        "measure",
        1,
    )
    assert (row["credibility"], row["rule"]) == (3, "3 before and after with a comparison group")
    assert (row["source"], row["title"], row["measure"], row["indicator"]) == ("towns", "sound", "zone", "jobs")


def test_a_study_without_a_frozen_plan_is_marked(place):
    place.study("open", plan=None)
    assert studies(place).loc["open", "marks"] == "unfrozen"


def test_a_later_run_that_failed_is_marked_by_variant(place):
    place.study("two", variant="early")
    place.study("two", variant="late")
    place.fails("two", "late")
    found = studies(place)
    assert found.loc["two/late", "marks"] == "failed"
    assert not found.loc["two/early", "failed"]


def test_a_failed_dry_run_is_no_failed_run(place):
    place.study("dry")
    folder = place.root / "studies/dry/failed"
    folder.mkdir()
    (folder / "dry-run-base.ipynb").write_text("{}")
    assert not studies(place).loc["dry", "failed"]


def test_a_study_that_only_failed_has_a_row_without_numbers(place):
    place.fails("broken")
    row = studies(place).loc["broken"]
    assert (row["kind"], row["rows"], row["failed"]) == ("none", 0, True)


def test_checks_that_the_design_rests_on_are_named_and_others_are_not(place):
    place.study("weak", checks={"pre_trends": "fail", "few_clusters": "fail"})
    row = studies(place).loc["weak"]
    assert (row["failed_checks"], row["marks"], row["credibility"]) == ("pre_trends", "failed_checks", 2)


@pytest.mark.parametrize(
    "cards",
    [
        {"towns": {"simulated": True}},
        {"towns": {"tables": ["raw"]}, "raw": {"simulated": True}},
        {"towns": {"parts": [{"source": "raw"}]}, "raw": {"tables": ["towns", "deep"]}, "deep": {"simulated": True}},
    ],
)
def test_simulated_data_are_marked_however_deep_they_lie(place, cards):
    for name, keys in cards.items():
        place.card(name, **keys)
    place.study("made")
    assert studies(place).loc["made", "marks"] == "simulated"


def test_a_variant_may_have_data_of_its_own(place):
    place.card("made", simulated=True)
    variants = {"toy": {"source": "made"}}
    place.study("both", variant="real", variants=variants)
    place.study("both", variant="toy", variants=variants)
    found = studies(place)
    assert (found.loc["both/real", "simulated"], found.loc["both/toy", "simulated"]) == (False, True)


TRANSFER = {"estimator": "synthesis", "estimand": "PREDICTED"}
DECISION = {"estimator": "scaleup", "estimand": "NPV"}


def below(place, **transfer):
    """A simulated study in two variants and a real one; a transfer on studies of choice; decisions on it."""
    place.card("made", simulated=True)
    variants = {"toy": {"source": "made"}, "real": {}}
    for variant in variants:
        place.study("both", variant=variant, variants=variants)
    place.study("toy", source="made")
    place.study("transfer", TRANSFER, transfer={"city": "Gary", **transfer})
    place.study("decision", DECISION, source=None, unit=None, scaleup={"effect": {"study": "transfer"}})
    return studies(place)


@pytest.mark.parametrize(
    ("transfer", "simulated"),
    [
        ({"studies": ["toy"], "include": ["simulated", "unfrozen"]}, True),
        ({"studies": ["toy"], "include": ["unfrozen"]}, False),  # then it is left out
        ({"studies": ["both/toy"], "include": ["simulated"]}, True),
        ({"studies": ["both/real"], "include": ["simulated"]}, False),
        ({"studies": ["both"], "include": ["simulated"]}, True),
        ({"transport": {"study": "toy"}}, True),
        ({"transport": {"study": "both/toy"}}, True),
        ({"transport": {"study": "both/real"}}, False),
        ({}, False),
    ],
)
def test_what_rests_on_simulated_numbers_is_simulated_however_deep(place, transfer, simulated):
    found = below(place, **transfer)
    assert (found.loc["transfer", "simulated"], found.loc["decision", "simulated"]) == (simulated, simulated)
    assert found.loc["decision", "source"] == "towns"


@pytest.mark.parametrize("key", ["effect", "pilot"])
@pytest.mark.parametrize(("variant", "simulated"), [("toy", True), ("real", False)])
def test_a_decision_reads_the_variant_that_it_names_as_effect_or_as_pilot(place, key, variant, simulated):
    below(place)
    rows = {"effect": {"study": "transfer"}, key: {"study": "both", "variant": variant}}
    place.study("second", DECISION, source=None, unit=None, scaleup=rows)
    assert studies(place).loc["second", "simulated"] == simulated


def test_a_variant_of_a_decision_keeps_the_effect_of_the_study(place):
    below(place, studies=["toy"], include=["simulated"])
    keys = {"scaleup": {"effect": {"study": "transfer"}}, "variants": {"bold": {"scaleup": {"horizon": 5}}}}
    place.study("third", DECISION, variant="bold", source=None, unit=None, **keys)
    assert studies(place).loc["third/bold", "simulated"]


def test_a_failed_run_marks_what_reads_it_and_nothing_else(place):
    below(place, studies=["both/real"])
    place.fails("both", "real")
    failed = studies(place)["failed"]
    assert set(failed[failed].index) == {"both/real", "transfer", "decision"}


def test_studies_that_read_each_other_in_a_ring_are_followed_once(place):
    for one, other in (("a", "b"), ("b", "a")):
        place.study(one, DECISION, source=None, scaleup={"effect": {"study": other}})
    assert Cards(place.project).ground("a", None).runs == (("a", None), ("b", None))


@pytest.mark.parametrize(
    "odd", [{"transfer": 3}, {"transfer": {"studies": "toy"}}, {"scaleup": {"effect": [1]}}, {"variants": 5}]
)
def test_keys_that_are_not_as_they_should_be_name_no_study(place, odd):
    place.study("odd", DECISION, **odd)
    assert Cards(place.project).ground("odd", None).runs == (("odd", None),)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"estimand": "MDE"}, "pilot"), ({"estimand": "RANK", "estimator": "benchmark"}, "benchmark"),
        ({"estimator": "synthesis", "estimand": "PREDICTED"}, "transfer"), ({"estimator": "scaleup", "estimand": "NPV"}, "scaleup"),
    ],
)  # fmt: skip
def test_rows_that_are_no_effects_are_known(place, row, kind):
    place.study("other", row)
    found = studies(place).loc["other"]
    assert found["kind"] == kind
    assert pd.isna(found["credibility"])
    assert "no effects" in found["rule"]


def test_a_lottery_is_known_by_its_check(place):
    place.study("drawn", checks={"randomisation_balance": "pass"})
    assert studies(place).loc["drawn", "credibility"] == 5


def test_units_that_are_not_followed_are_known_by_the_study(place):
    row = {"estimator": "doubly_robust"}
    place.study("once", row, checks={"balance": "pass"}, treatment={"exposure": "dose"})
    place.study("twice", row, checks={"balance": "pass"})
    assert studies(place)["credibility"].to_dict() == {"once": 2, "twice": 3}


def test_a_study_without_study_yaml_manifest_or_card_is_still_a_row(place):
    place.study("bare", source="nowhere")
    for name in ("study.yaml", "results/manifest.json"):
        (place.root / "studies/bare" / name).unlink()
    row = studies(place).loc["bare"]
    assert (row["rows"], row["simulated"]) == (1, False)


def test_studies_join_their_estimates(place):
    place.study("sound")
    place.study("open", plan=None)
    sql = "SELECT e.study, e.estimate FROM estimates e JOIN studies s USING (study) WHERE s.frozen"
    assert query(place.project.studies, sql=sql)["study"].tolist() == ["sound"]


@pytest.mark.parametrize("name", ["estimates", "checks"])
def test_rows_that_name_no_study_are_damaged(place, name):
    place.study("sound")
    path = place.root / f"studies/sound/results/{name}.jsonl"
    path.write_text(path.read_text().replace('"study": "sound"', '"study": null'))
    with pytest.raises(SourceError, match=f"1 row of {name} names no study"):
        studies(place)
