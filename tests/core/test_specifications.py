"""Specification curves: counts, words, tables, and what cannot stand on one."""

from dataclasses import replace

import numpy as np
import pytest

from scale_impact.core.effect import ROW_FIELDS, Estimate, Sample
from scale_impact.core.joint_test import CurveStatistic, JointTest
from scale_impact.core.settings import Settings
from scale_impact.core.specifications import (
    OWN,
    Specification,
    choice_words,
    choices_of,
    curve_of,
    same_specification,
)
from scale_impact.errors import EstimationError, StudyError
from tests.projects import STUDY

SAMPLE = Sample(n_units=22, n_treated=10, n_periods=9, n_obs=198, n_clusters=22)

AXES = {"estimator": ("twfe", "imputation"), "control": ("never", "not_yet")}


def specification(value, error=0.1, *, estimator="twfe", control="never", **more):
    reason = None if value is not None else "No unit is never treated."
    return Specification(
        name=f"{estimator}-{control}", label=f"estimator {estimator}; control {control}",
        choices={"estimator": estimator, "control": control}, outcome="y", estimator=estimator,
        estimate=Estimate(value, error if value is not None else None, reason=reason), unit="jobs",
        sample=None if value is None else SAMPLE, inference="" if value is None else "analytic", **more,
    )  # fmt: skip


def four(**changes):
    """-0.3 and -0.25 exclude zero (errors 0.1), 0.05 does not, and one has no estimate."""
    found = {
        "a": specification(-0.25, mark=OWN),
        "b": specification(0.05, control="not_yet"),
        "c": specification(-0.3, estimator="imputation"),
        "d": specification(None, estimator="imputation", control="not_yet"),
        **changes,
    }
    return curve_of(list(found.values()), AXES, 0.95)


def joint(p=0.04, k=3):
    words = "median estimate of all specifications"
    line = tuple(float(v) for v in np.linspace(-0.2, 0.2, k))
    return JointTest(
        (CurveStatistic("median", -0.25, p, words),), 500, False, "500 random dealings", 0.05, (0.01, None, 0.6)[:k], (line,) * 3,
        ("2 dealings without any estimate left out.",),
    )  # fmt: skip


# ---- counts and words ---------------------------------------------------------------------------------------


def test_estimates_are_in_order_and_counted():
    curve = four()
    assert curve.values == [-0.3, -0.25, 0.05]
    assert curve.median == -0.25
    assert vars(curve.counts) == {"all": 4, "known": 3, "negative": 2, "positive": 1, "below": 2, "above": 0}
    assert curve.headline == "2 of 3 specifications are negative, 2 exclude zero"


def test_what_cannot_be_estimated_stays_with_its_reason():
    curve = four()
    assert [s.name for s in curve.failed] == ["imputation-not_yet"]
    assert any("1 specification without an estimate: No unit is never treated." in said for said in curve.sentences())
    assert curve.to_frame().iloc[-1]["reason"] == "No unit is never treated."


def test_the_marked_one_has_its_place_in_words():
    said = " ".join(four().sentences())
    assert (
        "The marked one (the study's own: estimator twfe; control never) is -0.25, number 2 of 3 from the lowest."
        in said
    )
    assert "was added" not in said
    added = four(a=specification(-0.25, mark="frozen plan 2025-11-22", added=True))
    assert "frozen plan 2025-11-22" in " ".join(added.sentences())
    assert "It is no combination of the grid and was added." in " ".join(added.sentences())


def test_a_marked_one_without_an_estimate_is_said():
    curve = four(a=specification(-0.25), d=specification(None, mark=OWN, estimator="imputation", control="not_yet"))
    assert any("The marked specification (the study's own) has no estimate" in said for said in curve.sentences())


def test_intervals_on_both_sides_of_zero_are_said():
    curve = four(b=specification(0.5, control="not_yet"))
    assert "Intervals exclude zero on both sides: 2 below it and 1 above." in curve.sentences()


def test_the_same_number_in_another_name_is_said():
    curve = four(b=specification(-0.25, control="not_yet"))
    assert any("1 specification of these is the same number as another one" in said for said in curve.sentences())


def test_the_joint_test_or_why_there_is_none_is_said():
    tested = four().tested(joint())
    assert any("500 random dealings" in s and "-0.25 (p = 0.040)" in s for s in tested.sentences())
    assert "2 dealings without any estimate left out." in tested.sentences()
    untested = four().tested(None, "No unit is followed over time.")
    assert "There is no joint test: No unit is followed over time." in untested.sentences()


# ---- rows and tables ----------------------------------------------------------------------------------------


def test_a_row_has_the_fields_of_all_estimates_and_its_choices_as_label():
    row = specification(-0.25).row(0.9)
    assert tuple(row) == ROW_FIELDS
    assert (row["kind"], row["label"]) == ("specification", "estimator twfe; control never")
    assert (row["estimate"], row["level"], row["n_treated"]) == (-0.25, 0.9, 10)
    assert row["ci_low"] == pytest.approx(-0.25 - 1.6449 * 0.1, abs=1e-5)


def test_a_row_without_an_estimate_has_the_reason_and_no_numbers():
    row = specification(None).row(0.95)
    assert row["inference"] == "No unit is never treated."
    assert {row[k] for k in ("estimate", "std_error", "ci_low", "ci_high", "p_value", "n_units")} == {None}


def test_tables_hold_each_specification_choice_and_axis():
    curve = four().tested(joint())
    table = curve.to_frame()
    assert table["estimate"].tolist()[:3] == [-0.3, -0.25, 0.05]
    assert table["p_dealt"].tolist()[0] == 0.01
    assert table["marked"].tolist() == ["", OWN, "", ""]
    assert "p_dealt" not in four().to_frame()
    assert curve.choices_frame().loc[("estimator", "twfe"), "specifications"] == 2
    assert set(curve.axes_frame().index) == {"estimator", "control"}
    assert curve.grid_frame().loc["control", "marked"] == "never"
    assert curve.test_frame().loc["median", "p_value"] == 0.04
    assert four().test_frame().empty


def test_a_marked_one_that_was_added_is_no_choice_of_an_axis():
    added = specification(9.0, estimator="stacked", mark=OWN, added=True)
    curve = curve_of([*four(a=specification(-0.25)).specifications, added], AXES, 0.95)
    assert [c.high for a in curve.influence for c in a.choices if a.axis == "estimator"] == [0.05, -0.3]


# ---- what cannot stand on one curve ----------------------------------------------------------------------------


def test_a_grid_of_one_combination_is_no_curve():
    with pytest.raises(StudyError, match="one combination, and a specification curve takes two or more"):
        curve_of([specification(1.0)], AXES, 0.95)


def test_estimates_in_different_units_cannot_stand_on_one_curve():
    log = replace(specification(0.1, control="not_yet"), unit="log(jobs)")
    with pytest.raises(
        StudyError, match=r"jobs, log\(jobs\) cannot stand on one curve \(jobs: estimator twfe; control never"
    ):
        curve_of([specification(1.0), log], AXES, 0.95)


def test_where_nothing_can_be_estimated_all_reasons_are_said():
    with pytest.raises(EstimationError) as caught:
        curve_of([specification(None), specification(None, control="not_yet")], AXES, 0.95)
    assert caught.value.problems[0] == "None of the 2 specifications has an estimate."
    assert "estimator twfe; control not_yet: No unit is never treated." in caught.value.problems


# ---- choices in words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axis", "value", "words"),
    [
        ("estimator", "twfe", "twfe"),
        ("estimator", {"callaway_santanna": {"method": "dr"}}, "callaway_santanna (method dr)"),
        ("sample", {}, "all"),
        ("sample", {"first_period": 1982, "last_period": None, "without": [8, 14]}, "from 1982, without 8, 14"),
        ("without", [], "nobody"),
        ("without", [8, "Gary"], "8, Gary"),
        ("covariates", [], "none"),
        ("covariates", ["lpop", "area"], "lpop, area"),
        ("design", {"control": "not_yet", "anticipation": 1}, "control not_yet, anticipation 1"),
        ("control", "never", "never"),
        ("anticipation", 0, "0"),
        ("cluster", None, "none"),
    ],
)
def test_choices_read_as_words(axis, value, words):
    assert choice_words(axis, value) == words


def test_a_studys_own_choices_are_read_from_its_settings():
    settings = Settings.model_validate(
        {
            **STUDY,
            "estimators": [{"imputation": {"leave_one_out": True}}],
            "sample": {"without": [3]},
            "covariates": ["people"],
        }
    )
    axes = (
        "estimator",
        "control",
        "anticipation",
        "sample",
        "without",
        "covariates",
        "outcome",
        "inference",
        "level",
    )
    assert choices_of(settings, axes) == {
        "estimator": "imputation (leave_one_out True)", "control": "never", "anticipation": "0", "sample": "without 3",
        "without": "3", "covariates": "people", "outcome": "jobs", "inference": "auto", "level": "0.95",
    }  # fmt: skip


def test_two_settings_are_one_specification_where_they_give_the_same_number():
    own = Settings.model_validate(STUDY)
    assert same_specification(own, own.model_copy(update={"title": "Another title", "checks": [], "seed": 3}))
    assert same_specification(own, own.model_copy(update={"estimators": own.estimators[:1]}))
    assert not same_specification(own, own.model_copy(update={"estimators": own.estimators[1:]}))
    assert not same_specification(own, own.model_copy(update={"covariates": ["people"]}))
    assert not same_specification(
        own, own.model_copy(update={"design": own.design.model_copy(update={"anticipation": 1})})
    )
