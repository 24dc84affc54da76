"""Checks of other designs send an effect with a counterfactual to the check that asks it directly, and estimate nothing anew."""

from dataclasses import replace

import pytest

import scale_impact as si
from scale_impact.core.effect import Estimate
from tests.pilots import plain_mean, walks

BETTER = {
    "placebo_units": "in_space_placebo",
    "placebo_dates": "in_time_placebo",
    "leave_one_out": "leave_one_donor_out",
    "pre_trends": "pre_fit and in_time_placebo",
    "pre_trend_power": "pre_fit and in_time_placebo",
    "honest_did": "pre_fit and in_time_placebo",
    "anticipation": "in_time_placebo",
    "calibration": "placebo_power",
    "spillover": "donor_spillover",
}


@pytest.mark.parametrize(("check", "better"), BETTER.items())
def test_the_better_check_is_named_and_the_estimator_asked_once(check, better):
    panel, _ = walks(12, 14, seed=1)
    near = panel.frame.assign(near=(panel.frame["city"] == "c3").astype(int))
    panel = si.Panel.from_frame(near, unit="city", period="year", outcome="y")
    design = si.Design.from_panel(panel, cohorts={"c0": 2008})
    asked = []

    def refit(p, d):
        asked.append(d)
        return plain_mean(p, d)

    found = si.check(check, panel, design, refit, **({"neighbour": "near"} if check == "spillover" else {}))
    assert (found.verdict, len(asked)) == ("inapplicable", 1)
    assert found.reason.endswith(f"use {better}.")


def test_an_effect_without_donors_that_has_a_standard_error_is_checked_as_all_others():
    def series(panel, design):
        effect = plain_mean(panel, design)
        alone = replace(effect.counterfactual, worlds=None, again=None)
        return replace(effect, counterfactual=alone, overall=Estimate(effect.overall.value, 0.5))

    panel, design = walks(12, 14, seed=1)
    found = si.check("placebo_dates", panel, design, series)
    gaps = plain_mean(panel, design).counterfactual.gaps[0]
    rows = [row for row in found.details["rows"] if row["estimate"] is not None]
    assert [row["earlier"] for row in rows] == [1, 2, 3, 4]
    assert [row["estimate"] for row in rows] == pytest.approx([gaps[7 - k : 7].mean() for k in (1, 2, 3, 4)])
    assert found.verdict == "fail"  # gaps of 1.1 to 1.6 with a standard error of 0.5


def test_a_placebo_outcome_is_judged_as_the_study_is_where_the_estimator_has_no_error():
    panel, _ = walks(24, 14, seed=1)
    other = panel.frame.assign(other=panel.frame["y"][::-1].to_numpy())
    panel = si.Panel.from_frame(other, unit="city", period="year", outcome="y")
    design = si.Design.from_panel(panel, cohorts={"c0": 2008})
    sure = lambda p, d: replace(plain_mean(p, d), overall=Estimate(1.0, 0.1))  # noqa: E731
    found = si.check("placebo_outcome", panel, design, plain_mean, judged=sure, outcome="other")
    assert (found.verdict, found.statistic) == ("fail", 1.0)
