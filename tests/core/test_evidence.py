"""Rows of estimates.jsonl and checks.jsonl."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.check import Check
from scale_impact.core.evidence import CHECK_FIELDS, ESTIMATE_FIELDS, Origin, check_row, estimate_rows, to_line
from scale_impact.core.study import Study
from tests.panels import ROOT, fitted, long

CONTRACT = (
    "schema study variant run_id measure outcome indicator dimension direction outcome_unit estimator role estimand "
    "kind label cohort period event_time estimate std_error df level ci_low ci_high p_value n_units n_treated "
    "n_periods n_obs n_clusters inference context plan deviations"
)


@pytest.fixture(scope="module")
def origin():
    study = Study.load(ROOT / "studies" / "indiana-enterprise-zones", overrides={"level": 0.8})
    return Origin(study, "abc", study.outcomes[0])


@pytest.fixture(scope="module")
def rows(origin):
    paths = {"a": [1, 2, 4.5], "b": [1, 3, 5], "c": [1, 1, 2], "d": [2, 3, 3.5], "e": [0, 1, 1]}
    effect = fitted("callaway_santanna", long(paths, {"a": 2002, "b": 2002}))
    return estimate_rows(origin, effect, primary=True)


def test_the_fields_of_estimates_are_those_of_the_contract_in_their_order():
    assert " ".join(ESTIMATE_FIELDS) == CONTRACT


def test_a_row_has_all_fields_in_order_and_says_where_it_belongs(rows):
    assert all(list(row) == CONTRACT.split() for row in rows)
    first = rows[0]
    assert [first[k] for k in ("schema", "study", "variant", "run_id", "measure", "outcome")] == [
        1, "indiana-enterprise-zones", None, "abc", "enterprise_zone", "luclms",
    ]  # fmt: skip
    assert [first[k] for k in ("indicator", "dimension", "direction", "outcome_unit")] == [
        "unemployment_claims", "economy", "-", "log(claims)",
    ]  # fmt: skip
    assert [first[k] for k in ("estimator", "role", "estimand", "kind")] == [
        "callaway_santanna",
        "primary",
        "ATT",
        "overall",
    ]


def test_the_level_of_the_study_is_the_level_of_its_intervals(rows):
    # normal quantile at 0.9 = 1.281551565544600 (NIST tables)
    for row in rows:
        assert row["level"] == 0.8
        if row["std_error"] is not None:
            assert row["ci_high"] - row["estimate"] == pytest.approx(1.2815515655446 * row["std_error"], rel=1e-12)


def test_labels_that_a_kind_does_not_use_are_null(rows):
    used = {
        "overall": set(), "event_time": {"event_time"}, "cohort": {"cohort"}, "period": {"period"},
        "cohort_period": {"cohort", "period", "event_time"},
    }  # fmt: skip
    assert {r["kind"] for r in rows} == set(used)
    for row in rows:
        assert {k for k in ("cohort", "period", "event_time") if row[k] is not None} == used[row["kind"]], row["label"]


def test_a_row_names_the_frozen_plan_and_the_deviations_and_is_null_without_one(origin):
    effect = fitted("did_2x2", long({"a": [1, 2], "b": [1, 3], "c": [0, 1], "d": [1, 1]}, {"a": 2002, "b": 2002}))
    assert {(r["plan"], r["deviations"]) for r in estimate_rows(origin, effect, primary=True)} == {(None, None)}
    planned = replace(origin, plan="0123456789ab", deviations="level: 0.9, planned 0.95")
    assert {(r["plan"], r["deviations"]) for r in estimate_rows(planned, effect, primary=True)} == {
        ("0123456789ab", "level: 0.9, planned 0.95")
    }


def test_a_line_keeps_every_digit_and_never_says_nan():
    line = to_line(
        {"a": 0.1 + 0.2, "b": np.float64(1 / 3), "c": float("nan"), "d": np.inf, "e": np.int64(3), "f": None}
    )
    assert json.loads(line) == {"a": 0.1 + 0.2, "b": 1 / 3, "c": None, "d": None, "e": 3, "f": None}
    assert re.search("nan|inf", line, re.IGNORECASE) is None


def test_a_line_keeps_letters_of_all_scripts():
    assert to_line({"city": "Łódź 城"}) == '{"city": "Łódź 城"}'


def test_a_check_is_a_row_with_the_fields_of_the_contract(origin):
    row = check_row(origin, Check("bacon", "pass", "fine", 0.03, None, {"list": [1]}), "twfe")
    assert list(row) == list(CHECK_FIELDS)
    assert [row[k] for k in ("check", "verdict", "reason", "statistic", "p_value", "details")] == [
        "bacon", "pass", "fine", 0.03, None, {"list": [1]},
    ]  # fmt: skip
    assert (row["study"], row["estimator"]) == ("indiana-enterprise-zones", "twfe")
