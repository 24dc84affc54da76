"""Jumps where nothing is decided."""

import numpy as np
import pytest

import scale_impact as si
from scale_impact.errors import UsageError
from tests.discontinuities import design_of, drawn, jump


def refit(panel, design):
    return si.estimate("regression_discontinuity", panel, design)


def checked(frame, *, options=None, **design):
    return si.check("placebo_cutoffs", *design_of(frame, **design), refit, **(options or {}))


def test_a_line_with_one_jump_passes_at_the_quartiles_of_both_sides():
    frame = jump(noise=0.3, n=2000)
    found = checked(frame)
    rows = found.details["rows"]
    assert found.verdict == "pass"
    assert [r["side"] for r in rows] == ["untreated"] * 3 + ["treated"] * 3
    assert [r["cutoff"] for r in rows] == pytest.approx([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75], abs=0.05)
    assert found.details["real"]["estimate"] == pytest.approx(1, abs=0.2)


def test_each_row_is_the_estimate_among_one_side_alone():
    frame = jump(noise=0.3, n=2000)
    row = checked(frame, options={"cutoffs": [0.4]}).details["rows"][0]
    own = refit(*design_of(frame[frame["x"] >= 0], threshold=0.4)).overall
    assert (row["estimate"], row["std_error"]) == pytest.approx((own.value, own.std_error), rel=1e-7)


def test_where_treatment_is_below_cutoffs_are_values_of_the_data():
    frame = jump(noise=0.3, n=2000)
    frame = frame.assign(x=5000 - 1000 * frame["x"])
    found = checked(frame, threshold=5000, side="below", options={"cutoffs": [4600.0]})
    row = found.details["rows"][0]
    assert (row["cutoff"], row["side"]) == (4600.0, "treated")
    part = frame[frame["x"] < 5000]
    assert row["estimate"] == pytest.approx(
        refit(*design_of(part, threshold=4600, side="below")).overall.value, rel=1e-7
    )


def test_a_jump_elsewhere_fails_and_is_named():
    frame = jump(noise=0.3, n=2000)
    frame["y"] += 2 * (frame["x"] > 0.5)
    found = checked(frame, options={"cutoffs": [-0.5, 0.5]})
    assert found.verdict == "fail"
    assert "at 1 of 2 pretended thresholds: x 0.5" in found.reason
    assert found.p_value == max(2 * found.details["rows"][1]["p_value"], 0)


def test_a_fuzzy_design_looks_at_the_outcome_itself():
    found = checked(drawn("population"), threshold=5000, exposure="t")
    made = refit(*design_of(drawn("population"), threshold=5000, exposure="t"))
    assert found.details["real"]["estimate"] == pytest.approx(made.summaries["crossing"].value)


def test_cutoffs_outside_the_data_are_refused():
    with pytest.raises(UsageError, match="7 lies outside the data"):
        checked(jump(), options={"cutoffs": [0.2, 7.0]})
    with pytest.raises(UsageError, match="is the threshold itself"):
        checked(jump(), options={"cutoffs": [0.0]})


def test_too_few_on_each_side_do_not_apply():
    found = si.check(
        "placebo_cutoffs",
        *design_of(jump(n=30)),
        lambda p, d: si.estimate("regression_discontinuity", p, d, bandwidth=0.9),
    )
    assert (found.verdict, "No pretended threshold has enough" in found.reason) == ("inapplicable", True)


def test_adjusted_p_values_know_how_many_there_are():
    rows = [r for r in checked(drawn("wide")).details["rows"] if r["p_value"] is not None]
    raw = np.sort([r["p_value"] for r in rows])
    expected = np.minimum(np.maximum.accumulate(raw * np.arange(len(raw), 0, -1)), 1)
    assert np.sort([r["adjusted"] for r in rows]) == pytest.approx(expected)


def test_lines_without_any_jump_fail_about_as_seldom_as_said():
    found = [checked(jump(n=400, seed=seed)).verdict for seed in range(60)]
    assert found.count("fail") <= 7
