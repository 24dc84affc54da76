"""Local projections equal their regressions by dummy variables; equal weights give Callaway and Sant'Anna."""

import numpy as np
import pandas as pd
import pytest

from scale_impact.errors import DesignError, UsageError
from tests.panels import BEFORE, NEVER, drawn, fitted, long

SIZES = {BEFORE: 3, 2: 6, 3: 5, 5: 4, NEVER: 8}


# ---- by the definition -----------------------------------------------------------------------------


def stacked(frame, inside, *, control="not_yet", anticipation=0, premean=False):
    """One row a unit and date: the change of the mean outcome over periods `inside(date)`, who starts, the date."""
    y = frame.pivot(index="id", columns="t", values="y").to_numpy()
    start = frame.groupby("id")["g"].first().clip(lower=0).to_numpy()
    town = frame.groupby("id")["town"].first().to_numpy() if "town" in frame else np.arange(len(y))
    n_periods, rows = y.shape[1], []
    for date in range(1 + anticipation, n_periods):
        chosen = inside(date)
        if not chosen or min(chosen) < 0 or max(chosen) >= n_periods:
            continue
        last = date - 1 - anticipation
        before = y[:, : last + 1].mean(axis=1) if premean else y[:, last]
        clean = start > (max(*chosen, date) + anticipation if control == "not_yet" else n_periods)
        for i in np.flatnonzero((start == date) | (clean & (start != date))):
            rows.append((town[i], date, start[i] == date, y[i, chosen].mean() - before[i]))
    return pd.DataFrame(rows, columns=["cluster", "date", "starts", "change"])


def regressed(rows, equal):
    """Weighted least squares on the start and dummies of dates; clustered, fixest's correction."""
    x = np.column_stack([rows["starts"], pd.get_dummies(rows["date"])]).astype(float)
    weight = np.ones(len(rows))
    if equal:
        share = rows.groupby("date")["starts"].transform("mean").astype(float)
        kept = ((share > 0) & (share < 1)).to_numpy()
        rows, x, weight = rows[kept], x[kept], 1 / (1 - share[kept].to_numpy())
        x = x[:, x.any(axis=0)]
    root = np.sqrt(weight)[:, None]
    bread = np.linalg.inv((x * root).T @ (x * root))
    coefficients = bread @ x.T @ (weight * rows["change"])
    residual = weight * (rows["change"].to_numpy() - x @ coefficients)
    scores = pd.DataFrame(x * residual[:, None]).groupby(rows["cluster"].to_numpy()).sum().to_numpy()
    groups, n, k = len(scores), len(x), x.shape[1]
    variance = (bread @ scores.T @ scores @ bread)[0, 0] * (n - 1) / (n - k) * groups / (groups - 1)
    return coefficients[0], np.sqrt(variance), groups - 1


OPTIONS = [
    (weights, base, control, anticipation)
    for weights in ("variance", "equal")
    for base in ("first_lag", "premean")
    for control, anticipation in (("never", 0), ("not_yet", 0), ("not_yet", 1))
]


def equals(estimate, rows, weights):
    value, error, _ = regressed(rows, weights == "equal")
    assert estimate.value == pytest.approx(value, rel=1e-8, abs=1e-12)
    assert estimate.std_error == pytest.approx(error, rel=1e-8)


@pytest.mark.parametrize(("weights", "base", "control", "anticipation"), OPTIONS)
@pytest.mark.parametrize("cluster", [None, "town"])
def test_each_horizon_is_its_regression(weights, base, control, anticipation, cluster):
    frame = drawn(SIZES, 7, 1).assign(town=lambda f: f["id"] % 11 if cluster else f["id"])
    design = {"control": control, "anticipation": anticipation, "cluster": cluster}
    effect = fitted("local_projections", frame, options={"weights": weights, "base": base}, **design)
    by_definition = {"control": control, "anticipation": anticipation, "premean": base == "premean"}
    checked = 0
    for e, estimate in zip(effect.path.event_times, effect.path, strict=True):
        if estimate.reason is None:
            equals(estimate, stacked(frame, lambda d, e=int(e): [d + e], **by_definition), weights)
            checked += 1
    assert checked >= 7


@pytest.mark.parametrize(("weights", "base", "control", "anticipation"), OPTIONS)
def test_the_pooled_estimates_are_their_regressions(weights, base, control, anticipation):
    frame = drawn({3: 5, 4: 6, 5: 4, NEVER: 8}, 8, 2)
    options = {"weights": weights, "base": base, "window": [-3 - anticipation, 2]}
    effect = fitted("local_projections", frame, options=options, control=control, anticipation=anticipation)
    by_definition = {"control": control, "anticipation": anticipation, "premean": base == "premean"}
    post = stacked(frame, lambda d: [d, d + 1, d + 2], **by_definition)
    equals(effect.overall, post, weights)
    assert effect.overall == effect.summaries["pooled_post"]
    assert effect.overall.df == regressed(post, weights == "equal")[2]
    before = stacked(frame, lambda d: [d - 3 - anticipation, d - 2 - anticipation], **by_definition)
    equals(effect.summaries["pooled_pre"], before, weights)


def test_periods_that_are_not_equally_far_apart_are_told_by_the_clock():
    frame = drawn({2: 6, 3: 5, NEVER: 8}, 6, 3)
    clock = np.array([2000, 2001, 2002, 2004, 2005, 2008])
    far = frame.assign(t=clock[frame["t"]], g=frame["g"].map({2: 2002, 3: 2004, NEVER: np.inf}))
    found = fitted("local_projections", far, options={"weights": "equal"}, control="not_yet").path
    theirs = fitted("callaway_santanna", far, control="not_yet", base_period="universal").path
    after = [e for e in theirs.event_times if e >= 0]
    assert [e for e in found.event_times if e >= 0] == after
    for e in after:
        assert found.at(e).value == pytest.approx(theirs.at(e).value, rel=1e-10)


# ---- equalities ----------------------------------------------------------------------------------------


def test_equal_weights_are_callaway_and_santanna_with_controls_not_treated_yet():
    frame = drawn(SIZES, 7, 4)
    theirs = fitted("callaway_santanna", frame, control="not_yet", base_period="universal")
    ours = fitted("local_projections", frame, options={"weights": "equal"}, control="not_yet")
    for e in (0, 1, 2, 3, 4):
        assert ours.path.at(e).value == pytest.approx(theirs.path.at(e).value, rel=1e-10)
    assert ours.overall.value == pytest.approx(theirs.summaries["simple"].value, rel=1e-10)


def test_equal_weights_with_the_never_treated_are_callaway_and_santanna_before_treatment_too(mpdta):
    theirs = fitted("callaway_santanna", mpdta, base_period="universal")
    ours = fitted("local_projections", mpdta, options={"weights": "equal"})
    np.testing.assert_allclose(ours.path.values, theirs.path.values, rtol=1e-10, atol=1e-14)


def test_with_one_date_weights_do_not_matter_and_the_event_study_is_the_same():
    frame = drawn({3: 8, NEVER: 9}, 6, 5)
    variance = fitted("local_projections", frame)
    equal = fitted("local_projections", frame, options={"weights": "equal"})
    study = fitted("event_study", frame)
    np.testing.assert_allclose(variance.path.values, equal.path.values, rtol=1e-12)
    np.testing.assert_allclose(variance.path.values, study.path.values, rtol=1e-10, atol=1e-12)
    assert not any("precisely" in note for note in variance.notes)


def test_all_weights_of_cohorts_are_positive_at_each_horizon():
    frame = drawn(SIZES, 7, 6)
    path = fitted("local_projections", frame, control="not_yet").path
    for k, e in enumerate(path.event_times):
        for g, start in enumerate((2, 3, 5)):
            at = start + int(e)
            if e >= 0 and at < 7:
                assert path.weights[k, g, at] > 0


# ---- properties ----------------------------------------------------------------------------------------


def test_the_minimum_wage_with_the_numbers_of_another_package(mpdta):
    # diff-diff 3.13, LPDiD(pre_window=4, post_window=3), and its reweight=True
    path = fitted("local_projections", mpdta, control="not_yet").path
    assert [round(v, 6) for v in path.values] == [
        0.003306,
        0.02546,
        0.022781,
        0,
        -0.01757,
        -0.054265,
        -0.136274,
        -0.100811,
    ]
    assert [round(s or 0, 6) for s in path.std_errors] == [
        0.024508, 0.017347, 0.013985, 0, 0.011398, 0.01702, 0.035488, 0.034464,
    ]  # fmt: skip
    path = fitted("local_projections", mpdta, control="not_yet", options={"weights": "equal"}).path
    assert [round(s or 0, 6) for s in path.std_errors] == [
        0.024508, 0.01761, 0.014487, 0, 0.012062, 0.016965, 0.035481, 0.034464,
    ]  # fmt: skip


def test_weights_and_influence_give_the_overall_effect_and_its_variance():
    frame = drawn(SIZES, 7, 7).assign(town=lambda f: f["id"] % 9)
    for options, design in (({}, {}), ({"window": [-2, 1]}, {"cluster": "town"})):
        effect = fitted("local_projections", frame, options=options, control="not_yet", **design)
        means = frame[frame["g"] != BEFORE].pivot_table(index="g", columns="t", values="y").to_numpy()
        assert (effect.weights.to_numpy() * means).sum() == pytest.approx(effect.overall.value, rel=1e-9)
        assert effect.influence.covariance()[0, 0] == pytest.approx(effect.overall.std_error**2, rel=1e-10)
        assert (effect.influence.by_cluster**2).sum() == pytest.approx(effect.overall.std_error**2, rel=1e-10)


def test_the_reference_period_is_zero_and_with_the_mean_there_is_none():
    frame = drawn(SIZES, 7, 8)
    assert fitted("local_projections", frame).path.at(-1).reason.startswith("the reference period")
    assert fitted("local_projections", frame, options={"base": "premean"}).path.at(-1).std_error > 0


def test_one_treated_unit_has_no_standard_error_and_says_why():
    frame = long({"a": [1, 2, 5, 6], "b": [1, 2, 2, 4], "c": [2, 2, 1, 3], "d": [0, 1, 1, 1]}, {"a": 2003})
    effect = fitted("local_projections", frame)
    assert effect.overall.std_error is None
    assert "one treated or one control unit reaches this horizon" in effect.overall.reason
    mixed = fitted("local_projections", drawn({2: 1, 3: 5, NEVER: 6}, 5, 9))
    assert mixed.overall.std_error > 0
    assert any("read the overall standard error as a lower bound" in note for note in mixed.notes)


def test_large_levels_change_nothing():
    frame = drawn(SIZES, 7, 10)
    a, b = (
        fitted("local_projections", f).overall for f in (frame, frame.assign(y=frame["y"] + 1e9 * (frame["id"] == 3)))
    )
    assert b.value == pytest.approx(a.value, rel=1e-5)  # a change of 1 keeps seven digits beside 1e9
    assert b.std_error == pytest.approx(a.std_error, rel=1e-5)


# ---- refusals --------------------------------------------------------------------------------------


def test_cross_sections_are_refused():
    with pytest.raises(DesignError, match="local_projections needs a balanced panel"):
        fitted("local_projections", drawn(SIZES, 7, 1), balance="repeated_cross_sections")


def test_without_a_period_before_anticipated_treatment_it_is_refused():
    with pytest.raises(DesignError, match="its anticipation of 2 and a clean control"):
        fitted("local_projections", drawn({1: 4, 2: 4, NEVER: 4}, 4, 1), anticipation=2)


@pytest.mark.parametrize("window", [[1, 3], [-3], [-2, -1]])
def test_a_window_without_the_first_treated_period_is_refused(window):
    with pytest.raises(DesignError, match="first <= 0 <= last"):
        fitted("local_projections", drawn(SIZES, 7, 1), options={"window": window})


def test_all_wrong_options_are_said_at_once():
    with pytest.raises(UsageError) as caught:
        fitted("local_projections", drawn(SIZES, 7, 1), options={"weights": "ols", "base": "mean"})
    assert len(caught.value.problems) == 2
