"""`scale-impact check`: every bad input, each with a clear message, an exit code and nothing written."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.projects import COLUMNS, QUICK, STUDY, command, towns

ESTIMATOR = ("check",)
"""Who finds what only an estimator knows: `run` leaves that to the notebook."""


def refused(place, cli, code, *words, verbs=("check", "run")):
    """The verbs end with this code, say these words, show no traceback and write nothing."""
    before = place.snapshot()
    for each in verbs:
        answer = cli(each, "towns")
        assert answer.code in (code if isinstance(code, set) else {code}), answer.err
        assert "Traceback" not in answer.err
        assert answer.out == ""
        for word in words:
            assert word in answer.err
    assert place.snapshot() == before


# ---- good -----------------------------------------------------------------------------------------


def test_a_study_that_can_run_is_said_to_be_ready_and_nothing_is_written(place, cli):
    before = place.snapshot()
    answer = cli("check", "towns")
    assert (answer.code, answer.out, answer.err) == (0, "towns: ready to run\n", "")
    assert place.snapshot() == before


def test_all_studies_are_checked_when_none_is_named(place, cli):
    place.study("other", title="Another")
    assert cli("check").out == "other: ready to run\ntowns: ready to run\n"


def test_a_project_without_studies_is_told_how_to_make_one(place, cli):
    (place.root / "studies/towns/study.yaml").unlink()
    answer = cli("check")
    assert answer.code == 0
    assert "scale-impact new" in answer.out


def test_what_the_design_leaves_out_is_said(place, cli):
    frame = towns()
    frame.loc[frame["town"] == "00001", "zone"] = 1  # treated in the first period
    frame.loc[frame["town"] == "00002", "zone"] = (frame["year"] >= 2005).astype(int)  # the only one of its cohort
    place.data(frame)
    answer = cli("check", "towns")
    assert answer.code == 0
    assert "1 unit treated in the first period (2001) already left out" in answer.out
    assert "Cohort 2005 is one unit (00002)" in answer.out


def test_a_first_treated_of_zero_is_read_as_never_and_said(place, cli):
    place.study(treatment={"first_treated": "start"})
    assert "start is 0 for 6 units: read as never treated." in cli("check", "towns").out


def test_a_setting_is_checked_as_if_it_stood_in_the_file(place, cli):
    assert cli("check", "towns", "--set", "level=0.9", "--set", "control=not_yet").code == 0
    answer = cli("check", "towns", "--set", "level=95", "--set", "contrl=never")
    assert answer.code == 10
    assert "level: should be less than 1 (it is 95)." in answer.err
    assert "Did you mean 'control'?" in answer.err


@pytest.mark.parametrize("pair", ["level", "=0.9"])
def test_a_setting_that_is_no_pair_is_a_usage_error(place, cli, pair):
    answer = cli("check", "towns", "--set", pair)
    assert answer.code == 2
    assert f"--set {pair}: write key=value" in answer.err


# ---- study file: 10 ---------------------------------------------------------------------------------


def test_unknown_missing_and_misspelt_keys_are_said_at_once(place, cli):
    place.study(
        title=..., titel="x", estimators=["callaway_santana"], outcomes=[{"column": "job", "indicator": "claims"}]
    )
    refused(
        place, cli, 10,
        "studies/towns/study.yaml: 5 problems",
        "title: this key is missing.",
        "titel: there is no such key. Did you mean 'title'?",
        "outcomes.0.column: ",
        "Did you mean 'jobs'?",
        "outcomes.0.indicator: there is no indicator 'claims'.",
        "estimators.0: there is no estimator 'callaway_santana'. Did you mean 'callaway_santanna'?",
    )  # fmt: skip


def test_all_that_is_wrong_with_a_grid_is_said_at_once(place, cli):
    place.study(grid={"contrl": ["never"], "level": [0.9, 95], "exclude": [{"level": 0.8}]})
    refused(place, cli, 10, "grid.contrl: there is no such axis. Did you mean 'control'?")
    place.study(grid={"control": ["never", "nevr"], "level": [0.9, 95]})
    refused(place, cli, 10, "studies/towns/study.yaml: 2 problems", "grid.control.1: ", "grid.level.1: ")


def test_each_combination_of_a_grid_is_checked_and_what_they_share_is_said_once(place, cli):
    place.study(grid={"control": ["never", "not_yet"]})
    assert cli("check").out == "towns/control-never: ready to run\ntowns/control-not_yet: ready to run\n"
    (place.root / "data/files/towns.csv").unlink()
    answer = cli("check")
    assert answer.code == 11
    assert answer.err.count("There is no file data/files/towns.csv") == 1


def test_an_own_parameter_of_the_wrong_type_is_refused(place, cli):
    place.template(f"{QUICK[0]}\nwindow: int = 3", *QUICK[1:])
    place.study(template="quick", parameters={"window": "x", "windw": 3})
    refused(
        place, cli, 10, "parameters.window: should be int (it is 'x').", "parameters.windw: ", "Did you mean 'window'?"
    )
    place.study(template="quick")
    assert cli("check", "--set", "window=5").code == 0
    answer = cli("check", "--set", "window=06037")
    assert (answer.code, "should be int (it is '06037')" in answer.err) == (10, True)


def test_a_setting_given_twice_is_a_usage_error(place, cli):
    answer = cli("check", "--set", "level=0.9", "--set", "level=0.8")
    assert answer.code == 2
    assert "--set level: given twice (0.9, 0.8). Leave one out." in answer.err


def test_the_schema_for_editors_is_printed_and_nothing_is_checked(place, cli):
    place.study(level=95)
    answer = cli("check", "--schema")
    assert (answer.code, answer.err) == (0, "")
    schema = json.loads(answer.out)
    assert schema["$schema"].endswith("2020-12/schema")
    assert "towns" in schema["properties"]["source"]["enum"]
    assert cli("check", "towns", "--schema").code == 2


def test_an_unknown_study_offers_the_nearest(place, cli):
    answer = cli("check", "twons")
    assert answer.code == 10
    assert "Did you mean 'towns'?" in answer.err


def test_one_bad_study_does_not_hide_the_others(place, cli):
    place.study("broken", level=95)
    place.study("worse", title=...)
    answer = cli("check")
    assert answer.code == 10
    assert answer.out == "towns: ready to run\n"
    assert "studies/broken/study.yaml" in answer.err
    assert "studies/worse/study.yaml" in answer.err


def test_all_variants_are_checked(place, cli):
    place.study(variants={"a": {"level": 95}, "b": {"levl": 1}, "c": {}})
    answer = cli("check", "towns")
    assert answer.code == 10
    assert answer.out == "towns/c: ready to run\n"
    assert "(it is 95)" in answer.err
    assert "levl: there is no such key" in answer.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No code cell is tagged `parameters`"),
        ("", "is no notebook"),
        ("[]", "is no notebook"),
        ('{"cells": 5}', "is no notebook"),
        ('{"cells": [{"cell_type": "code", "source": "x", "metadata": null}]}', "is no notebook"),
        ('{"cells": [{"cell_type": "code", "source": "x", "metadata": {"tags": null}}]}', "is no notebook"),
        ('{"cells": [{"cell_type": "code", "source": "x", "metadata": {"tags": ["parameters"]}}]}', "is no notebook"),
    ],
    ids=["untagged", "empty", "list", "no cells", "no metadata", "no tags", "no version"],
)
def test_a_template_that_cannot_be_given_its_study_is_refused(place, cli, content, words):
    path = place.template("study = 'towns'", name="mine", tag=None)
    if content is not None:
        path.write_text(content)
    place.study(template="mine")
    refused(place, cli, 10, "notebooks/mine.ipynb", words)


@pytest.mark.parametrize("room", ["notebooks", "data/measures", "data/indicators"])
def test_a_project_without_a_room_is_refused(place, cli, room):
    for path in (place.root / room).iterdir():
        path.unlink()
    refused(place, cli, 10)


# ---- source and data: 11 ----------------------------------------------------------------------------


def test_a_column_of_the_card_that_the_file_lacks_is_named(place, cli):
    place.data(towns().rename(columns={"zone": "zones"}))
    refused(place, cli, 11, "towns.yaml: There is no column 'zone' in towns.csv; found 'zones'.")


def test_a_changed_file_is_refused_with_both_hashes(place, cli):
    path = place.root / "data/files/towns.csv"
    path.write_text(path.read_text() + "\n")
    refused(place, cli, 11, "towns.csv is not the file that the card describes", "sha256 is", "the card says")


def test_a_missing_file_is_refused(place, cli):
    (place.root / "data/files/towns.csv").unlink()
    refused(place, cli, 11, "There is no file data/files/towns.csv")


def test_a_missing_package_is_named_with_what_to_type(place, cli):
    place.data(towns(), kind="package", package="nosuchdata")
    refused(place, cli, 11, "pip install nosuchdata")


def test_a_card_that_is_wrong_is_refused_with_all_problems(place, cli):
    card = place.root / "data/sources/towns.yaml"
    card.write_text(card.read_text().replace("licence:", "license:").replace("type: text", "type: txt"))
    refused(place, cli, 11, "licence: this key is missing.", "Did you mean 'licence'?", "(it is 'txt')")


def test_duplicate_rows_are_named(place, cli):
    frame = towns()
    place.data(pd.concat([frame, frame.iloc[[2, 8, 14]]]))
    refused(
        place, cli, 11, "3 pairs of town and year have more than one row: 00001 in 2003, 00002 in 2003, 00003 in 2003."
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("many", "towns.yaml: Column 'jobs' holds 'many' (line 9), which is no number."),
        (np.inf, "towns.yaml: Column 'jobs' holds what is infinite or too large for a number: 'inf' (line 9)."),
        (np.nan, "towns, outcome jobs: Outcome 'jobs' is missing in 1 row (00002/2002)."),
    ],
)
def test_an_outcome_that_is_no_number_is_refused_with_its_row(place, cli, value, words):
    frame = towns().astype({"jobs": object})
    frame.loc[7, "jobs"] = value
    place.data(frame)
    refused(place, cli, 11, words)


def test_data_without_rows_are_refused(place, cli):
    place.data(towns().head(0))
    refused(place, cli, 11, "towns.csv has a header and no rows.")


def test_a_unit_that_is_missing_is_refused(place, cli):
    frame = towns()
    frame.loc[7, "town"] = None
    place.data(frame)
    refused(place, cli, 11, "Column 'town' is missing in 1 row")


# ---- design: 12 -------------------------------------------------------------------------------------


def test_an_unbalanced_panel_says_how_many_units_and_which(place, cli):
    place.data(towns().drop(index=[1, 7, 8]))
    refused(
        place, cli, 12, "2 units of 12 are not observed in each period (00001 lacks 2002; 00002 lacks 2002, 2003)",
        "balance: drop",
    )  # fmt: skip


def test_treatment_that_switches_off_is_refused_with_unit_and_year(place, cli):
    frame = towns()
    frame.loc[(frame["town"] == "00001") & (frame["year"] == 2005), "zone"] = 0
    place.data(frame)
    refused(
        place,
        cli,
        12,
        "Treatment 'zone' switches off in 1 unit (00001 in 2005)",
        "Use chaisemartin_dhaultfoeuille",
        verbs=ESTIMATOR,
    )


def test_no_never_treated_unit_is_refused_where_controls_need_one(place, cli):
    frame = towns()
    place.data(frame[frame["start"] > 0])
    refused(place, cli, 12, "No unit is never treated, and `control: never` needs some.", "control: not_yet")


def test_everyone_treated_at_once_is_refused(place, cli):
    frame = towns()
    place.data(frame[frame["start"] == 2003])
    refused(place, cli, 12, "Everyone is treated, all from 2003 on")


def test_nobody_treated_is_refused(place, cli):
    place.data(towns().assign(zone=0))
    refused(place, cli, 12, "No unit is treated within the data.")


def test_everyone_treated_from_the_first_period_on_is_refused(place, cli):
    frame = towns()
    place.data(frame.assign(zone=(frame["start"] > 0).astype(int)))
    refused(place, cli, 12, "the treated ones are treated in 2001 already")


def test_treatment_that_is_not_0_or_1_is_refused_with_what_it_holds(place, cli):
    place.study(treatment={"treated": "start"})
    refused(place, cli, 12, "start has to be 0 or 1; it holds 2003, 2004.")


def test_a_cohort_after_the_last_period_is_refused(place, cli):
    place.study(treatment={"cohorts": {"00001": 2031}})
    refused(place, cli, 12, "cohorts.00001 starts in 2031, after the last period (2006).")


def test_a_cohort_of_an_unknown_unit_offers_the_nearest(place, cli):
    place.study(treatment={"cohorts": {"00001 ": 2003}})
    refused(place, cli, 12, "cohorts names '00001 ', which is no town in the data. Did you mean '00001'?")


def test_a_panel_without_units_needs_another_way_to_say_who_is_treated(place, cli):
    place.study(unit=None)
    refused(place, cli, 12, "treated: zone needs units followed over time")


def test_problems_of_all_outcomes_are_said(place, cli):
    frame = towns().assign(wages=1.0)
    frame.loc[3, "jobs"], frame.loc[4, "wages"] = np.nan, 1e300
    place.data(frame, columns={**COLUMNS, "wages": {"unit": "1978 USD", "meaning": "wages"}})
    place.study(outcomes=[*STUDY["outcomes"], {"column": "wages", "indicator": "house_price"}])
    refused(place, cli, 11, "outcome jobs: Outcome 'jobs' is missing", "outcome wages: Outcome 'wages' is beyond")


def test_a_template_and_the_data_are_wrong_at_once(place, cli):
    path = place.root / "notebooks/quick.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    place.study(template="quick")
    (place.root / "data/files/towns.csv").unlink()
    refused(place, cli, 10, "No code cell is tagged", "There is no file data/files/towns.csv", verbs=ESTIMATOR)


# ---- what only the estimator knows --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "word"),
    [
        ({"twfe": {"K_fixef": "sometimes"}}, "K_fixef"),
        ({"twfe": {"K_adj": "no"}}, "K_adj"),  # a text in YAML 1.2, and true as Python reads it
        ({"event_study": {"window": [1, 2]}}, "window"),
        ({"event_study": {"window": 3}}, "window"),
        ({"event_study": {"window": ["a", "b"]}}, "window"),
    ],
    ids=str,
)
def test_options_with_impossible_values_are_found_before_a_run(place, cli, estimator, word):
    place.study(estimators=[estimator])
    refused(place, cli, {10, 12, 13}, word, verbs=ESTIMATOR)


def test_anticipation_longer_than_the_data_is_found_before_a_run(place, cli):
    place.study(design={"anticipation": 50})
    refused(place, cli, 12, "anticipation of 50", verbs=ESTIMATOR)


def test_covariates_that_are_no_numbers_are_found_before_a_run(place, cli):
    place.study(estimators=["twfe"], covariates=["town"])
    refused(place, cli, 12, "Covariate 'town' is not numeric", verbs=ESTIMATOR)


def test_covariates_that_cannot_be_told_apart_are_found_before_a_run(place, cli):
    place.study(estimators=["twfe"], covariates=["zone"])
    refused(place, cli, 10, "treatment.treated: zone is covariates.0 too.", verbs=ESTIMATOR)


def test_outcomes_too_large_to_calculate_with_are_said(place, cli):
    frame = towns()
    frame.loc[2:3, "jobs"] = [1e308, -1e308]
    place.data(frame)
    answer = command("check", "towns", cwd=place.root)
    assert answer.code == 11
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "check",
    [
        {"pre_trends": {"alpha": 5}},
        {"pre_trends": {"alpha": "x"}},
        {"leave_one_out": {"limit": 0}},
        {"leave_one_out": {"level": 95}},
        {"bacon": {"tolerance": None}},
    ],
    ids=str,
)
def test_options_of_checks_with_impossible_values_are_found_before_a_run(place, cli, check):
    place.study(checks=[check])
    refused(place, cli, 10, next(iter(check)))
